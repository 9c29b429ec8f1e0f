"""What a person's claims mean here: who they are, and which roles their groups give them.

In: checked claims, the mapping table. Out: an `Identity`, and rows of `auth.user_roles`.
A group is matched exactly, or as a whole by a regular expression. Groups that nobody has mapped give nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from app.auth.identity_provider import SignInRefused
from core.logging import get_logger
from core.tables import group_role_mappings, user_roles

log = get_logger(__name__)


@dataclass(frozen=True)
class Identity:
    """A person as the provider knows them. `subject` never changes; address and name may."""

    subject: str
    email: str
    display_name: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """One role, for one stream or (both None) for all."""

    role: str
    delivery_stream_id: UUID | None
    tech_stream_id: UUID | None


def read_identity(claims: Mapping[str, Any], group_claim: str) -> Identity:
    """The person of these claims. Raises `SignInRefused` where their groups did not fit into the token."""
    # Entra ID's `oid` is the same for a person in every application; other providers have `sub` alone.
    subject = f"{claims['iss']}|{claims.get('oid') or claims['sub']}"
    # An address in `email` may be unverified; the name people sign in with is the provider's own.
    address = str(claims.get("preferred_username") or claims.get("email") or claims.get("upn") or "").strip().lower()
    if "@" not in address:
        address = str(claims.get("email") or "").strip().lower() or f"{claims['sub']}@{claims['iss']}"
    name = str(claims.get("name") or address.partition("@")[0])
    return Identity(subject, address, name, _groups(claims, group_claim))


def _groups(claims: Mapping[str, Any], group_claim: str) -> tuple[str, ...]:
    given = claims.get(group_claim)
    if given is None:
        elsewhere = claims.get("_claim_names")
        if claims.get("hasgroups") or (isinstance(elsewhere, Mapping) and group_claim in elsewhere):
            raise SignInRefused(
                "group_overage",
                "You are in more groups than fit into a sign-in, so your roles cannot be told. Ask an administrator to "
                "assign groups to the application, or to use application roles (OIDC_GROUP_CLAIM=roles).",
            )
        return ()
    # A single group may come as a plain text, whose letters are not groups.
    values = [given] if isinstance(given, str) else given
    return tuple(str(value) for value in values if isinstance(value, str | int)) if isinstance(values, list) else ()


def grants_of(connection: Connection, groups: Iterable[str]) -> set[Grant]:
    """The roles that the mapping table gives to these groups."""
    given = set(groups)
    rows = connection.execute(select(group_role_mappings)).mappings().all()
    return {
        Grant(row["role"], row["delivery_stream_id"], row["tech_stream_id"])
        for row in rows
        if _is_meant(row["group_pattern"], given, is_regex=row["is_regex"])
    }


def _is_meant(pattern: str, groups: set[str], *, is_regex: bool) -> bool:
    if not is_regex:
        return pattern in groups
    try:
        return any(re.fullmatch(pattern, group) for group in groups)
    except re.error as error:
        log.warning("group_mapping_unreadable", pattern=pattern, error=str(error))
        return False


def replace_group_roles(connection: Connection, user_id: UUID, grants: set[Grant]) -> bool:
    """Give a user the roles of their groups of today; what an administrator gave stays. Whether any role is left."""
    connection.execute(delete(user_roles).where(user_roles.c.user_id == user_id, user_roles.c.is_from_group))
    for grant in grants:
        connection.execute(
            insert(user_roles)
            .values(
                user_id=user_id,
                role=grant.role,
                delivery_stream_id=grant.delivery_stream_id,
                tech_stream_id=grant.tech_stream_id,
                is_from_group=True,
            )
            .on_conflict_do_nothing()
        )
    return (
        connection.execute(select(user_roles.c.role).where(user_roles.c.user_id == user_id).limit(1)).first()
        is not None
    )
