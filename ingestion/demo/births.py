"""How a ticket comes into the world: its type, its fields, the code it will touch.

In: a team, an instant and the dice. Out: a `Ticket` without events, and a `Plan` of how it will go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestion.demo.company import (
    AUTH,
    DISPLAY_NAME,
    INSIGHTS,
    ONBOARDING,
    PLATFORM,
    REPOSITORIES,
    STREAM_OF_PROJECT,
    DeliveryStream,
    Repository,
    team_members,
)
from ingestion.demo.dice import Dice
from ingestion.demo.history import Ticket
from ingestion.demo.period import Period
from ingestion.demo.teams import (
    AUTH_CODE_HABIT,
    CANCELLED_IN_BACKLOG,
    CANCELLED_IN_DEVELOPMENT,
    DELETED,
    DONE_WITHOUT_WORK,
    MOVED_WORK,
    NO_STREAM,
    NO_TECH_FIELD,
    POINTS,
    PULL_REQUESTS,
    SKIPS_BA,
    SKIPS_QA,
    SKIPS_UAT,
    TYPE_WEIGHTS,
    Team,
)

VERBS = ("add", "fix", "speed up", "simplify", "validate", "retry", "cache", "document", "split", "log", "rework")
OBJECTS: Mapping[str, tuple[str, ...]] = {
    "PAY": ("refund webhook", "card vault lookup", "payout batch", "fee calculation", "chargeback import", "receipt"),
    "ONB": ("sign-up form", "document upload", "identity check", "welcome mail", "consent record", "invite link"),
    "INS": ("monthly export", "usage report", "funnel query", "retention chart", "event schema", "currency column"),
    "PLX": ("navigation bar", "design token", "error page", "build cache", "feature flag", "preview environment"),
}
FOUND_IN = {"dev": 0.1, "qa": 0.5, "uat": 0.22, "production": 0.18}
INTRODUCED_IN = {"ba": 0.25, "dev": 0.6, "code_review": 0.05, "qa": 0.1}
PRIORITIES = (("Medium", 0.62), ("High", 0.2), ("Low", 0.14), ("Highest", 0.04))
LIBRARIES = 0.08
_REPOSITORIES_OF = {
    name: [repository for repository in REPOSITORIES if repository.tech_stream.name == name]
    for name in {repository.tech_stream.name for repository in REPOSITORIES}
}


@dataclass(slots=True)
class Plan:
    """What will happen to a ticket, as far as it is decided at its birth."""

    ticket: Ticket
    team: Team
    route: list[str]  # stages it still has to pass, `done` last
    repositories: list[Repository]
    needs_auth: bool
    fate: str  # normal, cancelled, closed, deleted (all in the backlog) or abandoned (in development)
    is_urgent: bool
    assignee: str
    development_left: float = 0.0
    attributed_to: str | None = None
    times_sent_back: int = 0
    merges: list[float] = field(default_factory=list)


class Births:
    """Makes the tickets of every team."""

    def __init__(self, period: Period, dice: Dice) -> None:
        self._period = period
        self._dice = dice
        self._recent: dict[str, list[Ticket]] = {}

    def make(self, team: Team, stream: DeliveryStream, created_at: int) -> Plan:
        """A new ticket of the team's project with its plan."""
        dice = self._dice
        ticket_type = dice.weighted(TYPE_WEIGHTS)
        members = team_members(stream.name)
        needs_auth = ticket_type in ("story", "task") and dice.chance(team.needs_auth)
        repositories = self._repositories(team, ticket_type)
        ticket = Ticket(
            project=stream.project_key,
            ticket_type=ticket_type,
            summary=f"{dice.pick(VERBS)} {dice.pick(OBJECTS[stream.project_key])}",
            created_at=created_at,
            reporter=dice.pick(members),
            fields=self._fields(ticket_type),
            is_moved_work=stream.name == ONBOARDING and dice.chance(MOVED_WORK),
        )
        self._place(ticket, repositories, needs_auth)
        plan = Plan(
            ticket=ticket,
            team=team,
            route=self._route(team, ticket_type, has_code=bool(repositories) or needs_auth),
            repositories=repositories,
            needs_auth=needs_auth,
            fate=self._fate(),
            is_urgent=ticket_type == "bug" and ticket.fields["priority"] in ("Highest", "High"),
            assignee=dice.pick(members),
        )
        if ticket_type == "bug":
            plan.attributed_to = dice.weighted(INTRODUCED_IN) if dice.chance(0.75) else None
            self._relate(ticket)
        elif ticket_type == "story":
            self._recent.setdefault(ticket.project, []).append(ticket)
        return plan

    def hotfix_ticket(self, stream: DeliveryStream, created_at: int, summary: str, tech_stream: str) -> Ticket:
        """The bug that is filed while an outage lasts."""
        fields = self._fields("bug") | {
            "priority": "Highest",
            "found_in_stage": "production",
            "tech_streams": (tech_stream,),
            "labels": ("incident",),
        }
        ticket = Ticket(
            stream.project_key, "bug", summary, created_at, self._dice.pick(team_members(stream.name)), fields
        )
        self._tag_stream(ticket)
        return ticket

    def _fields(self, ticket_type: str) -> dict[str, object]:
        dice = self._dice
        points = dice.weighted(POINTS[ticket_type]) if ticket_type in POINTS else None
        return {
            "status": "backlog",
            "resolution": None,
            "sprint": (),
            "flagged": False,
            "blocking_tech_stream": None,
            "delivery_stream": None,
            "labels": (),
            "components": (),
            "tech_streams": (),
            "assignee": None,
            "story_points": points,
            "priority": dice.weighted(PRIORITIES),
            "found_in_stage": dice.weighted(FOUND_IN) if ticket_type == "bug" else None,
            "introduced_in_stage": None,
        }

    def _route(self, team: Team, ticket_type: str, *, has_code: bool) -> list[str]:
        skipped = {"ba": SKIPS_BA, "qa": SKIPS_QA, "uat": SKIPS_UAT}
        stages = [
            stage for stage in team.stages if stage not in skipped or not self._dice.chance(skipped[stage][ticket_type])
        ]
        return [stage for stage in (*stages, "done") if stage != "code_review" or has_code]

    def _fate(self) -> str:
        ordinary = 1 - CANCELLED_IN_BACKLOG - DONE_WITHOUT_WORK - DELETED - CANCELLED_IN_DEVELOPMENT
        return self._dice.weighted(
            (
                ("normal", ordinary),
                ("cancelled", CANCELLED_IN_BACKLOG),
                ("closed", DONE_WITHOUT_WORK),
                ("deleted", DELETED),
                ("abandoned", CANCELLED_IN_DEVELOPMENT),
            )
        )

    def _repositories(self, team: Team, ticket_type: str) -> list[Repository]:
        weights = PULL_REQUESTS[ticket_type]
        count = self._dice.weighted([(number + 1, weight) for number, weight in enumerate(weights)])
        if len(weights) == 1 and not self._dice.chance(weights[0]):
            count = 0
        # Most work stays in one technology stream; that is what makes a stream a stream.
        first = self._dice.weighted(team.tech_weights)
        streams = [first if self._dice.chance(0.7) else self._dice.weighted(team.tech_weights) for _ in range(count)]
        return [self._repository(stream) for stream in streams]

    def _repository(self, tech_stream: str) -> Repository:
        wants_library = self._dice.chance(LIBRARIES)
        candidates = [each for each in _REPOSITORIES_OF[tech_stream] if each.is_deployable is not wants_library]
        return self._dice.pick(candidates or _REPOSITORIES_OF[tech_stream])

    def auth_repository(self) -> Repository:
        """Where the auth people make the change that another team waits for."""
        candidates = _REPOSITORIES_OF[AUTH]
        services = [each for each in candidates if each.is_deployable]
        return candidates[-1] if self._dice.chance(AUTH_CODE_HABIT) else self._dice.pick(services)

    def _place(self, ticket: Ticket, repositories: list[Repository], needs_auth: bool) -> None:
        touched = {repository.tech_stream.name for repository in repositories} | ({AUTH} if needs_auth else set())
        if not self._dice.chance(NO_TECH_FIELD):
            ticket.fields["tech_streams"] = tuple(sorted(touched))
        self._tag_stream(ticket)

    def _tag_stream(self, ticket: Ticket) -> None:
        """Write the delivery stream the way the project does; now and then somebody forgets."""
        dice, stream = self._dice, STREAM_OF_PROJECT[ticket.project]
        fields = ticket.fields
        is_forgotten = dice.chance(NO_STREAM[ticket.project])
        if stream.name == INSIGHTS:
            old_name = ticket.created_at < self._period.renamed_at
            label = () if is_forgotten else ("reporting" if old_name else INSIGHTS,)
            extra = ("quick-win",) if dice.chance(0.15) else ()
            fields["labels"] = (*fields["labels"], *label, *extra)
        elif is_forgotten:
            return
        elif stream.name == PLATFORM and dice.chance(0.12):
            fields["components"] = (stream.display_name,)
        else:
            moved = ticket.is_moved_work and ticket.created_at >= self._period.reorganised_at
            # Two spellings of one stream are in use; both must be understood.
            spelling = PLATFORM if dice.chance(0.1) else DISPLAY_NAME[PLATFORM]
            fields["delivery_stream"] = spelling if moved or stream.name == PLATFORM else DISPLAY_NAME[stream.name]

    def _relate(self, bug: Ticket) -> None:
        recent = self._recent.get(bug.project, [])[-25:]
        if recent and self._dice.chance(0.8):
            bug.relates_to = self._dice.pick(recent)
