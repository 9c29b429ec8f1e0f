"""Pseudonyms: who did something becomes a keyed hash before anything is written.

In: raw payloads of vendors and the platform's HMAC key. Out: the same payloads in which every
identifier of a person is its HMAC-SHA256 or gone (specification 004 §4.6).
The same person always gets the same hash, which cannot be turned back without the key.

Three passes over one payload:
1. objects that describe a person become `{"person_hash": …}`, addresses of pages and pictures go
   (they repeat logins, and can be rebuilt), and what identified the people is remembered;
2. free text loses e-mail addresses, @mentions and the people named in commit trailers;
3. the remembered identifiers are replaced where they stand in text, branches and repository names.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from typing import Any

# In this order the first present value identifies a person; the vendor's stable id comes first.
_IDENTIFIERS = ("accountId", "login", "username", "key", "emailAddress", "email", "name", "displayName")
# Any of these makes an object a person, whatever key it hangs on.
_MARKS = ("accountId", "displayName", "emailAddress")
# What may stay: whether somebody is a bot or active does not say who they are.
_KEPT = ("type", "accountType", "active")
# Keys whose value is a person even as a bare string or as `{"name": …}`.
_PERSON_KEYS = frozenset(
    {
        "user", "sender", "author", "committer", "assignee", "assignees", "creator", "reporter", "pusher", "merged_by",
        "actor", "triggering_actor", "requester", "updateAuthor", "suspended_by", "requested_reviewer",
        "requested_reviewers", "respondent", "lead", "displayName", "emailAddress", "accountId", "email", "login",
    }
)  # fmt: skip
_CHANGELOG_PERSON_FIELDS = frozenset({"assignee", "reporter", "creator"})
_CHANGELOG_VALUES = ("from", "to", "fromString", "toString", "tmpFromAccountId", "tmpToAccountId")
_DROPPED = frozenset({"url", "self", "href", "avatarUrls", "iconUrl", "avatarUrl", "gravatar_id", "_links", "urls"})
# Words of a vocabulary, not of people: a login that happens to be spelt like a status must not break it.
_VOCABULARY_KEYS = frozenset(
    {"name", "type", "status", "state", "action", "conclusion", "environment", "sha", "id", "key"}
)
# Nor may somebody called Test take the ticket TEST-4 away from its project, in a branch or a title.
_TICKET_KEY = r"(?-i:(?<![A-Za-z0-9])[A-Z][A-Z0-9_]+-\d+)(?![A-Za-z0-9])"
_MENTION = re.compile(r"(?<![\w/.@+-])@([A-Za-z0-9][A-Za-z0-9-]{0,38})")
_JIRA_MENTION = re.compile(r"\[~(?:accountid:)?([^\]\s]+)\]")
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_TRAILER = re.compile(
    r"^([ \t]*(?:Co-authored-by|Signed-off-by|Reviewed-by|Acked-by|Tested-by|Reported-by|Helped-by):)[ \t]*(.+)$",
    re.IGNORECASE | re.MULTILINE,
)
_SHORTEST_REMEMBERED = 3
# A login spelt like a branch must not rewrite that branch in everybody's payloads.
_NEVER_REMEMBERED = frozenset({"main", "master", "develop", "trunk", "release", "feature", "bugfix", "hotfix"})


class Pseudonymiser:
    """Replaces what identifies people, with one HMAC key. Holds nothing else, so it is safe to share."""

    def __init__(self, key: str | bytes) -> None:
        self._key = key.encode() if isinstance(key, str) else key
        # People repeat: a few thousand of them send every delivery.
        self._hash = lru_cache(maxsize=16_384)(self._compute)

    def hash(self, identifier: object) -> str:
        """HMAC-SHA256 of an identifier as 64 hex digits; letter case and outer blanks do not matter."""
        return self._hash(str(identifier).strip().casefold())

    def clean(self, payload: Any) -> Any:
        """A copy of a decoded JSON value without anything that identifies a person."""
        people: set[str] = set()
        cleaned = self._value(payload, "", people)
        remembered = {name for name in people if len(name) >= _SHORTEST_REMEMBERED} - _NEVER_REMEMBERED
        if not remembered:
            return cleaned
        # Longest first, so that a name inside another does not leave a rest behind.
        names = "|".join(re.escape(name) for name in sorted(remembered, key=len, reverse=True))
        pattern = re.compile(rf"{_TICKET_KEY}|(?<![A-Za-z0-9])(?P<person>{names})(?![A-Za-z0-9])", re.IGNORECASE)
        return self._forget(cleaned, "", pattern)

    def text(self, value: str) -> str:
        """Free text without e-mail addresses, mentions and the people of commit trailers."""
        if "\x00" in value:
            # PostgreSQL's jsonb has no NUL character.
            value = value.replace("\x00", "\ufffd")
        if ":" in value:
            value = _TRAILER.sub(lambda match: f"{match[1]} {self._short(match[2])}", value)
        if "@" in value:
            value = _EMAIL.sub(lambda match: self._short(match[0]), value)
            value = _MENTION.sub(lambda match: "@" + self._short(match[1]), value)
        if "[~" in value:
            value = _JIRA_MENTION.sub(lambda match: f"[~{self._short(match[1])}]", value)
        return value

    def _compute(self, identifier: str) -> str:
        return hmac.new(self._key, identifier.encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _short(self, identifier: str) -> str:
        return f"person-{self.hash(identifier)[:16]}"

    def _value(self, value: Any, key: str, people: set[str]) -> Any:
        if isinstance(value, str):
            if key in _PERSON_KEYS:
                people.add(value)
                return self.hash(value)
            return self.text(value)
        if isinstance(value, dict):
            return self._object(value, key, people)
        if isinstance(value, list):
            return [self._value(item, key, people) for item in value]
        return value

    def _object(self, value: dict[str, Any], key: str, people: set[str]) -> dict[str, Any]:
        if _is_person(value, key):
            return self._person(value, people)
        if value.get("field") in _CHANGELOG_PERSON_FIELDS or value.get("fieldId") in _CHANGELOG_PERSON_FIELDS:
            people.update(str(value[name]) for name in _CHANGELOG_VALUES if value.get(name))
            value = {
                name: self.hash(item) if name in _CHANGELOG_VALUES and item else item for name, item in value.items()
            }
        if value.get("type") == "mention" and isinstance(value.get("attrs"), dict):
            return self._mention(value, people)
        # An organisation's login names a team of repositories, not a person.
        is_organisation = key == "organization" or value.get("type") == "Organization"
        kept: dict[str, Any] = {}
        for name, item in value.items():
            if name in _DROPPED or name.endswith(("_url", "Url")):
                continue
            if is_organisation and name in ("login", "name", "email"):
                kept[name] = item
            else:
                kept[self.text(name)] = self._value(item, name, people)
        return kept

    def _mention(self, value: dict[str, Any], people: set[str]) -> dict[str, Any]:
        """A node of Jira's rich text that names somebody: an account id, and `@` with a name."""
        attributes = value["attrs"]
        people.update(str(attributes[name]).lstrip("@") for name in ("id", "text") if attributes.get(name))
        return {"type": "mention", "attrs": {"id": self.hash(attributes.get("id", ""))}}

    def _person(self, value: dict[str, Any], people: set[str]) -> dict[str, Any]:
        # A person's object may hold other ones (GitHub's app owner), but nothing of it is read: it goes whole.
        people.update(str(value[name]) for name in _IDENTIFIERS if value.get(name))
        identifier = next((value[name] for name in _IDENTIFIERS if value.get(name)), None)
        person = {name: value[name] for name in _KEPT if name in value}
        return {"person_hash": None if identifier is None else self.hash(identifier), **person}

    def _forget(self, value: Any, key: str, pattern: re.Pattern[str]) -> Any:
        if isinstance(value, str):
            if key in _VOCABULARY_KEYS or key == "person_hash":
                return value
            return pattern.sub(lambda match: self._short(match[0]) if match["person"] else match[0], value)
        if isinstance(value, dict):
            return {name: self._forget(item, name, pattern) for name, item in value.items()}
        if isinstance(value, list):
            return [self._forget(item, key, pattern) for item in value]
        return value


def _is_person(value: dict[str, Any], key: str) -> bool:
    if value.get("type") == "Organization" or key == "organization":
        return False
    if any(mark in value for mark in _MARKS) or "login" in value:
        return True
    return key in _PERSON_KEYS and ("name" in value or "email" in value)
