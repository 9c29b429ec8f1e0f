"""The schema `raw_github`: what GitHub tells over GraphQL and REST.

The JSON columns use the words of GitHub's webhooks (`created_at`, `merged_at`, `user` …; the GraphQL queries name
their fields so), so that one macro of dbt reads both.
"""

from __future__ import annotations

from ingestion.sources.tables.shape import Column, RawTable

GITHUB_PULL_REQUESTS = RawTable(
    dataset="raw_github",
    name="pull_requests",
    key=("repo_full_name", "pr_number"),
    columns={
        "repo_full_name": Column("text", "Repository, as organisation/name, at the time of the fetch.", False),
        "pr_number": Column("bigint", "Number of the pull request.", False),
        "updated_at": Column("timestamp", "Last change of the pull request at GitHub.", False),
        "repository": Column("json", "The repository: full_name, default_branch, id.", False),
        "pull_request": Column("json", "The pull request, in the words of the webhook's `pull_request`.", False),
        "reviews": Column("json", "List of its submitted reviews, in the words of the webhook's `review`.", False),
        "commits": Column("json", "List of its commits, oldest first: sha, authored_at, committed_at.", False),
        "ready_at": Column("timestamp", "When it was last marked ready for review; null if it never was a draft."),
        "fetched_at": Column("timestamp", "When it was fetched.", False),
    },
)

GITHUB_RELEASES = RawTable(
    dataset="raw_github",
    name="releases",
    key=("repo_full_name", "release_id"),
    columns={
        "repo_full_name": Column("text", "Repository, as organisation/name, at the time of the fetch.", False),
        "release_id": Column("text", "GitHub's number of the release.", False),
        "tag_name": Column("text", "The tag that it stands on.", False),
        "sha": Column("text", "The tag's commit; null where the tag is gone."),
        "created_at": Column("timestamp", "When it was drafted.", False),
        "published_at": Column("timestamp", "When it was published; null for a draft."),
        "is_draft": Column("bool", "Whether it is not published yet.", False),
        "is_prerelease": Column("bool", "Whether it is marked as not for production.", False),
    },
)

GITHUB_DEPLOYMENTS = RawTable(
    dataset="raw_github",
    name="deployments",
    key=("repo_full_name", "deployment_id"),
    columns={
        "repo_full_name": Column("text", "Repository, as organisation/name, at the time of the fetch.", False),
        "deployment_id": Column("text", "GitHub's number of the deployment.", False),
        "updated_at": Column("timestamp", "Last change of the deployment or its status.", False),
        "deployment": Column("json", "The deployment, in the words of the webhook's `deployment`.", False),
        "statuses": Column(
            "json", "List of its statuses, oldest first, in the words of the webhook's `deployment_status`.", False
        ),
        "fetched_at": Column("timestamp", "When it was fetched.", False),
    },
)

GITHUB_REPOSITORIES = RawTable(
    dataset="raw_github",
    name="repositories",
    key=("repository_id",),
    columns={
        "repository_id": Column("text", "GitHub's number of the repository; it survives a new name.", False),
        "full_name": Column("text", "Its name now, as organisation/name.", False),
        "default_branch": Column("text", "Its default branch; null for an empty repository."),
        "is_archived": Column("bool", "Whether it was archived.", False),
        "is_fork": Column("bool", "Whether it is a fork.", False),
        "installation_id": Column("text", "The App's installation that sees it; null with a personal token."),
        "fetched_at": Column("timestamp", "When the list was fetched.", False),
    },
)

GITHUB_TABLES = (GITHUB_PULL_REQUESTS, GITHUB_RELEASES, GITHUB_DEPLOYMENTS, GITHUB_REPOSITORIES)
