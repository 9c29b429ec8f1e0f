"""Recorded files through the front door, and histories through the sources: what `dpp load` does.

In: files, an address with a key or secret, settings. Out: reports of what was sent and what became of it.
Recorded data takes the way of live data: pushes and webhooks over HTTP, issues and commits through dlt.
A line that is refused is reported with its number and the server's reason, and the rest goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.load.sender import Message, Sender, Unreachable
from ingestion.pipelines import LoadResult
from ingestion.sources.git_history import load_git
from ingestion.sources.jira import JiraSite
from ingestion.sources.jira.pull import pull_issues
from ingestion.webhooks.signatures import sign

__all__ = [
    "Report",
    "Unreachable",
    "load_deployments",
    "load_git",
    "load_incidents",
    "load_jira",
    "load_webhooks",
]

Progress = Callable[[int], None]


def _silent(_done: int) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Note:
    """Something to tell about one message: where it came from, and what was said about it."""

    reference: str
    reason: str


@dataclass
class Report:
    """What became of the messages of one load; `sent` is the sum of accepted, duplicates and refused."""

    accepted: int = 0
    duplicates: int = 0
    refused: list[Note] = field(default_factory=list)
    # Stored, but no model reads it: a dead letter.
    not_understood: list[Note] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Messages sent."""
        return self.accepted + self.duplicates + len(self.refused)

    def __str__(self) -> str:
        return (
            f"{self.sent:,} sent: {self.accepted:,} accepted, {self.duplicates:,} there already,"
            f" {len(self.refused):,} refused; {len(self.not_understood):,} stored but not understood"
        )


def load_deployments(file: Path, base_url: str, api_key: str, progress: Progress = _silent) -> Report:
    """Push a file of deployments, one JSON object a line (004 §5.4.2). Raises `OSError`, `Unreachable`."""
    return _push("deployment", file, base_url, api_key, progress)


def load_incidents(file: Path, base_url: str, api_key: str, progress: Progress = _silent) -> Report:
    """Push a file of incident events, one JSON object a line (004 §5.4.2). Raises `OSError`, `Unreachable`."""
    return _push("incident", file, base_url, api_key, progress)


def load_webhooks(
    folder: Path, source: Literal["github", "jira"], base_url: str, secret: str, progress: Progress = _silent
) -> Report:
    """Sign and send every recorded payload (`*.json`) in a folder and the folders below.

    GitHub's event name is the name of the folder that a payload lies in; Jira's stands in the payload.
    Raises `OSError`, `Unreachable`.
    """
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise FileNotFoundError(f"no *.json under {folder}")
    headers = _github_headers if source == "github" else _jira_headers
    messages = (
        Message(str(file.relative_to(folder)), f"/webhooks/{source}", headers(file, folder, body, secret), body)
        for file, body in ((file, file.read_bytes()) for file in files)
    )
    return _send(messages, base_url, progress)


def load_jira(site: JiraSite, settings: Settings, *, jql: str = "", with_changelog: bool = True) -> LoadResult:
    """Load the issues of a Jira site that changed since the last load of the same site and query.

    Raises what `pipelines.run` raises.
    """
    return pull_issues(site, settings, jql=jql, with_changelog=with_changelog)


def _push(event_name: str, file: Path, base_url: str, api_key: str, progress: Progress) -> Report:
    headers = {"Authorization": f"Bearer {api_key}"}
    with file.open("rb") as lines:
        messages = (
            Message(f"line {number}", f"/api/v1/events/{event_name}", headers, line.strip())
            for number, line in enumerate(lines, start=1)
            if line.strip()
        )
        return _send(messages, base_url, progress)


def _send(messages: Iterable[Message], base_url: str, progress: Progress) -> Report:
    report = Report()
    with Sender(base_url) as sender:
        for answer in sender.send(messages):
            if not answer.is_accepted:
                report.refused.append(Note(answer.reference, f"{answer.status} {answer.message}".strip()))
            elif answer.data.get("is_duplicate"):
                report.duplicates += 1
            else:
                report.accepted += 1
            if problem := answer.data.get("problem"):
                report.not_understood.append(Note(answer.reference, str(problem)))
            progress(report.sent)
    return report


def _github_headers(file: Path, folder: Path, body: bytes, secret: str) -> dict[str, str]:
    return {
        "X-GitHub-Event": file.parent.name,
        "X-GitHub-Delivery": _delivery_id(file, folder, body),
        "X-Hub-Signature-256": sign(secret, body),
    }


def _jira_headers(file: Path, folder: Path, body: bytes, secret: str) -> dict[str, str]:
    return {"X-Atlassian-Webhook-Identifier": _delivery_id(file, folder, body), "X-Hub-Signature": sign(secret, body)}


def _delivery_id(file: Path, folder: Path, body: bytes) -> str:
    """Recorded payloads have lost the vendor's id: the same file is the same delivery, however often it is loaded."""
    return hashlib.sha256(f"{file.relative_to(folder)}\n".encode() + body).hexdigest()


def _pseudonymiser(settings: Settings) -> Pseudonymiser:
    return Pseudonymiser(secrets_for(settings).get("pseudonym_key"))
