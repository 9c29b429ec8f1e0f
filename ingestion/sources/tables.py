"""The shape of every raw table: one description from which Arrow schemas and dlt's column hints are made.

In: nothing. Out: `RawTable` objects. dbt reads these tables, so a change here is a change of its sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import pyarrow as pa  # type: ignore[import-untyped]
from dlt.common.schema.typing import TTableSchemaColumns

# What a source yields: some rows of one raw table.
Batch: TypeAlias = pa.Table
ColumnType = Literal["text", "timestamp", "bigint", "json"]

_ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "bigint": pa.int64(),
    # Written as JSON text; PostgreSQL makes jsonb of it while copying.
    "json": pa.string(),
}


@dataclass(frozen=True)
class Column:
    """One column; `nullable` false means that a row without it stops the load."""

    data_type: ColumnType
    description: str
    nullable: bool = True


@dataclass(frozen=True)
class RawTable:
    """One table that dlt writes, merged on `key`: the last row of a key replaces the earlier ones."""

    dataset: str
    name: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]

    @property
    def hints(self) -> TTableSchemaColumns:
        """dlt's column hints: the table is made from them, and data of another type is refused."""
        return {
            name: {
                "name": name,
                "data_type": column.data_type,
                "nullable": column.nullable,
                "description": column.description,
            }
            for name, column in self.columns.items()
        }

    @property
    def arrow_schema(self) -> pa.Schema:
        """The same shape for Arrow."""
        return pa.schema(
            [
                pa.field(name, _ARROW_TYPES[column.data_type], nullable=column.nullable)
                for name, column in self.columns.items()
            ]
        )

    def arrow_table(self, rows: Sequence[Sequence[Any]]) -> Batch:
        """Rows (in the order of the columns) as an Arrow table; raises `pa.ArrowInvalid` for a wrong type."""
        schema = self.arrow_schema
        columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)


JIRA_ISSUES = RawTable(
    dataset="raw_jira",
    name="issues",
    key=("id",),
    columns={
        "id": Column("text", "Jira's own number of the issue; stays when the issue moves to another project.", False),
        "key": Column("text", "The issue's key, such as PAY-12, at the time of the fetch.", False),
        "updated_at": Column("timestamp", "Last change of the issue in Jira; the cursor of the next fetch.", False),
        "fields": Column("json", "The vendor's `fields` object, with people as pseudonyms.", False),
        "changelog": Column("json", "The vendor's list of histories; null where it was not asked for."),
    },
)

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

RAW_TABLES = (JIRA_ISSUES, GIT_COMMITS, GIT_PULL_REQUESTS)
