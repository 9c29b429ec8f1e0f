"""`dpp group`: which role a group of the identity provider gives.

In: what was typed. Out: each command calls one function of `app.auth.group_mappings`.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.auth.group_mappings import list_group_mappings, map_group, unmap_group
from app.queries.streams import AmbiguousStream, UnknownStream
from core.database import get_engine
from orchestration.errors import CommandError

ACTOR = "command line"
groups = typer.Typer(help="Roles that groups of the identity provider give.", no_args_is_help=True)


@groups.command("map")
def map_a_group(
    pattern: Annotated[str, typer.Argument(help="The group as the provider names it; Entra ID gives object ids.")],
    role: Annotated[str, typer.Argument(help="viewer, team_member, stream_lead or platform_admin.")],
    regex: Annotated[bool, typer.Option(help="The pattern is a regular expression for whole names.")] = False,
    stream: Annotated[str | None, typer.Option(help="Only for this stream; for all where left out.")] = None,
) -> None:
    """Give a role to everybody in a group; it acts at their next sign-in."""
    try:
        with get_engine().begin() as connection:
            map_group(connection, pattern, role, is_regex=regex, stream=stream, actor=ACTOR)
    except ValueError as error:
        raise CommandError(str(error)) from None
    except UnknownStream:
        raise CommandError(f"There is no stream {stream!r}") from None
    except AmbiguousStream:
        raise CommandError(f"Two streams are called {stream!r}: give the id") from None


@groups.command("list")
def list_the_groups() -> None:
    """What is mapped."""
    with get_engine().connect() as connection:
        rows = list_group_mappings(connection)
    table = Table("Group", "Matches", "Role", "Stream")
    for row in rows:
        table.add_row(
            row["group_pattern"],
            "expression" if row["is_regex"] else "exactly",
            row["role"],
            row["delivery_stream"] or row["tech_stream"] or "all",
        )
    Console().print(table)


@groups.command("unmap")
def unmap_a_group(pattern: Annotated[str, typer.Argument(help="The group or expression as it was mapped.")]) -> None:
    """Take away what a group gives; roles go at the next sign-in."""
    with get_engine().begin() as connection:
        if unmap_group(connection, pattern, actor=ACTOR) == 0:
            raise CommandError(f"{pattern!r} is not mapped; `dpp group list` shows what is")
