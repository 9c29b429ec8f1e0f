"""GitHub's webhooks for the history: pull requests, reviews, deployment statuses.

In: pull requests and deployments of the history. Out: payloads in GitHub's shape (compare the published
examples of octokit/webhooks), with every field that a reader of pull requests or deployments uses.
"""

from __future__ import annotations

from typing import Any

import orjson

from ingestion.demo.company import DEPLOY_BOT, Repository
from ingestion.demo.history import Deployment, PullRequest, PullRequestEvent, fingerprint
from ingestion.demo.shapes import (
    Payload,
    github_organisation,
    github_repository,
    github_side,
    github_time,
    github_user,
    identifier,
)

_HOTFIX_LABEL = {"name": "hotfix", "color": "b60205", "default": False, "description": "Mends an outage"}
_DEPENDENCY_LABEL = {"name": "dependencies", "color": "0366d6", "default": False, "description": None}


def pull_request_opened(pull_request: PullRequest) -> Payload:
    """The webhook of the opening."""
    at = pull_request.opened_at
    details = _pull_request(pull_request, at, ()) | _counts(pull_request, (), None)
    payload = {"action": "opened", "number": pull_request.number, "pull_request": details}
    return _payload("pull_request", payload, pull_request.repository, pull_request.author, pull_request.number, at)


def pull_request_event(pull_request: PullRequest, index: int) -> Payload:
    """The webhook of the pull request's event at `index`."""
    event, past = pull_request.events[index], tuple(pull_request.events[: index + 1])
    details = _pull_request(pull_request, event.at, past)
    payload: dict[str, Any]
    if event.kind == "review":
        payload = {"action": "submitted", "review": _review(pull_request, event, index), "pull_request": details}
        name = "pull_request_review"
    else:
        name = "pull_request"
        payload = {
            "action": event.kind,
            "number": pull_request.number,
            "pull_request": details | _counts(pull_request, past, event),
        }
        if event.kind == "synchronize":
            pushes = _pushes(past)
            payload["before"] = _head_sha(pull_request, pushes - 1)
            payload["after"] = _head_sha(pull_request, pushes)
    number = f"{pull_request.number}.{index}"
    return _payload(name, payload, pull_request.repository, event.actor, number, event.at)


def deployment_status(deployment: Deployment, state: str, at: int) -> Payload:
    """The webhook of a deployment's new state: in_progress, success, failure or inactive."""
    number = deployment.github_id
    creator = github_user(DEPLOY_BOT)
    is_production = deployment.environment == "production"
    status_id = int(fingerprint(number, state, at)[:12], 16) % 10**10
    changed = {"created_at": github_time(at), "updated_at": github_time(at)}
    payload = {
        "action": "created",
        "deployment_status": {
            "id": status_id,
            "node_id": f"DES_{status_id}",
            "state": state,
            "creator": creator,
            "description": "",
            "environment": deployment.environment,
            **changed,
        },
        "deployment": {
            "id": number,
            "node_id": f"DE_{number}",
            "sha": deployment.commit_sha,
            "ref": "main",
            "task": "deploy",
            "payload": {},
            "original_environment": deployment.environment,
            "environment": deployment.environment,
            "description": deployment.artefact_version,
            "creator": creator,
            "created_at": github_time(deployment.started_at),
            "updated_at": github_time(at),
            "transient_environment": False,
            "production_environment": is_production,
            "performed_via_github_app": None,
        },
    }
    return _payload("deployment_status", payload, deployment.repository, DEPLOY_BOT, f"{number}.{state}", at)


def _payload(
    event: str, payload: dict[str, Any], repository: Repository, sender: str, number: object, at: int
) -> Payload:
    stream = repository.tech_stream
    payload["repository"] = github_repository(repository)
    payload["organization"] = github_organisation(stream.github_org, stream.installation_id)
    payload["sender"] = github_user(sender)
    payload["installation"] = {"id": stream.installation_id, "node_id": f"I_{stream.installation_id}"}
    delivery_id = identifier(event, repository.full_name, number, at)
    return Payload("github", event, orjson.dumps(payload), delivery_id)


def _pull_request(pull_request: PullRequest, at: int, past: tuple[PullRequestEvent, ...]) -> dict[str, Any]:
    """The pull request as of its latest event, with the fields that reviews carry, too."""
    repository = github_side(pull_request.repository)
    organisation = pull_request.repository.tech_stream.github_org
    owner = {"login": organisation, "type": "Organization"}
    closed = past[-1] if past and past[-1].kind == "closed" else pull_request.closed if _is_closed(past) else None
    ready = any(event.kind == "ready_for_review" for event in past)
    number = 2_000_000_000 + int(fingerprint(pull_request.repository.full_name, pull_request.number)[:8], 16)
    merged = closed is not None and closed.state == "merged"
    return {
        "id": number,
        "node_id": f"PR_{number}",
        "number": pull_request.number,
        "state": "open" if closed is None else "closed",
        "locked": False,
        "title": pull_request.title,
        "user": github_user(pull_request.author),
        "body": pull_request.body,
        "created_at": github_time(pull_request.opened_at),
        "updated_at": github_time(at),
        "closed_at": None if closed is None else github_time(closed.at),
        "merged_at": github_time(closed.at) if closed is not None and merged else None,
        "merge_commit_sha": _merge_sha(pull_request, merged, bool(past)),
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [github_user(each) for each in pull_request.reviewers],
        "requested_teams": [],
        "labels": _labels(pull_request),
        "milestone": None,
        "draft": pull_request.starts_as_draft and not ready,
        "head": {
            "label": f"{organisation}:{pull_request.branch}",
            "ref": pull_request.branch,
            "sha": _head_sha(pull_request, _pushes(past)),
            "user": owner,
            "repo": repository,
        },
        "base": {
            "label": f"{organisation}:{pull_request.base_branch}",
            "ref": pull_request.base_branch,
            "sha": fingerprint("base", pull_request.repository.full_name, pull_request.number),
            "user": owner,
            "repo": repository,
        },
        "author_association": "CONTRIBUTOR" if pull_request.is_bot else "MEMBER",
        "auto_merge": None,
        "active_lock_reason": None,
    }


def _counts(
    pull_request: PullRequest, past: tuple[PullRequestEvent, ...], event: PullRequestEvent | None
) -> dict[str, Any]:
    """What only `pull_request` events carry: merge state and sizes."""
    is_merged = event is not None and event.kind == "closed" and event.state == "merged"
    remarks = sum(event.kind == "review" and event.state != "approved" for event in past)
    return {
        "merged": is_merged,
        "mergeable": None if event is None or event.kind == "closed" else True,
        "rebaseable": None,
        "mergeable_state": "unknown",
        "merged_by": github_user(event.actor) if event is not None and is_merged else None,
        "comments": remarks,
        "review_comments": 3 * remarks,
        "maintainer_can_modify": False,
        "commits": 1 + pull_request.number % 4 + _pushes(past),
        "additions": pull_request.additions,
        "deletions": pull_request.deletions,
        "changed_files": pull_request.changed_files,
    }


def _review(pull_request: PullRequest, event: PullRequestEvent, index: int) -> dict[str, Any]:
    number = int(fingerprint(pull_request.repository.full_name, pull_request.number, index)[:8], 16)
    return {
        "id": number,
        "node_id": f"PRR_{number}",
        "user": github_user(event.actor),
        "body": "Please have a look at the error path." if event.state == "changes_requested" else None,
        "commit_id": _head_sha(pull_request, _pushes(tuple(pull_request.events[:index]))),
        "submitted_at": github_time(event.at),
        "state": event.state,
        "author_association": "MEMBER",
    }


def _labels(pull_request: PullRequest) -> list[dict[str, Any]]:
    if pull_request.kind == "hotfix":
        return [{"id": 9_000_001, **_HOTFIX_LABEL}]
    return [{"id": 9_000_002, **_DEPENDENCY_LABEL}] if pull_request.is_bot else []


def _merge_sha(pull_request: PullRequest, merged: bool, is_tested: bool) -> str | None:
    """While it is open GitHub names the commit of a trial merge here, which never reaches the base branch."""
    if merged:
        return pull_request.merge_commit_sha
    return fingerprint("trial merge", pull_request.repository.full_name, pull_request.number) if is_tested else None


def _is_closed(past: tuple[PullRequestEvent, ...]) -> bool:
    return any(event.kind == "closed" for event in past)


def _pushes(past: tuple[PullRequestEvent, ...]) -> int:
    return sum(event.kind == "synchronize" for event in past)


def _head_sha(pull_request: PullRequest, pushes: int) -> str:
    return fingerprint("head", pull_request.repository.full_name, pull_request.number, pushes)
