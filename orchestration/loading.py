"""`dpp load`: recorded files and histories, with their progress and what became of them.

In: files and addresses that a person names. Out: lines on the screen; `CommandError` for what that person can mend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from dlt.pipeline.exceptions import PipelineStepFailed

from core.secrets import SecretName, secrets_for
from core.settings import Settings
from ingestion import load, pipelines
from ingestion.pipelines import LoadResult, LostRowsError
from ingestion.sources.git_history import HistoryError
from ingestion.sources.jira import JiraError, JiraSite
from orchestration.console import Reporter
from orchestration.errors import CommandError
from orchestration.services import running_database

MOST_NOTES_SHOWN = 20


def address(settings: Settings, url: str | None) -> str:
    """The service that takes the recorded deliveries."""
    return url or settings.web_url


def read_key(file: Path) -> str:
    """The API key in a file: on the command line it would stand in the shell's history."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandError(f"The key cannot be read: {error}") from None


def push(kind: Literal["deployments", "incidents"], file: Path, base_url: str, api_key: str) -> None:
    """Push a file of events."""
    function = load.load_deployments if kind == "deployments" else load.load_incidents
    _send(kind, lambda progress: function(file, base_url, api_key, progress))


def webhooks(settings: Settings, source: str, folder: Path, base_url: str) -> None:
    """Sign and send a folder of payloads. While a secret is being replaced its file has two lines: either is valid."""
    if source not in ("github", "jira"):
        raise CommandError(f"There are no webhooks of {source!r}: choose github or jira")
    vendor: Literal["github", "jira"] = "github" if source == "github" else "jira"
    name: SecretName = "github_webhook_secret" if source == "github" else "jira_webhook_secret"
    secret = secrets_for(settings).get(name).splitlines()[0]
    _send(f"{source} webhooks", lambda progress: load.load_webhooks(folder, vendor, base_url, secret, progress))


def git(settings: Settings, path: Path, repository: str, branch: str | None) -> None:
    """Load a history."""
    _pull(settings, f"History of {repository}", lambda: load.load_git(path, repository, settings, branch))


def jira(settings: Settings, url: str, email: str, token_file: Path, *, jql: str, with_changelog: bool) -> None:
    """Load a site's issues."""
    site = JiraSite(url, email, read_key(token_file), settings.jira_deployment)
    _pull(settings, f"Issues of {url}", lambda: load.load_jira(site, settings, jql=jql, with_changelog=with_changelog))


def _send(title: str, send: Callable[[Callable[[int], None]], load.Report]) -> None:
    reporter = Reporter()
    with _sayable(), reporter.step(f"Sending {title}") as update:
        report = send(lambda done: update(done, 0, ""))
    reporter.say(str(report))
    for name, notes in (("refused", report.refused), ("not understood", report.not_understood)):
        for note in notes[:MOST_NOTES_SHOWN]:
            reporter.say(f"  {name}: {note.reference}: {note.reason}")
        if len(notes) > MOST_NOTES_SHOWN:
            reporter.say(f"  {name}: … and {len(notes) - MOST_NOTES_SHOWN:,} more")


def _pull(settings: Settings, title: str, pull: Callable[[], LoadResult]) -> None:
    reporter = Reporter()
    with running_database(settings), _sayable(), reporter.step(title):
        result = pull()
    for name, count in result.tables.items():
        reporter.say(f"{name}: {count.fetched:,} fetched, {count.loaded:,} in the database")
    if not result.tables:
        reporter.say("Nothing new.")


@contextmanager
def _sayable() -> Iterator[None]:
    """Turns what a person can mend into a line for that person."""
    try:
        yield
    except PipelineStepFailed as error:
        raise CommandError(pipelines.reason(error)) from None
    except (OSError, ValueError, load.Unreachable, HistoryError, JiraError, LostRowsError) as error:
        raise CommandError(str(error)) from None
