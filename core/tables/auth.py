"""Tables of the schema `auth`: people who may look, programs that may write (004 §3)."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, ForeignKey, Integer, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, UUID

from core.tables.columns import flag, identifier, instant, metadata, one_of, words

users = Table(
    "users",
    metadata,
    identifier("user_id"),
    words("email", nullable=False, unique=True),
    words("display_name", nullable=False),
    # NULL for a person who signs in through OpenID Connect.
    words("password_hash"),
    flag("is_active", "true"),
    Column("failed_sign_ins", Integer, nullable=False, server_default="0"),
    instant("locked_until"),
    instant("created_at", default=True),
    instant("last_login_at"),
    # Issuer and the person's unchanging id there; NULL for a person who signs in with a password.
    words("oidc_subject", unique=True),
    schema="auth",
)

user_roles = Table(
    "user_roles",
    metadata,
    identifier("user_role_id"),
    Column("user_id", UUID, ForeignKey("auth.users.user_id", ondelete="CASCADE"), nullable=False),
    words("role", nullable=False),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    Column("tech_stream_id", UUID, ForeignKey("config.tech_streams.stream_id")),
    Column("granted_by", UUID, ForeignKey("auth.users.user_id")),
    instant("granted_at", default=True),
    # Given by a group of the identity provider, so it goes when the group goes; an administrator's grant stays.
    flag("is_from_group", "false"),
    one_of("role", ("viewer", "team_member", "stream_lead", "platform_admin")),
    UniqueConstraint("user_id", "role", "delivery_stream_id", "tech_stream_id", postgresql_nulls_not_distinct=True),
    schema="auth",
)

group_role_mappings = Table(
    "group_role_mappings",
    metadata,
    identifier("mapping_id"),
    words("group_pattern", nullable=False),
    flag("is_regex", "false"),
    words("role", nullable=False),
    Column("delivery_stream_id", UUID, ForeignKey("config.delivery_streams.stream_id")),
    Column("tech_stream_id", UUID, ForeignKey("config.tech_streams.stream_id")),
    one_of("role", ("viewer", "team_member", "stream_lead", "platform_admin")),
    schema="auth",
)

sessions = Table(
    "sessions",
    metadata,
    identifier("session_id"),
    # SHA-256 of the opaque token in the cookie; the token itself is nowhere stored.
    words("token_hash", nullable=False, unique=True),
    Column("user_id", UUID, ForeignKey("auth.users.user_id", ondelete="CASCADE"), nullable=False),
    words("auth_method", nullable=False),
    instant("created_at", default=True),
    instant("expires_at", nullable=False),
    instant("last_activity_at"),
    flag("is_revoked", "false"),
    one_of("auth_method", ("oidc", "database")),
    schema="auth",
)

pending_sign_ins = Table(
    "pending_sign_ins",
    metadata,
    # A sign-in that the identity provider has not sent back yet: SHA-256 of its `state`, used once.
    words("state_hash", primary_key=True),
    # SHA-256 of the cookie of the browser that began it: nobody else's browser can end it.
    words("browser_hash", nullable=False),
    Column("flow", JSONB, nullable=False),
    words("next_path", nullable=False),
    instant("expires_at", nullable=False),
    schema="auth",
)

api_keys = Table(
    "api_keys",
    metadata,
    identifier("key_id"),
    words("key_hash", nullable=False, unique=True),
    words("display_name", nullable=False),
    Column("permissions", ARRAY(Text), nullable=False),
    # {"repositories": ["org/name", …]} or {"tech_streams": [uuid, …]}; NULL means all.
    Column("stream_scope", JSONB),
    flag("is_active", "true"),
    Column("created_by", UUID, ForeignKey("auth.users.user_id")),
    instant("created_at", default=True),
    instant("last_used_at"),
    instant("expires_at"),
    schema="auth",
)
