"""The right answers: what the platform must show once it has been told the demo company's history.

In: a `History`. Out: `Truth`. Computed from the simulation's own objects in plain Python, so that tests
can hold the SQL against it. Definitions, where specifications and semantics leave a choice:

- Windows end on the last complete day before the end (UTC) and cover whole days; state (stage, reopened or
  not, rolled back or not) is that of the end.
- Cycle time, throughput and flow efficiency: by the day of completion. Items without a start are in the
  throughput and in nothing else; a cycle time of zero has no flow efficiency.
- Deployments: by the instant they went live, else failed; cancelled runs are none. A run that its pipeline
  undid, or that a later run names as `rollback_of`, is rolled back.
- Lead time: every (deployment, pull request) pair, from the opening; bots' pull requests are changes, too. Each
  change's first deployment alone is `lead_time_first_*`.
- Time to restore: one value for each outage, from its first signal to its last resolution, by the day of that.
- A deployment belongs to the technology stream of its repository, an outage to that of its service; what
  nobody registered belongs to none, and counts in `all`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import fmean

from ingestion.demo.company import DELIVERY_STREAMS, TECH_STREAMS, UNKNOWN_REPOSITORY
from ingestion.demo.history import History, Outage
from ingestion.demo.truth_items import ItemTruth, item_truth, linked_ticket
from ingestion.demo.truth_releases import DeploymentTruth, deployment_truths
from ingestion.demo.worktime import day_of

ALL = "all"
WINDOWS = (30, 90)
_SHOWN_STAGES = ("backlog", "ba", "dev", "code_review", "qa", "uat")


@dataclass(frozen=True, slots=True)
class FlowNumbers:
    """A delivery stream (or all of them) in one window; days are business days. None means no data."""

    throughput: int
    cycle_times: int  # sample size of the percentiles
    cycle_time_p50: float | None
    cycle_time_p85: float | None
    cycle_time_p95: float | None
    cycle_time_mean: float | None
    flow_efficiency: float | None
    lead_time_items_p50: float | None
    lead_time_items_p85: float | None

    @property
    def flow_velocity(self) -> int:
        """Items finished: the company maps no field of its own for the end of work."""
        return self.throughput

    @property
    def flow_time(self) -> float | None:
        """Mean of the cycle times, for the same reason."""
        return self.cycle_time_mean


@dataclass(frozen=True, slots=True)
class DoraNumbers:
    """A technology stream (or all of them) in one window. None means no data."""

    deployments: int
    deployment_frequency: float  # successful ones a week
    change_failure_rate: float | None
    change_failure_rate_completed: float | None
    restores: int
    ttr_median: float | None  # minutes
    ttr_mean: float | None
    changes: int
    lead_time_p50: float | None  # hours
    lead_time_p85: float | None
    lead_time_first_p50: float | None
    lead_time_first_p85: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is of everything."""

    tickets: int
    deleted_tickets: int
    tickets_without_stream: int
    pull_requests: int  # in registered repositories, as all that follow
    merged_pull_requests: int
    closed_pull_requests: int  # without a merge
    linked_pull_requests: int
    bot_pull_requests: int
    unknown_repository_pull_requests: int
    production_deployments: int  # cancelled runs are counted nowhere
    staging_deployments: int
    outages: int
    open_outages: int
    incident_ids: int
    unknown_service_outages: int
    survey_answers: int


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that tests may compare. Streams go by their names; `all` counts an item once."""

    as_of: datetime  # the end of the history: build the marts as of this instant
    last_complete_day: date
    counts: Counts
    wip: dict[tuple[str, str, bool], int]  # (stream, stage, is active work); delivery and technology streams
    blocked: dict[tuple[str, str], int]  # (stream, stage)
    flow: dict[tuple[str, int], FlowNumbers]  # (delivery stream or all, days)
    dora: dict[tuple[str, int], DoraNumbers]  # (technology stream or all, days)
    items: dict[str, ItemTruth]
    deployments: tuple[DeploymentTruth, ...]

    def standing_on(self, day: date) -> dict[tuple[str, str], int]:
        """Items by stream and stage at the end of a day; their streams are those that they have in the end."""
        standing: Counter[tuple[str, str]] = Counter()
        for item in self.items.values():
            stages = [stage for at, stage in item.stages if day_of(at) <= day]
            if item.is_deleted or not stages or stages[-1] not in _SHOWN_STAGES:
                continue
            for stream in (ALL, item.delivery_stream, *item.tech_streams):
                if stream is not None:
                    standing[stream, stages[-1]] += 1
        return dict(standing)

    def in_stage(self, stream: str, stage: str) -> int:
        """Items of a stream that are in a stage, worked on or waiting."""
        return self.wip.get((stream, stage, True), 0) + self.wip.get((stream, stage, False), 0)


def truth_of(history: History) -> Truth:
    """Work out all answers."""
    last_day = day_of(history.period.end) - timedelta(days=1)
    items = [item_truth(ticket, history.period.holidays) for ticket in history.tickets]
    deployments = deployment_truths(history.deployments, history.pull_requests, history.outages)
    return Truth(
        as_of=history.period.end_at,
        last_complete_day=last_day,
        counts=_counts(history, items, deployments),
        wip=dict(Counter((stream, str(item.stage), item.is_active_work) for item, stream in _standing(items))),
        blocked=dict(Counter((stream, str(item.stage)) for item, stream in _standing(items) if item.is_blocked)),
        flow={
            (stream, days): _flow_numbers(items, stream, last_day, days)
            for stream in (ALL, *(each.name for each in DELIVERY_STREAMS))
            for days in WINDOWS
        },
        dora={
            (stream, days): _dora_numbers(deployments, history.outages, stream, last_day, days)
            for stream in (ALL, *(each.name for each in TECH_STREAMS))
            for days in WINDOWS
        },
        items={item.key: item for item in items},
        deployments=tuple(deployments),
    )


def percentile(values: Iterable[float], fraction: float) -> float | None:
    """Linear interpolation between the two nearest ranks; None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    low, rest = divmod(fraction * (len(ordered) - 1), 1)
    upper = ordered[min(int(low) + 1, len(ordered) - 1)]
    return ordered[int(low)] + rest * (upper - ordered[int(low)])


def _standing(items: Sequence[ItemTruth]) -> Iterable[tuple[ItemTruth, str]]:
    """Items that stand somewhere on a board, once for each of their streams and once for all."""
    for item in items:
        if item.stage in _SHOWN_STAGES and not item.is_deleted:
            for stream in (ALL, item.delivery_stream, *item.tech_streams):
                if stream is not None:
                    yield item, stream


def _is_within(instant: int, last_day: date, days: int) -> bool:
    return last_day - timedelta(days=days - 1) <= day_of(instant) <= last_day


def _flow_numbers(items: Sequence[ItemTruth], stream: str, last_day: date, days: int) -> FlowNumbers:
    finished = [
        item
        for item in items
        if item.completed_at is not None
        and stream in (ALL, item.delivery_stream)
        and _is_within(item.completed_at, last_day, days)
    ]
    cycles = [item.cycle_time_days for item in finished if item.cycle_time_days is not None]
    efficiencies = [item.flow_efficiency_pct for item in finished if item.flow_efficiency_pct is not None]
    leads = [item.lead_time_days for item in finished if item.lead_time_days is not None]
    return FlowNumbers(
        throughput=len(finished),
        cycle_times=len(cycles),
        cycle_time_p50=percentile(cycles, 0.5),
        cycle_time_p85=percentile(cycles, 0.85),
        cycle_time_p95=percentile(cycles, 0.95),
        cycle_time_mean=fmean(cycles) if cycles else None,
        flow_efficiency=fmean(efficiencies) if efficiencies else None,
        lead_time_items_p50=percentile(leads, 0.5),
        lead_time_items_p85=percentile(leads, 0.85),
    )


def _dora_numbers(
    deployments: Sequence[DeploymentTruth], outages: Sequence[Outage], stream: str, last_day: date, days: int
) -> DoraNumbers:
    deployed = [
        each
        for each in deployments
        if stream in (ALL, each.tech_stream) and _is_within(each.deployed_at, last_day, days)
    ]
    live = [each for each in deployed if each.status != "failed"]
    failures = sum(each.is_failure for each in deployed)
    restores = [
        (outage.resolved_at - outage.opened_at) / 60
        for outage in outages
        if outage.resolved_at is not None
        and stream in (ALL, outage.repository.tech_stream.name if outage.repository else None)
        and _is_within(outage.resolved_at, last_day, days)
    ]
    changes = [change for each in deployed for change in each.changes]
    firsts = [change.lead_time_hrs for change in changes if change.is_first]
    leads = [change.lead_time_hrs for change in changes]
    return DoraNumbers(
        deployments=len(deployed),
        deployment_frequency=sum(each.status == "success" for each in deployed) / days * 7,
        change_failure_rate=failures / len(deployed) * 100 if deployed else None,
        change_failure_rate_completed=sum(each.is_failure for each in live) / len(live) * 100 if live else None,
        restores=len(restores),
        ttr_median=percentile(restores, 0.5),
        ttr_mean=fmean(restores) if restores else None,
        changes=len(changes),
        lead_time_p50=percentile(leads, 0.5),
        lead_time_p85=percentile(leads, 0.85),
        lead_time_first_p50=percentile(firsts, 0.5),
        lead_time_first_p85=percentile(firsts, 0.85),
    )


def _counts(history: History, items: Sequence[ItemTruth], deployments: Sequence[DeploymentTruth]) -> Counts:
    known = {item.key: item for item in items}
    registered = [each for each in history.pull_requests if each.repository != UNKNOWN_REPOSITORY]
    endings = Counter(each.closed.state for each in registered if each.closed is not None)
    return Counts(
        tickets=len(items),
        deleted_tickets=sum(item.is_deleted for item in items),
        tickets_without_stream=sum(item.delivery_stream is None for item in items),
        pull_requests=len(registered),
        merged_pull_requests=endings["merged"],
        closed_pull_requests=endings["closed"],
        linked_pull_requests=sum(linked_ticket(each, known) is not None for each in registered),
        bot_pull_requests=sum(each.is_bot for each in registered),
        unknown_repository_pull_requests=len(history.pull_requests) - len(registered),
        production_deployments=sum(each.tech_stream is not None for each in deployments),
        staging_deployments=sum(
            each.environment == "staging" and each.status != "cancelled" and each.repository != UNKNOWN_REPOSITORY
            for each in history.deployments
        ),
        outages=len(history.outages),
        open_outages=sum(outage.resolved_at is None for outage in history.outages),
        incident_ids=sum(len(outage.signals) for outage in history.outages),
        unknown_service_outages=sum(outage.repository is None for outage in history.outages),
        survey_answers=len(history.surveys),
    )
