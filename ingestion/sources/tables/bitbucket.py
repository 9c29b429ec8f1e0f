"""The schema `raw_bitbucket`: what Bitbucket Cloud tells over its REST API, each object as it came, without people."""

from __future__ import annotations

from ingestion.sources.tables.shape import Column, RawTable

_REPOSITORY = Column("text", "The repository, as workspace/name.", False)
_UPDATED = Column("timestamp", "Last change at Bitbucket; the cursor of the next fetch.", False)
_FETCHED = Column("timestamp", "When it was fetched.", False)

BITBUCKET_PULL_REQUESTS = RawTable(
    dataset="raw_bitbucket",
    name="pull_requests",
    key=("repo_full_name", "pr_number"),
    columns={
        "repo_full_name": _REPOSITORY,
        "pr_number": Column("bigint", "Number of the pull request.", False),
        "updated_at": _UPDATED,
        "default_branch": Column("text", "The repository's main branch."),
        "pull_request": Column("json", "The pull request.", False),
        "activity": Column("json", "List of its activity: approvals, requests for changes, updates.", False),
        "commits": Column("json", "List of its commits.", False),
        "diffstat": Column("json", "Sums over the changed files: lines_added, lines_removed, files_changed."),
        "fetched_at": _FETCHED,
    },
)

BITBUCKET_PIPELINES = RawTable(
    dataset="raw_bitbucket",
    name="pipelines",
    key=("repo_full_name", "pipeline_id"),
    columns={
        "repo_full_name": _REPOSITORY,
        "pipeline_id": Column("text", "Bitbucket's UUID of the pipeline.", False),
        "updated_at": _UPDATED,
        "pipeline": Column("json", "The pipeline.", False),
        "deployments": Column("json", "List of its steps that deploy, with their environment.", False),
        "fetched_at": _FETCHED,
    },
)

BITBUCKET_TABLES = (BITBUCKET_PULL_REQUESTS, BITBUCKET_PIPELINES)
