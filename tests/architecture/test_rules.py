"""The rules that a manager may ask for, and the dbt unit tests in which each of them stands: none can vanish unseen."""

from __future__ import annotations

import re

import pytest

from orchestration.dbt import PROJECT_FOLDER

RULES: dict[str, tuple[str, ...]] = {
    "reopened": (
        "a_status_that_is_not_done_reopens_and_the_next_done_completes",
        "a_reopened_ticket_spans_its_whole_life",
    ),
    "cancelled": ("cancelled_is_never_a_completion_whatever_its_resolution",),
    "backward move": ("going_back_is_a_new_stay",),
    "done without start": ("done_without_being_worked_on_has_no_cycle_time",),
    "weekend start": ("work_begun_on_a_weekend_counts_from_monday",),
    "over a weekend": ("friday_evening_to_monday_morning_is_half_a_business_day",),
    "holiday": ("a_holiday_is_cut_out",),
    "DST change": ("an_hour_that_the_clocks_skip_on_a_business_day_is_not_counted",),
    "time zone": ("the_weekend_begins_at_the_organisations_midnight",),
    "two resolutions": ("two_resolutions_in_a_row_are_one_completion",),
    "late event": (
        "the_newest_value_by_jiras_clock_counts_whatever_arrived_last",
        "the_vendors_clock_decides_what_is_newest_not_the_arrival",
    ),
    "duplicate": ("a_delivery_that_came_twice_is_one_change", "what_is_told_twice_counts_once_and_two_runs_are_two"),
    "tie": ("of_a_tie_the_later_kind_of_event_tells_where_the_ticket_is",),
    "zero cycle": ("a_cycle_within_a_weekend_is_zero_and_has_no_flow_efficiency",),
    "blocked": ("a_flag_blocks_until_it_is_taken_away", "blocked_time_is_clipped_to_the_cycle_and_to_business_days"),
    "unmapped status": ("a_status_without_a_mapping_has_no_stage",),
    "workflow migration": ("a_workflow_migration_after_the_completion_completes_nothing",),
    "renamed stream": ("the_tickets_present_stream_holds_for_all_of_its_events",),
    "moved ticket": ("a_moved_ticket_is_one_ticket_under_its_present_key",),
    "squash merge": ("a_squash_in_the_history_stands_in_for_a_missing_webhook",),
    "hotfix": ("a_hotfix_is_told_by_branch_label_or_incident_ticket",),
    "first review": ("reviews_are_by_others_than_author_and_bots_before_the_end",),
    "draft": ("the_wait_of_a_draft_begins_when_it_is_ready",),
    "rollback": (
        "a_rollback_marks_what_it_names_and_is_itself_live",
        "an_older_commit_is_a_rollback_whatever_its_version_says",
    ),
    "incident outside the window": ("an_incident_is_blamed_on_the_last_deployment_in_the_window",),
    "two deployments in the window": ("an_incident_is_blamed_on_the_last_deployment_in_the_window",),
    "alarm and incident": ("an_alarm_and_the_incident_raised_for_it_are_one_outage",),
    "first deployment of a repository": ("a_first_deployment_does_not_swallow_old_pull_requests",),
    "no deployments": (
        "without_deployments_there_is_no_record",
        "before_the_first_deployment_frequency_is_unknown_later_zero",
    ),
    "monorepo": ("services_of_one_repository_do_not_roll_each_other_back",),
    "several repositories in one release": (
        "one_release_of_two_repositories_is_a_deployment_of_each",
        "a_release_of_two_repositories_carries_the_merges_of_each_once",
    ),
    "small team": ("a_small_team_shows_nobody",),
}


@pytest.fixture(scope="module")
def unit_tests() -> set[str]:
    """The names of all unit tests; each names its model right below its description."""
    texts = (path.read_text(encoding="utf-8") for path in PROJECT_FOLDER.rglob("models/**/*tests.yml"))
    return {name for text in texts for name in re.findall(r"^ {2}- name: (\w+)$", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_stands_in_a_unit_test(rule: str, unit_tests: set[str]) -> None:
    assert set(RULES[rule]) <= unit_tests
