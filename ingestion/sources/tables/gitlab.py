"""The schema `raw_gitlab`: what GitLab tells over its REST API, each object as it came, without people."""

from __future__ import annotations

from ingestion.sources.tables.shape import Column, RawTable

_REPOSITORY = Column("text", "The project's path with its groups, such as group/project.", False)
_BRANCH = Column("text", "The project's default branch; null for an empty project.")
_UPDATED = Column("timestamp", "Last change at GitLab; the cursor of the next fetch.", False)
_FETCHED = Column("timestamp", "When it was fetched.", False)

GITLAB_MERGE_REQUESTS = RawTable(
    dataset="raw_gitlab",
    name="merge_requests",
    key=("repo_full_name", "iid"),
    columns={
        "repo_full_name": _REPOSITORY,
        "iid": Column("bigint", "Number of the merge request within its project.", False),
        "updated_at": _UPDATED,
        "default_branch": _BRANCH,
        "merge_request": Column("json", "The merge request.", False),
        "notes": Column("json", "Its system notes about approvals and drafts, and that people wrote notes.", False),
        "commits": Column("json", "List of its commits: id, authored_date, committed_date.", False),
        "versions": Column("json", "List of the heads that it had: head_commit_sha, created_at.", False),
        "diffstat": Column("json", "Sums over the changed files: lines_added, lines_removed, files_changed.", False),
        "fetched_at": _FETCHED,
    },
)

GITLAB_PIPELINES = RawTable(
    dataset="raw_gitlab",
    name="pipelines",
    key=("repo_full_name", "pipeline_id"),
    columns={
        "repo_full_name": _REPOSITORY,
        "pipeline_id": Column("text", "GitLab's number of the pipeline.", False),
        "updated_at": _UPDATED,
        "pipeline": Column("json", "The pipeline.", False),
        "fetched_at": _FETCHED,
    },
)

GITLAB_DEPLOYMENTS = RawTable(
    dataset="raw_gitlab",
    name="deployments",
    key=("repo_full_name", "deployment_id"),
    columns={
        "repo_full_name": _REPOSITORY,
        "deployment_id": Column("text", "GitLab's number of the deployment.", False),
        "updated_at": _UPDATED,
        "default_branch": _BRANCH,
        "deployment": Column("json", "The deployment.", False),
        "fetched_at": _FETCHED,
    },
)

GITLAB_TABLES = (GITLAB_MERGE_REQUESTS, GITLAB_PIPELINES, GITLAB_DEPLOYMENTS)
