"""The sprints of a Jira site, who is in them, and their way into the platform's calendar.

In: a site, what is held already. Out: Arrow tables for boards, sprints and their issues; rows of `config.sprints`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt
from dlt.extract import DltResource

from core import clock
from core.logging import get_logger
from core.privacy import Pseudonymiser
from ingestion.operations import Meter
from ingestion.sources.jira import client_of, resource_of
from ingestion.sources.jira.client import JiraClient
from ingestion.sources.jira.registry import HANDFUL, LEAST_SHARE, board_row
from ingestion.sources.jira.site import JiraError, JiraSite
from ingestion.sources.tables import Batch
from ingestion.sources.tables.jira import JIRA_BOARDS, JIRA_SPRINT_ISSUES, JIRA_SPRINTS

# A sprint that was closed is looked at for this long: issues are closed, added and taken out afterwards.
RECENTLY = timedelta(days=14)
# Boards of these types have sprints (those of team-managed projects are `simple`), and some of them have none.
BOARDS_WITH_SPRINTS = ("scrum", "simple")
Row = tuple[Any, ...]
log = get_logger(__name__)


@dataclass(frozen=True)
class HeldSprints:
    """What the raw tables hold: open sprints (id to row), members (sprint to issue to key), boards read before."""

    open: Mapping[str, Row] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    boards: frozenset[str] = frozenset()


@dlt.source(name="jira")
def jira_sprints(
    site: JiraSite,
    pseudonymiser: Pseudonymiser,
    held: HeldSprints,
    *,
    history: timedelta,
    read_boards: set[str],
    meter: Meter | None = None,
) -> list[DltResource]:
    """Boards, their open and recently closed sprints, and the issues of these.

    A board that is met for the first time tells all its sprints, and the issues of those closed within `history`.
    `read_boards` is filled with the ids of the boards that were read. Raises `JiraError` while reading.
    """
    look = _Look(client_of(site, meter), pseudonymiser, held, history, read_boards)
    return [
        resource_of(JIRA_BOARDS, look.boards()),
        resource_of(JIRA_SPRINTS, look.sprints()),
        resource_of(JIRA_SPRINT_ISSUES, look.members()),
    ]


class _Look:
    """One look at all boards; its three steps run one after the other."""

    def __init__(
        self,
        client: JiraClient,
        pseudonymiser: Pseudonymiser,
        held: HeldSprints,
        history: timedelta,
        read_boards: set[str],
    ) -> None:
        self._client = client
        self._pseudonymiser = pseudonymiser
        self._held = held
        self._history = history
        self._read_boards = read_boards
        self._with_sprints: dict[str, str] = {}
        self._seen_at = clock.now()
        self._to_look_at: dict[str, str] = {}
        self._refused: dict[str, JiraError] = {}

    def boards(self) -> Iterator[Batch]:
        """Every board that the account sees."""
        rows = [board_row(board, self._pseudonymiser) for board in self._client.boards()]
        if not rows and self._held.boards:
            raise JiraError("Jira lists no board, and there were some; may the account still see them?")
        self._with_sprints = {row[0]: row[2] for row in rows if row[2] in BOARDS_WITH_SPRINTS}
        if rows:
            yield JIRA_BOARDS.arrow_table(rows)

    def sprints(self) -> Iterator[Batch]:
        """Open ones of every board, all of a new board, and what became of open ones that no board lists any more."""
        found: dict[str, Row] = {}
        for number, board_id in enumerate(self._with_sprints, start=1):
            is_new = board_id not in self._held.boards
            sprints = self._of_board(board_id, *(() if is_new else ("active", "future")))
            for sprint in sprints or ():
                row = _sprint_row(sprint, board_id, self._pseudonymiser)
                found[row[0]] = row
                if self._is_worth_a_look(row, self._history if is_new else RECENTLY):
                    self._to_look_at[row[0]] = row[3]
            if sprints is not None:
                self._read_boards.add(board_id)
            self._client.connection.meter.say(f"sprints of {number:,} of {len(self._with_sprints):,} boards")
        self._refuse_blindness()
        for row in self._no_longer_listed(found):
            found[row[0]] = row
            self._to_look_at[row[0]] = row[3]
        if found:
            yield JIRA_SPRINTS.arrow_table(list(found.values()))

    def members(self) -> Iterator[Batch]:
        """Who is in a sprint, and who was and is no more."""
        rows: list[Row] = []
        for number, (sprint_id, state) in enumerate(self._to_look_at.items(), start=1):
            issues = {} if state == "deleted" else self._client.sprint_issues(sprint_id)
            left = {
                issue_id: key
                for issue_id, key in self._held.members.get(sprint_id, {}).items()
                if issue_id not in issues
            }
            for is_member, some in ((True, issues), (False, left)):
                rows += [(sprint_id, issue_id, key, is_member, self._seen_at) for issue_id, key in some.items()]
            self._client.connection.meter.say(f"issues of {number:,} of {len(self._to_look_at):,} sprints")
        if rows:
            yield JIRA_SPRINT_ISSUES.arrow_table(rows)

    def _of_board(self, board_id: str, *states: str) -> list[dict[str, Any]] | None:
        """The sprints of a board; None where Jira does not tell them.

        A large site always has a board whose filter is broken or hidden, and a team's board may have no sprints: one
        of them must not keep the others from being read. It counts as never read, so nothing of it is missed later.
        """
        try:
            return self._client.sprints(board_id, *states)
        except JiraError as error:
            if error.status not in (400, 403, 404):
                raise
            log.warning("board_without_sprints", source="jira", board=board_id, status=error.status)
            self._refused[board_id] = error
            return None

    def _refuse_blindness(self) -> None:
        """Where no scrum board can be read, the boards are not what is broken."""
        scrum = {board_id for board_id, kind in self._with_sprints.items() if kind == "scrum"}
        if scrum and not self._read_boards:
            raise self._refused[min(scrum)]

    def _is_worth_a_look(self, row: Row, since: timedelta) -> bool:
        state, ends_at, completed_at = row[3], row[6], row[7]
        closed_at = completed_at or ends_at
        return state != "closed" or closed_at is None or bool(closed_at >= self._seen_at - since)

    def _no_longer_listed(self, found: Mapping[str, Row]) -> list[Row]:
        """Open sprints that no board lists as open: each was closed, moved or deleted, and Jira is asked which."""
        missing = [sprint_id for sprint_id in self._held.open if sprint_id not in found]
        rows, deleted = [], 0
        for sprint_id in missing:
            sprint = self._client.sprint(sprint_id)
            if sprint is None:
                deleted += 1
                held = self._held.open[sprint_id]
                rows.append((*held[:3], "deleted", *held[4:]))
            else:
                rows.append(_sprint_row(sprint, self._held.open[sprint_id][1], self._pseudonymiser))
        if deleted > HANDFUL and deleted > len(self._held.open) * LEAST_SHARE:
            count = len(self._held.open)
            raise JiraError(f"Jira knows {deleted:,} of {count:,} sprints no more; may the account see them?")
        return rows


def _sprint_row(sprint: dict[str, Any], board_id: str | None, pseudonymiser: Pseudonymiser) -> Row:
    goal = sprint.get("goal")
    return (
        str(sprint["id"]),
        str(sprint.get("originBoardId") or board_id),
        pseudonymiser.text(str(sprint["name"])),
        str(sprint["state"]).lower(),
        pseudonymiser.text(goal) if goal else None,
        *(_instant(sprint.get(name)) for name in ("startDate", "endDate", "completeDate")),
    )


def _instant(value: str | None) -> datetime | None:
    """A sprint's date in UTC; one without an offset is read as UTC."""
    if not value:
        return None
    instant = datetime.fromisoformat(value)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
