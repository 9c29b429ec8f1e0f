"""The demo company's history, from a seed and an end. Pure: the same arguments give the same history.

In: a seed, the instant at which the history ends, its length. Out: `History`. The parts are played in
the order in which they depend on each other: tickets flow and open pull requests (`flow`, `reviews`),
bots and chores open more, releases carry what was merged and break now and then (`releases`,
`outages`), hotfixes add tickets, the reorganisation edits tickets. Numbers are given last, in time order.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from ingestion.demo.births import Births
from ingestion.demo.company import REPOSITORIES, UNKNOWN_REPOSITORY
from ingestion.demo.dice import Dice
from ingestion.demo.flow import Flow
from ingestion.demo.history import Deployment, History, PullRequest, Ticket
from ingestion.demo.outages import OutageDesk
from ingestion.demo.period import MONTHS, Period, period_ending
from ingestion.demo.releases import ReleaseTrain
from ingestion.demo.reviews import ReviewDesk
from ingestion.demo.surroundings import answer_surveys, open_bot_pull_requests, open_chores, reorganise

DEFAULT_SEED = 8
FIRST_NUMBER = 101


def simulate(end: datetime, *, seed: int = DEFAULT_SEED, months: int = MONTHS) -> History:
    """Play `months` of the company up to `end` (aware). Raises `ValueError` as `period_ending` does."""
    period = period_ending(end, months)
    desk = ReviewDesk(period, Dice(seed, "reviews"))
    births = Births(period, Dice(seed, "births"))
    tickets = Flow(period, seed, desk, births).run()
    open_bot_pull_requests(period, seed, desk)
    open_chores(period, seed, desk)
    outage_desk = OutageDesk(period, seed)
    deployments, hotfix_tickets = _release(period, seed, desk, births, outage_desk)
    outage_desk.report_unrelated([each for each in REPOSITORIES if each.is_deployable], deployments)
    tickets += hotfix_tickets
    reorganise(period, tickets)
    _number(tickets, desk.pull_requests)
    outage_desk.number()
    return History(
        seed=seed,
        period=period,
        tickets=tickets,
        pull_requests=desk.pull_requests,
        deployments=deployments,
        outages=outage_desk.outages,
        surveys=answer_surveys(period, seed),
    )


def _release(
    period: Period, seed: int, desk: ReviewDesk, births: Births, outage_desk: OutageDesk
) -> tuple[list[Deployment], list[Ticket]]:
    merged: dict[str, list[PullRequest]] = defaultdict(list)
    for pull_request in desk.pull_requests:
        if pull_request.merged_at is not None and pull_request.base_branch == "main":
            merged[pull_request.repository.full_name].append(pull_request)
    deployments: list[Deployment] = []
    tickets: list[Ticket] = []
    for repository in (*REPOSITORIES, UNKNOWN_REPOSITORY):
        if not repository.is_deployable:
            continue
        dice = Dice(seed, f"releases of {repository.full_name}")
        train = ReleaseTrain(repository, period, dice, desk, births, outage_desk, merged[repository.full_name])
        train.run()
        deployments += train.deployments
        tickets += train.tickets
    deployments.sort(key=lambda each: (each.completed_at, each.deployment_id))
    return deployments, tickets


def _number(tickets: list[Ticket], pull_requests: list[PullRequest]) -> None:
    """Issue keys and pull-request numbers, in the order of creation as the vendors give them."""
    tickets.sort(key=lambda each: each.created_at)
    pull_requests.sort(key=lambda each: each.opened_at)
    last: dict[str, int] = defaultdict(lambda: FIRST_NUMBER - 1)
    for ticket in tickets:
        last[ticket.project] += 1
        ticket.number = last[ticket.project]
    for pull_request in pull_requests:
        last[pull_request.repository.full_name] += 1
        pull_request.number = last[pull_request.repository.full_name]
