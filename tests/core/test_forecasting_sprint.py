"""A sprint's confidence: its three certain cases, the simulation against the exact probability, what moves it."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.forecasting.sprint import chance, sprint_confidence

DAYS = (0, 2, 1, 0, 3, 1, 1, 0, 2, 0)
histories = st.lists(st.integers(0, 9), min_size=1, max_size=60)


def test_nothing_left_to_do_is_certain_even_without_a_history() -> None:
    for daily, days in ((DAYS, 3), ((), 3), (DAYS, 0)):
        found = sprint_confidence(daily, 0, days, seed=1)
        assert (found.confidence_pct, found.exact_pct, found.error_state) == (100, 100, "success")


def test_no_day_left_with_something_to_do_is_hopeless_even_without_a_history() -> None:
    for daily in (DAYS, ()):
        found = sprint_confidence(daily, 1, 0, seed=1)
        assert (found.confidence_pct, found.exact_pct, found.error_state) == (0, 0, "success")


def test_without_a_history_there_is_no_answer_and_the_reason() -> None:
    found = sprint_confidence((), 4, 5, seed=1)
    assert (found.confidence_pct, found.exact_pct, found.error_state) == (None, None, "no_data")
    assert "No finished sprint" in str(found.note)


def test_a_history_of_idle_days_is_a_history() -> None:
    found = sprint_confidence((0,) * 50, 1, 5, seed=1)
    assert (found.confidence_pct, found.exact_pct, found.error_state) == (0, 0, "success")


def test_days_that_are_coin_tosses_give_the_binomial_probability() -> None:
    at_least_three_of_five = sum(comb(5, heads) for heads in (3, 4, 5)) / 2**5
    assert chance((0, 1), 3, 5) == pytest.approx(at_least_three_of_five)


@settings(max_examples=40, deadline=None)
@given(daily=histories, remaining=st.integers(1, 40), days=st.integers(1, 15), seed=st.integers(0, 2**32))
def test_a_thousand_simulations_keep_to_the_exact_probability(
    daily: list[int], remaining: int, days: int, seed: int
) -> None:
    found = sprint_confidence(daily, remaining, days, seed=seed)
    assert found.simulation_runs == 1_000
    assert found.confidence_pct is not None
    assert found.exact_pct is not None
    exact = found.exact_pct / 100
    allowed = max(6 * np.sqrt(exact * (1 - exact) / 1_000), 0.01)
    assert abs(found.confidence_pct / 100 - exact) <= allowed


@settings(max_examples=40, deadline=None)
@given(daily=histories, remaining=st.integers(1, 40), days=st.integers(1, 15))
def test_cutting_scope_never_lowers_it_and_losing_a_day_never_raises_it(
    daily: list[int], remaining: int, days: int
) -> None:
    usual = chance(daily, remaining, days)
    assert chance(daily, remaining + 1, days) <= usual + 1e-12
    assert chance(daily, remaining, days + 1) >= usual - 1e-12


def test_the_same_sprint_gives_the_same_answer_again() -> None:
    assert sprint_confidence(DAYS, 8, 6, seed=(1, 2)) == sprint_confidence(DAYS, 8, 6, seed=(1, 2))


@pytest.mark.parametrize(("daily", "remaining", "days"), [((-1,), 1, 1), ((1,), -1, 1), ((1,), 1, -1)])
def test_negative_counts_are_refused(daily: tuple[int, ...], remaining: int, days: int) -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        sprint_confidence(daily, remaining, days, seed=1)
