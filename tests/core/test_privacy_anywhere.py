"""Wherever in a payload people stand, in whichever vendor's form: afterwards none of their identifiers is left."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from core.privacy import Pseudonymiser

PEOPLE = Pseudonymiser("key")
# So that no key of a payload and no other word is spelt like a person.
MARK = "zq"
words = some.text("abcdefgh-", min_size=2, max_size=8).map(lambda rest: f"{MARK}{rest.strip('-')}x1")
plain_keys = some.sampled_from(
    ["a", "pull_request", "object_attributes", "commits", "changes", "data", "alert", "head", "after", "last_commit"]
)
text_keys = some.sampled_from(["title", "body", "description", "ref", "message", "summary_of_it", "label", "source"])


def github(word: str) -> Any:
    return {"login": word, "id": 7, "type": "User", "avatar_url": f"https://a.example/{word}"}


def gitlab(word: str) -> Any:
    return {"id": 7, "name": f"{word} Y", "username": word, "email": f"{word}@people.example"}


def bitbucket(word: str) -> Any:
    return {"type": "user", "display_name": f"{word} Y", "nickname": word, "uuid": f"{{{word}}}", "links": {"a": word}}


def jira(word: str) -> Any:
    return {"accountId": word, "displayName": f"{word} Y", "avatarUrls": {"16x16": f"https://a.example/{word}"}}


def pagerduty(word: str) -> Any:
    return {"type": "user_reference", "id": word, "summary": f"{word} Y", "self": f"https://a.example/{word}"}


people = some.tuples(words, some.sampled_from([github, gitlab, bitbucket, jira, pagerduty]))
person_values = people.map(lambda person: person[1](person[0]))
commits = words.map(lambda word: {"name": f"{word} Y", "email": f"{word}@people.example"})
raw_commits = words.map(lambda word: {"type": "author", "raw": f"{word} Y <{word}@people.example>"})
texts = some.one_of(
    words.map(lambda word: f"Thanks @{word}"),
    words.map(lambda word: f"Write to {word}@people.example or [~accountid:{word}]"),
    words.map(lambda word: f"Fix it\n\nSigned-off-by: {word} Y <{word}@people.example>"),
    some.just("PAY-1 nobody"),
)
leaves = some.one_of(some.none(), some.booleans(), some.integers(), texts)


def objects(inner: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    """Objects that hold people, text about people and further objects."""
    return some.fixed_dictionaries(
        {},
        optional={
            "user": person_values,
            "assignees": some.lists(person_values, max_size=2),
            "author": some.one_of(commits, raw_commits, person_values),
            "nodes": some.lists(person_values, max_size=2),
            "actor": words,
            "title": texts,
            "changed": inner,
            "items": some.lists(inner, max_size=2),
        },
    )


payloads = objects(some.recursive(leaves, objects, max_leaves=6))


@settings(max_examples=150, deadline=None)
@given(payload=payloads, word=words, key=text_keys, outer=plain_keys, form=people)
def test_nobody_is_left_wherever_they_stood(payload: Any, word: str, key: str, outer: str, form: Any) -> None:
    # The last of them is also named in plain text elsewhere, where only the memory of the payload can tell.
    _, made = form
    whole = {outer: payload, "sender": made(word), "told": {key: f"branch/PAY-1-{word} by {word} Y"}}
    before = json.dumps(whole)

    after = json.dumps(PEOPLE.clean(whole))
    assert MARK in before
    assert MARK not in after
    assert "people.example" not in after
    assert json.dumps(whole) == before, "the payload itself is left as it came"
