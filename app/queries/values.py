"""The typed answers that every reader of a metric gets (specification 000 §2, semantics "Metric value contract").

In: nothing. Out: frozen dataclasses. No SQL, no formatting: the API encodes them, the dashboard words them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

StreamType = Literal["all", "delivery", "tech"]
ErrorState = Literal["success", "missing_mapping", "no_data", "calculation_error"]
Direction = Literal["up", "down", "flat"]
# A rolling window by its days; the running sprint of a delivery stream; or the value of a day, for metrics of state.
Window = int | Literal["sprint", "day"]

# The marts hold one row for all streams together; an item that belongs to two streams counts once there.
ALL_STREAMS_ID = UUID(int=0)
WINDOWS = (7, 30, 90)
DEFAULT_WINDOW = 30
DORA_METRICS = frozenset(
    {
        "deployment_frequency",
        "change_failure_rate",
        "change_failure_rate_completed",
        "ttr_median",
        "ttr_mean",
        "lead_time_p50",
        "lead_time_p85",
        "failed_deployment_recovery_time",
        "deployment_rework_rate",
    }
)
MOST_DAYS_OF_A_WINDOW = 365


def window_name(window: Window) -> str:
    """The name under which the marts keep a window."""
    return window if isinstance(window, str) else f"{window}d"


@dataclass(frozen=True, slots=True)
class Selection:
    """The stream that a question is about. Only `streams.select_stream` makes one for a reader."""

    stream_type: StreamType
    stream_id: UUID
    name: str | None
    display_name: str


ALL_STREAMS = Selection("all", ALL_STREAMS_ID, None, "All streams")


@dataclass(frozen=True, slots=True)
class State:
    """Whether there is an answer; where not, the missing input (`message`) and how to mend it (`remedy`)."""

    error_state: ErrorState = "success"
    message: str | None = None
    remedy: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether there is something to show."""
        return self.error_state == "success"


SUCCESS = State()


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """The one definition of a metric, in words."""

    metric_name: str
    display_name: str
    formula: str
    unit: str
    zone: str
    framework: str
    refresh: str
    question: str
    behavioural_intent: str
    direction: str
    target: float | None


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One number and everything that a reader must know before they believe it.

    `excluded_count` of `total_count` things were left out for want of data; `sample_size` were counted.
    `value` is None exactly where `error_state` is not `success`.
    """

    metric_name: str
    percentile: int | None
    window_days: int
    value: float | None
    unit: str
    performance_tier: str | None
    tier_colour: str | None
    tier_edition: str | None
    window_start: datetime | None
    window_end: datetime | None
    error_state: ErrorState
    error_message: str | None
    sample_size: int
    excluded_count: int
    previous_value: float | None
    trend_direction: Direction | None
    trend_percentage: float | None
    is_low_confidence: bool
    confidence_reason: str | None
    segment: str | None = None
    window_name: str = "30d"

    @property
    def total_count(self) -> int:
        """Everything that was considered, counted or left out."""
        return self.sample_size + self.excluded_count

    @property
    def metric_type(self) -> Literal["dora", "flow"]:
        """Which of the two families of specification 000 the metric belongs to."""
        return "dora" if self.metric_name in DORA_METRICS else "flow"


@dataclass(frozen=True, slots=True)
class WindowValue:
    """One metric over a window that the reader chose. `value` is None where there was nothing to compute it from."""

    metric_name: str
    segment: str | None
    percentile: int | None
    first_day: date
    last_day: date
    value: float | None
    unit: str
    sample_size: int
    excluded_count: int


@dataclass(frozen=True, slots=True)
class WipStage:
    """Items in one pipeline stage now, those being worked on and those waiting, with the age of the oldest."""

    stage: str
    active_count: int
    waiting_count: int
    blocked_count: int
    average_age_days: float | None
    oldest_age_days: float | None

    @property
    def item_count(self) -> int:
        """All items in the stage."""
        return self.active_count + self.waiting_count


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The stage in front of which work piles up."""

    stage: str
    waiting_count: int
    item_count: int
    share_of_waiting: float
    oldest_age_days: float | None


@dataclass(frozen=True, slots=True)
class WorkInProgress:
    """What is in the pipeline now. `total` leaves the backlog out."""

    state: State
    as_of: datetime | None
    stages: tuple[WipStage, ...]
    backlog_count: int
    total: int
    bottleneck: Bottleneck | None


@dataclass(frozen=True, slots=True)
class FinishedItem:
    """One completed work item: a point of the scatter."""

    ticket_id: str
    ticket_type: str | None
    completed_at: datetime
    cycle_time_days: float
    flow_efficiency_pct: float | None


@dataclass(frozen=True, slots=True)
class CycleTimes:
    """The completed items of a window with their percentiles; `is_truncated` where the oldest are left out."""

    state: State
    window_days: int
    window_start: datetime | None
    window_end: datetime | None
    p50: float | None
    p85: float | None
    p95: float | None
    excluded_count: int
    items: tuple[FinishedItem, ...]
    is_truncated: bool

    @property
    def above_p85(self) -> tuple[FinishedItem, ...]:
        """The items that took longer than the p85, longest first."""
        if self.p85 is None:
            return ()
        limit = self.p85
        return tuple(
            sorted(
                (item for item in self.items if item.cycle_time_days > limit),
                key=lambda item: item.cycle_time_days,
                reverse=True,
            )
        )


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over days, as columns of equal length. A value is None on days without data."""

    metric_name: str
    percentile: int | None
    unit: str
    dates: tuple[date, ...]
    values: tuple[float | None, ...]
    sample_sizes: tuple[int, ...]
    segment: str | None = None

    @property
    def has_values(self) -> bool:
        """Whether any day has a value."""
        return any(value is not None for value in self.values)


@dataclass(frozen=True, slots=True)
class Trends:
    """Time series of the DORA metrics, each point over the `window_days` that end on its day."""

    state: State
    window_days: int
    computed_at: datetime | None
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class ForecastWeek:
    """One bar of a forecast's histogram: the probability that the last item is done in the week that ends that day."""

    ends_on: date
    share: float
    done_by_then: float


@dataclass(frozen=True, slots=True)
class HitRate:
    """How many past dates of one percentile held, and how many the forecasts themselves expected to, in percent.

    Both are None where none has come due.
    """

    percentile: int
    forecast_count: int
    hit_count: int
    hit_rate_pct: float | None
    expected_rate_pct: float | None


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """How a stream's past forecasts did. `is_stable` is None where there are too few weeks to judge the pace by.

    Each past forecast asked for `scope_weeks` weeks of work at the pace of then. `note` is about the p85 dates, which
    are those to plan with.
    """

    scope_weeks: int
    hit_rates: tuple[HitRate, ...]
    is_stable: bool | None
    note: str | None

    def of(self, percentile: int) -> HitRate | None:
        """The rate of one percentile."""
        return next((rate for rate in self.hit_rates if rate.percentile == percentile), None)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The newest forecast of one delivery stream, with the histogram that its dates come from; both are exact.

    `simulated` are the dates that the simulation named, by percentile: a week off now and then. `method` is
    `monte_carlo`, `linear` (low confidence: p50 alone) or `none`, in which case `note` says why.
    """

    delivery_stream_id: UUID
    stream_name: str
    forecast_date: date
    scope_item_count: int
    throughput_weeks: int
    simulation_runs: int
    method: Literal["monte_carlo", "linear", "none"]
    note: str | None
    p50: date | None
    p70: date | None
    p85: date | None
    p95: date | None
    histogram: tuple[ForecastWeek, ...]
    computed_at: datetime
    simulated: tuple[tuple[int, date], ...] = ()
    track_record: TrackRecord | None = None

    @property
    def is_low_confidence(self) -> bool:
        """Whether there was too little history for a distribution."""
        return self.method != "monte_carlo"


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The newest forecasts, one for each delivery stream in question."""

    state: State
    forecasts: tuple[Forecast, ...]


@dataclass(frozen=True, slots=True)
class Stream:
    """A delivery or a technology stream of the configuration."""

    stream_id: UUID
    stream_type: Literal["delivery", "tech"]
    name: str
    display_name: str
    description: str | None
    is_active: bool
    github_org: str | None = None
    team_size: int | None = None
