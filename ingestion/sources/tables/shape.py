"""What a raw table is: one description from which Arrow schemas, dlt's column hints and the table itself are made.

In: columns. Out: a `RawTable`. The tables of each source stand in the module of its name beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

# Whoever only needs the tables' shape does not wait a second until dlt and Arrow are imported.
if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from dlt.common.schema.typing import TTableSchemaColumns

# What a source yields: some rows of one raw table.
Batch: TypeAlias = "pa.Table"
ColumnType = Literal["text", "timestamp", "bigint", "bool", "json"]


_POSTGRES_TYPES: dict[ColumnType, str] = {
    "text": "varchar",
    "timestamp": "timestamp with time zone",
    "bigint": "bigint",
    "bool": "boolean",
    "json": "jsonb",
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
    def create_statement(self) -> str:
        """SQL that makes the empty table as dlt would; on a table that is there it adds the columns that are new.

        The unique index serves dlt's merge, which deletes by key before it inserts.
        """
        columns = {
            name: f"{_POSTGRES_TYPES[column.data_type]}{'' if column.nullable else ' not null'}"
            for name, column in self.columns.items()
        } | {"_dlt_load_id": "varchar not null", "_dlt_id": "varchar not null"}
        target = f'"{self.dataset}"."{self.name}"'
        made = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        added = ", ".join(f'add column if not exists "{name}" {kind}' for name, kind in columns.items())
        key = ", ".join(f'"{name}"' for name in self.key)
        return (
            f"create table if not exists {target} ({made}); alter table {target} {added}; "
            f'create unique index if not exists "key_{self.name}" on {target} ({key})'
        )

    @property
    def arrow_schema(self) -> pa.Schema:
        """The same shape for Arrow."""
        import pyarrow as pa

        types: dict[ColumnType, pa.DataType] = {
            "text": pa.string(),
            "timestamp": pa.timestamp("us", "UTC"),
            "bigint": pa.int64(),
            "bool": pa.bool_(),
            # Written as JSON text; PostgreSQL makes jsonb of it while copying.
            "json": pa.string(),
        }
        return pa.schema(
            [pa.field(name, types[column.data_type], nullable=column.nullable) for name, column in self.columns.items()]
        )

    def arrow_table(self, rows: Sequence[Sequence[Any]]) -> Batch:
        """Rows (in the order of the columns) as an Arrow table; raises `pa.ArrowInvalid` for a wrong type."""
        import pyarrow as pa

        schema = self.arrow_schema
        columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)
