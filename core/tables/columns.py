"""What the tables are made of: the metadata they share, and the kinds of column that come again and again.

In: nothing. Out: SQLAlchemy columns and constraints.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import UUID

PIPELINE_STAGES = ("backlog", "ba", "dev", "code_review", "qa", "uat", "done", "cancelled")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def identifier(name: str) -> Column[object]:
    """A UUID primary key that the database makes."""
    return Column(name, UUID, primary_key=True, server_default=text("gen_random_uuid()"))


def instant(name: str, *, default: bool = False, nullable: bool = True) -> Column[object]:
    """A point in time; `default` fills in the moment of the insert."""
    if default:
        return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())
    return Column(name, DateTime(timezone=True), nullable=nullable)


def words(name: str, **options: object) -> Column[object]:
    """A text of any length."""
    return Column(name, Text, **options)  # type: ignore[arg-type]


def flag(name: str, default: str) -> Column[object]:
    """Yes or no, never unknown."""
    return Column(name, Boolean, nullable=False, server_default=text(default))


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """The column holds one of these."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} in ({listed})", name=column)
