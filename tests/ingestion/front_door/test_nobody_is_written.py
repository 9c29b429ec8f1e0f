"""Every recorded payload goes through the door and becomes marts; afterwards nobody who was in it is found anywhere.

The people are collected by a walker of its own, which knows nothing of the rules it tests.
Sources: octokit/webhooks (MIT), mattermost-plugin-jira (Apache-2.0); see vendor_deliveries for the others.
"""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from sqlalchemy import Engine, text

from core import clock
from core.database import database_url, make_engine
from core.settings import Settings
from ingestion.load import load_webhooks
from tests.conftest import RunningDoor
from tests.ingestion.front_door.vendor_deliveries import ONE_OF_EACH
from tests.marts import build_marts, marts_database
from tests.real_data import shared_data

# What looks like an identifier of a person and is none that can be searched for, with the reason.
NOBODY = {
    "github": "the name under which GitHub itself commits merges made on the web",
    "web-flow": "the account of GitHub itself in those commits",
    "test": "a login of the recorded Jira, and the word and project key TEST of its tickets",
    "user": "a login of the recorded Jira, and the key `user` of its payloads",
}
# The published examples number two organisations like a person: what is found in such a row, and what proves it.
ORGANISATIONS = {
    "21031067": '"target_type":"Organization"',
    "MDQ6VXNlcjIxMDMxMDY3": '"login":"github"',
}
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PERSON_OBJECTS = {"author", "committer", "pusher"}
# All of a person's object that tells who it is.
_TELLING = (
    "login", "name", "username", "email", "node_id", "avatar_url", "html_url", "url", "gravatar_id", "accountId", "key",
    "displayName", "emailAddress", "self", "id",
)  # fmt: skip
_MADE_UP = re.compile(
    r"gl-login-\w+|Gl\w+ Gl\w+|Glsomebody Else|gl\.\w+@people\.example\.org|7700\d\d|avatar/gl\w+"
    r"|bbnick-\w+|Bb\w+ Bb\w+|bb000000-[\w-]+|557058:bbaccount-\w+|bb\.\w+@people\.example\.org"
    r"|PDUSER\d|Pd\w+ Pd\w+|og\.\w+@people\.example\.org|[\w-]*oguser[\w-]*|Og\w+ Og\w+"
    r"|am-oncall|am\.\w+@people\.example\.org"
)


@pytest.fixture(scope="module")
def database(server: Settings) -> Settings:
    """A database of its own: what other tests have built names others."""
    return marts_database(server)


@pytest.fixture(scope="module")
def engine(database: Settings) -> Iterator[Engine]:
    made = make_engine(database_url(database))
    yield made
    made.dispose()


def people_in(value: Any, key: str = "") -> Iterator[str]:
    """Whatever identifies a person in a payload of GitHub or Jira."""
    if isinstance(value, str):
        yield from _EMAIL.findall(value)
        yield from re.findall(r"\[~(?:accountid:)?([^\]\s]+)\]", value)
    elif isinstance(value, list):
        for item in value:
            yield from people_in(item, key)
    elif isinstance(value, dict):
        is_person = "login" in value or "displayName" in value or "accountId" in value or "emailAddress" in value
        is_person = is_person or (key in _PERSON_OBJECTS and ("email" in value or "username" in value))
        if is_person and value.get("type") != "Organization" and key != "organization":
            yield from (str(value[name]) for name in _TELLING if value.get(name))
            yield from (str(address) for address in (value.get("avatarUrls") or {}).values())
        if value.get("field") in ("assignee", "reporter"):
            yield from (str(value[name]) for name in ("from", "to", "fromString", "toString") if value.get(name))
        for name, item in value.items():
            yield from people_in(item, name)


def written(engine: Engine) -> Iterator[tuple[str, str]]:
    """Every row of every table, as text, with the table's name."""
    with engine.connect() as connection:
        tables = connection.execute(
            text(
                "select format('%I.%I', table_schema, table_name) from information_schema.tables "
                "where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
            )
        ).scalars()
        for table in list(tables):
            for row in connection.execute(text(f"select to_jsonb(stored)::text from {table} as stored")).scalars():
                yield table, row


def leaks(people: set[str], where: str, content: str) -> list[str]:
    """Which of the people stand in a text, as whole words."""
    # A name-based id of ours has parts of four digits; whoever is known by a UUID is looked for in the whole text.
    whole, without_ids = content.lower(), _UUID.sub("", content.lower())
    compact = content.replace('": ', '":')
    return [
        f"{person!r} in {where}: …{lowered[max(found.start() - 80, 0) : found.end() + 40]}…"
        for person in sorted(people)
        for lowered in [whole if "-" in person else without_ids]
        if person.lower() in lowered and ORGANISATIONS.get(person, "no exception") not in compact
        for found in [re.search(rf"(?<![a-z0-9]){re.escape(person.lower())}(?![a-z0-9])", lowered)]
        if found
    ]


def everything_written(door: RunningDoor, log: io.StringIO) -> Iterator[tuple[str, str]]:
    """The database, the archive and the log."""
    yield from written(door.engine)
    archive = Path(urlparse(door.settings.archive_location).path)
    for path in archive.rglob("*.gz"):
        yield from (("archive", line) for line in gzip.decompress(path.read_bytes()).decode().strip().split("\n"))
    yield "log", log.getvalue()


@pytest.mark.parametrize("vendor", ["github", "jira"])
def test_nobody_of_the_recorded_payloads_is_found_anywhere(
    front_door: RunningDoor, log_lines: io.StringIO, vendor: Any
) -> None:
    folder = shared_data(f"{vendor}_webhooks")
    payloads = [json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))]
    people = {person.strip() for payload in payloads for person in people_in(payload)}
    # A number of one digit is everywhere; so short a login nobody can be found by.
    people = {person for person in people if len(person) > 2 and person.lower() not in NOBODY}
    assert len(people) > 40

    secret = front_door.github_secret if vendor == "github" else front_door.jira_secret
    report = load_webhooks(folder, vendor, front_door.url, secret)

    assert report.accepted == len(payloads)
    build_marts(front_door.settings, clock.now(), command="seed")
    build_marts(front_door.settings, clock.now(), full_refresh=True, command="run")
    contents = list(everything_written(front_door, log_lines))
    assert sum(where == "archive" for where, _ in contents) == len(payloads)
    assert [leak for where, content in contents for leak in leaks(people, where, content)] == []


def test_nobody_of_the_other_vendors_is_found_anywhere(front_door: RunningDoor, log_lines: io.StringIO) -> None:
    people = {person for delivery in ONE_OF_EACH for person in _MADE_UP.findall(json.dumps(delivery.payload))}
    assert len(people) > 40

    assert [delivery.to(front_door).status_code for delivery in ONE_OF_EACH] == [202] * len(ONE_OF_EACH)

    contents = list(everything_written(front_door, log_lines))
    assert [leak for where, content in contents for leak in leaks(people, where, content)] == []
    # What is no person stays: the repository, the service, the branch.
    archived = " ".join(content for where, content in contents if where == "archive")
    for kept in ("acme-core-api/payments", '"summary":"payments"', '"entity":"payments"', "feature/PAY-1-person-"):
        assert kept in archived
