"""Pseudonyms: who did something becomes a keyed hash before anything is written.

In: raw payloads of vendors and the platform's HMAC key. Out: the same payloads in which every
identifier of a person is its HMAC-SHA256 or gone (specification 004 §4.6).
The same person always gets the same hash, which cannot be turned back without the key.

Three passes over one payload:
1. objects that describe a person become `{"person_hash": …}`, bare names and numbers of people their hash; addresses
   of pages and pictures go (they repeat logins, and can be rebuilt); what identified the people is remembered;
2. free text loses e-mail addresses, mentions, addresses of profiles and the people named in commit trailers;
3. the remembered identifiers are replaced where they stand in text, branches and repository names.

What a person is hashed by: one rule a vendor, so that webhooks, REST and GraphQL give the same hash.
| vendor | identifier | since |
| GitHub | login, of a bot with `[bot]`; in a commit the user's login, else the e-mail address | GraphQL has no number |
| GitLab | the user's number | merge requests in webhooks name their author by number alone |
| Bitbucket | uuid; in a commit the user's uuid, else the e-mail address | `account_id` is not everywhere |
| Jira | accountId; on a server the user's key | names change |
| PagerDuty, Opsgenie | id | summaries are display names |
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Set
from functools import lru_cache
from typing import Any, Literal

import orjson

# Where a person's object holds no better identifier, the first present one of these is it.
_IDENTIFIERS = (
    "accountId", "username", "key", "emailAddress", "email", "name", "displayName", "display_name", "nickname",
    "summary",
)  # fmt: skip
# All that may stand for the person elsewhere in the payload.
_REMEMBERED = (*_IDENTIFIERS, "login", "account_id", "uuid", "public_email", "commit_email")
# Any of these makes an object a person, whatever key it hangs on.
_MARKS = ("login", "accountId", "displayName", "emailAddress")
# What a monitoring tool hangs on an alert: each label speaks for itself, whatever it is called (an AWS `account_id`).
_LABELS = frozenset({"labels", "commonLabels", "groupLabels", "annotations", "commonAnnotations", "details"})
_PERSON_TYPES = frozenset({"user", "user_reference", "app_user"})
_ORGANISATION_TYPES = frozenset({"Organization", "team", "workspace"})
# What may stay: whether somebody is a bot, active or asks for changes (GitLab's reviewers) does not say who they are.
_KEPT = ("type", "__typename", "accountType", "active", "bot", "state")
# Keys whose value is a person even as a bare string or as `{"name": …}`.
_PERSON_KEYS = frozenset(
    {
        "user", "sender", "author", "committer", "assignee", "assignees", "creator", "reporter", "pusher", "merged_by",
        "actor", "triggering_actor", "requester", "updateAuthor", "suspended_by", "requested_reviewer",
        "requested_reviewers", "respondent", "lead", "displayName", "emailAddress", "accountId", "email", "login",
        "username", "user_name", "user_username", "user_email", "author_name", "author_email", "committer_name",
        "committer_email", "nickname", "display_name", "account_id",
    }
)  # fmt: skip
# Keys whose value is the number of a GitLab user, or a list of such.
_PERSON_NUMBERS = frozenset(
    {
        "user_id", "author_id", "assignee_id", "assignee_ids", "reviewer_id", "reviewer_ids", "merge_user_id",
        "updated_by_id", "last_edited_by_id", "closed_by_id", "resolved_by_id", "creator_id",
    }
)  # fmt: skip
_CHANGELOG_PERSON_FIELDS = frozenset({"assignee", "reporter", "creator"})
_CHANGELOG_VALUES = ("from", "to", "fromString", "toString", "tmpFromAccountId", "tmpToAccountId")
_DROPPED = frozenset(
    {
        "url", "self", "href", "avatarUrls", "gravatar_id", "_links", "links", "urls", "homepage", "avatar",
        "user_avatar", "html",
    }
)  # fmt: skip
_DROPPED_ENDINGS = ("_url", "Url", "URL")
# Words of a vocabulary, not of people: a login that happens to be spelt like a status must not break it.
_VOCABULARY_KEYS = frozenset(
    {
        "name", "type", "status", "state", "action", "conclusion", "environment", "sha", "id", "key", "person_hash",
        "service", "service_name", "severity", "priority", "urgency", "job", "app", "entity", "alertname",
    }
)  # fmt: skip
# A repository's name is its owner's choice; it is rewritten where the owner is the person, and only there.
_REPOSITORY_KEYS = frozenset({"full_name", "repo_full_name", "path_with_namespace", "nameWithOwner"})
# Nor may somebody called Test take the ticket TEST-4 away from its project, in a branch or a title.
_TICKET_KEY = r"(?-i:(?<![A-Za-z0-9])[A-Z][A-Z0-9_]+-\d+)(?![A-Za-z0-9])"
_MENTION = re.compile(r"(?<![\w/.@+-])@([A-Za-z0-9](?:[A-Za-z0-9_.-]{0,254}[A-Za-z0-9_])?)")
_BITBUCKET_MENTION = re.compile(r"@\{([^}\s]+)\}")
_JIRA_MENTION = re.compile(r"\[~(?:accountid:)?([^\]\s]+)\]")
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_RAW_AUTHOR = re.compile(r"^\s*(.*?)\s*<([^<>]*)>\s*$")
_PROFILE = re.compile(
    r"(https?://(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org)/)([A-Za-z0-9][\w.-]*\w)(?![\w/-])", re.IGNORECASE
)
_PICTURE = re.compile(r"https?://[^\s\"'()<>]*(?:avatar|gravatar)[^\s\"'()<>]*", re.IGNORECASE)
_COMMIT_PAGE = re.compile(r"/commit/([0-9a-f]{40})$")
_TRAILER = re.compile(
    r"^([ \t]*(?:Co-authored-by|Signed-off-by|Reviewed-by|Acked-by|Tested-by|Reported-by|Helped-by):)[ \t]*(.+)$",
    re.IGNORECASE | re.MULTILINE,
)
_SHORTEST_REMEMBERED = 3
# A login spelt like a branch must not rewrite that branch in everybody's payloads, nor the vendor's own account
# (merges on the web are committed by "GitHub") the vendor's name.
_NEVER_REMEMBERED = frozenset(
    {"main", "master", "develop", "trunk", "release", "feature", "bugfix", "hotfix", "github", "gitlab", "bitbucket"}
)
_MOST_KEYS = 10_000
_Rule = Literal["plain", "dropped", "person", "number"]


class _Rules(dict[str, tuple[_Rule, str]]):
    """What to do about a key, and the key without people in it; remembered, since payloads repeat their keys."""

    def __init__(self, pseudonymiser: Pseudonymiser, person_keys: Set[str]) -> None:
        self._pseudonymiser = pseudonymiser
        self._person_keys = _PERSON_KEYS | person_keys

    def __missing__(self, key: str) -> tuple[_Rule, str]:
        rule: _Rule = "plain"
        if key in _DROPPED or key.endswith(_DROPPED_ENDINGS):
            rule = "dropped"
        elif key in self._person_keys:
            rule = "person"
        elif key in _PERSON_NUMBERS:
            rule = "number"
        found = (rule, self._pseudonymiser.text(key))
        if len(self) < _MOST_KEYS:
            self[key] = found
        return found


class Pseudonymiser:
    """Replaces what identifies people, with one HMAC key. Holds nothing else, so it is safe to share."""

    def __init__(self, key: str | bytes) -> None:
        self._key = key.encode() if isinstance(key, str) else key
        # People repeat: a few thousand of them send every delivery.
        self._hash = lru_cache(maxsize=16_384)(self._compute)
        self._rules: dict[frozenset[str], _Rules] = {}

    def hash(self, identifier: object) -> str:
        """HMAC-SHA256 of an identifier as 64 hex digits; letter case and outer blanks do not matter."""
        return self._hash(str(identifier).strip().casefold())

    def clean(self, payload: Any, person_keys: frozenset[str] = frozenset()) -> Any:
        """A copy of a decoded JSON value without anything that identifies a person.

        `person_keys` are further keys whose value is a person, for a vendor with a vocabulary of its own.
        """
        rules = self._rules.setdefault(person_keys, _Rules(self, person_keys))
        cleaner = _Cleaner(self, rules)
        cleaned = cleaner.value(payload, "")
        remembered = {name for name in cleaner.people if len(name) >= _SHORTEST_REMEMBERED} - _NEVER_REMEMBERED
        if not remembered:
            return cleaned
        # Most payloads hold their people in objects alone: then there is nothing left to replace.
        written = _json_text(cleaned).lower()
        left = [name for name in remembered if _json_text(name)[1:-1] in written]
        return _Forgetter(self, left, remembered).value(cleaned, "") if left else cleaned

    def text(self, value: str) -> str:
        """Free text without e-mail addresses, mentions, profiles and the people of commit trailers."""
        if "\x00" in value:
            # PostgreSQL's jsonb has no NUL character.
            value = value.replace("\x00", "\ufffd")
        if ":" in value:
            if "y:" in value or "Y:" in value:
                value = _TRAILER.sub(lambda match: f"{match[1]} {self.short(match[2])}", value)
            if "://" in value:
                value = _PICTURE.sub("[picture]", value)
                value = _PROFILE.sub(lambda match: match[1] + self.short(match[2]), value)
        if "@" in value:
            value = _EMAIL.sub(lambda match: self.short(match[0]), value)
            value = _BITBUCKET_MENTION.sub(lambda match: "@" + self.short(match[1]), value)
            value = _MENTION.sub(lambda match: "@" + self.short(match[1]), value)
        if "[~" in value:
            value = _JIRA_MENTION.sub(lambda match: f"[~{self.short(match[1])}]", value)
        return value

    def short(self, identifier: str) -> str:
        """The pseudonym that stands in running text, such as `person-0123456789abcdef`."""
        return f"person-{self.hash(identifier)[:16]}"

    def _compute(self, identifier: str) -> str:
        return hmac.new(self._key, identifier.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


class _Cleaner:
    """The first two passes over one payload; `people` is what identified them, in lower case."""

    def __init__(self, pseudonymiser: Pseudonymiser, rules: _Rules) -> None:
        self._hash = pseudonymiser.hash
        self._text = pseudonymiser.text
        self._rules = rules
        self.people: set[str] = set()

    def value(self, value: Any, key: str) -> Any:
        """A value that stands under a key, without people."""
        if isinstance(value, dict):
            return self._object(value, key)
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        if isinstance(value, str):
            return self._person_text(value) if self._rules[key][0] == "person" else self._text(value)
        return value if value is None or self._rules[key][0] != "number" else self._number(value)

    def _object(self, value: dict[str, Any], key: str) -> dict[str, Any]:
        is_organisation = key == "organization" or _is_organisation(value)
        if not is_organisation and _is_person(value, key):
            return self._person(value, key)
        value = self._without_changed_people(value)
        if value.get("type") == "mention" and isinstance(value.get("attrs"), dict):
            return self._mention(value["attrs"])
        kept: dict[str, Any] = {}
        for name, item in value.items():
            rule, cleaned_name = self._rules[name]
            if rule == "dropped":
                commit = _COMMIT_PAGE.search(item) if name == "commit_url" and isinstance(item, str) else None
                if commit:
                    # GitLab's deployments name their commit by the address of its page alone.
                    kept["commit_sha"] = commit[1]
                continue
            if type(item) is str:
                if rule != "person":
                    kept[cleaned_name] = self._text(item)
                elif is_organisation and name in ("login", "username", "display_name"):
                    # An organisation's login names a team of repositories, not a person.
                    kept[cleaned_name] = item
                else:
                    kept[cleaned_name] = self._person_text(item)
            elif type(item) is dict or type(item) is list:
                # `{"author_id": {"previous": 1, "current": 2}}`: what changed keeps its meaning.
                kept[cleaned_name] = self.value(item, key if key in _PERSON_NUMBERS else name)
            elif rule == "number" or key in _PERSON_NUMBERS:
                kept[cleaned_name] = self._number(item)
            elif name != "target_id" or value.get("target_type") != "User":
                kept[cleaned_name] = item
        return kept

    def _without_changed_people(self, value: dict[str, Any]) -> dict[str, Any]:
        """An entry of Jira's changelog whose field holds people, with their hashes; anything else as it is."""
        if not (
            _is_one_of(_CHANGELOG_PERSON_FIELDS, value.get("field"))
            or _is_one_of(_CHANGELOG_PERSON_FIELDS, value.get("fieldId"))
            or "tmpFromAccountId" in value
            or "tmpToAccountId" in value
        ):
            return value
        self._remember(str(value[name]) for name in _CHANGELOG_VALUES if value.get(name))
        return {name: self._hash(item) if name in _CHANGELOG_VALUES and item else item for name, item in value.items()}

    def _mention(self, attributes: dict[str, Any]) -> dict[str, Any]:
        """A node of Jira's rich text that names somebody: an account id, and `@` with a name."""
        self._remember(str(attributes[name]).lstrip("@") for name in ("id", "text") if attributes.get(name))
        return {"type": "mention", "attrs": {"id": self._hash(attributes.get("id", ""))}}

    def _person(self, value: dict[str, Any], key: str) -> dict[str, Any]:
        # A person's object may hold other ones (GitHub's app owner), but nothing of it is read: it goes whole.
        identifier = self._identifier(value, key)
        person = {name: value[name] for name in _KEPT if name in value and not isinstance(value[name], (dict, list))}
        return {"person_hash": None if identifier is None else self._hash(identifier), **person}

    def _identifier(self, value: dict[str, Any], key: str) -> str | None:
        """What the person is hashed by; see the module's table. Remembers all that stands for them."""
        self._remember(str(value[name]) for name in _REMEMBERED if value.get(name))
        if isinstance(value.get("id"), str):
            # Numbers stand for too much else to be looked for in text.
            self._remember((value["id"],))
        raw = _RAW_AUTHOR.match(str(value.get("raw") or ""))
        if raw:
            self._remember(raw.groups())
        account = value.get("user")
        if isinstance(account, dict):
            of_account = self._identifier(account, "user")
            if of_account is not None:
                return of_account
        if value.get("login"):
            login = str(value["login"])
            return login + "[bot]" if value.get("__typename") == "Bot" and not login.endswith("[bot]") else login
        if "username" in value and type(value.get("id")) is int:
            return _gitlab_user(value["id"])
        if value.get("uuid"):
            return str(value["uuid"]).strip("{}")
        if _is_one_of(_PERSON_TYPES, value.get("type")) and value.get("id"):
            return str(value["id"])
        if raw:
            return raw[2] or raw[1]
        if key == "pusher" and value.get("name"):
            return str(value["name"])
        return next((str(value[name]) for name in _IDENTIFIERS if value.get(name)), value.get("raw") or None)

    def _person_text(self, value: str) -> str:
        self._remember((value,))
        raw = _RAW_AUTHOR.match(value)
        if raw:
            self._remember(raw.groups())
        return self._hash(value)

    def _number(self, value: Any) -> Any:
        return value if value is None or isinstance(value, bool) else self._hash(_gitlab_user(value))

    def _remember(self, names: Iterable[str]) -> None:
        self.people.update(name.strip().lower() for name in names)


class _Forgetter:
    """The third pass: identifiers that are left in text become pseudonyms."""

    def __init__(self, pseudonymiser: Pseudonymiser, left: list[str], remembered: set[str]) -> None:
        self._short = pseudonymiser.short
        self._left = left
        self._remembered = remembered
        # What has more than letters in it is no word of a vocabulary.
        self._telling = [name for name in left if not name.isalpha()]
        # Longest first, so that a name inside another does not leave a rest behind.
        names = "|".join(re.escape(name) for name in sorted(left, key=len, reverse=True))
        self._pattern = re.compile(rf"{_TICKET_KEY}|(?<![A-Za-z0-9])(?P<person>{names})(?![A-Za-z0-9])", re.IGNORECASE)

    def value(self, value: Any, key: str) -> Any:
        """A cleaned value that stands under a key, without remembered people."""
        if isinstance(value, str):
            return self._string(value, key)
        if isinstance(value, dict):
            # Bitbucket's `{"branch": {"name": "ann/fix"}}`: such a name is somebody's choice, not a vocabulary's.
            forgotten = {name: self.value(item, key if key == "branch" else name) for name, item in value.items()}
            whole = forgotten.get("full_name") or forgotten.get("path_with_namespace")
            if isinstance(whole, str) and isinstance(value.get("name"), str) and "/" in whole:
                # Both names of a repository stay one.
                original = str(value.get("full_name") or value.get("path_with_namespace"))
                if original.rpartition("/")[2] == value["name"]:
                    forgotten["name"] = whole.rpartition("/")[2]
            return forgotten
        if isinstance(value, list):
            return [self.value(item, key) for item in value]
        return value

    def _string(self, value: str, key: str) -> str:
        if key in _VOCABULARY_KEYS and (key != "name" or not self._occurs(self._telling, value)):
            return value
        if not self._occurs(self._left, value):
            return value
        if key in _REPOSITORY_KEYS and value.partition("/")[0].lower() not in self._remembered:
            return value
        return self._pattern.sub(lambda match: self._short(match[0]) if match["person"] else match[0], value)

    @staticmethod
    def _occurs(names: list[str], value: str) -> bool:
        lowered = value.lower()
        return any(name in lowered for name in names)


def _json_text(value: Any) -> str:
    """JSON without escapes for other alphabets; integers beyond 64 bits are beyond the quick encoder."""
    try:
        return orjson.dumps(value, default=str).decode()
    except (TypeError, ValueError):
        return json.dumps(value, ensure_ascii=False, default=str)


def _gitlab_user(number: object) -> str:
    """Numbers alone would be the same for different things; GitLab's are the only ones that people are hashed by."""
    return f"gitlab user {number}"


def _is_one_of(words: frozenset[str], value: Any) -> bool:
    """Whether a value is one of these words; it may be anything, a vendor's `type` is sometimes an object."""
    return type(value) is str and value in words


def _is_organisation(value: dict[str, Any]) -> bool:
    return _is_one_of(_ORGANISATION_TYPES, value.get("type")) or value.get("__typename") == "Organization"


def _is_person(value: dict[str, Any], key: str) -> bool:
    if key in _LABELS:
        return False
    if any(mark in value for mark in _MARKS):
        return True
    if "display_name" in value and ("uuid" in value or "account_id" in value or "nickname" in value):
        return True
    if "username" in value and ("name" in value or "avatar_url" in value or "email" in value):
        return True
    if _is_one_of(_PERSON_TYPES, value.get("type")) and ("id" in value or "uuid" in value):
        return True
    return key in _PERSON_KEYS and ("name" in value or "email" in value or "raw" in value)
