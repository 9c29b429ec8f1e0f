"""The schema `raw_git`: what clones hold."""

from __future__ import annotations

from ingestion.sources.tables.shape import Column, RawTable

GIT_COMMITS = RawTable(
    dataset="raw_git",
    name="commits",
    key=("repo_full_name", "sha"),
    columns={
        "repo_full_name": Column("text", "Repository, as organisation/name.", False),
        "sha": Column("text", "The commit's hash.", False),
        "parent_shas": Column("json", "Hashes of the parents, the first parent first.", False),
        "author_hash": Column("text", "Pseudonym of the author."),
        "committer_hash": Column("text", "Pseudonym of the committer."),
        "authored_at": Column("timestamp", "When the change was written; null for a date no calendar has."),
        "committed_at": Column("timestamp", "When the commit was made; null for a date no calendar has."),
        "subject": Column("text", "First line of the message, without names."),
        "lines_added": Column("bigint", "Lines added, binary files left out; 0 for a merge, null if unreadable."),
        "lines_removed": Column("bigint", "Lines removed, binary files left out; 0 for a merge, null if unreadable."),
        "files_changed": Column("bigint", "Files changed, binary files too; 0 for a merge, null if unreadable."),
        "branch_position": Column(
            "bigint", "Place on the default branch's first-parent line, 0 the oldest; null if not on it."
        ),
    },
)

GIT_PULL_REQUESTS = RawTable(
    dataset="raw_git",
    name="pull_requests",
    key=("repo_full_name", "pr_number"),
    columns={
        "repo_full_name": Column("text", "Repository, as organisation/name.", False),
        "pr_number": Column("bigint", "Number of the pull request.", False),
        "merge_commit_sha": Column("text", "The commit that brought it in.", False),
        "branch_name": Column("text", "Head branch; null after a squash, whose commit does not name it."),
        "author_hash": Column("text", "Pseudonym of the author of its last commit."),
        "first_commit_at": Column("timestamp", "When the oldest of its commits was written."),
        "merged_at": Column("timestamp", "When it was merged."),
        "title": Column("text", "Title, without names."),
        "merge_method": Column("text", "`merge` or `squash`.", False),
        "lines_added": Column("bigint", "Lines added, summed over its commits; null if one is unreadable."),
        "lines_removed": Column("bigint", "Lines removed, summed over its commits; null if one is unreadable."),
        "files_changed": Column("bigint", "File changes, summed over its commits; null if one is unreadable."),
    },
)

GIT_TAGS = RawTable(
    dataset="raw_git",
    name="tags",
    key=("repo_full_name", "tag_name"),
    columns={
        "repo_full_name": Column("text", "Repository, as organisation/name.", False),
        "tag_name": Column("text", "The tag, without refs/tags/.", False),
        "sha": Column("text", "The commit it leads to; it need not lie on the default branch.", False),
        "tagged_at": Column("timestamp", "When an annotated tag was made, else the commit's own date."),
        "is_annotated": Column("bool", "Whether the tag has a date and a message of its own.", False),
    },
)

GIT_TABLES = (GIT_COMMITS, GIT_PULL_REQUESTS, GIT_TAGS)
