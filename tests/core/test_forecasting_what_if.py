"""What-if: a holiday moves dates, scope and windows do what they say, several streams are later than the latest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.forecasting import exact_distribution, forecast_delivery
from core.forecasting.sampling import completion, week_of
from core.forecasting.what_if import MOST_WEEKS, all_done, how_many, weakened, when_done

STEADY = (3, 7, 0, 9, 12, 5, 8, 8, 6, 11, 4, 10)
histories = st.lists(st.integers(0, 12), min_size=6, max_size=30).filter(lambda weeks: any(weeks[-6:]))


def test_a_plan_that_changes_nothing_is_the_forecast() -> None:
    found, forecast = when_done(STEADY, 60), forecast_delivery(STEADY, 60, runs=100, seed=1)
    assert found.weeks == forecast.weeks
    assert np.array_equal(found.distribution, forecast.exact)


def test_a_week_in_which_nobody_works_moves_every_later_week_by_one() -> None:
    usual = when_done(STEADY, 60).distribution
    first = when_done(STEADY, 60, strengths={1: 0}).distribution
    assert first[0] == 0
    assert first[1 : len(usual) + 1] == pytest.approx(usual)
    third = when_done(STEADY, 60, strengths={3: 0}).distribution
    assert third[:2] == pytest.approx(usual[:2])
    assert third[2 : len(usual)] == pytest.approx(usual[1:-1])


def test_a_holiday_after_the_end_changes_nothing() -> None:
    assert when_done((5,) * 12, 10, strengths={9: 0}).weeks == {50: 2, 70: 2, 85: 2, 95: 2}


@settings(max_examples=40, deadline=None)
@given(samples=histories, strength=st.floats(0, 1))
def test_a_weak_week_has_its_share_of_the_mean_and_whole_counts(samples: list[int], strength: float) -> None:
    week = week_of(samples)
    weak = weakened(week, strength)
    assert weak.sum() == pytest.approx(1)
    assert weak @ np.arange(len(weak)) == pytest.approx(strength * (week @ np.arange(len(week))))


@settings(max_examples=40, deadline=None)
@given(samples=histories, scope=st.integers(1, 40), week=st.integers(1, 12), strength=st.sampled_from((0.0, 0.5)))
def test_when_and_how_many_are_the_same_question(samples: list[int], scope: int, week: int, strength: float) -> None:
    plan = {2: strength, 3: 0.0}
    done = when_done(samples, scope, strengths=plan).distribution
    counts = how_many(samples, week, strengths=plan).distribution
    assert counts.sum() == pytest.approx(1)
    by_then = done[week - 1] if week <= len(done) else 1.0
    assert counts[scope:].sum() == pytest.approx(by_then, abs=1e-8)


def test_how_many_names_the_most_that_is_as_likely_as_said() -> None:
    # One or three items a week: two weeks complete 2, 4 or 6 with 25, 50 and 25 %.
    found = how_many((1, 3) * 6, 2)
    assert found.distribution[[2, 4, 6]] == pytest.approx([0.25, 0.5, 0.25])
    assert found.at_least == {50: 4, 70: 4, 85: 2, 95: 2}
    assert how_many((1, 3) * 6, 0).at_least == {50: 0, 70: 0, 85: 0, 95: 0}


def test_the_window_decides_which_weeks_are_drawn() -> None:
    slow_then_fast = (1,) * 14 + (2,) * 6 + (4,) * 6
    assert [when_done(slow_then_fast, 24, window=window).weeks[50] for window in (6, 12, 26)] == [6, 8, 13]
    assert [when_done(slow_then_fast, 24, window=window).sampled_weeks for window in (6, 12, 26)] == [6, 12, 26]
    with pytest.raises(ValueError, match="6, 12, 26"):
        when_done(slow_then_fast, 24, window=7)


def test_several_streams_are_done_when_the_last_one_is() -> None:
    coin = exact_distribution((0, 1), 1)
    three = all_done([coin, coin, coin])
    assert three[:3] == pytest.approx([0.5**3, 0.75**3, 0.875**3])
    short, long = exact_distribution((5,) * 6, 5), exact_distribution((5,) * 6, 20)
    assert all_done([short, long]).tolist() == long.tolist() == [0, 0, 0, 1]
    assert all_done([]).size == 0


@settings(max_examples=30, deadline=None)
@given(samples=histories, scope=st.integers(1, 60), others=st.integers(1, 60))
def test_waiting_for_another_stream_is_never_sooner(samples: list[int], scope: int, others: int) -> None:
    alone = when_done(samples, scope).distribution
    together = all_done([alone, when_done(samples, others).distribution])
    assert np.all(together[: len(alone)] <= alone + 1e-12)


@pytest.mark.parametrize(
    ("weeks", "reason"), [((4,) * 5, "6 are needed"), ((), "6 are needed"), ((5,) * 20 + (0,) * 12, "no end")]
)
def test_too_little_history_gives_no_answer_and_the_reason(weeks: tuple[int, ...], reason: str) -> None:
    for found in (when_done(weeks, 10), how_many(weeks, 4)):
        assert found.distribution.size == 0
        assert reason in str(found.note)


def test_nothing_to_do_is_done_today_whatever_the_history() -> None:
    assert when_done((), 0).weeks == dict.fromkeys((50, 70, 85, 95), 0)


@pytest.mark.timeout(20)
def test_a_plan_beyond_the_horizon_ends() -> None:
    found = when_done((0,) * 11 + (1,), 100_000, strengths={5_000: 0})
    assert (dict(found.weeks), len(found.distribution)) == ({}, 1040)
    assert "20 years" in str(found.note)
    assert len(completion(week_of((1,)), 5, first_weeks=[np.ones(1)] * 2_000)) == 1040


@pytest.mark.timeout(20)
def test_a_week_in_which_thousands_were_closed_is_no_trouble() -> None:
    bulk = (*STEADY[:11], 2_000)
    found = how_many(bulk, MOST_WEEKS, strengths={1: 0.5, 2: 0})
    assert found.distribution.sum() == pytest.approx(1)
    mean = found.distribution @ np.arange(len(found.distribution))
    assert mean == pytest.approx((MOST_WEEKS - 1.5) * sum(bulk) / 12)


@pytest.mark.parametrize(
    "question",
    [
        lambda: when_done(STEADY, -1),
        lambda: when_done((-1,) * 6, 1),
        lambda: when_done(STEADY, 1, strengths={0: 0}),
        lambda: when_done(STEADY, 1, strengths={1: 1.5}),
        lambda: how_many(STEADY, -1),
        lambda: how_many(STEADY, MOST_WEEKS + 1),
    ],
)
def test_questions_without_sense_are_refused(question: object) -> None:
    assert callable(question)
    with pytest.raises(ValueError, match=r"negative|numbered from 1|between"):
        question()
