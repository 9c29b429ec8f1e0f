"""Outages: what monitoring and people report while something is broken.

In: when it broke and for how long. Out: `Outage` objects with an alarm, an incident or both.
Only one outage at a time is played for a service, so that overlapping signals are always the same outage.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ingestion.demo.company import UNKNOWN_SERVICE, Repository
from ingestion.demo.dice import Dice
from ingestion.demo.history import Deployment, Outage, Signal
from ingestion.demo.period import Period
from ingestion.demo.teams import RELEASES, UNKNOWN_SERVICE_OUTAGES, UNRELATED_OUTAGES_A_MONTH
from ingestion.demo.worktime import DAY, HOUR, MINUTE

# An incident within this time after a production deployment is blamed on it (semantics, "Linking").
BLAME_WINDOW = 60 * MINUTE
BETWEEN_OUTAGES = 45 * MINUTE
SEVERITIES = (("critical", 0.12), ("high", 0.33), ("medium", 0.4), ("low", 0.15))
SYMPTOMS = ("error rate above 5 %", "p99 latency above 2 s", "queue is not drained", "sign-in fails", "disk is full")
# Services that are down when the history ends, with the hours since; there is always something to look at.
STILL_OPEN = {"reporting-api": 3.2, "monitoring-stack": 9.5, "sso-gateway": 0.8}


class OutageDesk:
    """Writes outages down; `outages` holds them all."""

    def __init__(self, period: Period, seed: int) -> None:
        self.outages: list[Outage] = []
        self._period = period
        self._dice = Dice(seed, "outages")

    def report(self, repository: Repository | None, opened_at: int, lasts: float) -> Outage:
        """Write an outage down. Lengths are whole minutes; what would end after the history is still open."""
        dice = self._dice
        resolved_at = opened_at + max(4, round(lasts / MINUTE)) * MINUTE
        kind = dice.weighted((("both", 0.36), ("incident", 0.46), ("alarm", 0.18)))
        if kind == "both" and resolved_at - opened_at >= 10 * MINUTE:
            second = opened_at + dice.number(2, 5) * MINUTE
            silent = resolved_at - dice.number(0, 3) * MINUTE
            signals = [Signal("alarm", opened_at, silent), Signal("incident", second, resolved_at)]
        else:
            signals = [Signal("incident" if kind == "both" else kind, opened_at, resolved_at)]
        end = self._period.end
        for signal in signals:
            if signal.resolved_at is not None and signal.resolved_at > end:
                signal.resolved_at = None
        outage = Outage(
            service=UNKNOWN_SERVICE if repository is None else str(repository.deploy_target),
            repository=repository,
            severity=dice.weighted(SEVERITIES),
            description=f"{repository.name if repository else 'legacy mailer'}: {dice.pick(SYMPTOMS)}",
            signals=tuple(signal for signal in signals if signal.opened_at <= end),
            names_repository=repository is not None and dice.chance(0.2),
            names_each_other=dice.chance(0.6),
        )
        self.outages.append(outage)
        return outage

    def report_unrelated(self, repositories: Sequence[Repository], deployments: Sequence[Deployment]) -> None:
        """Outages that no deployment caused: hardware, providers, load; at any hour of any day."""
        span = self._period.end - self._period.start
        wanted = round(UNRELATED_OUTAGES_A_MONTH * span / (30.4375 * DAY))
        by_repository = {repository.full_name: repository for repository in repositories}
        for name in STILL_OPEN:
            repository = next(each for each in repositories if each.name == name)
            opened_at = self._period.end - int(STILL_OPEN[name] * HOUR)
            if self._is_quiet(repository, opened_at, span, deployments):
                self.report(repository, opened_at, span)
        for _ in range(wanted):
            repository = by_repository[self._dice.pick(sorted(by_repository))]
            opened_at = int(self._dice.between(self._period.start + DAY, self._period.end - 12 * HOUR))
            lasts = self._dice.hours(RELEASES[repository.tech_stream.name].restore_median_minutes / 60, 0.8)
            if self._is_quiet(repository, opened_at, lasts, deployments):
                self.report(repository, opened_at, lasts)
        for _ in range(UNKNOWN_SERVICE_OUTAGES):
            opened_at = int(self._dice.between(self._period.start + DAY, self._period.end - 2 * DAY))
            if all(not _meets(outage, UNKNOWN_SERVICE, opened_at, HOUR) for outage in self.outages):
                self.report(None, opened_at, HOUR)

    def number(self) -> None:
        """Give the signals their identifiers, in the order in which they were raised."""
        signals = [signal for outage in self.outages for signal in outage.signals]
        for number, signal in enumerate(sorted(signals, key=lambda each: each.opened_at), start=1):
            signal.incident_id = f"{'INC' if signal.kind == 'incident' else 'ALM'}-{1000 + number}"
        self.outages.sort(key=lambda outage: outage.opened_at)

    def _is_quiet(
        self, repository: Repository, opened_at: int, lasts: float, deployments: Sequence[Deployment]
    ) -> bool:
        """Whether an outage may start: no other one near, no failed attempt to deploy in the last hour.

        A failed attempt cannot have broken production, and whether it could be blamed is a question that
        the demo does not want to raise; nor is an outage ever close to the edge of the window of blame.
        """
        service = str(repository.deploy_target)
        if any(_meets(outage, service, opened_at, lasts) for outage in self.outages):
            return False
        for deployment in deployments:
            age = opened_at - deployment.completed_at
            if deployment.repository is not repository or deployment.environment != "production":
                continue
            if deployment.status != "success" and -10 * MINUTE < age < BLAME_WINDOW + 10 * MINUTE:
                return False
            if any(abs(age - edge) < 10 * MINUTE for edge in (0, BLAME_WINDOW)):
                return False
        return True


def _meets(outage: Outage, service: str, opened_at: int, lasts: float) -> bool:
    if outage.service != service:
        return False
    ends = outage.resolved_at
    starts_before_its_end = ends is None or opened_at < ends + BETWEEN_OUTAGES
    return starts_before_its_end and opened_at + lasts + BETWEEN_OUTAGES > outage.opened_at


def overlapping(outages: Sequence[Outage]) -> list[tuple[Outage, Outage]]:
    """Pairs of outages of one service that overlap; the simulation makes none."""
    by_service: dict[str, list[Outage]] = {}
    for outage in sorted(outages, key=lambda each: each.opened_at):
        by_service.setdefault(outage.service, []).append(outage)
    return [
        (earlier, later)
        for each in by_service.values()
        for earlier, later in pairwise(each)
        if earlier.resolved_at is None or later.opened_at <= earlier.resolved_at
    ]
