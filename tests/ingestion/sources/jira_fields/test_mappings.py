"""A mapping is set, checked and refused by what the site says of the field, never by its number."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, text

from core import clock
from ingestion.sources.jira import fields
from ingestion.sources.jira.fields.catalogue import INTERNAL_FIELDS, STAND_INS, metrics_that_need_fields
from ingestion.sources.jira.fields.site import type_of
from orchestration.dbt import PROJECT_FOLDER
from tests.ingestion.sources.jira_fields.sites import OTHER_SITE, SITE, fetched


def test_the_internal_fields_are_those_of_the_specification() -> None:
    named = {group: [f.name for f in INTERNAL_FIELDS if f.group == group] for group in ("dora", "flow")}
    assert set(named["dora"]) == {
        "deployment_date", "target_environment", "code_commit_date", "deployed_to_production_date",
        "incident_detected_at", "incident_resolved_at", "deployment_successful", "production_impact",
    }  # fmt: skip
    assert set(named["flow"]) == {
        "flow_item_type", "work_started_date", "work_completed_date", "status_entry_timestamp", "active_work_hours",
        "flow_time_days",
    }  # fmt: skip
    assert {f.name for f in INTERNAL_FIELDS if f.is_required} == {
        "deployment_date", "deployed_to_production_date", "code_commit_date",
        "flow_item_type", "work_started_date", "work_completed_date",
    }  # fmt: skip


def test_what_needs_a_field_is_what_the_marts_hold_it_to_need() -> None:
    with (PROJECT_FOLDER / "seeds" / "jira_fields_of_metrics.csv").open(encoding="utf-8") as seed:
        held = {(row["metric_name"], row["internal_field"], row["stand_in"]) for row in csv.DictReader(seed)}
    needed = metrics_that_need_fields()
    assert held == {(metric, name, STAND_INS.get(name, "")) for metric, names in needed.items() for name in names}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "datetime"}, "datetime"),
        ({"type": "date"}, "date"),
        ({"type": "number"}, "number"),
        ({"type": "string"}, "text"),
        ({"type": "option"}, "select"),
        ({"type": "array", "items": "option"}, "multiselect"),
        ({"type": "checkbox"}, "checkbox"),
        ({"type": "array", "items": "option", "custom": "a.b:multicheckboxes"}, "checkbox"),
        ({"type": "array", "items": "json", "custom": "com.pyxis.greenhopper.jira:gh-sprint"}, "sprint"),
        ({"type": "array", "items": "string", "custom": "com.pyxis.greenhopper.jira:gh-sprint"}, "sprint"),
        ({"type": "user"}, "person"),
        ({"type": "array", "items": "user"}, "person"),
        ({"type": "any", "custom": "com.atlassian.servicedesk:sd-request-feedback"}, "other"),
        ({}, "other"),
        (None, "other"),
    ],
)
def test_the_type_of_a_field_follows_from_its_schema(schema: dict[str, str] | None, expected: str) -> None:
    assert type_of(schema) == expected


def test_a_mapping_that_fits_is_kept_with_the_name_and_type_of_the_field(connection: Connection) -> None:
    fetched(connection, SITE)
    done = fields.set_mapping(connection, "deployment_date", "customfield_10100")
    assert (done.jira_field_name, done.jira_field_type, done.problem) == ("Deployment Date", "datetime", None)
    assert fields.current_mappings(connection) == [done]


def test_a_later_mapping_takes_the_place_of_the_earlier(connection: Connection) -> None:
    fetched(connection, SITE)
    fields.set_mapping(connection, "work_completed_date", "customfield_10102")
    fields.set_mapping(connection, "work_completed_date", "resolutiondate")
    (only,) = fields.current_mappings(connection)
    assert (only.jira_field_id, only.jira_field_name) == ("resolutiondate", "Resolved")


@pytest.mark.parametrize(
    ("internal_field", "jira_field", "said"),
    [
        ("deployment_date", "customfield_10103", "is a date without a time, and deployment_date takes a date with a "),
        (
            "deployment_date",
            "customfield_10101",
            "of the site's fields fit customfield_10100 (Deployment Date), customfi",
        ),
        ("story_points", "customfield_10100", "story_points takes a number; of the site's fields fit customfield_100"),
        ("delivery_stream", "customfield_10106", "customfield_10106 (Reviewer) is a person, and delivery_stream takes"),
        ("active_work_hours", "customfield_19999", "The Jira site has no field customfield_19999 (any more)"),
        ("deployment_date", "Deployment Date", "takes one such as customfield_10100, or a standard field such as cr"),
        ("deployment_date", "customfield_10100; drop", "is no id of a Jira field"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(
    connection: Connection, internal_field: str, jira_field: str, said: str
) -> None:
    fetched(connection, SITE)
    with pytest.raises(fields.MappingRefused) as refused:
        fields.set_mapping(connection, internal_field, jira_field)
    assert said in str(refused.value)
    assert fields.current_mappings(connection) == []


def test_one_number_is_the_flag_on_one_site_and_the_sprint_on_another(connection: Connection) -> None:
    fetched(connection, SITE)
    with pytest.raises(
        fields.MappingRefused, match=r"10021 \(Flagged\) is checkboxes, and sprint takes a sprint field"
    ):
        fields.set_mapping(connection, "sprint", "customfield_10021")
    connection.rollback()

    fetched(connection, OTHER_SITE)
    assert fields.set_mapping(connection, "sprint", "customfield_10021").jira_field_type == "sprint"
    with pytest.raises(fields.MappingRefused, match=r"fit customfield_10014 \(Flagged\)"):
        fields.set_mapping(connection, "flagged", "customfield_10021")


def test_an_unknown_internal_field_is_answered_with_those_that_there_are(connection: Connection) -> None:
    with pytest.raises(ValueError, match=r"'deploy_date' is no internal field; there are deployment_date, target_env"):
        fields.set_mapping(connection, "deploy_date", "customfield_10100")


def test_before_the_site_was_asked_a_mapping_is_taken_and_said_to_be_unchecked(connection: Connection) -> None:
    done = fields.set_mapping(connection, "deployment_date", "customfield_10100")
    assert (done.checked_at, done.problem) == (None, None)
    with pytest.raises(fields.FieldsNotFetched, match="No field of the Jira site is known yet"):
        fields.check_mappings(connection)


def test_the_check_finds_a_field_that_the_site_no_longer_has_and_one_that_changed(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    fetched(connection, SITE)
    fields.set_mapping(connection, "deployment_date", "customfield_10100")
    fields.set_mapping(connection, "code_commit_date", "customfield_10102")
    fields.set_mapping(connection, "story_points", "customfield_10016")
    left = tuple(field for field in SITE if field[0] not in ("customfield_10100", "customfield_10102"))
    changed = ("customfield_10102", "Code commit date", {"type": "string"})
    fetched(connection, (*left, changed))

    found = {each.internal_field: each for each in fields.check_mappings(connection)}

    gone = "The Jira site has no field customfield_10100 (any more)"
    assert (found["deployment_date"].problem or "").startswith(gone)
    # The name stays, so that a person knows which field is meant.
    assert found["deployment_date"].jira_field_name == "Deployment Date"
    assert "is a text, and code_commit_date takes a date with a time" in (found["code_commit_date"].problem or "")
    assert found["story_points"].problem is None
    assert {each.checked_at for each in found.values()} == {now}
    assert fields.current_mappings(connection) == list(found.values())

    fetched(connection, SITE)
    assert [each.problem for each in fields.check_mappings(connection)] == [None, None, None]


def test_a_metric_lacks_what_is_not_mapped_or_cannot_be_read(connection: Connection) -> None:
    assert fields.missing_mappings(connection)["ttr_median"] == ["incident_detected_at", "incident_resolved_at"]
    assert fields.missing_mappings(connection)["lead_time_p50"] == ["code_commit_date", "deployed_to_production_date"]

    fields.set_mapping(connection, "deployment_date", "customfield_10100")
    fields.set_mapping(connection, "code_commit_date", "customfield_10102")
    # The deployment's date tells when production got it.
    assert set(fields.missing_mappings(connection)) == {"ttr_median", "ttr_mean"}
    assert fields.missing_required(connection) == {"dora": ["deployed_to_production_date"]}

    connection.execute(text("update config.field_mappings set problem = 'gone' where internal_field like 'code%'"))
    assert fields.missing_mappings(connection)["lead_time_p85"] == ["code_commit_date"]


def test_a_mapping_can_be_taken_back_once(connection: Connection) -> None:
    fields.set_mapping(connection, "sprint", "customfield_10020")
    fields.remove_mapping(connection, "sprint")
    with pytest.raises(ValueError, match="sprint is not mapped to any Jira field"):
        fields.remove_mapping(connection, "sprint")
