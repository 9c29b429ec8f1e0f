"""What a person reads: numbers in fitting units, findings as sentences, nothing from data as HTML."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from app.dashboard import charts, markup, wording
from app.dashboard.rows import to_csv
from app.dashboard.views.what_if import weeks_between
from app.queries.values import (
    SUCCESS,
    Bottleneck,
    CatalogueEntry,
    CycleTimes,
    FinishedItem,
    Forecast,
    ForecastWeek,
    HitRate,
    MetricValue,
    Series,
    State,
    TrackRecord,
    WipStage,
    WorkInProgress,
)
from app.queries.what_if import Chances, DoneBy, StreamAnswer, WhatIf

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
METRIC = MetricValue(
    metric_name="lead_time_p50",
    percentile=50,
    window_days=30,
    value=30.0,
    unit="hours",
    performance_tier="High",
    tier_colour="yellow",
    tier_edition="DORA 2024",
    window_start=NOW - timedelta(days=30),
    window_end=NOW,
    error_state="success",
    error_message=None,
    sample_size=40,
    excluded_count=2,
    previous_value=20.0,
    trend_direction="up",
    trend_percentage=50.0,
    is_low_confidence=False,
    confidence_reason=None,
)
ENTRY = CatalogueEntry(
    "lead_time_p50", "Lead time", "median", "hours", "trend", "DORA", "daily", "How long?", "Wait less.", "down", None
)
FORECAST = Forecast(
    delivery_stream_id=UUID(int=1),
    stream_name="Payments",
    forecast_date=date(2026, 3, 2),
    scope_item_count=24,
    throughput_weeks=12,
    simulation_runs=10_000,
    method="monte_carlo",
    note=None,
    p50=date(2026, 3, 9),
    p70=date(2026, 3, 16),
    p85=date(2026, 3, 16),
    p95=date(2026, 3, 23),
    histogram=(
        ForecastWeek(date(2026, 3, 9), 0.6, 0.6),
        ForecastWeek(date(2026, 3, 16), 0.4, 1.0),
        ForecastWeek(date(2026, 3, 23), 0.0001, 1.0),
    ),
    computed_at=NOW,
)


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (8.649, "days", "8.6 days"),
        (1, "days", "1.0 day"),
        (123.4, "days", "123 days"),
        (0, "percent", "0.0 %"),
        (4.2, "per_week", "4.2 per week"),
        (47.4, "minutes", "47 minutes"),
        (0.5, "minutes", "0.5 minutes"),
        (90, "minutes", "1.5 hours"),
        (4000, "minutes", "2.8 days"),
        (30.12, "hours", "30.1 hours"),
        (0.5, "hours", "30 minutes"),
        (112, "hours", "4.7 days"),
        (1234, "count", "1,234 items"),
        (None, "hours", "—"),
    ],
)
def test_a_value_is_shown_in_the_unit_that_suits_its_size(value: float | None, unit: str, shown: str) -> None:
    assert str(wording.figure(value, unit)) == shown


@pytest.mark.parametrize(
    ("direction", "good", "verdict"),
    [("up", "down", "worse"), ("down", "down", "better"), ("up", "up", "better"), ("down", "up", "worse")],
)
def test_a_trend_is_better_or_worse_by_the_catalogues_direction(direction: str, good: str, verdict: str) -> None:
    found = wording.trend(replace(METRIC, trend_direction=direction), replace(ENTRY, direction=good))
    assert found is not None
    assert (found.amount, found.verdict) == ("50 %", verdict)


def test_a_change_that_rounds_to_nothing_is_steady_and_one_from_zero_has_no_share() -> None:
    small = wording.trend(replace(METRIC, trend_percentage=0.4), ENTRY)
    first = wording.trend(replace(METRIC, trend_percentage=None), ENTRY)
    assert small is not None
    assert first is not None
    assert (small.amount, small.verdict) == ("steady", "")
    assert first.amount == "from 0"
    assert wording.trend(replace(METRIC, trend_direction=None), ENTRY) is None


def test_a_number_names_what_it_is_made_of_and_what_was_left_out() -> None:
    assert wording.basis(METRIC) == "From 40 changes, 2 left out"
    assert wording.basis(replace(METRIC, metric_name="ttr_median", sample_size=1, excluded_count=0)) == "From 1 outage"


def test_the_bottleneck_in_a_sentence() -> None:
    told = wording.bottleneck(Bottleneck("qa", 8, 10, 8 / 9, 12.5))
    assert told == "8 items wait for QA, 89 % of all that wait; the oldest has been there for 12.5 business days."


def test_work_in_progress_in_a_sentence() -> None:
    stages = (WipStage("dev", 4, 1, 1, 2, 6), WipStage("qa", 2, 8, 0, 3, 12.5), WipStage("uat", 0, 0, 0, None, None))
    wip = WorkInProgress(SUCCESS, NOW, stages, 20, 15, None)
    assert wording.work_in_progress(wip) == "15 items in progress, 9 of them waiting and 1 blocked; 20 in the backlog."
    assert wording.oldest_item(wip) == "The longest stay is in QA: 12.5 business days."


def test_a_series_is_told_against_three_windows_before() -> None:
    days = tuple(date(2026, 3, 1) + timedelta(days=index) for index in range(30))
    values: list[float | None] = [0.1] * 8 + [2.0] + [2.5] * 20 + [3.0]
    series = Series("deployment_frequency", None, "per_week", days, tuple(values), (1,) * 30)
    # 30 March against 9 March; the first days, whose windows are not full yet, are nobody's measure.
    assert wording.series(series, 7) == "3.0 per week, up from 2.0 per week 21 days before."
    values[8] = 3.04
    assert wording.series(replace(series, values=tuple(values)), 7) == "3.0 per week, as 21 days before."
    values[8] = None
    assert wording.series(replace(series, values=tuple(values)), 7) == "3.0 per week."
    assert wording.series(replace(series, values=(None,) * 30), 7) == ""


def test_a_chart_counts_durations_in_the_unit_of_its_sentence() -> None:
    days = (date(2026, 3, 1), date(2026, 3, 2))
    series = Series("lead_time_p50", 50, "hours", days, (24.0, 72.0), (4, 4))
    spec = charts.trend_lines([series], ["Median"])
    assert [row["value"] for row in spec["data"]["values"]] == [1.0, 3.0]
    assert spec["layer"][0]["encoding"]["y"]["axis"]["title"] == "days"
    assert wording.series(series, 7) == "3.0 days."


def test_a_forecast_in_a_sentence_claims_no_more_than_its_method_knows() -> None:
    assert wording.forecast(FORECAST) == "85 % chance by 16 Mar 2026, an even chance by 9 Mar 2026 (24 items left)."
    linear = replace(FORECAST, method="linear", p70=None, p85=None, p95=None, histogram=())
    assert wording.forecast(linear) == "Around 9 Mar 2026 at the present pace (24 items left)."
    assert wording.forecast(replace(FORECAST, method="none", note="Nothing was completed.")) == "Nothing was completed."


def test_a_forecast_tells_where_the_simulation_named_another_week() -> None:
    assert wording.forecast_basis(FORECAST) == "Exact, each week drawn from the last 12 weeks."
    same = ((50, date(2026, 3, 9)), (70, date(2026, 3, 16)), (85, date(2026, 3, 16)), (95, date(2026, 3, 23)))
    assert wording.forecast_basis(replace(FORECAST, simulated=same)).endswith(
        "10,000 simulations named the same dates."
    )
    late = (*same[:3], (95, date(2026, 3, 30)))
    assert "named 30 Mar 2026 for 95 %" in wording.forecast_basis(replace(FORECAST, simulated=late))


def test_a_forecast_tells_how_its_predecessors_did_and_whether_the_pace_is_steady() -> None:
    record = TrackRecord(8, (HitRate(85, 539, 394, 73.098, 90.7),), False, "The pace is not steady.")
    assert wording.track_record(replace(FORECAST, track_record=record)) == (
        "73 % of 539 past 85 % dates held, each for 8 weeks of work. The pace is not steady."
    )
    young = TrackRecord(8, (HitRate(85, 0, 0, None, None),), None, "No past forecast has come due yet.")
    assert wording.track_record(replace(FORECAST, track_record=young)) == "No past forecast has come due yet."
    assert wording.track_record(FORECAST) == ""


def test_an_answer_to_a_what_if_in_a_sentence() -> None:
    done = Chances(date(2026, 3, 9), None, date(2026, 3, 16), None, ())
    answer = StreamAnswer(UUID(int=1), "Payments", 20, 12, done, DoneBy(date(2026, 3, 9), 1, 9, 8, 6, 4), None)
    assert wording.what_if(answer) == (
        "20 items: 85 % chance by 16 Mar 2026. By 9 Mar 2026 at least 6 with 85 %, 9 with 50 %."
    )
    assert wording.what_if(replace(answer, done=None, note="6 are needed.")) == "20 items: 6 are needed."
    several = WhatIf(SUCCESS, date(2026, 3, 2), (answer, answer), done, "As if alone.")
    assert wording.together(several) == "85 % chance by 16 Mar 2026. As if alone."
    assert wording.together(replace(several, together=None, note="Cannot be said.")) == "Cannot be said."


def test_time_off_covers_every_week_that_holds_a_day_of_it() -> None:
    monday = date(2026, 12, 21)
    assert weeks_between((monday, date(2027, 1, 3))) == (monday, date(2026, 12, 28), date(2027, 1, 3))
    assert weeks_between((monday, monday)) == (monday,)
    assert weeks_between((monday,)) == weeks_between(()) == ()


def test_freshness_is_told_in_the_organisations_time_and_a_missed_day_stands_out() -> None:
    built = NOW - timedelta(hours=3)
    page = markup.masthead("Payments", 30, built, NOW, "Europe/Athens")
    assert "2 Mar 2026, 09:00 EET (3 hours ago)" in page
    assert 'class="stale"' not in page
    assert 'class="stale"' in markup.masthead("Payments", 30, NOW - timedelta(days=2), NOW, "UTC")


def test_nothing_from_data_becomes_markup() -> None:
    evil = '<img src=x onerror=alert(1)>"'
    metric = replace(METRIC, performance_tier=evil, confidence_reason=evil, is_low_confidence=True, tier_edition=evil)
    entry = replace(ENTRY, display_name=evil, question=evil, formula=evil, behavioural_intent=evil)
    nothing = replace(metric, value=None, error_message=evil, metric_name=evil)
    pages = [
        markup.metric_card(metric, entry, evil),
        markup.metric_card(nothing, None),
        markup.masthead(evil, 30, None, NOW, "UTC", evil),
        markup.answer(evil, evil),
        markup.finding(evil, evil),
        markup.zone(evil, evil),
        markup.empty(State("no_data", evil, evil)),
        markup.account(evil, "/auth/sign-out"),
        markup.forecast_table([replace(FORECAST, stream_name=evil, note=evil)]),
    ]
    for page in pages:
        assert "<img" not in page
        assert 'onerror=alert(1)>"' not in page


def test_a_tier_with_an_unknown_colour_is_not_styled() -> None:
    assert "High" not in markup.metric_card(replace(METRIC, tier_colour="url(x)"), ENTRY)


def test_a_card_says_value_tier_trend_doubt_basis_and_definition() -> None:
    doubtful = replace(METRIC, is_low_confidence=True, confidence_reason="PR linkage is 83 %")
    card = markup.metric_card(doubtful, ENTRY, "Core API")
    for part in (
        'data-metric="lead_time_p50" data-value="30.0"',
        'class="tier yellow" title="Tier of DORA 2024">High<',
        "50 % worse",
        "Reduced confidence:</strong> PR linkage is 83 %",
        "From 40 changes, 2 left out",
        "Last 30 days · Core API",
        "Computed as: median",
    ):
        assert part in card


def test_a_metric_without_a_value_says_why_and_shows_no_trend() -> None:
    card = markup.metric_card(replace(METRIC, value=None, error_message="No outage ended."), ENTRY)
    assert 'data-value=""' in card
    assert "No outage ended." in card
    assert "vs previous" not in card


def test_text_that_a_spreadsheet_would_run_is_defused() -> None:
    csv = to_csv({"ticket": ["=1+1", "PAY-1", "@x"], "days": [-1.5, None, 2]})
    assert csv == "ticket,days\n'=1+1,-1.5\nPAY-1,\n'@x,2\n"


def test_the_scatter_marks_what_lies_above_the_p85_in_the_organisations_time() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    items = (FinishedItem("A-1", "Story", late, 9.0, None), FinishedItem("A-2", None, late, 8.0, None))
    times = CycleTimes(SUCCESS, 30, NOW, NOW, 8.0, 8.5, 9.0, 0, items, False)
    spec = charts.cycle_time_scatter(times, "Europe/Athens")
    rows = spec["layer"][0]["data"]["values"]
    assert [(row["ticket"], row["kind"]) for row in rows] == [("A-1", charts.ABOVE), ("A-2", charts.WITHIN)]
    assert rows[0]["completed"] == "2026-03-02T01:30:00"


def test_days_are_written_so_that_no_browser_moves_them() -> None:
    series = Series("deployment_frequency", None, "per_week", (date(2026, 3, 1),), (2.0,), (4,))
    (row,) = charts.trend_lines([series], ["Deployments"])["data"]["values"]
    assert row["day"] == "2026-03-01T00:00:00"


def test_the_histogram_drops_improbable_weeks_and_joins_dates_that_coincide() -> None:
    bars, rules, *_ = charts.forecast_histogram(FORECAST)["layer"]
    assert [bar["share"] for bar in bars["data"]["values"]] == [0.6, 0.4]
    assert [mark["name"] for mark in rules["data"]["values"]] == ["50 %", "70/85 %", "95 %"]
