"""How the people of the demo company work: arrival rates, capacities, habits. The knobs of the simulation.

In: nothing. Out: constants. Durations are working hours. The comments say what a viewer should
see on the dashboard because of a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestion.demo.company import AUTH, CORE_API, DATA_LAYER, FRONTEND, INFRA, INSIGHTS, ONBOARDING, PAYMENTS, PLATFORM


@dataclass(frozen=True, slots=True)
class Team:
    """One delivery stream at work. `people` is the capacity of each stage: how many items at a time."""

    stream: str
    arrivals_per_day: float
    planned_per_day: float
    people: Mapping[str, int]
    stages: tuple[str, ...]
    needs_auth: float  # share of stories and tasks
    tech_weights: Mapping[str, float]
    qa_effort: float = 1.0
    people_after_qa_shrinks: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReviewHabits:
    """How pull requests of a technology stream are reviewed; medians in working hours."""

    first_review: float
    rework: float
    again: float
    changes_requested: float  # probability that a review asks for changes
    without_review: float
    reviewers: int
    share_of_first_reviewer: float


@dataclass(frozen=True, slots=True)
class ReleaseHabits:
    """When a technology stream's repositories are deployed, and how often that goes wrong."""

    weekdays: tuple[int, ...]
    hour: float
    probability_at_start: float  # that a release day is used; moves in a line over the period
    probability_at_end: float
    staging_fails: float
    production_fails: float
    change_fails: float
    change_fails_at_end: float
    restore_median_minutes: float
    rolls_back: float  # share of bad changes that are rolled back; else a hotfix, or waiting it out


ALL_STAGES = ("ba", "dev", "code_review", "qa", "uat")

TEAMS = (
    # QA tests payments by hand and is one tester short since `qa_shrinks_at`: slightly more arrives than
    # two people can test, so "Ready for QA" grows for months and pulls the cycle time up with it.
    Team(
        PAYMENTS,
        2.72,
        2.3,
        {"ba": 2, "dev": 5, "qa": 3, "uat": 1},
        ALL_STAGES,
        0.32,
        {CORE_API: 0.55, FRONTEND: 0.2, DATA_LAYER: 0.13, INFRA: 0.12},
        qa_effort=1.75,
        people_after_qa_shrinks={"qa": 2},
    ),
    Team(
        ONBOARDING,
        2.54,
        2.1,
        {"ba": 2, "dev": 5, "qa": 2, "uat": 1},
        ALL_STAGES,
        0.46,
        {CORE_API: 0.4, FRONTEND: 0.42, DATA_LAYER: 0.1, INFRA: 0.08},
    ),
    Team(
        INSIGHTS,
        2.2,
        1.86,
        {"ba": 1, "dev": 4, "qa": 2, "uat": 1},
        ALL_STAGES,
        0.28,
        {DATA_LAYER: 0.7, FRONTEND: 0.15, CORE_API: 0.1, INFRA: 0.05},
    ),
    # Kanban-like: no analysts, no acceptance test, the shortest cycle time of the four.
    Team(
        PLATFORM,
        2.52,
        2.14,
        {"dev": 5, "qa": 2},
        ("dev", "code_review", "qa"),
        0.0,
        {FRONTEND: 0.66, INFRA: 0.24, CORE_API: 0.1},
    ),
)

INITIAL_BACKLOG = 45
# Nobody looks at the board all the time: working hours (median) before what one trade finished is in the next
# one's line. The people who accept have another job, too.
HANDOVER_HOURS = {"dev": 2.5, "qa": 3.5, "uat": 7.0}
# With so many items before QA a team takes less into its next sprint.
LONG_LINE = 32
CAUTIOUS_PACE = 0.8
# The auth people take so many requests of others at a time, and no more: three delivery streams wait in line.
AUTH_CAPACITY = 4
# With so many requests before them a team finds a way around auth; else the line would grow without end.
AUTH_LONGEST_LINE = 9
AUTH_AUTHORING_HOURS = 4.5
AUTH_CODE_HABIT = 0.1  # share of other repositories' auth-side pull requests: the client library

TYPE_WEIGHTS = {"story": 0.46, "task": 0.25, "bug": 0.22, "spike": 0.07}
POINTS = {"story": ((1, 0.12), (2, 0.24), (3, 0.32), (5, 0.22), (8, 0.1)), "task": ((1, 0.4), (2, 0.4), (3, 0.2))}
DEV_HOURS = {1: 4.5, 2: 7.5, 3: 12.0, 5: 19.0, 8: 31.0}
BA_HOURS = 4.0
QA_HOURS = {"story": 5.2, "task": 2.6, "bug": 2.6, "spike": 1.0}
UAT_HOURS = 3.0

SKIPS_BA = {"story": 0.05, "task": 0.6, "bug": 0.95, "spike": 0.5}
SKIPS_QA = {"story": 0.0, "task": 0.3, "bug": 0.0, "spike": 1.0}
SKIPS_UAT = {"story": 0.1, "task": 0.75, "bug": 0.6, "spike": 1.0}

QA_SENDS_BACK = 0.09
REOPENED = 0.035
CANCELLED_IN_BACKLOG = 0.035
CANCELLED_IN_DEVELOPMENT = 0.015
DONE_WITHOUT_WORK = 0.015
DELETED = 0.004
IMPEDED = 0.04
ON_HOLD = 0.03
BULK_CLOSED_ON_WEEKEND = 0.004

NO_STREAM = {"PAY": 0.055, "ONB": 0.06, "INS": 0.055, "PLX": 0.05}  # ONB falls back to its project
NO_TECH_FIELD = 0.15
MOVED_WORK = 0.35  # of Onboarding's tickets: identity checks, which the reorganisation moves

PULL_REQUESTS = {
    "story": (0.1, 0.3, 0.3, 0.2, 0.1),
    "task": (0.52, 0.35, 0.13),
    "bug": (0.68, 0.26, 0.06),
    "spike": (0.35,),
}  # probability of 1, 2, 3, … pull requests; what is missing from 1 is none
KEY_IN = (("branch", 0.82), ("title", 0.06), ("body", 0.05), ("nowhere", 0.07))
CHORES_A_WEEK = 1.9  # pull requests of people that belong to no ticket, all repositories together
BOT_PULL_REQUESTS_A_WEEK = 0.44  # in each repository

REVIEWS = {
    CORE_API: ReviewHabits(2.6, 2.5, 1.5, 0.27, 0.03, 10, 0.15),
    # Few reviewers, one of whom does most of it: slow, and a knowledge silo.
    AUTH: ReviewHabits(7.5, 4.0, 4.0, 0.38, 0.0, 4, 0.62),
    DATA_LAYER: ReviewHabits(3.5, 2.5, 2.0, 0.24, 0.04, 8, 0.2),
    FRONTEND: ReviewHabits(1.8, 1.8, 1.0, 0.22, 0.05, 11, 0.12),
    INFRA: ReviewHabits(2.2, 1.5, 1.2, 0.14, 0.1, 7, 0.22),
}

RELEASES = {
    CORE_API: ReleaseHabits((0, 1, 2, 3), 10.5, 0.44, 0.56, 0.06, 0.04, 0.075, 0.075, 62, 0.4),
    # One release a week, on Wednesdays, of everything that has gathered: big batches, and they break.
    AUTH: ReleaseHabits((2,), 10.0, 0.9, 0.9, 0.1, 0.08, 0.2, 0.24, 145, 0.5),
    DATA_LAYER: ReleaseHabits((0, 2, 3), 13.0, 0.64, 0.64, 0.06, 0.05, 0.09, 0.07, 88, 0.0),
    # From twice a week to every day, with ever fewer failures: the example to follow.
    FRONTEND: ReleaseHabits((0, 1, 2, 3, 4), 11.0, 0.4, 0.98, 0.05, 0.03, 0.08, 0.035, 28, 0.6),
    INFRA: ReleaseHabits((0, 1, 2, 3, 4), 14.0, 0.6, 0.6, 0.05, 0.06, 0.07, 0.07, 48, 0.35),
}

UNRELATED_OUTAGES_A_MONTH = 4.2  # hardware, providers, load: no deployment's fault
UNKNOWN_SERVICE_OUTAGES = 6
