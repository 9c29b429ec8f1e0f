"""The questions: what counts, what does not, and what is said where there is nothing to count."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text

from app.queries import realtime
from app.queries.current import InvalidWindow, current_metrics, metric_catalogue, metrics_between
from app.queries.forecast import latest_forecasts
from app.queries.readiness import data_as_of, missing_marts, why_no_deployments, why_no_work_items
from app.queries.realtime import cycle_times, find_bottleneck, work_in_progress
from app.queries.streams import UnknownStream, select_stream
from app.queries.trends import trends
from app.queries.values import ALL_STREAMS, Selection, WipStage
from tests.app import hand_made_marts as marts
from tests.app.conftest import Company


def stage(name: str, active: int, waiting: int, oldest: float = 1) -> WipStage:
    return WipStage(name, active, waiting, 0, oldest, oldest)


def test_the_bottleneck_is_where_most_items_wait_not_where_most_are_worked_on() -> None:
    found = find_bottleneck([stage("dev", 20, 2), stage("qa", 3, 6, oldest=9), stage("uat", 0, 1)])
    assert found is not None
    assert (found.stage, found.waiting_count, found.item_count, found.oldest_age_days) == ("qa", 6, 9, 9)
    assert round(found.share_of_waiting, 3) == 0.667


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ([], "nothing is in progress"),
        ([stage("dev", 9, 0), stage("qa", 2, 0)], "nothing waits"),
        ([stage("dev", 0, 3)], "three waiting items are chance"),
        ([stage("ba", 0, 5), stage("dev", 0, 5), stage("qa", 0, 5)], "no stage holds 40 % of what waits"),
        ([stage("dev", 9, 6), stage("qa", 0, 1)], "more is worked on there than waits"),
    ],
)
def test_no_bottleneck_is_called_out_where_work_flows(stages: list[WipStage], reason: str) -> None:
    assert find_bottleneck(stages) is None, reason


def test_work_in_progress_leaves_the_backlog_out_and_keeps_the_order_of_the_pipeline(company: Company) -> None:
    with company.engine.connect() as connection:
        wip = work_in_progress(connection, select_stream(connection, "payments"))
    assert [one.stage for one in wip.stages] == ["ba", "dev", "code_review", "qa", "uat"]
    assert (wip.total, wip.backlog_count, wip.as_of) == (15, 20, marts.AS_OF)


def test_cycle_times_are_the_windows_items_and_the_marts_percentiles(company: Company) -> None:
    with company.engine.connect() as connection:
        times = cycle_times(connection, select_stream(connection, "payments"))
    # Eleven were completed in the window; one has no cycle time and is counted as left out. A twelfth is too old.
    assert [item.ticket_id for item in times.items] == [f"PAY-{number}" for number in range(1, 11)]
    assert (times.p85, times.excluded_count, times.is_truncated) == (8.65, 1, False)
    assert [item.ticket_id for item in times.above_p85] == ["PAY-10", "PAY-9"]


def test_a_technology_stream_has_the_items_that_touch_it(company: Company) -> None:
    with company.engine.begin() as connection:
        connection.execute(text("update cycles.work_item_cycles set tech_stream_ids = '{}' where ticket_id <> 'PAY-3'"))
        times = cycle_times(connection, select_stream(connection, "core-api"))
    assert [item.ticket_id for item in times.items] == ["PAY-3"]


def test_more_items_than_a_screen_can_show_are_cut_and_said_so(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime, "MOST_ITEMS", 4)
    with company.engine.connect() as connection:
        times = cycle_times(connection, ALL_STREAMS)
    assert [item.ticket_id for item in times.items] == ["PAY-1", "PAY-2", "PAY-3", "PAY-4"]
    assert times.is_truncated


def test_a_value_is_only_given_where_the_state_is_success(company: Company) -> None:
    with company.engine.begin() as connection:
        connection.execute(
            text("update metrics.current_metrics set error_state = 'calculation_error', error_message = 'oops'")
        )
        (metric,) = current_metrics(connection, ALL_STREAMS, 30, names=("deployment_frequency",))
    assert (metric.value, metric.performance_tier, metric.error_message) == (None, None, "oops")


def test_a_series_keeps_the_days_without_data(company: Company) -> None:
    with company.engine.connect() as connection:
        found = trends(connection, select_stream(connection, "core-api"), 30, days=40)
    frequency = found.series[0]
    assert frequency.metric_name == "deployment_frequency"
    assert (len(frequency.dates), frequency.values[10], frequency.values[11]) == (40, None, 1.4)


def test_without_a_mart_nothing_raises_and_everything_says_why(database_before_build: Engine) -> None:
    with database_before_build.connect() as connection:
        assert "metrics.current_metrics" in missing_marts(connection)
        assert data_as_of(connection) is None
        assert current_metrics(connection, ALL_STREAMS, 30) == ()
        assert metric_catalogue(connection) == {}
        for answer in (
            work_in_progress(connection, ALL_STREAMS),
            cycle_times(connection, ALL_STREAMS),
            trends(connection, ALL_STREAMS, 30),
        ):
            assert answer.state.message == "The metrics have not been built yet."


def test_no_work_items_at_all_points_to_the_webhook(empty_marts: Engine) -> None:
    with empty_marts.connect() as connection:
        state = why_no_work_items(connection, ALL_STREAMS)
        assert work_in_progress(connection, ALL_STREAMS).state == state
    assert state.message == "No Jira work item has arrived."
    assert "/webhooks/jira" in (state.remedy or "")


def test_unmapped_statuses_are_named_as_the_cause(empty_marts: Engine) -> None:
    with empty_marts.begin() as connection:
        marts.insert_rows(connection, "cycles.work_items", [{"ticket_id": "A-1", "current_stage": None}])
        state = why_no_work_items(connection, ALL_STREAMS)
    assert state.error_state == "missing_mapping"
    assert "no Jira status is mapped" in (state.message or "")


def test_a_stream_without_items_points_to_the_field_mapping(company: Company) -> None:
    with company.engine.connect() as connection:
        state = work_in_progress(connection, select_stream(connection, "lending")).state
    assert state.error_state == "missing_mapping"
    assert "none belongs to Lending" in (state.message or "")
    assert "field_mappings" in (state.remedy or "")


def test_deployments_that_are_missing_are_told_from_those_of_others(company: Company) -> None:
    with company.engine.begin() as connection:
        core_api = select_stream(connection, "core-api")
        assert "No production deployment" in (why_no_deployments(connection, ALL_STREAMS).message or "")
        row = {"deployment_id": "1", "tech_stream_id": uuid4(), "environment": "production", "status": "success"}
        marts.insert_rows(connection, "cycles.deployment_records", [row])
        assert "none belongs to Core API" in (why_no_deployments(connection, core_api).message or "")
        marts.insert_rows(connection, "cycles.deployment_records", [row | {"tech_stream_id": core_api.stream_id}])
        assert "none in this period" in (why_no_deployments(connection, core_api).message or "")


def test_forecasts_are_for_delivery_streams(company: Company) -> None:
    with company.engine.begin() as connection:
        assert "No forecast" in (latest_forecasts(connection, ALL_STREAMS).state.message or "")
        marts.add_forecast(connection, company.payments, marts.TODAY, marts.TODAY + timedelta(days=14))
        marts.add_forecast(connection, company.lending, marts.TODAY, None, method="linear", note="Low confidence: few.")
        both = latest_forecasts(connection, ALL_STREAMS).forecasts
        state = latest_forecasts(connection, select_stream(connection, "core-api")).state
    assert [(one.stream_name, one.is_low_confidence) for one in both] == [("Lending", True), ("Payments", False)]
    assert both[0].histogram == ()
    assert [week.done_by_then for week in both[1].histogram] == [0.5, 1.0]
    assert "technology stream" in (state.message or "")


def test_an_unknown_stream_is_an_error_of_the_asker(company: Company) -> None:
    with company.engine.connect() as connection, pytest.raises(UnknownStream):
        select_stream(connection, "nonsense")


def test_a_stream_that_the_marts_do_not_know_yet_has_no_metrics(company: Company) -> None:
    unknown = Selection("delivery", uuid4(), "new", "New")
    with company.engine.connect() as connection:
        assert current_metrics(connection, unknown, 30) == ()
        assert cycle_times(connection, unknown).items == ()


def test_a_sprint_is_a_window_of_its_own_even_where_it_is_as_long_as_another(company: Company) -> None:
    row = marts.current("delivery", company.payments, "throughput", 3, "count", window_days=30) | {
        "window_name": "sprint"
    }
    with company.engine.begin() as connection:
        marts.insert_rows(connection, "metrics.current_metrics", [row])
        payments = select_stream(connection, "payments")
        [in_sprint] = current_metrics(connection, payments, "sprint")
        [in_month] = current_metrics(connection, payments, 30, names=("throughput",))
        assert current_metrics(connection, ALL_STREAMS, "sprint") == ()
    assert (in_sprint.value, in_sprint.window_name, in_month.value) == (3, "sprint", 11)


@pytest.mark.parametrize(
    ("first_day", "last_day", "what"),
    [
        (date(2026, 3, 2), date(2026, 3, 1), "2026-03-02 to 2026-03-01"),
        (date(2025, 3, 2), date(2026, 3, 2), "365 days at most; 2025-03-02 to 2026-03-02 has 366"),
    ],
)
def test_a_window_that_cannot_be_is_refused_and_said_why(
    company: Company, first_day: date, last_day: date, what: str
) -> None:
    with company.engine.connect() as connection, pytest.raises(InvalidWindow, match=what):
        metrics_between(connection, ALL_STREAMS, first_day, last_day)
