"""The back-test against a plain one, its honesty about what was known when, and the signals of an unsteady pace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.forecasting import exact_distribution, percentile_weeks
from core.forecasting.calibration import back_test
from core.forecasting.stability import Signal, stability

STEADY = (5, 6, 4, 5, 7, 5, 4, 6)


def plain_back_test(weeks: list[int], percentile: int) -> tuple[int, int]:
    """How many forecasts came due and how many held, one week after the other."""
    due = held = 0
    for today in range(6, len(weeks)):
        known = weeks[max(0, today - 12) : today]
        if not any(known):
            continue
        scope = max(1, round(8 * sum(known) / len(known)))
        week = percentile_weeks(exact_distribution(known, scope)).get(percentile)
        if week is not None and today + week <= len(weeks):
            due += 1
            held += sum(weeks[today : today + week]) >= scope
    return due, held


@settings(max_examples=20, deadline=None)
@given(weeks=st.lists(st.integers(0, 6), max_size=60))
def test_it_counts_what_a_plain_walk_through_the_weeks_counts(weeks: list[int]) -> None:
    for found in back_test(weeks):
        assert (found.forecast_count, found.hit_count) == plain_back_test(weeks, found.percentile)


def test_a_constant_pace_keeps_every_date() -> None:
    for found in back_test((5,) * 60):
        assert (found.hit_rate_pct, found.expected_pct) == (100, 100)
        # The first forecast needs six weeks, the last one eight more to come due.
        assert found.forecast_count == 60 - 6 - 8 + 1
        assert found.note is None


def test_a_pace_that_halves_again_and_again_breaks_its_dates() -> None:
    weeks = [2 ** (9 - week // 8) for week in range(80)]
    late = back_test(weeks)[2]
    assert late.percentile == 85
    assert late.hit_rate_pct is not None
    assert late.hit_rate_pct < 20
    assert "too early" in str(late.note)


def test_a_pace_that_grows_keeps_more_dates_than_promised() -> None:
    half = back_test([round(1.05**week) + 3 for week in range(120)])[0]
    assert half.hit_rate_pct == 100
    assert "too late" in str(half.note)


def test_a_pace_drawn_by_chance_keeps_about_as_many_dates_as_promised() -> None:
    weeks = np.random.default_rng(11).poisson(6, 1_000).tolist()
    for found in back_test(weeks):
        assert found.hit_rate_pct == pytest.approx(found.percentile, abs=8)
        assert found.expected_pct is not None
        assert found.expected_pct >= found.percentile


def test_a_forecast_that_is_not_due_is_counted_neither_way() -> None:
    slow_end = (5,) * 20 + (0,) * 4
    counted = {found.percentile: found.forecast_count for found in back_test(slow_end)}
    assert counted == {percentile: plain_back_test(list(slow_end), percentile)[0] for percentile in (50, 70, 85, 95)}
    assert counted[50] >= counted[95]


@pytest.mark.parametrize("weeks", [(), (3,) * 6, (0,) * 40])
def test_without_a_forecast_that_came_due_there_is_no_rate_and_the_reason(weeks: tuple[int, ...]) -> None:
    for found in back_test(weeks):
        assert (found.forecast_count, found.hit_rate_pct, found.expected_pct) == (0, None, None)
        assert "come due" in str(found.note)


def test_a_few_forecasts_of_overlapping_weeks_are_no_verdict() -> None:
    assert {found.note for found in back_test((5,) * 30)} == {"Too few past forecasts have come due to judge by."}


def test_negative_throughput_and_no_scope_are_refused() -> None:
    for weeks, scope in (((-1,) * 9, 8), ((1,) * 9, 0)):
        with pytest.raises(ValueError, match="negative"):
            back_test(weeks, scope_weeks=scope)


def test_a_steady_pace_has_no_signal() -> None:
    found = stability(STEADY * 3)
    assert (found.is_stable, found.signals, found.note) == (True, (), None)


def test_the_limits_are_266_moving_ranges_from_the_mean() -> None:
    found = stability((4, 6) * 6)
    assert found.upper == pytest.approx(5 + 2.66 * 2)
    # Nobody completes fewer than no items.
    assert found.lower == 0


def test_a_week_outside_the_limits_is_a_signal() -> None:
    found = stability((*STEADY, *STEADY, *STEADY[:6], 40, 5))
    assert found.signals == (Signal("above_limits", 1, 1),)
    assert found.is_stable is False
    assert "40 items were completed 2 weeks ago" in str(found.note)


def test_eight_weeks_on_one_side_are_a_signal() -> None:
    found = stability((7, 8, 9, 8, 7, 9, 8, 7, 5, 4, 5, 4, 5, 4, 5, 4))
    assert Signal("run_below", 7, 0) in found.signals
    assert "not steady" in str(found.note)


def test_a_level_that_changed_before_the_weeks_drawn_from_is_no_signal() -> None:
    # Twelve weeks at the old pace and twelve at the new one: those drawn from are of one kind.
    found = stability((4, 6) * 6 + (7, 9) * 6)
    assert found.signals == ()


def test_a_single_odd_week_before_the_weeks_drawn_from_is_no_signal() -> None:
    assert stability((60, *STEADY, *STEADY)).is_stable


def test_seven_weeks_are_too_few_to_judge_by() -> None:
    found = stability((5,) * 7)
    assert (found.is_stable, found.mean) == (None, None)
    assert found.note == "1 more week of data until the pace can be called steady or not."
