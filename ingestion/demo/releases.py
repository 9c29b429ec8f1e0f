"""Releases: merged pull requests go to staging, then to production, and sometimes break it.

In: the merged pull requests of one repository. Out: its deployments, and through the outage desk what
broke. A release is cut on a release day of its technology stream and carries whatever was merged by
then. A bad one is rolled back, mended by a hotfix (which then carries what else was merged, since it is
made on the default branch), or waited out.
"""

from __future__ import annotations

from bisect import insort

from ingestion.demo.births import Births
from ingestion.demo.company import (
    AUTH,
    DELIVERY_STREAMS,
    INSIGHTS,
    ONBOARDING,
    PAYMENTS,
    PROJECT_OF,
    DeliveryStream,
    Repository,
)
from ingestion.demo.dice import Dice
from ingestion.demo.history import Change, Deployment, Outage, PullRequest, Ticket
from ingestion.demo.outages import BETWEEN_OUTAGES, OutageDesk
from ingestion.demo.period import Period
from ingestion.demo.reviews import ReviewDesk
from ingestion.demo.teams import RELEASES, TEAMS
from ingestion.demo.worktime import HOUR, MINUTE, midnight

CANCELLED = 0.012
QUIET_ROLLBACK = 0.25
REDEPLOYS_OLDER = 0.4
HOTFIXED = 0.55
SLOW_BURN = 0.05
TICKET_FOR_HOTFIX = 0.75
_AUTH_USERS = {ONBOARDING: 0.5, PAYMENTS: 0.35, INSIGHTS: 0.15}


class ReleaseTrain:
    """The releases of one repository; `deployments` and `tickets` (for hotfixes) are what it leaves behind."""

    def __init__(
        self,
        repository: Repository,
        period: Period,
        dice: Dice,
        review_desk: ReviewDesk,
        births: Births,
        outage_desk: OutageDesk,
        merged: list[PullRequest],
    ) -> None:
        self.deployments: list[Deployment] = []
        self.tickets: list[Ticket] = []
        self._repository = repository
        self._habits = RELEASES[repository.tech_stream.name]
        self._period = period
        self._dice = dice
        self._review_desk = review_desk
        self._births = births
        self._outage_desk = outage_desk
        self._waiting = sorted(merged, key=_merged_at)
        self._runs = {"staging": 0, "production": 0}
        self._minor = 0
        self._patch = 0
        self._free_at = period.start
        self._good: Deployment | None = None

    def run(self) -> None:
        """Play every release day up to the end."""
        for day in self._period.calendar.days:
            cut = midnight(day) + int(self._habits.hour * HOUR + self._dice.minutes(0, 80))
            if cut > self._period.end:
                return
            progress = (cut - self._period.start) / (self._period.end - self._period.start)
            habits = self._habits
            chance = habits.probability_at_start + progress * (habits.probability_at_end - habits.probability_at_start)
            if day.weekday() not in habits.weekdays or not self._dice.chance(chance) or cut <= self._free_at:
                continue
            carried = [each for each in self._waiting if _merged_at(each) <= cut]
            if carried:
                self._release(carried, cut, progress)

    def _release(self, carried: list[PullRequest], cut: int, progress: float) -> None:
        dice, habits = self._dice, self._habits
        self._minor, self._patch = self._minor + 1, 0
        now = cut + int(dice.minutes(3, 12))
        if dice.chance(habits.staging_fails):
            now = self._deploy("staging", carried, now, "failure").completed_at + int(dice.minutes(25, 90))
        now = self._deploy("staging", carried, now, "success").completed_at + int(dice.minutes(35, 170))
        if dice.chance(CANCELLED):
            self._free_at = self._deploy("production", carried, now, "cancelled").completed_at
            return
        if dice.chance(habits.production_fails):
            now = self._deploy("production", carried, now, "failure").completed_at + int(dice.minutes(20, 75))
        release = self._deploy("production", carried, now, "success")
        self._delivered(release, carried)
        bad = habits.change_fails + progress * (habits.change_fails_at_end - habits.change_fails)
        if release.completed_at <= self._period.end and dice.chance(bad):
            self._go_wrong(release)
        else:
            self._good = release

    def _deploy(
        self,
        environment: str,
        carried: list[PullRequest],
        starts: int,
        status: str,
        *,
        ends: int | None = None,
        rollback_of: Deployment | None = None,
    ) -> Deployment:
        """Run a pipeline; what would end after the history is not part of it. With `ends`, by hand."""
        lasts = self._dice.minutes(4, 14) if environment == "production" else self._dice.minutes(2, 7)
        self._runs[environment] += 1
        deployment = Deployment(
            repository=self._repository,
            environment=environment,
            run=self._runs[environment],
            head=carried[-1],
            build=f"1.{self._minor}.{self._patch}",
            started_at=starts,
            completed_at=starts + int(lasts) if ends is None else ends,
            status=status,
            trigger="merge" if ends is None else "manual",
            names_pull_request=self._dice.chance(0.88),
            rollback_of=rollback_of,
        )
        self._free_at = deployment.completed_at + 5 * MINUTE
        if deployment.completed_at <= self._period.end:
            self.deployments.append(deployment)
        return deployment

    def _delivered(self, release: Deployment, carried: list[PullRequest]) -> None:
        release.carried = tuple(carried)
        arrived = {id(each) for each in carried}
        self._waiting = [each for each in self._waiting if id(each) not in arrived]

    # --- when it goes wrong ---

    def _go_wrong(self, release: Deployment) -> None:
        dice = self._dice
        rolls_back = self._good is not None and dice.chance(self._habits.rolls_back)
        if rolls_back and dice.chance(QUIET_ROLLBACK):
            self._roll_back(release, release.completed_at + int(dice.minutes(8, 45)))
            return
        is_slow = not rolls_back and dice.chance(SLOW_BURN)
        opened_at = release.completed_at + int(dice.minutes(130, 280) if is_slow else dice.minutes(4, 45))
        if opened_at > self._period.end:
            return
        lasts = dice.hours(self._habits.restore_median_minutes / 60, 0.7)
        mended_at = opened_at + int(lasts)
        outage = self._outage_desk.report(self._repository, opened_at, lasts + dice.minutes(1, 6))
        outage.related_deployment = release if is_slow or dice.chance(0.1) else None
        if rolls_back and self._good is not None:
            if dice.chance(REDEPLOYS_OLDER):
                self._redeploy(self._good, release, mended_at)
            else:
                self._roll_back(release, mended_at)
        else:
            self._good = release
            if dice.chance(HOTFIXED) and lasts > 25 * MINUTE:
                self._hotfix(outage, opened_at, lasts)
        self._free_at = max(self._free_at, mended_at + BETWEEN_OUTAGES)

    def _roll_back(self, release: Deployment, at: int) -> None:
        """The pipeline undoes its own run."""
        if at <= self._period.end:
            release.rolled_back_at = at
        self._free_at = at + 10 * MINUTE

    def _redeploy(self, good: Deployment, bad: Deployment, at: int) -> None:
        """Somebody deploys the older artefact again."""
        starts = at - int(self._dice.minutes(2, 4))
        older = self._deploy("production", [good.head], starts, "success", ends=at, rollback_of=bad)
        older.build = good.build

    def _hotfix(self, outage: Outage, opened_at: int, lasts: float) -> None:
        """A pull request in a hurry, at any hour, and a release of everything that is merged with it."""
        opened = opened_at + int(lasts * 0.25)
        merged_at = opened_at + int(lasts * 0.6)
        if opened > self._period.end:
            return
        summary = f"stop {outage.description.split(': ')[1]}"
        ticket = None
        if self._dice.chance(TICKET_FOR_HOTFIX):
            ticket = self._births.hotfix_ticket(
                self._affected(), opened_at + int(lasts * 0.1), summary, self._repository.tech_stream.name
            )
            outage.ticket = ticket
            self.tickets.append(ticket)
        author = self._review_desk.author(self._repository.tech_stream.name)
        pull_request = self._review_desk.open_hotfix(ticket, self._repository, author, opened, merged_at, summary)
        if pull_request.merged_at is None:
            self._progress(ticket, author, opened_at, lasts, None)
            return
        insort(self._waiting, pull_request, key=_merged_at)
        carried = [each for each in self._waiting if _merged_at(each) <= merged_at]
        self._patch += 1
        starts, ends = opened_at + int(lasts * 0.75), opened_at + int(lasts * 0.97)
        release = self._deploy("production", carried, starts, "success", ends=ends)
        if release.completed_at <= self._period.end:
            self._delivered(release, carried)
            self._good = release
        self._progress(ticket, author, opened_at, lasts, release.completed_at)

    def _progress(
        self, ticket: Ticket | None, author: str, opened_at: int, lasts: float, deployed_at: int | None
    ) -> None:
        """The ticket's way past all queues."""
        if ticket is None:
            return
        resolution = (Change("resolution", None, "Done"),) if PROJECT_OF[ticket.project].sets_resolution else ()
        steps = [
            (opened_at + int(lasts * 0.15), (Change("status", "backlog", "dev"), Change("assignee", None, author))),
            (opened_at + int(lasts * 0.27), (Change("status", "dev", "code_review"),)),
        ]
        if deployed_at is not None:
            steps.append((deployed_at + 3 * MINUTE, (Change("status", "code_review", "done"), *resolution)))
        for at, changes in steps:
            if at <= self._period.end:
                ticket.record(at, *changes)

    def _affected(self) -> DeliveryStream:
        """The delivery stream whose people suffer, by how much of this code is theirs."""
        tech = self._repository.tech_stream.name
        weights = _AUTH_USERS if tech == AUTH else {team.stream: team.tech_weights.get(tech, 0.0) for team in TEAMS}
        name = self._dice.weighted(weights)
        return next(stream for stream in DELIVERY_STREAMS if stream.name == name)


def _merged_at(pull_request: PullRequest) -> int:
    merged_at = pull_request.merged_at
    assert merged_at is not None
    return merged_at
