"""Signing in by OpenID Connect: whose account a person is, which roles their groups gave, sign-ins under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

GRANT_ROLES = """
do $$
begin
    if exists (select from pg_roles where rolname = 'dpp_app') then
        grant select, insert, update, delete on auth.pending_sign_ins to dpp_app;
    end if;
    if exists (select from pg_roles where rolname = 'dpp_service') then
        grant all on auth.pending_sign_ins to dpp_service;
    end if;
end $$
"""


def upgrade() -> None:
    op.add_column("users", sa.Column("oidc_subject", sa.Text()), schema="auth")
    op.create_unique_constraint(op.f("uq_users_oidc_subject"), "users", ["oidc_subject"], schema="auth")
    op.add_column(
        "user_roles",
        sa.Column("is_from_group", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="auth",
    )
    op.create_table(
        "pending_sign_ins",
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("browser_hash", sa.Text(), nullable=False),
        sa.Column("flow", postgresql.JSONB(), nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_pending_sign_ins")),
        schema="auth",
    )
    op.execute(GRANT_ROLES)


def downgrade() -> None:
    op.drop_table("pending_sign_ins", schema="auth")
    op.drop_column("user_roles", "is_from_group", schema="auth")
    op.drop_constraint(op.f("uq_users_oidc_subject"), "users", schema="auth")
    op.drop_column("users", "oidc_subject", schema="auth")
