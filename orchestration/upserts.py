"""Rows that a computation writes again: the same key replaces what stood there.

In: a connection, a table, the columns of its key, rows. Out: the stored rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import insert


def store_rows(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of equal columns; where a row of the key stands already, its other columns are replaced."""
    if not rows:
        return
    statement = insert(table)
    replaced = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=replaced), list(rows))
