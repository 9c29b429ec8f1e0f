"""Every delivery that GitHub and Jira published, signed and sent: none crashes the sink, none is lost.

Sources: octokit/webhooks (MIT), mattermost-plugin-jira (Apache-2.0).
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from ingestion.load import Report, load_webhooks
from ingestion.webhooks.vendors import github, jira
from tests.conformance.conftest import Database
from tests.conftest import RunningDoor, front_door_of
from tests.marts import build_marts
from tests.real_data import shared_data

Vendor = Literal["github", "jira"]
VENDORS: tuple[Vendor, ...] = ("github", "jira")
# What a model or a source reads; what else comes is stored all the same, and a dead letter with a reason.
READ = {"github": set(github.READ) | set(github.SILENT), "jira": set(jira.READ) | set(jira.SILENT)}


def payloads(vendor: Vendor) -> list[Path]:
    """The published payloads of a vendor."""
    return sorted(shared_data(f"{vendor}_webhooks").rglob("*.json"))


def event_name(vendor: Vendor, file: Path) -> str:
    """How the delivery is named: in a header at GitHub, in the body at Jira."""
    return file.parent.name if vendor == "github" else str(json.loads(file.read_bytes())["webhookEvent"])


def send(door: RunningDoor, vendor: Vendor) -> Report:
    secret = door.github_secret if vendor == "github" else door.jira_secret
    return load_webhooks(shared_data(f"{vendor}_webhooks"), vendor, door.url, secret)


@pytest.fixture(scope="module")
def reports(recording: Database, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Vendor, int], Report]:
    """What was said to each vendor's deliveries, the first and the second time."""
    with front_door_of(recording.engine, recording.settings, tmp_path_factory.mktemp("archive")) as door:
        return {(vendor, turn): send(door, vendor) for turn in (1, 2) for vendor in VENDORS}


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_delivery_is_taken(reports: dict[tuple[Vendor, int], Report], vendor: Vendor) -> None:
    report = reports[vendor, 1]
    assert report.refused == []
    assert report.accepted == report.sent == len(payloads(vendor)) > 25


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_went_in_is_stored_once(
    recording: Database, reports: dict[tuple[Vendor, int], Report], vendor: Vendor
) -> None:
    assert reports[vendor, 2].duplicates == len(payloads(vendor))
    stored = recording.pairs(
        "select event_name, count(*) from landing.raw_events where source = :source group by event_name", source=vendor
    )
    assert stored == Counter(event_name(vendor, file) for file in payloads(vendor))


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_not_understood_is_a_dead_letter_with_its_reason(
    recording: Database, reports: dict[tuple[Vendor, int], Report], vendor: Vendor
) -> None:
    letters = recording.rows(
        """
        select event_name, reason from landing.dead_letters
        inner join landing.raw_events using (landing_id, source, event_name)
        where source = :source
        """,
        source=vendor,
    )
    assert len(letters) == len(reports[vendor, 1].not_understood)
    assert all(reason for _, reason in letters)
    unread = Counter(event_name(vendor, file) for file in payloads(vendor))
    expected = {name: count for name, count in unread.items() if name not in READ[vendor]}
    assert Counter(name for name, _ in letters if name not in READ[vendor]) == expected


def test_the_models_take_what_they_read_and_nothing_is_lost_between(
    recording: Database, reports: dict[tuple[Vendor, int], Report]
) -> None:
    build_marts(
        recording.settings, datetime(2026, 1, 31, tzinfo=UTC), command="run", select=["+work_items", "+pull_requests"]
    )
    unreadable = {vendor: {note.reference for note in reports[vendor, 1].not_understood} for vendor in VENDORS}
    issues = {
        json.loads(file.read_bytes())["issue"]["key"]
        for file in payloads("jira")
        if event_name("jira", file) in READ["jira"] and file.name not in unreadable["jira"]
    }
    assert {ticket for (ticket,) in recording.rows("select ticket_id from cycles.work_items")} == issues
    # The owner of a repository of one's own is a person; the repository's name and the numbers stay.
    pulls = {
        (payload["repository"]["name"].casefold(), payload["pull_request"]["number"])
        for file in payloads("github")
        if event_name("github", file) == "pull_request"
        and str(file.relative_to(shared_data("github_webhooks"))) not in unreadable["github"]
        for payload in [json.loads(file.read_bytes())]
    }
    known = recording.rows("select split_part(repo_full_name, '/', 2), pr_number from events.pull_requests")
    assert pulls <= {(name.casefold(), number) for name, number in known}
    assert pulls
