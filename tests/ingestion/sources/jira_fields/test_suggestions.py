"""Suggestions for people: by the kind of a field, else by its name; none is applied."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from ingestion.sources.jira import fields
from tests.ingestion.sources.jira_fields.sites import KINDS, OTHER_SITE, SITE, custom, fetched


def suggested(connection: Connection) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for each in fields.suggest_mappings(connection):
        found.setdefault(each.internal_field, []).append((each.jira_field_id, each.confidence))
    return found


def test_what_jira_made_itself_is_known_by_its_kind_on_every_site(connection: Connection) -> None:
    fetched(connection, SITE)
    found = suggested(connection)
    assert found["sprint"] == [("customfield_10020", "high")]
    assert found["story_points"] == [("customfield_10016", "high")]
    assert found["flagged"] == [("customfield_10021", "high")]
    connection.rollback()

    fetched(connection, OTHER_SITE)
    found = suggested(connection)
    assert found["sprint"] == [("customfield_10021", "high")]
    assert found["story_points"] == [("customfield_10004", "high")]
    assert found["flagged"] == [("customfield_10014", "high")]


def test_a_sprint_field_in_another_language_is_a_sprint_field(connection: Connection) -> None:
    fetched(connection, (custom(10007, "スプリント", "com.pyxis.greenhopper.jira:gh-sprint", "array", "json"),))
    assert suggested(connection) == {"sprint": [("customfield_10007", "high")]}


def test_other_fields_are_known_by_their_names_where_the_type_fits(connection: Connection) -> None:
    fetched(connection, SITE)
    found = suggested(connection)
    assert found["deployment_date"] == [("customfield_10100", "high")]
    assert found["target_environment"] == [("customfield_10101", "medium")]
    assert found["work_completed_date"] == [("resolutiondate", "low")]
    # `Go-live day` has no time, so it fits nothing.
    assert "deployed_to_production_date" not in found


def test_of_two_fields_with_one_name_none_is_sure(connection: Connection) -> None:
    pair = (
        custom(10004, "Story Points", f"{KINDS}:float", "number"),
        custom(10016, "Story point estimate", "com.pyxis.greenhopper.jira:jsw-story-points", "number"),
    )
    fetched(connection, pair)
    assert suggested(connection)["story_points"] == [("customfield_10004", "medium"), ("customfield_10016", "medium")]


def test_a_suggestion_changes_nothing_and_ends_with_its_mapping(connection: Connection) -> None:
    fetched(connection, SITE)
    (before,) = (each for each in fields.suggest_mappings(connection) if each.internal_field == "sprint")
    assert fields.current_mappings(connection) == []
    fields.set_mapping(connection, before.internal_field, before.jira_field_id)
    assert "sprint" not in suggested(connection)


def test_without_the_sites_fields_there_is_nothing_to_suggest_from(connection: Connection) -> None:
    with pytest.raises(fields.FieldsNotFetched):
        fields.suggest_mappings(connection)
