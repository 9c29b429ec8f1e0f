"""Manual links in the database, and the record of who made them.

In: links and the name of the key. Out: rows of `config.manual_links` and `ops.audit_log`, in one transaction;
what became of each link.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.dialects.postgresql import insert

from core import clock
from core.tables import audit_log, manual_links
from ingestion.links.rows import Link

Outcome = Literal["created", "changed", "unchanged"]
_KNOWN = text(
    """
    select lower(full_name) from config.repositories where lower(full_name) = any(cast(:names as text[]))
    """
)
_FORMER = text(
    """
    select links.repo_full_name, links.pr_number, links.ticket_id
    from config.manual_links as links
    inner join unnest(cast(:names as text[]), cast(:numbers as integer[])) as wanted (name, number)
        on lower(links.repo_full_name) = wanted.name and links.pr_number = wanted.number
    """
)


@dataclass(frozen=True)
class Stored:
    """What became of a link, and whether its repository is configured: one that is not may be misspelt."""

    outcome: Outcome
    is_known_repository: bool


@dataclass(frozen=True)
class Page:
    """Some links and how many there are in all."""

    links: list[dict[str, Any]]
    total: int


def set_links(engine: Engine, links: Sequence[Link], actor: str) -> list[Stored]:
    """Make or change links, in order; the later of two for one pull request holds. All of them or none."""
    instant = clock.now()
    with engine.begin() as connection:
        # Two writers that change one link must not both call its former ticket the same.
        connection.execute(text("lock table config.manual_links in share row exclusive mode"))
        names = [link.repo_full_name.lower() for link in links]
        known: set[str] = set(connection.execute(_KNOWN, {"names": names}).scalars())
        former = {
            (row.repo_full_name.lower(), row.pr_number): (row.repo_full_name, row.ticket_id)
            for row in connection.execute(_FORMER, {"names": names, "numbers": [link.pr_number for link in links]})
        }
        stored: list[Stored] = []
        rows: dict[tuple[str, int], dict[str, Any]] = {}
        audits: list[dict[str, Any]] = []
        for link, name in zip(links, names, strict=True):
            place = (name, link.pr_number)
            # Repositories are told apart without regard to case, so the spelling that is there stays.
            spelling, ticket = former.get(place, (link.repo_full_name, None))
            outcome: Outcome = "created" if ticket is None else "changed"
            if ticket == link.ticket_id:
                outcome = "unchanged"
            else:
                former[place] = (spelling, link.ticket_id)
                rows[place] = _row(spelling, link, actor, instant)
                audits.append(_audit("link.set", actor, spelling, link.pr_number, link.ticket_id, ticket, instant))
            stored.append(Stored(outcome, name in known))
        _write(connection, list(rows.values()), audits)
    return stored


def remove_link(engine: Engine, repo_full_name: str, pr_number: int, actor: str) -> bool:
    """Take a link back; False where there is none."""
    place = (func.lower(manual_links.c.repo_full_name) == repo_full_name.lower()) & (
        manual_links.c.pr_number == pr_number
    )
    with engine.begin() as connection:
        removed = connection.execute(manual_links.delete().where(place).returning(manual_links)).first()
        if removed is None:
            return False
        audit = _audit("link.removed", actor, removed.repo_full_name, pr_number, None, removed.ticket_id, clock.now())
        connection.execute(audit_log.insert().values(audit))
    return True


def list_links(
    engine: Engine, page: int, page_size: int, repo_full_name: str | None, repositories: frozenset[str] | None
) -> Page:
    """One page of links in the order of repository and number; of one repository or of all that the key may see."""
    query = select(manual_links)
    if repo_full_name is not None:
        query = query.where(func.lower(manual_links.c.repo_full_name) == repo_full_name.lower())
    if repositories is not None:
        query = query.where(manual_links.c.repo_full_name.in_(sorted(repositories)))
    with engine.connect() as connection:
        total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        rows = connection.execute(
            query.order_by(manual_links.c.repo_full_name, manual_links.c.pr_number)
            .limit(page_size)
            .offset((page - 1) * page_size)
        ).mappings()
        return Page([{**row, "linked_at": row["linked_at"].isoformat()} for row in rows], total)


def _write(connection: Connection, rows: list[dict[str, Any]], audits: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = insert(manual_links)
    changed = {name: statement.excluded[name] for name in ("ticket_id", "linked_at", "linked_by")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=["repo_full_name", "pr_number"], set_=changed), rows
    )
    connection.execute(audit_log.insert(), audits)


def _row(repo_full_name: str, link: Link, actor: str, instant: datetime) -> dict[str, Any]:
    return {
        "repo_full_name": repo_full_name,
        "pr_number": link.pr_number,
        "ticket_id": link.ticket_id,
        "linked_at": instant,
        "linked_by": actor,
    }


def _audit(
    action: str,
    actor: str,
    repo_full_name: str,
    pr_number: int,
    ticket: str | None,
    former: str | None,
    instant: datetime,
) -> dict[str, Any]:
    return {
        "occurred_at": instant,
        "actor": actor,
        "action": action,
        "subject": f"{repo_full_name}#{pr_number}",
        "detail": {"ticket_id": ticket, "former_ticket_id": former},
    }
