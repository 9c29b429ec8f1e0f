"""`dpp`: the platform on the command line. Each command calls one function elsewhere.

In: arguments and settings. Out: exit status 0, or one line on standard error and status 1. What a command
needs is imported inside it: Dagster, dbt and Streamlit take seconds, and `dpp --help` should not.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from core.database import DatabaseUnavailable, get_engine
from core.embedded_postgres import EmbeddedPostgresError
from core.settings import SettingsError, get_settings
from orchestration.errors import CommandError
from orchestration.group_commands import groups
from orchestration.jira_commands import jira

app = typer.Typer(
    name="dpp",
    help="Delivery Performance Platform: delivery metrics from Jira, GitHub, CI and incident tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="People who sign in.", no_args_is_help=True)
load = typer.Typer(
    help="Recorded files through the front door of a running service, histories through their source.",
    no_args_is_help=True,
)
keys = typer.Typer(help="API keys of programs.", no_args_is_help=True)
app.add_typer(load, name="load")
app.add_typer(users, name="user")
app.add_typer(keys, name="key")
app.add_typer(groups, name="group")
app.add_typer(jira, name="jira")

Select = Annotated[
    str | None,
    typer.Option(
        metavar="SELECTION",
        help="Build these tables only, in Dagster's syntax: 'group:cycles' or 'key:\"metrics/weekly_throughput\"+'.",
    ),
]
RecordedFile = Annotated[Path, typer.Argument(help="A file of JSON lines.")]
ApiKeyFile = Annotated[
    Path, typer.Option("--key-file", help="File that holds an API key with events:write; see `dpp key create`.")
]
ServiceUrl = Annotated[str | None, typer.Option(help="The running service; this machine's where left out.")]
FullRefresh = Annotated[bool, typer.Option("--full-refresh", help="Start from the first event, not from what is new.")]
LineEvery = Annotated[float, typer.Option(hidden=True, help="Seconds between two lines of progress.")]


@app.command()
def migrate() -> None:
    """Make databases, tables and roles, or bring them to the newest version. Safe to run again."""
    from orchestration.commands import bring_up_to_date

    bring_up_to_date(get_settings())


@app.command()
def web(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="Run one part alone: sink, api or dashboard. May be given twice."),
    ] = None,
) -> None:
    """Run the web service on DPP_PORT: webhooks and pushes, the API, the dashboard."""
    from orchestration.services import running_database
    from orchestration.web import chosen_parts, serve

    parts = chosen_parts(only)
    with running_database(get_settings()):
        serve(get_settings(), parts)


@app.command()
def worker() -> None:
    """Build what arrives within seconds, until Ctrl-C. Without it Dagster's sensor does so within a minute."""
    from orchestration.commands import run_worker_here

    run_worker_here(get_settings())


@app.command()
def build(full_refresh: FullRefresh = False, select: Select = None, line_every: LineEvery = 5.0) -> None:
    """Build the marts and the forecasts from what has arrived, as a Dagster run in this process."""
    from orchestration.commands import build_tables

    build_tables(get_settings(), "Build", full_refresh=full_refresh, select=select, line_every=line_every)


@app.command()
def rebuild() -> None:
    """Build every derived table anew, from the first event on: `dpp build --full-refresh`."""
    from orchestration.commands import build_tables

    build_tables(get_settings(), "Rebuild", full_refresh=True)


@app.command()
def forecast() -> None:
    """Compute today's delivery forecasts from the marts as they are."""
    from orchestration.commands import build_tables

    build_tables(get_settings(), "Forecast", select="group:forecast")


@app.command()
def demo(
    exit_when_ready: Annotated[
        bool, typer.Option("--exit-when-ready", help="Start everything, print the addresses, stop everything.")
    ] = False,
    months: Annotated[
        int, typer.Option(min=3, help="Length of the company's history. What is loaded already stays.")
    ] = 18,
) -> None:
    """Run everything with a simulated company in it: database, web service, Dagster. Ctrl-C ends it all."""
    from orchestration.demo import run_demo

    run_demo(get_settings(), exit_when_ready=exit_when_ready, months=months)


@app.command()
def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which sources; `dpp pull --list` names them. All that are configured.")
    ] = None,
    nightly: Annotated[bool, typer.Option(help="What runs at night instead: deletions, gaps, repositories.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Name the sources and whether they are configured.")] = False,
) -> None:
    """Fetch from the vendors now what Dagster fetches on its schedules."""
    from orchestration.commands import list_pulls, pull_sources

    if show:
        list_pulls(get_settings())
    else:
        pull_sources(get_settings(), names or [], nightly=nightly)


@app.command()
def replay() -> None:
    """Store every archived delivery that the database lacks: recovery, or the move to an empty database."""
    from orchestration.commands import replay_archive

    replay_archive(get_settings())


@app.command()
def status() -> None:
    """Show the database, what has arrived, the last build and the last forecast."""
    from orchestration.commands import show_status

    show_status(get_settings())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dagster(context: typer.Context) -> None:
    """Run a command of Dagster with the platform's instance: `dpp dagster asset list -m orchestration.definitions`."""
    from orchestration.commands import run_dagster

    run_dagster(get_settings(), context.args)


@users.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="What the person types to sign in.")],
    name: Annotated[str, typer.Option(help="What the dashboard shows; the address where left out.")] = "",
    role: Annotated[
        str, typer.Option(help="viewer, team_member, stream_lead or platform_admin; sees all streams.")
    ] = "viewer",
    password: Annotated[
        str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True, help="Asked for where left out.")
    ] = "",
) -> None:
    """Make a person who signs in with a password, or give an existing one this name, role and password."""
    from orchestration.commands import add_person

    add_person(get_settings(), email, name or email, password, role)


@keys.command("create")
def create_api_key(
    name: Annotated[str, typer.Argument(help="Whose key it is: 'the payments pipeline'.")],
    permission: Annotated[
        list[str] | None,
        typer.Option(help="events:write (the default), links:write, metrics:read or admin. May be given twice."),
    ] = None,
    repository: Annotated[
        list[str] | None, typer.Option(help="Bind the key to this repository (org/name). May be given twice.")
    ] = None,
) -> None:
    """Make an API key and print it; it is stored as a hash, so this is the only time that it is shown."""
    from orchestration.commands import make_key

    make_key(get_settings(), name, permission or ["events:write"], repository)


@load.command("deployments")
def load_deployments(file: RecordedFile, key: ApiKeyFile, url: ServiceUrl = None) -> None:
    """Push recorded deployments: one JSON object a line, in the shape of POST /api/v1/events/deployment."""
    from orchestration import loading

    loading.push("deployments", file, loading.address(get_settings(), url), loading.read_key(key))


@load.command("incidents")
def load_incidents(file: RecordedFile, key: ApiKeyFile, url: ServiceUrl = None) -> None:
    """Push recorded incident events: one JSON object a line, in the shape of POST /api/v1/events/incident."""
    from orchestration import loading

    loading.push("incidents", file, loading.address(get_settings(), url), loading.read_key(key))


@load.command("webhooks")
def load_webhooks(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="github or jira: who signs, and with which secret.")],
    folder: Annotated[
        Path, typer.Argument(help="Payloads, *.json. For GitHub each lies in a folder named as its event.")
    ],
    url: ServiceUrl = None,
) -> None:
    """Sign recorded webhook payloads with this installation's secret and send them."""
    from orchestration import loading

    loading.webhooks(get_settings(), source, folder, loading.address(get_settings(), url))


@load.command("git")
def load_git(
    path: Annotated[Path, typer.Argument(help="A clone, or a recorded history (a folder with commits.jsonl.gz).")],
    repository: Annotated[str, typer.Argument(help="Whose history it is: organisation/name.")],
    branch: Annotated[str | None, typer.Option(help="The default branch; the clone's own where left out.")] = None,
) -> None:
    """Read a repository's commits and merged pull requests from its git history."""
    from orchestration import loading

    loading.git(get_settings(), path, repository, branch)


@load.command("jira")
def load_jira(
    url: Annotated[str, typer.Argument(help="Address of the Jira site, such as https://example.atlassian.net.")],
    email: Annotated[str, typer.Option(help="The account that reads.")],
    token_file: Annotated[Path, typer.Option(help="File that holds the account's API token.")],
    jql: Annotated[str, typer.Option(help="Which issues; all where left out.")] = "",
    changelog: Annotated[bool, typer.Option(help="Whether each issue's history is fetched too.")] = True,
) -> None:
    """Fetch the issues of a Jira site that changed since the last time."""
    from orchestration import loading

    loading.jira(get_settings(), url, email, token_file, jql=jql, with_changelog=changelog)


def main() -> None:
    """The console script. Whatever a person can mend is one line and status 1."""
    try:
        app()
    except SettingsError as error:
        _fail(f"Cannot start: {error}")
    except (CommandError, DatabaseUnavailable, EmbeddedPostgresError) as error:
        _fail(str(error))
    except OperationalError as error:
        _fail(f"The database does not answer: {' '.join(str(error.orig).split())}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if get_engine.cache_info().currsize:
            get_engine().dispose()


def _fail(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    raise SystemExit(1) from None


if __name__ == "__main__":
    main()
