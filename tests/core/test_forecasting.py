"""The forecast's rules: simulation against the exact distribution, percentiles, poor histories, dates."""

from __future__ import annotations

from datetime import date
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.forecasting import (
    HORIZON_WEEKS,
    Forecast,
    exact_distribution,
    forecast_delivery,
    percentile_weeks,
    simulate,
    week_end,
)

STEADY = (3, 7, 0, 9, 12, 5, 8, 8, 6, 11, 4, 10)
histories = st.lists(st.integers(0, 30), min_size=6, max_size=12).filter(any)


def forecast(throughput: tuple[int, ...], scope: int, *, runs: int = 1_000) -> Forecast:
    return forecast_delivery(throughput, scope, runs=runs, seed=7)


@pytest.mark.parametrize("scope", [1, 12, 100, 500])
@pytest.mark.parametrize("samples", [STEADY, (0, 0, 0, 0, 0, 4), (5,) * 12, (0, 40, 0, 0, 1, 0, 2, 0)])
def test_the_simulation_agrees_with_the_exact_distribution_at_every_week(samples: tuple[int, ...], scope: int) -> None:
    runs = 10_000
    simulated, exact = simulate(samples, scope, runs=runs, seed=1), exact_distribution(samples, scope)
    length = min(len(simulated), len(exact))
    allowed = 4 * np.sqrt(exact[:length] * (1 - exact[:length]) / runs)
    # Where a probability is all but 0 or 1 a single run of ten thousand is more than four standard deviations.
    assert np.all(np.abs(simulated[:length] - exact[:length]) <= np.maximum(allowed, 1.5 / runs))
    assert exact[length - 1] > 0.99


@settings(max_examples=40, deadline=None)
@given(samples=histories, scope=st.integers(1, 120))
def test_the_exact_distribution_is_that_of_one_convolution_a_week(samples: list[int], scope: int) -> None:
    one_week, unfinished = np.bincount(samples) / len(samples), np.ones(1)
    for done in exact_distribution(samples, scope):
        unfinished = np.convolve(unfinished, one_week)[:scope]
        assert done == pytest.approx(1 - unfinished.sum(), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(samples=histories, scope=st.integers(1, 80), seed=st.integers(0, 2**32))
def test_a_simulation_of_any_history_keeps_to_the_exact_distribution(samples: list[int], scope: int, seed: int) -> None:
    runs = 2_000
    simulated, exact = simulate(samples, scope, runs=runs, seed=seed), exact_distribution(samples, scope)
    length = min(len(simulated), len(exact))
    # Six deviations: the seed is any, so a fair generator may not fail once in a thousand years.
    allowed = 6 * np.sqrt(exact[:length] * (1 - exact[:length]) / runs)
    assert np.all(np.abs(simulated[:length] - exact[:length]) <= np.maximum(allowed, 10 / runs))


def test_a_history_too_long_to_draw_in_blocks_is_drawn_week_by_week() -> None:
    samples = STEADY * 4
    simulated, exact = simulate(samples, 60, runs=10_000, seed=3), exact_distribution(STEADY, 60)
    length = min(len(simulated), len(exact))
    assert np.max(np.abs(simulated[:length] - exact[:length])) < 0.02


def test_the_exact_distribution_is_the_binomial_one_where_weeks_are_coin_tosses() -> None:
    exact = exact_distribution((0, 1), 3)
    for week in range(1, 20):
        not_done = sum(comb(week, heads) for heads in range(3)) / 2**week
        assert exact[week - 1] == pytest.approx(1 - not_done, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(samples=histories, scope=st.integers(1, 80))
def test_a_distribution_only_grows_and_more_scope_is_never_sooner(samples: list[int], scope: int) -> None:
    smaller, larger = exact_distribution(samples, scope), exact_distribution(samples, scope + 5)
    assert np.all(np.diff(smaller) >= -1e-12)
    length = min(len(smaller), len(larger))
    assert np.all(larger[:length] <= smaller[:length] + 1e-9)


def test_the_same_inputs_give_the_same_answer_and_another_seed_another_draw() -> None:
    first, again = simulate(STEADY, 100, runs=2_000, seed=5), simulate(STEADY, 100, runs=2_000, seed=5)
    other = simulate(STEADY, 100, runs=2_000, seed=6)
    assert np.array_equal(first, again)
    assert not np.array_equal(first[: len(other)], other[: len(first)])


def test_a_percentile_is_the_first_week_whose_probability_reaches_it() -> None:
    distribution = np.array([0.10, 0.50, 0.69, 0.85, 0.94, 0.951])
    assert percentile_weeks(distribution) == {50: 2, 70: 4, 85: 4, 95: 6}
    assert percentile_weeks(np.array([0.5, 0.6])) == {50: 1}


def test_a_half_that_is_added_up_from_twelfths_counts_as_a_half() -> None:
    assert percentile_weeks(exact_distribution((0, 1) * 6, 1))[50] == 1


def test_a_constant_pace_has_one_possible_week() -> None:
    result = forecast((5,) * 12, 23)
    assert result.method == "monte_carlo"
    assert result.weeks == {50: 5, 70: 5, 85: 5, 95: 5} == result.simulated_weeks
    assert result.completion_date(85, date(2026, 3, 2)) == date(2026, 4, 6)


def test_only_the_trailing_twelve_weeks_are_sampled() -> None:
    assert forecast((1_000,) * 30 + STEADY, 50).samples == STEADY


@pytest.mark.parametrize("weeks", [1, 6, 12])
def test_a_history_of_zero_weeks_gives_no_forecast_and_the_reason(weeks: int) -> None:
    result = forecast((0,) * weeks, 10)
    assert (result.method, dict(result.weeks)) == ("none", {})
    assert result.note is not None
    assert "Nothing was completed" in result.note
    assert result.completion_date(50, date(2026, 3, 2)) is None


def test_no_history_at_all_gives_no_forecast_and_the_reason() -> None:
    result = forecast((), 10)
    assert result.method == "none"
    assert result.note is not None
    assert "No full week" in result.note


def test_fewer_than_six_weeks_give_a_straight_line_without_an_interval() -> None:
    result = forecast((4, 0, 8, 3, 5), 21)
    assert (result.method, dict(result.weeks)) == ("linear", {50: 6})
    assert result.simulated.size == 0
    assert result.note is not None
    assert "Low confidence" in result.note
    assert "1 more week of data" in result.note


def test_a_straight_line_that_ends_on_a_week_is_not_rounded_up() -> None:
    assert forecast((10, 10, 10), 30).weeks == {50: 3}


@pytest.mark.parametrize(("weeks", "percentiles"), [(12, {50, 70, 85, 95}), (3, {50})])
def test_nothing_left_to_do_is_done_today(weeks: int, percentiles: set[int]) -> None:
    result = forecast((2,) * weeks, 0)
    assert result.weeks == dict.fromkeys(percentiles, 0)
    assert result.completion_date(50, date(2026, 3, 2)) == date(2026, 3, 2)


@pytest.mark.timeout(20)
def test_a_scope_beyond_the_horizon_ends_and_names_no_date() -> None:
    result = forecast((0,) * 11 + (1,), 100_000, runs=200)
    assert dict(result.weeks) == {}
    assert len(result.simulated) == len(result.exact) == HORIZON_WEEKS
    assert result.note is not None
    assert "20 years" in result.note
    assert forecast((1, 0, 0), 100_000).method == "none"


@pytest.mark.parametrize(("throughput", "scope"), [((-1,) * 6, 3), ((1,) * 6, -3)])
def test_negative_counts_are_refused(throughput: tuple[int, ...], scope: int) -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        forecast(throughput, scope)


def test_week_k_ends_seven_k_days_after_the_forecast_date() -> None:
    assert week_end(0, date(2026, 2, 27)) == date(2026, 2, 27)
    assert week_end(1, date(2026, 2, 27)) == date(2026, 3, 6)
