"""Our registry of repositories (`config.repositories`), kept in step with GitHub's list.

In: the repositories that GitHub lists. Out: rows in `config.repositories` and `config.repository_aliases`. A row is
found by GitHub's number; one that was registered by hand gets its number by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core import clock
from core.logging import get_logger
from core.tables import repositories, repository_aliases, tech_streams
from ingestion.sources.github.repositories import Repository

PROVIDER = "github"
_DEFAULT_BRANCH = "main"
log = get_logger(__name__)


def register(connection: Connection, listed: Sequence[Repository], *, archived_before: frozenset[str]) -> None:
    """Bring the registry into step with a complete list of some organisations.

    `archived_before` holds the numbers of those that were archived at the last look: only what was archived comes
    back to life with its repository, and not what an admin switched off.
    """
    streams: Mapping[str, Any] = {
        str(organisation).lower(): stream_id
        for organisation, stream_id in connection.execute(
            select(tech_streams.c.github_org, tech_streams.c.stream_id).where(tech_streams.c.is_active)
        )
    }
    renamed = _set_aside_renamed(connection, listed)
    elsewhere = _names_of_other_providers(connection)
    for one in listed:
        if one.full_name.lower() in elsewhere:
            log.warning("a repository of another provider has this name already", full_name=one.full_name)
            continue
        stream_id = streams.get(one.organisation.lower())
        row = _registered(connection, one)
        if row is not None:
            _bring_up_to_date(connection, row, one, stream_id, archived_before)
        elif stream_id is not None:
            connection.execute(
                insert(repositories).values(tech_stream_id=stream_id, is_active=not one.is_archived, **_facts(one))
            )
    _remember(connection, renamed)


def _set_aside_renamed(connection: Connection, listed: Sequence[Repository]) -> dict[str, str]:
    """Former to new names. The rows get a name that nobody has: two repositories may have swapped theirs."""
    now_called = {one.repository_id: one.full_name for one in listed}
    renamed: dict[str, str] = {}
    for repo_id, provider_id, full_name in connection.execute(
        select(repositories.c.repo_id, repositories.c.provider_id, repositories.c.full_name).where(
            repositories.c.provider == PROVIDER, repositories.c.provider_id.in_(now_called)
        )
    ).all():
        new_name = now_called[str(provider_id)]
        if full_name != new_name:
            renamed[str(full_name)] = new_name
            connection.execute(
                update(repositories)
                .where(repositories.c.repo_id == repo_id)
                .values(github_repo_name=f"{full_name} until it has its new name", full_name=str(repo_id))
            )
    return renamed


def _names_of_other_providers(connection: Connection) -> set[str]:
    """A name is one repository's: a mirror at GitHub of what is registered from elsewhere counts once."""
    found = connection.execute(select(repositories.c.full_name).where(repositories.c.provider != PROVIDER))
    return {name.lower() for name in map(str, found.scalars())}


def _registered(connection: Connection, one: Repository) -> Row[Any] | None:
    """The row of a repository: by its number, else by its name."""
    of_github = select(repositories).where(repositories.c.provider == PROVIDER)
    by_name = connection.execute(of_github.where(func.lower(repositories.c.full_name) == one.full_name.lower())).first()
    by_number = connection.execute(of_github.where(repositories.c.provider_id == one.repository_id)).first()
    if by_number is None or by_name is None or by_name.repo_id == by_number.repo_id:
        return by_number or by_name
    # Registered by hand under its new name while we knew it under its former one: the choices made last stay.
    connection.execute(delete(repositories).where(repositories.c.repo_id == by_number.repo_id))
    return by_name


def _bring_up_to_date(
    connection: Connection, row: Row[Any], one: Repository, stream_id: Any, archived_before: frozenset[str]
) -> None:
    is_active = row.is_active
    if one.is_archived:
        is_active = False
    elif one.repository_id in archived_before:
        is_active = True
    # Moved to an organisation that is no stream: it stays with the one that it had.
    facts = {"tech_stream_id": stream_id or row.tech_stream_id, "is_active": is_active, **_facts(one)}
    if any(getattr(row, name) != value for name, value in facts.items()):
        connection.execute(update(repositories).where(repositories.c.repo_id == row.repo_id).values(**facts))


def _facts(one: Repository) -> dict[str, Any]:
    return {
        "github_org": one.organisation,
        "github_repo_name": one.name,
        "full_name": one.full_name,
        "default_branch": one.default_branch or _DEFAULT_BRANCH,
        "provider": PROVIDER,
        "provider_id": one.repository_id,
    }


def _remember(connection: Connection, renamed: Mapping[str, str]) -> None:
    """Aliases of the renamed; each points to today's name, and no name of today is an alias."""
    aliases = repository_aliases
    known = {str(former): str(full_name) for former, full_name, *_ in connection.execute(select(aliases))}
    wanted = {former: renamed.get(full_name, full_name) for former, full_name in known.items()}
    wanted.update(renamed)
    today = set(map(str, connection.execute(select(repositories.c.full_name)).scalars()))
    connection.execute(delete(aliases).where(aliases.c.former_full_name.in_(today & known.keys())))
    for former, full_name in wanted.items():
        if former not in today and known.get(former) != full_name:
            statement = upsert(aliases).values(former_full_name=former, full_name=full_name, known_since=clock.now())
            changed = {"full_name": full_name}
            connection.execute(statement.on_conflict_do_update(index_elements=["former_full_name"], set_=changed))
