"""`dpp jira …`: tables for people, and one line with status 1 for what they must mend."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from core.settings import Settings
from ingestion.pipelines import prepare_raw_tables
from ingestion.sources.jira import fields
from orchestration import cli
from tests.ingestion.sources.jira_fields.sites import SITE, fetched, statuses

# Runs `dpp jira …`: exit status, standard output, standard error.
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dpp_jira(
    database: Settings,
    clean_database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    """The console script's own entry point in this process, on the tests' database."""
    prepare_raw_tables(database)
    monkeypatch.setattr("orchestration.jira_commands.get_settings", lambda: database)
    monkeypatch.setattr("orchestration.jira_commands.get_engine", lambda: clean_database)
    monkeypatch.setattr("orchestration.services.get_engine", lambda: clean_database)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["dpp", "jira", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


def test_a_mapping_goes_from_suggestion_to_check(dpp_jira: Shell, clean_database: Engine) -> None:
    with clean_database.begin() as connection:
        fetched(connection, SITE)

    status, shown, _ = dpp_jira("suggest")
    assert status == 0
    (line,) = (line for line in shown.splitlines() if line.startswith("deployment_date"))
    assert line.split()[:5] == ["deployment_date", "customfield_10100", "Deployment", "Date", "high"]

    assert dpp_jira("map", "deployment_date", "customfield_10100") == (
        0,
        "deployment_date is customfield_10100 (Deployment Date).\n",
        "",
    )
    status, shown, said = dpp_jira("check")
    assert (status, said) == (0, "")
    assert "ttr_median cannot come from Jira's fields: map incident_detected_at, incident_resolved_at" in shown

    with clean_database.begin() as connection:
        fetched(connection, tuple(field for field in SITE if field[0] != "customfield_10100"))
    status, shown, said = dpp_jira("check")
    assert (status, said) == (1, "1 of 1 mappings cannot work: deployment_date\n")
    assert "The Jira site has no field customfield_10100 (any more)" in shown
    # What was found stands beside the mapping, though the command failed.
    with clean_database.connect() as connection:
        (kept,) = fields.current_mappings(connection)
    assert kept.problem is not None


def test_a_mapping_that_does_not_fit_is_one_line(dpp_jira: Shell, clean_database: Engine) -> None:
    with clean_database.begin() as connection:
        fetched(connection, SITE)
    status, shown, said = dpp_jira("map", "sprint", "customfield_10021")
    assert (status, shown) == (1, "")
    assert said == (
        "customfield_10021 (Flagged) is checkboxes, and sprint takes a sprint field; "
        "of the site's fields fit customfield_10020 (Sprint)\n"
    )


def test_statuses_are_accepted_with_one_command(dpp_jira: Shell, clean_database: Engine) -> None:
    with clean_database.begin() as connection:
        statuses(connection, "PAY", ("To Do", "new"), ("In QA", "indeterminate"), ("Somewhere", "undefined"))
    assert dpp_jira("accept", "PAY", "--all") == (0, "PAY: In QA is qa, active work.\nPAY: To Do is backlog.\n", "")
    status, shown, _ = dpp_jira("statuses")
    assert (status, shown.splitlines()[1].split()[:4]) == (0, ["PAY", "Somewhere", "0", "?"])
    status, _, said = dpp_jira("accept", "PAY")
    assert (status, said) == (1, "Name one status, or say --all\n")
