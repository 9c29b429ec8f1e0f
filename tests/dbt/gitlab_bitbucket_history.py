"""One small history of a project, twice: as the vendor's webhooks tell it, and as its REST API shows it afterwards.

In: nothing. Out: deliveries as the vendors' documentation shows them, and objects of the API; placeholder people.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.dbt.delivery_payloads import at
from tests.ingestion.sources.bitbucket import things as bitbucket
from tests.ingestion.sources.gitlab import things as gitlab

PROJECT = "acme/shop/web"
REPOSITORY = "acme/pay"
FIRST_HEAD, SECOND_HEAD, MERGE = "1" * 40, "2" * 40, "3" * 40
ABANDONED_HEAD = "4" * 40


def spaced(moment: datetime) -> str:
    """An instant as GitLab's webhooks write it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(moment: datetime, fraction: str = ".000") -> str:
    """An instant as the APIs write it."""
    return moment.strftime(f"%Y-%m-%dT%H:%M:%S{fraction}Z")


# --- GitLab ---------------------------------------------------------------------------------------------------------


def _gitlab_project() -> dict[str, Any]:
    return {
        "id": 2, "name": "Web", "web_url": f"https://gitlab.example.org/{PROJECT}", "namespace": "shop",
        "path_with_namespace": PROJECT, "default_branch": "main", "homepage": f"https://gitlab.example.org/{PROJECT}",
    }  # fmt: skip


def _merge_request(iid: int, updated: datetime, head: str, **more: Any) -> dict[str, Any]:
    """A merge request as it stands in a delivery."""
    return {
        "id": 1_000 + iid, "iid": iid, "title": f"PAY-{iid} change", "description": "Closes PAY-9", "state": "opened",
        "draft": False, "work_in_progress": False, "source_branch": f"feature/PAY-{iid}", "target_branch": "main",
        "author_id": gitlab.account("author")["id"], "created_at": spaced(at("09:00")), "updated_at": spaced(updated),
        "last_commit": {"id": head, "author": {"name": "Author Example", "email": "author@example.org"}},
        "labels": [{"id": 5, "title": "Bug", "color": "#fff"}], "merge_commit_sha": None, **more,
    }  # fmt: skip


def _hook(iid: int, moment: datetime, action: str, by: str, head: str, **more: Any) -> tuple[str, datetime, Any]:
    changes = more.pop("changes", {})
    reviewers = more.pop("reviewers", [])
    payload = {
        "object_kind": "merge_request", "user": {**gitlab.account(by), "email": "[REDACTED]"},
        "project": _gitlab_project(), "object_attributes": _merge_request(iid, moment, head, action=action, **more),
        "labels": [], "changes": changes, "reviewers": reviewers,
    }  # fmt: skip
    return "Merge Request Hook", moment, payload


def _note_hook(note: int, iid: int, moment: datetime, by: str, head: str) -> tuple[str, datetime, Any]:
    payload = {
        "object_kind": "note", "user": gitlab.account(by), "project": _gitlab_project(),
        "object_attributes": {
            "id": note, "note": "Why?", "noteable_type": "MergeRequest", "system": False, "action": "create",
            "author_id": gitlab.account(by)["id"], "created_at": spaced(moment), "updated_at": spaced(moment),
        },
        "merge_request": _merge_request(iid, moment, head),
    }  # fmt: skip
    return "Note Hook", moment, payload


def _pipeline_hook(number: int, moment: datetime, status: str, sha: str) -> tuple[str, datetime, Any]:
    payload = {
        "object_kind": "pipeline", "user": gitlab.account("author"), "project": _gitlab_project(), "builds": [],
        "object_attributes": {
            "id": number, "ref": "main", "tag": False, "sha": sha, "source": "push", "status": status, "duration": 63,
            "created_at": spaced(moment), "finished_at": spaced(moment) if status != "running" else None,
        },
    }  # fmt: skip
    return "Pipeline Hook", moment, payload


def _deployment_hook(number: int, moment: datetime, status: str, sha: str) -> tuple[str, datetime, Any]:
    payload = {
        "object_kind": "deployment", "status": status, "deployment_id": number, "environment": "eu-1",
        "status_changed_at": moment.strftime("%Y-%m-%d %H:%M:%S +0000"), "deployable_id": number * 10,
        "environment_tier": "production", "project": _gitlab_project(), "short_sha": sha[:8], "ref": "main",
        "user": gitlab.account("author"), "commit_url": f"https://gitlab.example.org/{PROJECT}/-/commit/{sha}",
    }  # fmt: skip
    return "Deployment Hook", moment, payload


def gitlab_deliveries() -> list[tuple[str, datetime, Any]]:
    """Event name, time and payload of each delivery, in order, people still in them."""
    reviewer = {**gitlab.account("early"), "state": "requested_changes"}
    return [
        _hook(1, at("09:00"), "open", "author", FIRST_HEAD, draft=True, title="Draft: PAY-1 change"),
        _hook(1, at("10:00"), "update", "author", FIRST_HEAD, changes={"draft": {"previous": True, "current": False}}),
        _note_hook(71, 1, at("10:30"), "early", FIRST_HEAD),
        _hook(
            1, at("11:00"), "update", "early", FIRST_HEAD, reviewers=[reviewer],
            changes={"reviewers": {"previous": [], "current": [reviewer]}},
        ),
        _hook(1, at("11:30"), "update", "author", SECOND_HEAD, oldrev=FIRST_HEAD),
        _hook(1, at("12:00"), "approved", "early", SECOND_HEAD),
        _hook(1, at("12:10"), "unapproved", "early", SECOND_HEAD),
        _hook(1, at("12:20"), "approved", "late", SECOND_HEAD),
        _pipeline_hook(31, at("12:30"), "running", SECOND_HEAD),
        _pipeline_hook(31, at("12:31"), "failed", SECOND_HEAD),
        _hook(1, at("13:00"), "merge", "late", SECOND_HEAD, state="merged", merge_commit_sha=MERGE),
        _pipeline_hook(32, at("13:10"), "success", MERGE),
        _deployment_hook(41, at("13:11"), "running", MERGE),
        _deployment_hook(41, at("13:20"), "success", MERGE),
        _deployment_hook(42, at("13:25"), "running", MERGE),
        _deployment_hook(42, at("13:26"), "failed", MERGE),
        _hook(2, at("14:00"), "open", "author", ABANDONED_HEAD),
        _hook(2, at("15:00"), "close", "author", ABANDONED_HEAD, state="closed"),
    ]  # fmt: skip


def gitlab_project_over_rest() -> dict[str, Any]:
    """What the API shows of the same history: merge requests with their parts, pipelines, deployments."""

    def note(number: int, body: str, clock: str, by: str, *, system: bool = True) -> dict[str, Any]:
        return {**gitlab.note(number, body, 0, by, system=system), "created_at": iso(at(clock), ".123")}

    def merge_request(iid: int, updated: str, head: str, **more: Any) -> dict[str, Any]:
        return gitlab.merge_request(
            iid, description="Closes PAY-9", created_at=iso(at("09:00")), updated_at=iso(at(updated), ".456"),
            labels=["Bug"], sha=head, source_branch=f"feature/PAY-{iid}", **more,
        )  # fmt: skip

    def pipeline(number: int, clock: str, status: str, sha: str) -> dict[str, Any]:
        instants = {"updated_at": iso(at(clock)), "finished_at": iso(at(clock))}
        return gitlab.pipeline(number, 0, status, sha=sha, duration=63, **instants)

    def deployment(number: int, started: str, ended: str, status: str) -> dict[str, Any]:
        deployable = {"started_at": iso(at(started), ".9"), "finished_at": iso(at(ended), ".9"), "duration": 540.2}
        environment = {"id": 9, "name": "eu-1", "tier": "production"}
        return gitlab.deployment(
            number, 0, status, sha=MERGE, created_at=iso(at(started)), updated_at=iso(at(ended)),
            deployable=deployable, environment=environment,
        )  # fmt: skip

    return {
        "merge_requests": [
            merge_request(
                1, "13:00", SECOND_HEAD, state="merged", merged_at=iso(at("13:00"), ".4"), merge_commit_sha=MERGE
            ),
            merge_request(2, "15:00", ABANDONED_HEAD, state="closed", closed_at=iso(at("15:00"), ".4")),
        ],
        "parts": {
            (1, "notes"): [
                note(70, "marked this merge request as **ready**", "10:00", "author"),
                note(71, "Why?", "10:30", "early", system=False),
                note(72, "requested changes", "11:00", "early"),
                note(73, "approved this merge request", "12:00", "early"),
                note(74, "unapproved this merge request", "12:10", "early"),
                note(75, "approved this merge request", "12:20", "late"),
            ],
            (1, "versions"): [
                {"head_commit_sha": SECOND_HEAD, "created_at": iso(at("11:30"))},
                {"head_commit_sha": FIRST_HEAD, "created_at": iso(at("09:00"))},
            ],
        },
        "pipelines": [pipeline(31, "12:31", "failed", SECOND_HEAD), pipeline(32, "13:10", "success", MERGE)],
        "deployments": [deployment(41, "13:11", "13:20", "success"), deployment(42, "13:25", "13:26", "failed")],
    }


# --- Bitbucket ------------------------------------------------------------------------------------------------------


def _pull_request(number: int, updated: datetime, head: str, **more: Any) -> dict[str, Any]:
    """A pull request, the same in deliveries and in the API."""
    return bitbucket.pull_request(
        number, description="Closes PAY-9", created_on=iso(at("09:00"), ".1"), updated_on=iso(updated, ".5"),
        source={"branch": {"name": f"feature/PAY-{number}"}, "commit": {"hash": head[:12]}, "repository": None}, **more,
    )  # fmt: skip


def _pull_request_event(
    name: str, moment: datetime, pull_request: dict[str, Any], **more: Any
) -> tuple[str, datetime, Any]:
    repository = {"type": "repository", "full_name": REPOSITORY, "uuid": "{repo-1}", "name": "pay"}
    payload = {"repository": repository, "actor": bitbucket.account("actor"), "pullrequest": pull_request, **more}
    return f"pullrequest:{name}", moment, payload


def _status_event(number: int, started: datetime, ended: datetime, state: str, sha: str) -> tuple[str, datetime, Any]:
    status = {
        "type": "build", "key": "-123456", "name": f"Pipeline #{number} for main", "state": state, "description": "",
        "created_on": iso(started), "updated_on": iso(ended), "commit": {"type": "commit", "hash": sha},
        "url": "https://bitbucket.example.org/results",
    }  # fmt: skip
    repository = {"type": "repository", "full_name": REPOSITORY, "uuid": "{repo-1}", "name": "pay"}
    name = "repo:commit_status_created" if state == "INPROGRESS" else "repo:commit_status_updated"
    return name, ended, {"repository": repository, "actor": bitbucket.account("actor"), "commit_status": status}


MERGED = {"state": "MERGED", "merge_commit": {"hash": MERGE[:12]}, "closed_by": bitbucket.account("late")}


def bitbucket_deliveries() -> list[tuple[str, datetime, Any]]:
    """Event name, time and payload of each delivery, in order, people still in them."""

    def decided(clock: str, by: str) -> dict[str, Any]:
        return {"date": iso(at(clock), ".123"), "user": bitbucket.account(by)}

    comment = {"id": 71, "created_on": iso(at("10:30"), ".2"), "user": bitbucket.account("early"), "content": {}}
    first, second = _pull_request(1, at("09:00"), FIRST_HEAD), _pull_request(1, at("11:30"), SECOND_HEAD)
    return [
        _pull_request_event("created", at("09:00"), first),
        _pull_request_event("comment_created", at("10:30"), first, comment=comment),
        _pull_request_event("changes_request_created", at("11:00"), first, changes_request=decided("11:00", "early")),
        _pull_request_event("updated", at("11:30"), second),
        _pull_request_event("approved", at("12:00"), second, approval=decided("12:00", "early")),
        _pull_request_event("approved", at("12:20"), second, approval=decided("12:20", "late")),
        _pull_request_event("fulfilled", at("13:00"), _pull_request(1, at("13:00"), SECOND_HEAD, **MERGED)),
        _status_event(32, at("13:05"), at("13:05"), "INPROGRESS", MERGE),
        _status_event(32, at("13:05"), at("13:10"), "SUCCESSFUL", MERGE),
        _pull_request_event("created", at("14:00"), _pull_request(2, at("14:00"), ABANDONED_HEAD)),
        _pull_request_event("rejected", at("15:00"), _pull_request(2, at("15:00"), ABANDONED_HEAD, state="DECLINED")),
    ]


def bitbucket_repository_over_rest() -> dict[str, Any]:
    """What the API shows of the same history."""

    def update(clock: str, head: str, state: str = "OPEN") -> dict[str, Any]:
        source = {"branch": {"name": "x"}, "commit": {"hash": head[:12]}}
        return {"update": {"state": state, "date": iso(at(clock), ".6"), "source": source}}

    def decided(kind: str, clock: str, by: str) -> dict[str, Any]:
        return {kind: {"date": iso(at(clock), ".123"), "user": bitbucket.account(by)}}

    comment = {"id": 71, "created_on": iso(at("10:30"), ".2"), "user": bitbucket.account("early"), "deleted": False}
    pipeline = bitbucket.pipeline(32, 0, created_on=iso(at("13:05")), completed_on=iso(at("13:10")))
    pipeline["target"]["commit"]["hash"] = MERGE
    return {
        "pull_requests": [
            _pull_request(1, at("13:00"), SECOND_HEAD, **MERGED),
            _pull_request(2, at("15:00"), ABANDONED_HEAD, state="DECLINED"),
        ],
        "parts": {
            (1, "activity"): [
                update("13:00", SECOND_HEAD, "MERGED"),
                decided("approval", "12:20", "late"),
                decided("approval", "12:00", "early"),
                update("11:30", SECOND_HEAD),
                decided("changes_requested", "11:00", "early"),
                {"comment": comment},
                update("09:00", FIRST_HEAD),
            ],
            (2, "activity"): [update("15:00", ABANDONED_HEAD, "DECLINED"), update("14:00", ABANDONED_HEAD)],
        },
        "pipelines": [pipeline],
    }
