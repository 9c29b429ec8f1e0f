"""GitLab's objects as rows of the schema `raw_gitlab`: what the models read, and nothing that names a person.

In: decoded objects of the API. Out: rows in the order of the tables' columns.
Only what is named here is kept, so that a field which GitLab adds one day cannot carry somebody's name in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from core import clock
from core.privacy import Pseudonymiser
from ingestion.sources.changes import Repository
from ingestion.sources.http import instant

_MERGE_REQUEST = (
    "id", "iid", "title", "description", "state", "draft", "work_in_progress", "labels", "source_branch",
    "target_branch", "sha", "merge_commit_sha", "squash_commit_sha", "squash", "user_notes_count", "created_at",
    "updated_at", "merged_at", "closed_at",
)  # fmt: skip
_PIPELINE = (
    "id", "iid", "name", "sha", "ref", "tag", "status", "source", "created_at", "updated_at", "started_at",
    "finished_at", "duration",
)  # fmt: skip
_DEPLOYMENT = ("id", "iid", "ref", "sha", "status", "created_at", "updated_at")
# What the system notes of approvals and drafts say, in all their spellings.
_TELLING = re.compile(
    r"^(?:un)?approved this merge request|^requested changes|^(?:un)?marked (?:this merge request )?as (?:a )?\*\*",
    re.IGNORECASE,
)
# GitLab's own name for the account of a project's or group's access token.
_BOT = re.compile(r"^(?:project|group)_\d+_bot|^service_account_|-bot$|^gitlab-bot$", re.IGNORECASE)


def merge_request_row(
    repository: Repository, found: Mapping[str, Any], parts: Mapping[str, Sequence[Mapping[str, Any]]],
    pseudonymiser: Pseudonymiser,
) -> tuple[Any, ...]:  # fmt: skip
    """A row of `raw_gitlab.merge_requests`; `parts` are its notes, commits, versions and diffs."""
    cleaned = pseudonymiser.clean(
        {
            "merge_request": {**_only(found, _MERGE_REQUEST), "author": _person(found.get("author"))},
            "notes": [_note(note) for note in parts["notes"] if _is_telling(note)],
        }
    )
    commits = [_only(commit, ("id", "authored_date", "committed_date")) for commit in parts["commits"]]
    versions = [_only(version, ("head_commit_sha", "created_at")) for version in parts["versions"]]
    return (
        repository.full_name, int(found["iid"]), instant(found["updated_at"]), repository.default_branch,
        _json(cleaned["merge_request"]), _json(cleaned["notes"]), _json(commits), _json(versions),
        _json(_sums(parts["diffs"])), clock.now(),
    )  # fmt: skip


def pipeline_row(repository: Repository, found: Mapping[str, Any], pseudonymiser: Pseudonymiser) -> tuple[Any, ...]:
    """A row of `raw_gitlab.pipelines`."""
    pipeline = pseudonymiser.clean(_only(found, _PIPELINE))
    return repository.full_name, str(found["id"]), instant(found["updated_at"]), _json(pipeline), clock.now()


def deployment_row(repository: Repository, found: Mapping[str, Any], pseudonymiser: Pseudonymiser) -> tuple[Any, ...]:
    """A row of `raw_gitlab.deployments`."""
    deployment = {
        **_only(found, _DEPLOYMENT),
        "environment": _only(found.get("environment"), ("id", "name", "tier")),
        "deployable": _only(found.get("deployable"), ("id", "status", "tag", "started_at", "finished_at", "duration")),
    }
    return (
        repository.full_name, str(found["id"]), instant(found["updated_at"]), repository.default_branch,
        _json(pseudonymiser.clean(deployment)), clock.now(),
    )  # fmt: skip


def _only(found: Mapping[str, Any] | None, names: Sequence[str]) -> dict[str, Any]:
    return {name: found[name] for name in names if name in found} if found else {}


def _person(account: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An account as what the pseudonym is made from, and whether a machine uses it."""
    if not account or not account.get("username"):
        return None
    kind = "Bot" if _BOT.search(str(account["username"])) else "User"
    return {**_only(account, ("id", "username", "name")), "type": kind}


def _is_telling(note: Mapping[str, Any]) -> bool:
    return not note.get("system") or _TELLING.match(str(note.get("body") or "")) is not None


def _note(note: Mapping[str, Any]) -> dict[str, Any]:
    """A system note with its text; of what people wrote only that they did."""
    kept = _only(note, ("id", "type", "system", "created_at", *(("body",) if note.get("system") else ())))
    return {**kept, "author": _person(note.get("author"))}


def _sums(diffs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lines and files over all diffs; lines are unknown where GitLab left a diff out for its size."""
    if any(diff.get("too_large") or diff.get("collapsed") for diff in diffs):
        return {"lines_added": None, "lines_removed": None, "files_changed": len(diffs)}
    lines = [line for diff in diffs for line in str(diff.get("diff") or "").split("\n")]
    return {
        "lines_added": sum(line.startswith("+") for line in lines),
        "lines_removed": sum(line.startswith("-") for line in lines),
        "files_changed": len(diffs),
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
