"""Statuses without a stage: suggested by name and by Jira's category, given only where a person accepts it."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from ingestion.sources.jira import fields
from ingestion.sources.jira.fields.statuses import stage_for
from tests.ingestion.sources.jira_fields.sites import statuses

APPENDIX_C = (
    ("To Do", "new", "backlog", False),
    ("In Analysis", "indeterminate", "ba", True),
    ("Ready for Dev", "indeterminate", "dev", False),
    ("In Development", "indeterminate", "dev", True),
    ("In Code Review", "indeterminate", "code_review", True),
    ("Ready for QA", "indeterminate", "qa", False),
    ("In QA", "indeterminate", "qa", True),
    ("Ready for UAT", "indeterminate", "uat", False),
    ("In UAT", "indeterminate", "uat", True),
    ("Done", "done", "done", False),
)


@pytest.mark.parametrize(("name", "category", "stage", "is_active"), APPENDIX_C, ids=[row[0] for row in APPENDIX_C])
def test_the_specifications_own_example_is_suggested_as_it_stands(
    name: str, category: str, stage: str, is_active: bool
) -> None:
    assert stage_for(name, category)[:3] == (stage, is_active, "high")


@pytest.mark.parametrize(
    ("name", "category", "expected"),
    [
        ("已完成", "done", ("done", False, "medium")),
        ("测试中", "indeterminate", ("dev", True, "low")),
        ("Won't Do", "done", ("cancelled", False, "high")),
        ("Blocked / On Hold", "indeterminate", ("dev", False, "high")),
        ("Selected for Development", "new", ("dev", False, "high")),
        # Jira counts it as done, so it is nobody's review.
        ("Reviewed and tested", "done", ("done", False, "medium")),
        ("In Review", None, ("code_review", True, "medium")),
        ("Waiting for the moon", None, ("dev", False, "medium")),
        ("Contest", "new", ("backlog", False, "medium")),
        ("Somewhere", None, (None, False, None)),
        ("Somewhere", "undefined", (None, False, None)),
    ],
)
def test_names_come_first_and_jiras_category_is_not_contradicted(
    name: str, category: str | None, expected: tuple[str | None, bool, str | None]
) -> None:
    assert stage_for(name, category)[:3] == expected


def test_what_has_a_stage_is_not_asked_about(connection: Connection) -> None:
    statuses(connection, "PAY", ("To Do", "new"), ("In Progress", "indeterminate"))
    statuses(connection, "IDN", ("To Do", "new"))
    fields.accept_status(connection, "PAY", "To Do")
    left = [(each.jira_project_key, each.jira_status_name) for each in fields.suggest_statuses(connection)]
    assert left == [("IDN", "To Do"), ("PAY", "In Progress")]
    assert [each.jira_project_key for each in fields.suggest_statuses(connection, "IDN")] == ["IDN"]


def test_an_accepted_suggestion_is_a_row_of_the_mapping(connection: Connection) -> None:
    statuses(connection, "PAY", ("Ready for QA", "indeterminate"), ("In QA", "indeterminate"))
    for name in ("Ready for QA", "In QA"):
        fields.accept_status(connection, "PAY", name)
    rows = connection.execute(
        text(
            "select jira_status_name, pipeline_stage, is_active_work from config.status_mappings order by display_order"
        )
    )
    assert [tuple(row) for row in rows] == [("Ready for QA", "qa", False), ("In QA", "qa", True)]


def test_a_person_may_know_better(connection: Connection) -> None:
    statuses(connection, "PAY", ("处理中", "indeterminate"))
    first = fields.accept_status(connection, "PAY", "处理中", "uat", is_active_work=False)
    assert (first.pipeline_stage, first.is_active_work) == ("uat", False)
    # And may change it again, though it has a stage now.
    assert fields.accept_status(connection, "PAY", "处理中", "qa").is_active_work is True
    with pytest.raises(ValueError, match="PAY has no status '处理中' without a stage; those without one: none"):
        fields.accept_status(connection, "PAY", "处理中")


def test_what_is_not_known_is_not_mapped(connection: Connection) -> None:
    statuses(connection, "PAY", ("Somewhere", "undefined"))
    with pytest.raises(ValueError, match="Nothing speaks for a stage of 'Somewhere': name one of backlog, ba, dev"):
        fields.accept_status(connection, "PAY", "Somewhere")
    with pytest.raises(ValueError, match="PAY has no status 'Nowhere' without a stage; those without one: Somewhere"):
        fields.accept_status(connection, "PAY", "Nowhere", "dev")
    with pytest.raises(ValueError, match="'testing' is no pipeline stage; there are backlog, ba, dev"):
        fields.accept_status(connection, "PAY", "Somewhere", "testing")


def test_statuses_that_only_events_named_are_asked_about_with_their_count(connection: Connection) -> None:
    connection.execute(text("create schema if not exists quality"))
    connection.execute(text("drop table if exists quality.triage cascade"))
    connection.execute(text("create table quality.triage (kind text, reference text, occurrences integer)"))
    connection.execute(
        text(
            """
            insert into quality.triage values
                ('unmapped_status', 'OLD: In QA: second round', 12), ('unmapped_status', 'PAY: In QA', 3),
                ('untagged_work_item', 'PAY-1', 1)
            """
        )
    )
    statuses(connection, "PAY", ("In QA", "indeterminate"), ("To Do", "new"))
    found = [
        (each.jira_project_key, each.jira_status_name, each.category, each.occurrences, each.pipeline_stage)
        for each in fields.suggest_statuses(connection)
    ]
    assert found == [
        ("OLD", "In QA: second round", None, 12, "qa"),
        ("PAY", "In QA", "indeterminate", 3, "qa"),
        ("PAY", "To Do", "new", 0, "backlog"),
    ]
