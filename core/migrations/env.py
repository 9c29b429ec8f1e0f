"""Alembic's entry: runs the versions on the connection that `core.database.migrate` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from core.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    include_schemas=True,
    version_table="schema_versions",
    version_table_schema="ops",
    compare_server_default=False,
)
with context.begin_transaction():
    connection.execute(text("create schema if not exists ops"))
    context.run_migrations()
