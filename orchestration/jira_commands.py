"""`dpp jira …`: which Jira field holds which of ours, and which status means which stage.

In: arguments. Out: tables on standard output; one line on standard error and status 1 for what a person must mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection

from core.database import get_engine
from core.settings import get_settings
from orchestration.errors import CommandError

jira = typer.Typer(help="Jira's fields and statuses: what they mean to us.", no_args_is_help=True)

# Stages in which nobody works and nothing waits.
_WITHOUT_WORK = ("backlog", "done", "cancelled")

Project = Annotated[str | None, typer.Option(help="This Jira project only, by its key.")]


@jira.command("fields")
def show_fields(
    site: Annotated[bool, typer.Option("--site", help="Show the fields of the Jira site instead.")] = False,
) -> None:
    """Show every internal field, the Jira field that it is mapped to, and the metrics that need it."""
    from ingestion.sources.jira import fields

    with _database() as connection:
        if site:
            known = fields.fields_of_the_site(connection)
            if not known:
                raise fields.FieldsNotFetched
            _show(("field", "name", "type"), [(field.field_id, field.name, field.field_type) for field in known])
            return
        mapped = {mapping.internal_field: mapping for mapping in fields.current_mappings(connection)}
        rows = []
        for field in fields.INTERNAL_FIELDS:
            mapping = mapped.get(field.name)
            name = f"{field.name} *" if field.is_required else field.name
            held = f"{mapping.jira_field_id} {mapping.jira_field_name or ''}".rstrip() if mapping else "-"
            rows.append((field.group, name, held, ", ".join(field.types), ", ".join(field.required_for)))
        _show(("group", "internal field", "mapped to", "takes", "needed for"), rows)
        for group, names in fields.missing_required(connection).items():
            _say(f"* required: the group {group} lacks {', '.join(names)}")


@jira.command("check")
def check() -> None:
    """Check every mapping against the site's fields; status 1 where one cannot work."""
    from ingestion.sources.jira import fields

    with _database() as connection:
        findings = fields.check_mappings(connection)
        _show(
            ("internal field", "mapped to", "type", "finding"),
            [
                (
                    found.internal_field,
                    f"{found.jira_field_id} {found.jira_field_name or ''}".rstrip(),
                    found.jira_field_type or "-",
                    found.problem or "good",
                )
                for found in findings
            ],
        )
        for metric, names in fields.missing_mappings(connection).items():
            _say(f"{metric} cannot come from Jira's fields: map {', '.join(names)}")
    broken = [found.internal_field for found in findings if found.problem is not None]
    if broken:
        raise CommandError(f"{len(broken)} of {len(findings)} mappings cannot work: {', '.join(broken)}")


@jira.command("map")
def map_field(
    internal_field: Annotated[str, typer.Argument(help="A field of ours; see `dpp jira fields`.")],
    jira_field: Annotated[str, typer.Argument(help="Its Jira field, such as customfield_10100 or resolutiondate.")],
) -> None:
    """Map an internal field to a Jira field. The next build reads the tickets anew with it."""
    from ingestion.sources.jira import fields

    with _database() as connection:
        done = fields.set_mapping(connection, internal_field, jira_field)
    if done.checked_at is None:
        _say(f"{internal_field} is {jira_field}, unchecked: the site's fields were never fetched.")
    else:
        _say(f"{internal_field} is {jira_field} ({done.jira_field_name}).")


@jira.command("unmap")
def unmap_field(
    internal_field: Annotated[str, typer.Argument(help="A field of ours; see `dpp jira fields`.")],
) -> None:
    """Take a mapping back."""
    from ingestion.sources.jira import fields

    with _database() as connection:
        fields.remove_mapping(connection, internal_field)
    _say(f"{internal_field} is mapped to no Jira field.")


@jira.command("suggest")
def suggest() -> None:
    """Suggest Jira fields for what is not mapped; nothing is applied."""
    from ingestion.sources.jira import fields

    with _database() as connection:
        found = fields.suggest_mappings(connection)
    if not found:
        _say("Nothing to suggest: what is not mapped has no field of a fitting type and name.")
        return
    _show(
        ("internal field", "Jira field", "name", "confidence", "because"),
        [
            (each.internal_field, each.jira_field_id, each.jira_field_name, each.confidence, each.reason)
            for each in found
        ],
    )
    _say("Accept one with `dpp jira map INTERNAL_FIELD JIRA_FIELD`.")


@jira.command("statuses")
def statuses(project: Project = None) -> None:
    """Show the statuses without a pipeline stage, how many events are in them, and the stage suggested for each."""
    from ingestion.sources.jira import fields

    with _database() as connection:
        found = fields.suggest_statuses(connection, project)
    if not found:
        _say("Every status that is known has a stage.")
        return
    _show(
        ("project", "status", "events", "stage", "active", "confidence", "because"),
        [
            (
                each.jira_project_key,
                each.jira_status_name,
                str(each.occurrences),
                each.pipeline_stage or "?",
                "yes" if each.is_active_work else "no",
                each.confidence or "-",
                each.reason,
            )
            for each in found
        ],
    )
    _say("Accept one with `dpp jira accept PROJECT STATUS`, all of a project with `dpp jira accept PROJECT --all`.")


@jira.command("accept")
def accept(
    project: Annotated[str, typer.Argument(help="Key of the Jira project.")],
    status: Annotated[str | None, typer.Argument(help="The status; left out with --all.")] = None,
    stage: Annotated[str | None, typer.Option(help="Another stage than the suggested one.")] = None,
    is_active: Annotated[
        bool | None, typer.Option("--active/--queue", help="Whether somebody works in it, or it waits.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every suggestion for this project.")] = False,
) -> None:
    """Give a status the stage that is suggested for it, or another."""
    from ingestion.sources.jira import fields

    if everything == (status is not None):
        raise CommandError("Name one status, or say --all")
    if everything and (stage is not None or is_active is not None):
        raise CommandError("--all takes the suggestions as they are: name one status to give it another stage")
    with _database() as connection:
        names = [status] if status is not None else _suggested(connection, project)
        accepted = [fields.accept_status(connection, project, name, stage, is_active_work=is_active) for name in names]
    for each in accepted:
        kind = "" if each.pipeline_stage in _WITHOUT_WORK else ", active work" if each.is_active_work else ", a queue"
        _say(f"{each.jira_project_key}: {each.jira_status_name} is {each.pipeline_stage}{kind}.")


def _suggested(connection: Connection, project: str) -> list[str]:
    from ingestion.sources.jira import fields

    found = fields.suggest_statuses(connection, project)
    names = [each.jira_status_name for each in found if each.pipeline_stage is not None]
    if not names:
        raise CommandError(f"Nothing is suggested for project {project}")
    return names


@contextmanager
def _database() -> Iterator[Connection]:
    """A transaction on the running database; what a person typed wrong becomes a line for that person."""
    from orchestration.services import running_database

    with running_database(get_settings()):
        try:
            with get_engine().begin() as connection:
                yield connection
        except ValueError as error:
            raise CommandError(str(error)) from None


def _show(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(table)


def _say(line: str) -> None:
    Console(highlight=False, soft_wrap=True).print(line, markup=False)
