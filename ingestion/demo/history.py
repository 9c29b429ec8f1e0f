"""What happened in the demo company, as small plain objects.

In: what the simulation decides. Out: tickets, pull requests, deployments, outages, survey answers.
Every `…_at` and `at` is an instant: whole seconds since the epoch, UTC. Nothing here knows of HTTP.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from ingestion.demo.company import Repository
from ingestion.demo.period import Period


def fingerprint(*parts: object) -> str:
    """Forty hexadecimal digits that stand for the parts, like a commit's id."""
    return hashlib.sha1("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class Change:
    """One field of a ticket that changed; `status` holds steps of the simulation, not names of a workflow."""

    field: str
    before: Any
    after: Any


@dataclass(slots=True)
class TicketEvent:
    """One edit of a ticket: everything that changed in the same instant."""

    at: int
    changes: tuple[Change, ...]


@dataclass(slots=True)
class Ticket:
    """A Jira issue; `fields` are its values at creation, `events` what changed since, in time order."""

    project: str
    ticket_type: str
    summary: str
    created_at: int
    reporter: str
    fields: dict[str, Any]
    events: list[TicketEvent] = field(default_factory=list)
    pull_requests: list[PullRequest] = field(default_factory=list)
    relates_to: Ticket | None = None
    is_moved_work: bool = False
    deleted_at: int | None = None
    number: int = 0

    @property
    def key(self) -> str:
        """The issue key, once the tickets are numbered."""
        return f"{self.project}-{self.number}"

    def record(self, at: int, *changes: Change) -> None:
        """Add an edit; edits of one ticket never share an instant."""
        if self.events and at <= self.events[-1].at:
            at = self.events[-1].at + 1
        self.events.append(TicketEvent(max(at, self.created_at + 1), changes))

    def insert(self, at: int, *changes: Change) -> None:
        """Add an edit to a ticket whose later life is already written."""
        taken = {event.at for event in self.events}
        while at in taken:
            at += 1
        self.events.append(TicketEvent(at, changes))
        self.events.sort(key=lambda event: event.at)

    def latest(self, name: str) -> Any:
        """The field's value at the end of the history."""
        value = self.fields.get(name)
        for event in self.events:
            for change in event.changes:
                if change.field == name:
                    value = change.after
        return value


@dataclass(slots=True)
class PullRequestEvent:
    """`kind`: ready_for_review, synchronize, review (with `state`) or closed (with `state` merged or closed)."""

    at: int
    kind: str
    actor: str
    state: str = ""


@dataclass(slots=True)
class PullRequest:
    """A pull request; `ticket` is the work it belongs to, `key_in` where its author wrote the key."""

    repository: Repository
    author: str
    opened_at: int
    kind: str
    summary: str
    ticket: Ticket | None
    key_in: str  # branch, title, body or nowhere
    starts_as_draft: bool = False
    is_bot: bool = False
    base_branch: str = "main"
    additions: int = 0
    deletions: int = 0
    changed_files: int = 1
    events: list[PullRequestEvent] = field(default_factory=list)
    reviewers: tuple[str, ...] = ()
    number: int = 0

    @property
    def closed(self) -> PullRequestEvent | None:
        """The event that ended it, if it has ended."""
        return next((event for event in self.events if event.kind == "closed"), None)

    @property
    def merged_at(self) -> int | None:
        """When it was merged, if it was."""
        closed = self.closed
        return closed.at if closed is not None and closed.state == "merged" else None

    @property
    def merge_commit_sha(self) -> str:
        """The commit that a merge makes on the base branch."""
        return fingerprint("merge", self.repository.full_name, self.number)

    @property
    def _slug(self) -> str:
        return "-".join(self.summary.lower().split())

    @property
    def branch(self) -> str:
        """The head branch; it follows the naming convention where `key_in` says so."""
        if self.is_bot:
            return f"dependencies/{self._slug}"
        if self.key_in == "branch" and self.ticket is not None:
            # A third of the developers leave the prefix out, which the convention allows.
            prefix = "" if self.number % 3 == 0 and self.kind != "hotfix" else f"{self.kind}/"
            return f"{prefix}{self.ticket.key}-{self._slug}"
        return f"hotfix/{self._slug}" if self.kind == "hotfix" else self._slug

    @property
    def title(self) -> str:
        """The title, with the ticket's key where `key_in` says so."""
        text = self.summary[:1].upper() + self.summary[1:]
        if self.key_in == "title" and self.ticket is not None:
            return f"{self.ticket.key}: {text}"
        return text

    @property
    def body(self) -> str | None:
        """The description: a template, a lone sentence or nothing."""
        if self.key_in == "body" and self.ticket is not None:
            return f"## Why\n{self.summary}\n\nJira ticket: {self.ticket.key}\n\n## How it was tested\nUnit tests."
        if self.is_bot:
            return "Bumps a dependency. Release notes: fixes CVE-2024-3094 and a wrong SHA-256 in the lock file."
        return None if self.number % 7 == 0 else f"{self.summary[:1].upper()}{self.summary[1:]}, with tests."


@dataclass(slots=True)
class Deployment:
    """One run of a deployment pipeline; `status` is how the run ended: success, failure or cancelled."""

    repository: Repository
    environment: str
    run: int
    head: PullRequest  # the newest change that the deployed commit holds
    build: str
    started_at: int
    completed_at: int
    status: str
    trigger: str = "merge"
    names_pull_request: bool = True
    rolled_back_at: int | None = None
    rollback_of: Deployment | None = None
    carried: tuple[PullRequest, ...] = ()  # merged since the release before it

    @property
    def commit_sha(self) -> str:
        """The deployed commit: the merge of its newest change."""
        return self.head.merge_commit_sha

    @property
    def artefact_version(self) -> str | None:
        """What was deployed, as the technology stream's CI names it; infrastructure has no artefacts."""
        match self.repository.tech_stream.name:
            case "infra":
                return None
            case "frontend":
                return f"release-{self.commit_sha[:12]}"
            case _:
                return f"v{self.build}"

    @property
    def pipeline_id(self) -> str:
        """The CI system's name of the pipeline."""
        return f"acme-ci/{self.repository.name}/{self.environment}"

    @property
    def github_id(self) -> int:
        """GitHub's number of the deployment, where it is one of GitHub's."""
        base = 1_900_000_000 + self.repository.github_id % 9_000 * 10_000
        return base + self.run * 2 + (self.environment == "production")

    @property
    def deployment_id(self) -> str:
        """Pipeline and run, as the platform names a deployment."""
        if self.repository.tech_stream.reports_deployments_through == "github":
            return f"github/deploy/{self.github_id}"
        return f"{self.pipeline_id}/{self.run}"


@dataclass(slots=True)
class Signal:
    """An alarm or an incident; `resolved_at` is None while it is open."""

    kind: str  # alarm or incident
    opened_at: int
    resolved_at: int | None
    incident_id: str = ""


@dataclass(slots=True)
class Outage:
    """One outage as people lived through it: an alarm, an incident, or both."""

    service: str
    repository: Repository | None
    severity: str
    description: str
    signals: tuple[Signal, ...]
    names_repository: bool = False
    names_each_other: bool = False
    related_deployment: Deployment | None = None
    ticket: Ticket | None = None

    @property
    def opened_at(self) -> int:
        """When its first signal was raised."""
        return min(signal.opened_at for signal in self.signals)

    @property
    def resolved_at(self) -> int | None:
        """When its last signal was resolved; None while one is open."""
        ends = [signal.resolved_at for signal in self.signals if signal.resolved_at is not None]
        return max(ends) if len(ends) == len(self.signals) else None


@dataclass(slots=True)
class SurveyAnswer:
    """One person's monthly answer; scores from 1 to 5."""

    period: str
    stream: str
    respondent: str
    pace: int
    tooling: int
    clarity: int
    free_text: str | None
    submitted_at: int


@dataclass(slots=True)
class History:
    """Everything that happened up to `period.end`; nothing in it is later."""

    seed: int
    period: Period
    tickets: list[Ticket]
    pull_requests: list[PullRequest]
    deployments: list[Deployment]
    outages: list[Outage]
    surveys: list[SurveyAnswer]
