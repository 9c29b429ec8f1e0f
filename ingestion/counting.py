"""What a load did, counted between its source and the table, whichever way the rows took.

In: counts. Out: `LoadResult`, or `LostRowsError` where rows are missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID


class LostRowsError(Exception):
    """What the source yielded and what stands in the database do not add up."""


@dataclass(frozen=True)
class TableCount:
    """Rows of one table in one load, counted at four places between the source and the table."""

    fetched: int  # yielded by the source
    staged: int  # copied into the staging table
    distinct: int  # keys among them: the same issue may come twice while it changes
    loaded: int  # of these keys, rows in the table afterwards

    @property
    def adds_up(self) -> bool:
        """Whether nothing was lost on the way."""
        return self.fetched == self.staged and self.distinct == self.loaded


@dataclass(frozen=True)
class LoadResult:
    """What one run did; `tables` is empty where the source had nothing new."""

    operation_id: UUID
    tables: Mapping[str, TableCount] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows fetched, over all tables."""
        return sum(count.fetched for count in self.tables.values())

    def __str__(self) -> str:
        counts = [f"{name}: {count.fetched:,} fetched, {count.loaded:,} stored" for name, count in self.tables.items()]
        return "\n".join(counts) or "nothing new"


def refuse_losses(tables: Mapping[str, TableCount]) -> None:
    """Raises `LostRowsError` where a table's counts do not add up."""
    lost = [f"{name} {count}" for name, count in tables.items() if not count.adds_up]
    if lost:
        raise LostRowsError(f"Rows are missing after the load: {', '.join(lost)}")
