"""How far the marts are: one row that everybody who builds them keeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

GRANT_ROLES = """
do $$
begin
    if exists (select from pg_roles where rolname = 'dpp_service') then
        grant all on ops.mart_state to dpp_service;
    end if;
    if exists (select from pg_roles where rolname = 'dpp_app') then
        grant select on ops.mart_state to dpp_app;
    end if;
end $$
"""


def upgrade() -> None:
    op.create_table(
        "mart_state",
        sa.Column("singleton", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("landing_id", sa.BigInteger(), nullable=False),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("built_by", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("singleton", name=op.f("ck_mart_state_singleton")),
        sa.CheckConstraint("built_by in ('run', 'worker')", name=op.f("ck_mart_state_built_by")),
        sa.PrimaryKeyConstraint("singleton", name=op.f("pk_mart_state")),
        schema="ops",
    )
    op.execute(GRANT_ROLES)


def downgrade() -> None:
    op.drop_table("mart_state", schema="ops")
