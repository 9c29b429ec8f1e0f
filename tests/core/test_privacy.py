"""The same person gets the same hash by webhook, REST and GraphQL; nobody's name stays in any vendor's form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.privacy import Pseudonymiser

PEOPLE = Pseudonymiser("key")
GITHUB_WEBHOOK = {"login": "dev-one", "id": 21, "node_id": "MDQ=", "type": "User", "avatar_url": "https://a.example/1"}
GITLAB_USER = {"id": 51, "name": "Name One", "username": "dev-one", "avatar_url": "https://a.example/1"}
BITBUCKET_USER = {"type": "user", "display_name": "Name One", "uuid": "{b-1}", "nickname": "one"}
PAGERDUTY_USER = {"id": "PUSER1", "summary": "Name One", "type": "user_reference", "self": "https://a.example/1"}


def person_hash(key: str, value: Any) -> Any:
    """The hash that stands for the person who stood under a key."""
    cleaned = PEOPLE.clean({key: value})[key]
    return cleaned["person_hash"] if isinstance(cleaned, dict) else cleaned


@pytest.mark.parametrize(
    ("vendor", "shapes"),
    [
        (
            "GitHub",
            [
                ("user", GITHUB_WEBHOOK),
                ("author", {"login": "Dev-One", "__typename": "User"}),
                ("author", {"name": "Name One", "email": "one@example.org", "username": "dev-one"}),
                ("author", {"name": "Name One", "email": "one@example.org", "user": {"login": "dev-one"}}),
                ("pusher", {"name": "dev-one", "email": "one@example.org"}),
                ("actor", "dev-one"),
            ],
        ),
        (
            "GitHub's bots",
            [
                ("user", {"login": "helper[bot]", "type": "Bot"}),
                ("author", {"login": "helper", "__typename": "Bot"}),
            ],
        ),
        (
            "GitLab",
            [
                ("user", GITLAB_USER | {"email": "one@example.org"}),
                ("author", GITLAB_USER | {"state": "active", "web_url": "https://gitlab.com/dev-one"}),
                ("author_id", 51),
                ("user_id", 51),
            ],
        ),
        (
            "Bitbucket",
            [
                ("actor", BITBUCKET_USER | {"account_id": "557058:1"}),
                ("author", BITBUCKET_USER),
                ("author", {"type": "author", "raw": "Name One <one@example.org>", "user": BITBUCKET_USER}),
            ],
        ),
        (
            "people of commits who have no account",
            [
                ("author", {"name": "Name One", "email": "one@example.org"}),
                ("author", {"name": "Name One", "email": "one@example.org", "user": None}),
                ("author", {"type": "author", "raw": "Name One <one@example.org>"}),
                ("author_email", "one@example.org"),
            ],
        ),
        ("PagerDuty", [("agent", PAGERDUTY_USER), ("assignee", PAGERDUTY_USER | {"type": "user"})]),
        (
            "Jira",
            [
                ("assignee", {"accountId": "5c5f88", "displayName": "Name One", "active": True}),
                ("author", {"accountId": "5c5f88", "displayName": "Name One of late"}),
                ("lead", "5c5f88"),
            ],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_person_has_one_hash_in_every_form(vendor: str, shapes: list[tuple[str, Any]]) -> None:
    found = {person_hash(key, value) for key, value in shapes}

    assert len(found) == 1, vendor
    assert all(len(item) == 64 for item in found)


def test_another_thing_of_the_same_number_is_not_the_person() -> None:
    cleaned = PEOPLE.clean({"object_attributes": {"id": 51, "iid": 51, "author_id": 51, "assignee_id": None}})

    assert cleaned["object_attributes"]["id"] == cleaned["object_attributes"]["iid"] == 51
    assert cleaned["object_attributes"]["author_id"] == person_hash("user", GITLAB_USER)
    assert cleaned["object_attributes"]["assignee_id"] is None


def test_what_changed_at_gitlab_keeps_its_form() -> None:
    changes = {"reviewer_ids": [51, 52], "updated_by_id": {"previous": None, "current": 51}}
    cleaned = PEOPLE.clean({"changes": changes})["changes"]

    assert cleaned["updated_by_id"] == {"previous": None, "current": cleaned["reviewer_ids"][0]}
    assert cleaned["reviewer_ids"][0] == person_hash("user", GITLAB_USER)


def test_the_address_of_a_commit_goes_and_the_commit_stays() -> None:
    page = f"https://gitlab.example.com/name-one/pay/-/commit/{'c' * 40}"

    assert PEOPLE.clean({"deployment": {"commit_url": page}})["deployment"] == {"commit_sha": "c" * 40}
    assert PEOPLE.clean({"deployment": {"commit_url": None}})["deployment"] == {}


def test_what_a_reviewer_said_stays() -> None:
    reviewer = PEOPLE.clean({"reviewers": [GITLAB_USER | {"state": "requested_changes"}]})["reviewers"][0]

    assert reviewer == {"person_hash": person_hash("user", GITLAB_USER), "state": "requested_changes"}


def test_whether_it_is_a_bot_stays() -> None:
    assert PEOPLE.clean({"user": {"login": "helper", "__typename": "Bot"}})["user"]["__typename"] == "Bot"
    assert PEOPLE.clean({"user": {"login": "helper[bot]", "type": "Bot"}})["user"]["type"] == "Bot"
    assert PEOPLE.clean({"user": GITLAB_USER | {"bot": True}})["user"]["bot"] is True


@pytest.mark.parametrize(
    "organisation",
    [
        {"login": "acme", "type": "Organization"},
        {"login": "acme", "__typename": "Organization"},
        {"username": "acme", "display_name": "acme", "type": "team"},
    ],
)
def test_an_organisation_is_nobody_and_keeps_its_name(organisation: dict[str, Any]) -> None:
    cleaned = PEOPLE.clean({"repository": {"full_name": "acme/pay", "owner": organisation}})

    assert cleaned["repository"] == {"full_name": "acme/pay", "owner": organisation}


def test_a_repository_of_a_person_goes_by_the_same_pseudonym_everywhere() -> None:
    def repository(**others: Any) -> dict[str, Any]:
        owner = {"login": "dev-one", "type": "User"}
        named = {"full_name": "dev-one/dev-one.example", "name": "dev-one.example", "owner": owner}
        cleaned: dict[str, Any] = PEOPLE.clean({"repository": named} | others)["repository"]
        return cleaned

    alone = repository()
    assert alone["full_name"] == f"{PEOPLE.short('dev-one')}/{PEOPLE.short('dev-one')}.example"
    assert alone["name"] == alone["full_name"].partition("/")[2]
    assert repository(sender={"login": "example", "type": "User"})["full_name"].startswith(PEOPLE.short("dev-one"))


def test_a_repository_of_an_organisation_keeps_its_name_whoever_acts() -> None:
    cleaned = PEOPLE.clean(
        {
            "repository": {"full_name": "acme/payments", "name": "payments"},
            "project": {"path_with_namespace": "acme/core/payments", "name": "payments"},
            "sender": {"login": "payments", "type": "User"},
        }
    )

    assert cleaned["repository"] == {"full_name": "acme/payments", "name": "payments"}
    assert cleaned["project"]["path_with_namespace"] == "acme/core/payments"


@pytest.mark.parametrize(
    ("text", "gone", "kept"),
    [
        ("Ask one@example.org.", "one@example.org", "Ask person-"),
        ("Ask @dev_one.x, please", "dev_one", "Ask @person-"),
        ("Ask @{557058:1-2}, please", "557058", "Ask @person-"),
        ("Ask [~accountid:5c5f88]", "5c5f88", "Ask [~person-"),
        ("See https://github.com/dev-one", "dev-one", "See https://github.com/person-"),
        ("![](https://www.gravatar.com/avatar/0a1b?s=80)", "0a1b", "![]([picture])"),
        ("Fix\n\nco-authored-by: Name One <one@example.org>", "Name One", "co-authored-by: person-"),
    ],
)
def test_free_text_names_nobody(text: str, gone: str, kept: str) -> None:
    cleaned = PEOPLE.text(text)

    assert gone not in cleaned
    assert kept in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/acme/pay/pull/7",
        "uses: actions/checkout@v4",
        "UTF-8@2x",
        "2026-03-02T09:00:00Z",
        "Verify: done by: nightfall",
        "registry.example/pay@sha256:0123",
    ],
)
def test_what_only_looks_like_a_person_stays(text: str) -> None:
    assert PEOPLE.text(text) == text


def test_people_named_in_titles_and_branches_are_forgotten() -> None:
    cleaned = PEOPLE.clean(
        {
            "user": BITBUCKET_USER,
            "title": "Name One's change, for {b-1}",
            "name": "Release by Name One",
            "source": {"branch": {"name": "feature/PAY-1-one"}},
            "status": {"name": "One"},
        }
    )

    written = json.dumps(cleaned)
    assert "Name One" not in written
    assert "b-1" not in written
    assert cleaned["source"]["branch"]["name"].startswith("feature/PAY-1-person-")
    assert cleaned["status"]["name"] == "One", "a name that is a mere word may be a status"


def test_a_changed_field_of_jira_that_holds_people_is_hashed_whatever_its_name() -> None:
    item = {"field": "Approver", "from": None, "to": "5c5f88", "toString": "Name One", "tmpToAccountId": "5c5f88"}
    cleaned = PEOPLE.clean({"changelog": {"items": [item]}})["changelog"]["items"][0]

    assert cleaned["to"] == cleaned["tmpToAccountId"] == PEOPLE.hash("5c5f88")
    assert "Name" not in json.dumps(cleaned)


def test_the_labels_of_an_alert_are_no_person_and_each_speaks_for_itself() -> None:
    labels = {"service": "postgres", "job": "postgres", "user": "postgres", "account_id": "4711", "name": "disk"}
    cleaned = PEOPLE.clean({"alerts": [{"labels": labels}]})["alerts"][0]["labels"]

    assert {name: cleaned[name] for name in ("service", "job", "name")} == {
        "service": "postgres",
        "job": "postgres",
        "name": "disk",
    }
    assert cleaned["user"] == PEOPLE.hash("postgres")


def test_odd_values_where_people_are_expected_do_no_harm() -> None:
    odd = {"user": None, "author": [], "assignee": 7, "type": {"login": None}, "sender": {"login": None, "type": {}}}

    assert PEOPLE.clean(odd)["assignee"] == 7
    assert PEOPLE.clean({"big": 2**70, "user": "dev-one", "text": "dev-one"})["big"] == 2**70


def test_a_vendors_own_keys_name_people_for_that_vendor_alone() -> None:
    payload = {"owner": "Name One", "message": "Name One is on call"}

    assert "Name One" not in json.dumps(PEOPLE.clean(payload, frozenset({"owner"})))
    assert PEOPLE.clean(payload) == payload
