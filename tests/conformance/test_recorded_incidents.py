"""GitHub's own incidents of 2022 to 2024 through the push API: every event is taken.

Source: github-statuses, MIT.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ingestion.load import load_incidents
from tests.conformance.conftest import Database
from tests.conftest import front_door_of
from tests.real_data import shared_data


def test_every_incident_event_is_taken_once(recording: Database, tmp_path: Path) -> None:
    file = shared_data("incidents/incidents_2022_2024.ndjson")
    lines = Counter(file.read_text().splitlines())
    with front_door_of(recording.engine, recording.settings, tmp_path) as door:
        report = load_incidents(file, door.url, door.api_key)
    assert report.refused == []
    assert (report.accepted, report.duplicates) == (len(lines), lines.total() - len(lines))
    assert recording.rows("select count(*) from landing.raw_events where event_name = 'incident'") == [(len(lines),)]
