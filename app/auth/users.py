"""People who sign in with a password.

In: a connection, an e-mail address, a password. Out: a `User`, or None for every kind of refusal alike.
After `ATTEMPTS_BEFORE_LOCK` wrong passwords an account rests for `LOCK_MINUTES`; the right password
does not open it before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert

from app.auth import audit
from app.auth.passwords import hash_password, needs_rehash, password_fits
from core import clock
from core.tables import sessions, user_roles, users

ATTEMPTS_BEFORE_LOCK = 5
LOCK_MINUTES = 15
ROLES = ("viewer", "team_member", "stream_lead", "platform_admin")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who is signed in."""

    user_id: UUID
    display_name: str
    roles: frozenset[str]


def create_user(connection: Connection, email: str, display_name: str, password: str, *, role: str = "viewer") -> UUID:
    """Make a user who sees all streams in `role`, or give an existing one this name, password and role.

    Raises `WeakPassword`, and `ValueError` for an unknown role or an address without `@`.
    """
    if role not in ROLES:
        raise ValueError(f"role {role!r}: choose from {', '.join(ROLES)}")
    if "@" not in email:
        raise ValueError("an e-mail address has an @")
    known = connection.execute(
        select(users.c.user_id, users.c.password_hash).where(users.c.email == _canonical(email)).with_for_update()
    ).first()
    keeps_password = known is not None and password_fits(known.password_hash, password)
    values: dict[str, object] = {
        "display_name": display_name,
        "is_active": True,
        "failed_sign_ins": 0,
        "locked_until": None,
    }
    if known is None or not keeps_password:
        values["password_hash"] = hash_password(password)
    user_id: UUID = connection.execute(
        insert(users)
        .values(email=_canonical(email), **values)
        .on_conflict_do_update(index_elements=[users.c.email], set_=values)
        .returning(users.c.user_id)
    ).scalar_one()
    if not keeps_password:
        # Whoever holds a session from the time of the old password must sign in again.
        connection.execute(update(sessions).where(sessions.c.user_id == user_id).values(is_revoked=True))
    connection.execute(insert(user_roles).values(user_id=user_id, role=role).on_conflict_do_nothing())
    audit.record(connection, "user_saved", actor="system", subject=str(user_id), detail={"role": role})
    return user_id


def verify_password(connection: Connection, email: str, password: str) -> User | None:
    """The user whose address and password these are; None for unknown, wrong, switched off and locked alike.

    The caller commits: a refusal is counted and recorded too.
    """
    # The row stays locked while the hash is computed, so that attempts side by side are counted one by one.
    row = (
        connection.execute(select(users).where(users.c.email == _canonical(email)).with_for_update()).mappings().first()
    )
    fits = password_fits(row["password_hash"] if row else None, password)
    if row is None:
        audit.record(connection, "sign_in_refused", actor=audit.unknown_actor(email), detail={"reason": "unknown"})
        return None
    reason = _refusal(row, fits)
    if reason is not None:
        _count_failure(connection, row, reason)
        return None
    _note_success(connection, row, password)
    return load_user(connection, row["user_id"])


def load_user(connection: Connection, user_id: UUID) -> User | None:
    """An active user with their roles; None for one that is unknown or switched off."""
    row = connection.execute(
        select(users.c.user_id, users.c.display_name).where(users.c.user_id == user_id, users.c.is_active)
    ).first()
    if row is None:
        return None
    roles: frozenset[str] = frozenset(
        connection.execute(select(user_roles.c.role).where(user_roles.c.user_id == user_id)).scalars()
    )
    return User(row.user_id, row.display_name, roles)


def _refusal(row: RowMapping, fits: bool) -> str | None:
    if not row["is_active"]:
        return "inactive"
    if row["locked_until"] is not None and row["locked_until"] > clock.now():
        return "locked"
    return None if fits else "password"


def _count_failure(connection: Connection, row: RowMapping, reason: str) -> None:
    audit.record(connection, "sign_in_refused", actor=row["user_id"], detail={"reason": reason})
    if reason != "password":
        # A locked account is not locked for longer by more attempts: that would let anybody keep others out for good.
        return
    failures = row["failed_sign_ins"] + 1
    values: dict[str, object] = {"failed_sign_ins": failures}
    if failures >= ATTEMPTS_BEFORE_LOCK:
        values = {"failed_sign_ins": 0, "locked_until": clock.now() + timedelta(minutes=LOCK_MINUTES)}
        audit.record(connection, "account_locked", actor=row["user_id"], detail={"minutes": LOCK_MINUTES})
    connection.execute(update(users).where(users.c.user_id == row["user_id"]).values(**values))


def _note_success(connection: Connection, row: RowMapping, password: str) -> None:
    values: dict[str, object] = {"failed_sign_ins": 0, "locked_until": None, "last_login_at": clock.now()}
    if needs_rehash(row["password_hash"]):
        values["password_hash"] = hash_password(password)
    connection.execute(update(users).where(users.c.user_id == row["user_id"]).values(**values))


def _canonical(email: str) -> str:
    return email.strip().lower()
