"""Repositories as their vendor lists them, registered in `config.repositories` (003).

In: the vendor's list. Out: new rows under the technology stream that the organisation, group or workspace belongs to;
new names of known ones, with the former name in `config.repository_aliases`; archived ones inactive. What an
administrator set (stream, deployable or not, deploy target, default branch) is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection, Row, Table, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.database import database_url, make_engine
from core.settings import Settings
from core.tables import repositories, repository_aliases, tech_streams
from ingestion.operations import Meter, on_record
from ingestion.sources.changes import Repository

Vendor = Literal["gitlab", "bitbucket"]


@dataclass
class Registered:
    """What one sync did, by full name."""

    added: list[str] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    # No technology stream has their organisation: an administrator must say where they belong.
    without_stream: list[str] = field(default_factory=list)
    # The name is taken by another row: an administrator must say which one holds.
    in_conflict: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = {
            "added": self.added,
            "renamed": self.renamed,
            "archived": self.archived,
            "without a technology stream": self.without_stream,
            "in conflict with another row": self.in_conflict,
        }
        return ", ".join(f"{len(names)} {word}" for word, names in counts.items() if names) or "nothing new"


def sync(
    settings: Settings,
    *,
    provider: Vendor,
    configuration: str,
    list_repositories: Callable[[], list[Repository]],
    use_meter: Callable[[Meter], None],
) -> Registered:
    """List the vendor's repositories and register them, on record; raises what the listing raises."""
    engine = make_engine(database_url(settings), pool_size=2)
    meter = Meter()
    use_meter(meter)
    try:
        with on_record(engine, provider, configuration, operation="sync", meter=meter) as running:
            found = list_repositories()
            running.rows = len(found)
            with engine.begin() as connection:
                registered = register(connection, provider, found)
            meter.say(str(registered))
            return registered
    finally:
        engine.dispose()


def register(connection: Connection, provider: Vendor, found: Sequence[Repository]) -> Registered:
    """Write what the vendor lists into `config.repositories`; running it twice changes nothing."""
    result = Registered()
    streams = {
        row.organisation: row.stream_id
        for row in connection.execute(
            select(func.lower(tech_streams.c.github_org).label("organisation"), tech_streams.c.stream_id)
        )
    }
    for repository in found:
        known = _known(connection, provider, repository)
        if known is not None:
            _renew(connection, provider, repository, known, result)
            continue
        stream = _stream_of(repository.full_name, streams)
        if _is_taken(connection, repository.full_name):
            result.in_conflict.append(repository.full_name)
        elif stream is None:
            result.without_stream.append(repository.full_name)
        else:
            values = {"tech_stream_id": stream, "is_active": not repository.is_archived}
            if repository.default_branch:
                values["default_branch"] = repository.default_branch
            connection.execute(
                insert(repositories).values(
                    **_names(repository.full_name), provider=provider, provider_id=repository.provider_id, **values
                )
            )
            result.added.append(repository.full_name)
    return result


def _known(connection: Connection, provider: Vendor, repository: Repository) -> Row[Any] | None:
    """The row of a repository: by the vendor's number, else by a name that nobody has tied to a number yet."""
    is_ours = repositories.c.provider == provider
    by_number = connection.execute(
        select(repositories).where(is_ours, repositories.c.provider_id == repository.provider_id)
    ).one_or_none()
    if by_number is not None:
        return by_number
    return connection.execute(
        select(repositories)
        .where(
            func.lower(repositories.c.full_name) == repository.full_name.lower(), repositories.c.provider_id.is_(None)
        )
        .limit(1)
    ).one_or_none()


def _renew(
    connection: Connection, provider: Vendor, repository: Repository, known: Row[Any], result: Registered
) -> None:
    values: dict[str, Any] = {}
    if known.provider_id is None:
        values |= {"provider": provider, "provider_id": repository.provider_id}
    if known.full_name != repository.full_name and known.provider_id is not None:
        if _is_taken(connection, repository.full_name, known.repo_id):
            result.in_conflict.append(repository.full_name)
        else:
            values |= _names(repository.full_name)
            _remember_name(connection, known.full_name, repository.full_name)
            result.renamed.append(repository.full_name)
    if repository.is_archived and known.is_active:
        # The other way round it stays as it is: an administrator may have switched it off.
        values["is_active"] = False
        result.archived.append(repository.full_name)
    if values:
        connection.execute(update(repositories).where(repositories.c.repo_id == known.repo_id).values(values))


def _is_taken(connection: Connection, full_name: str, but_by: UUID | None = None) -> bool:
    """Whether another row has this name."""
    other = select(repositories.c.repo_id).where(
        func.lower(repositories.c.full_name) == full_name.lower(),
        repositories.c.repo_id.is_distinct_from(but_by),
    )
    return connection.execute(other.limit(1)).first() is not None


def _remember_name(connection: Connection, former: str, now: str) -> None:
    """What was said under the former name still counts, over several renamings too."""
    aliases: Table = repository_aliases
    connection.execute(update(aliases).where(aliases.c.full_name == former).values(full_name=now))
    connection.execute(aliases.delete().where(aliases.c.former_full_name == now))
    statement = upsert(aliases).values(former_full_name=former, full_name=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["former_full_name"], set_={"full_name": now}))


def _stream_of(full_name: str, streams: dict[str, Any]) -> Any | None:
    """The stream of the nearest group above: `acme/shop/api` belongs to `acme/shop` before `acme`."""
    organisation = full_name.lower()
    while "/" in organisation:
        organisation = organisation.rpartition("/")[0]
        if organisation in streams:
            return streams[organisation]
    return None


def _names(full_name: str) -> dict[str, str]:
    organisation, _, name = full_name.rpartition("/")
    return {"full_name": full_name, "github_org": organisation, "github_repo_name": name}
