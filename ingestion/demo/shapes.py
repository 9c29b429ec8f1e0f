"""What the vendors' payloads have in common here: dates, people, cached fragments of JSON.

In: instants and logins. Out: the pieces that every payload is put together from. A fragment is encoded
once and copied into thousands of bodies, which is what makes the demo quick to load.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import orjson

from ingestion.demo.company import Repository
from ingestion.demo.history import fingerprint
from ingestion.demo.worktime import DAY


@dataclass(frozen=True, slots=True)
class Payload:
    """One thing that a system tells the platform, before it is signed."""

    source: str  # github, jira or push
    event: str  # GitHub's event name, Jira's webhookEvent, or the push endpoint
    body: bytes
    delivery_id: str


@lru_cache(maxsize=2_000)
def _day(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%d")


def _clock(instant: int) -> str:
    hours, rest = divmod(instant % DAY, 3600)
    return f"{_day(instant // DAY)}T{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


def github_time(instant: int) -> str:
    """As GitHub and most CI systems write an instant."""
    return f"{_clock(instant)}Z"


def jira_time(instant: int) -> str:
    """As Jira writes an instant: milliseconds, and an offset without a colon."""
    return f"{_clock(instant)}.000+0000"


def identifier(*parts: object) -> str:
    """A delivery id in the form of a UUID; the same parts give the same id, so loading twice adds nothing."""
    digits = fingerprint(*parts)
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


@lru_cache(maxsize=500)
def github_user(login: str) -> orjson.Fragment:
    """A GitHub account: a person, or a bot."""
    number = 60_000_000 + zlib.crc32(login.encode()) % 9_000_000
    kind = "Bot" if login.endswith("[bot]") else "User"
    return orjson.Fragment(
        orjson.dumps({"login": login, "id": number, "node_id": f"U_{number}", "type": kind, "site_admin": False})
    )


@lru_cache(maxsize=100)
def github_organisation(login: str, installation_id: int) -> orjson.Fragment:
    """A GitHub organisation as the payload's `organization`."""
    number = installation_id + 1_000
    return orjson.Fragment(orjson.dumps({"login": login, "id": number, "node_id": f"O_{number}", "description": ""}))


@lru_cache(maxsize=100)
def github_repository(repository: Repository) -> orjson.Fragment:
    """A GitHub repository, without its many URL templates."""
    more: dict[str, object] = {
        "description": None,
        "language": repository.language,
        "archived": False,
        "disabled": False,
        "topics": [],
        "visibility": "private",
    }
    return orjson.Fragment(orjson.dumps(_repository(repository) | more))


@lru_cache(maxsize=100)
def github_side(repository: Repository) -> orjson.Fragment:
    """The repository of a pull request's head or base: what identifies it, twice in every payload."""
    return orjson.Fragment(orjson.dumps(_repository(repository)))


def _repository(repository: Repository) -> dict[str, object]:
    stream = repository.tech_stream
    return {
        "id": repository.github_id,
        "node_id": f"R_{repository.github_id}",
        "name": repository.name,
        "full_name": repository.full_name,
        "private": True,
        "owner": {"login": stream.github_org, "id": stream.installation_id + 1_000, "type": "Organization"},
        "fork": False,
        "default_branch": "main",
    }


@lru_cache(maxsize=500)
def account_id(login: str) -> str:
    """The Atlassian account id of a person; it shares nothing with the login."""
    return fingerprint("atlassian", login)[:24]


@lru_cache(maxsize=500)
def jira_user(login: str) -> orjson.Fragment:
    """An Atlassian account."""
    return orjson.Fragment(
        orjson.dumps(
            {
                "accountId": account_id(login),
                "emailAddress": f"{login}@acme.example",
                "displayName": display_name(login),
                "active": True,
                "timeZone": "Etc/UTC",
                "accountType": "atlassian",
            }
        )
    )


def display_name(login: str) -> str:
    """What Jira shows for a person: `dev-017` is `Developer 017`."""
    kind, _, number = login.partition("-")
    return f"Developer {number}" if kind == "dev" else "Jira administrator"
