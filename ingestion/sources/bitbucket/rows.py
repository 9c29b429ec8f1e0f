"""Bitbucket's objects as rows of the schema `raw_bitbucket`: what the models read, and nothing that names a person.

In: decoded objects of the API. Out: rows in the order of the tables' columns.
Only what is named here is kept, so that a field which Bitbucket adds one day cannot carry somebody's name in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from core import clock
from core.privacy import Pseudonymiser
from ingestion.sources.changes import Repository
from ingestion.sources.http import instant

_PULL_REQUEST = (
    "id", "title", "description", "state", "draft", "comment_count", "task_count", "reason", "created_on", "updated_on",
)  # fmt: skip
_PIPELINE = ("uuid", "build_number", "created_on", "completed_on", "duration_in_seconds", "build_seconds_used")
_ACCOUNT = ("type", "uuid", "account_id", "display_name", "nickname")


def pull_request_row(
    repository: Repository,
    found: Mapping[str, Any],
    merge_hash: str | None,
    parts: Mapping[str, Sequence[Mapping[str, Any]] | None],
    pseudonymiser: Pseudonymiser,
) -> tuple[Any, ...]:
    """A row of `raw_bitbucket.pull_requests`; `parts` are its activity, commits and diffstat."""
    pull_request = {
        **_only(found, _PULL_REQUEST),
        "author": _account(found.get("author")),
        "source": _end(found.get("source")),
        "destination": _end(found.get("destination")),
        "merge_commit": {"hash": merge_hash} if merge_hash else None,
    }
    cleaned = pseudonymiser.clean({"pull_request": pull_request, "activity": list(_activity(parts["activity"] or ()))})
    return (
        repository.full_name, int(found["id"]), instant(found["updated_on"]), repository.default_branch,
        _json(cleaned["pull_request"]), _json(cleaned["activity"]),
        _json([_only(commit, ("hash", "date")) for commit in parts["commits"] or ()]),
        _json(_sums(parts["diffstat"])), clock.now(),
    )  # fmt: skip


def pipeline_row(
    repository: Repository,
    found: Mapping[str, Any],
    deployments: Sequence[Mapping[str, Any]],
    environments: Mapping[str, Mapping[str, Any]],
) -> tuple[Any, ...]:
    """A row of `raw_bitbucket.pipelines`; people stand in none of what is kept of it."""
    target = found.get("target") or {}
    pipeline = {
        **_only(found, _PIPELINE),
        "state": _state(found),
        "target": {"ref_name": target.get("ref_name"), "ref_type": target.get("ref_type"),
                   "commit": _only(target.get("commit"), ("hash",))},
        "trigger": _only(found.get("trigger"), ("name", "type")),
    }  # fmt: skip
    steps = [_deployment(each, environments) for each in deployments]
    changed = found.get("completed_on") or found["created_on"]
    latest = max([instant(changed), *(instant(at) for each in steps if (at := each["completed_on"]))])
    return repository.full_name, str(found["uuid"]), latest, _json(pipeline), _json(steps), clock.now()


def version(found: Mapping[str, Any], deployments: Sequence[Mapping[str, Any]]) -> str:
    """What tells two states of a pipeline and its deployments apart."""
    told = [_state(found), found.get("completed_on"), [[each.get("uuid"), each.get("state")] for each in deployments]]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _activity(entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of each entry what it was, when, by whom; of comments no word, of updates the state and the head."""
    for entry in entries:
        if update := entry.get("update"):
            kept = {**_only(update, ("state", "draft", "date")), "author": _account(update.get("author"))}
            yield {"update": {**kept, "source": _end(update.get("source"))}}
        elif approval := entry.get("approval"):
            yield {"approval": {"date": approval.get("date"), "user": _account(approval.get("user"))}}
        elif request := entry.get("changes_requested") or entry.get("changes_request"):
            yield {"changes_requested": {"date": request.get("date"), "user": _account(request.get("user"))}}
        elif (comment := entry.get("comment")) and not comment.get("deleted"):
            yield {"comment": {**_only(comment, ("id", "created_on")), "user": _account(comment.get("user"))}}


def _deployment(found: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    state = found.get("state") or {}
    environment = found.get("environment") or {}
    environment = {**environments.get(str(environment.get("uuid")), {}), **environment}
    release = found.get("release") or {}
    return {
        "uuid": found.get("uuid"),
        "state": state.get("name"),
        "status": (state.get("status") or {}).get("name"),
        "started_on": state.get("started_on"),
        "completed_on": state.get("completed_on"),
        "environment": environment.get("name"),
        "environment_type": (environment.get("environment_type") or {}).get("name"),
        "commit": (release.get("commit") or {}).get("hash"),
    }


def _state(pipeline: Mapping[str, Any]) -> dict[str, Any]:
    state = pipeline.get("state") or {}
    return {"name": state.get("name"), "result": (state.get("result") or {}).get("name")}


def _end(end: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The source or destination of a pull request: branch and commit; the repository of a deleted fork is null."""
    if not end:
        return None
    return {"branch": _only(end.get("branch"), ("name",)), "commit": _only(end.get("commit"), ("hash",))}


def _account(account: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return _only(account, _ACCOUNT) or None


def _only(found: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found} if found else {}


def _sums(files: Sequence[Mapping[str, Any]] | None) -> dict[str, int] | None:
    if files is None:
        return None
    return {
        "lines_added": sum(int(each.get("lines_added") or 0) for each in files),
        "lines_removed": sum(int(each.get("lines_removed") or 0) for each in files),
        "files_changed": len(files),
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
