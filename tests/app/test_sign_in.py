"""People and sessions: who gets in, who does not, and that nothing which was once valid opens anything later."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from app.auth import passwords, users
from app.auth.passwords import WeakPassword
from app.auth.sessions import end_session, find_session, hash_token, start_session
from app.auth.users import ATTEMPTS_BEFORE_LOCK, LOCK_MINUTES, User, create_user, verify_password
from core import clock
from tests.app.conftest import EMAIL, PASSWORD
from tests.app.hand_made_marts import AS_OF

DEFAULT_HASHER = passwords._hasher


def attempt(engine: Engine, password: str, email: str = EMAIL) -> User | None:
    with engine.begin() as connection:
        return verify_password(connection, email, password)


def test_the_right_password_signs_in_whatever_the_case_of_the_address(clean_database: Engine, user_id: UUID) -> None:
    user = attempt(clean_database, PASSWORD, f"  {EMAIL.upper()} ")
    assert user == User(user_id, "Stream lead", frozenset({"stream_lead"}))


@pytest.mark.parametrize(("email", "password"), [(EMAIL, "wrong"), (EMAIL, ""), ("nobody@example.org", PASSWORD)])
def test_a_wrong_password_and_an_unknown_address_are_refused(
    clean_database: Engine, user_id: UUID, email: str, password: str
) -> None:
    assert attempt(clean_database, password, email) is None


def test_a_switched_off_user_is_refused(clean_database: Engine, user_id: UUID) -> None:
    with clean_database.begin() as connection:
        connection.execute(text("update auth.users set is_active = false"))
    assert attempt(clean_database, PASSWORD) is None


def test_a_user_without_a_password_cannot_sign_in_with_an_empty_one(clean_database: Engine, user_id: UUID) -> None:
    with clean_database.begin() as connection:
        connection.execute(text("update auth.users set password_hash = null"))
    assert attempt(clean_database, "") is None


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org"])
def test_known_and_unknown_addresses_cost_the_same_work(
    clean_database: Engine, user_id: UUID, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    verified: list[str] = []
    hasher = passwords._hasher

    class Counting:
        def verify(self, stored: str, plain: str) -> bool:
            verified.append(stored.split("$")[3])
            return hasher.verify(stored, plain)

    passwords._hash_of_nothing()
    monkeypatch.setattr(passwords, "_hasher", Counting())
    attempt(clean_database, "wrong", email)
    assert verified == ["m=8,t=1,p=1"]


def test_a_hash_costs_an_attacker_what_is_advised_today() -> None:
    # OWASP's least for argon2id: 19 MiB, two passes.
    assert DEFAULT_HASHER.type.name == "ID"
    assert DEFAULT_HASHER.memory_cost >= 19 * 1024
    assert DEFAULT_HASHER.time_cost >= 2


def test_an_account_rests_after_too_many_wrong_passwords_and_opens_again(clean_database: Engine, user_id: UUID) -> None:
    for _ in range(ATTEMPTS_BEFORE_LOCK):
        assert attempt(clean_database, "wrong") is None
    assert attempt(clean_database, PASSWORD) is None
    with clock.stopped_at(clock.now() + timedelta(minutes=LOCK_MINUTES, seconds=1)):
        assert attempt(clean_database, PASSWORD) is not None


def test_attempts_on_a_resting_account_do_not_keep_its_owner_out_for_longer(
    clean_database: Engine, user_id: UUID
) -> None:
    for _ in range(ATTEMPTS_BEFORE_LOCK):
        attempt(clean_database, "wrong")
    with clock.stopped_at(clock.now() + timedelta(minutes=LOCK_MINUTES - 1)):
        for _ in range(ATTEMPTS_BEFORE_LOCK):
            attempt(clean_database, "wrong")
    with clock.stopped_at(clock.now() + timedelta(minutes=LOCK_MINUTES, seconds=1)):
        assert attempt(clean_database, PASSWORD) is not None


def test_the_right_password_forgives_the_wrong_ones_before(clean_database: Engine, user_id: UUID) -> None:
    for _ in range(3):
        for _ in range(ATTEMPTS_BEFORE_LOCK - 1):
            attempt(clean_database, "wrong")
        assert attempt(clean_database, PASSWORD) is not None


def test_no_password_no_token_and_no_address_is_written_where_it_can_be_read(
    clean_database: Engine, user_id: UUID
) -> None:
    user = attempt(clean_database, PASSWORD)
    assert user is not None
    attempt(clean_database, "wrong")
    attempt(clean_database, "wrong", "Nobody@example.org")
    with clean_database.begin() as connection:
        token = start_session(connection, user, duration_minutes=480)
        written = json.dumps(
            [
                _rows(connection, "select to_jsonb(a) from ops.audit_log as a"),
                _rows(connection, "select to_jsonb(s) from auth.sessions as s"),
                _rows(connection, "select jsonb_build_object('hash', password_hash) from auth.users"),
            ]
        )
    assert "example.org" not in written.lower()
    assert PASSWORD not in written
    assert token not in written
    assert hash_token(token) in written
    assert "$argon2id$" in written


def test_every_refusal_is_in_the_audit_log_with_its_reason(clean_database: Engine, user_id: UUID) -> None:
    attempt(clean_database, "wrong", "nobody@example.org")
    for _ in range(ATTEMPTS_BEFORE_LOCK):
        attempt(clean_database, "wrong")
    attempt(clean_database, PASSWORD)
    with clean_database.connect() as connection:
        actions = connection.execute(
            text("select action, detail ->> 'reason', actor from ops.audit_log order by audit_id")
        ).all()
    told = [(action, reason) for action, reason, _ in actions]
    assert told == [
        ("user_saved", None),
        ("sign_in_refused", "unknown"),
        *[("sign_in_refused", "password")] * ATTEMPTS_BEFORE_LOCK,
        ("account_locked", None),
        ("sign_in_refused", "locked"),
    ]
    assert {actor for _, reason, actor in actions if reason in ("password", "locked")} == {str(user_id)}


def open_session(engine: Engine, minutes: int = 480) -> str:
    user = attempt(engine, PASSWORD)
    assert user is not None
    with engine.begin() as connection:
        return start_session(connection, user, duration_minutes=minutes)


def is_open(engine: Engine, token: str | None) -> bool:
    with engine.begin() as connection:
        return find_session(connection, token) is not None


def test_a_session_is_open_until_it_expires(clean_database: Engine, user_id: UUID) -> None:
    token = open_session(clean_database, minutes=60)
    assert is_open(clean_database, token)
    with clock.stopped_at(clock.now() + timedelta(minutes=59)):
        assert is_open(clean_database, token)
    with clock.stopped_at(clock.now() + timedelta(minutes=60)):
        assert not is_open(clean_database, token)


def test_a_token_opens_nothing_after_signing_out(clean_database: Engine, user_id: UUID) -> None:
    token, other = open_session(clean_database), open_session(clean_database)
    with clean_database.begin() as connection:
        assert end_session(connection, token) == user_id
    assert not is_open(clean_database, token)
    assert is_open(clean_database, other)


@pytest.mark.parametrize("token", [None, "", "guess", "é\ud800"])
def test_a_token_that_was_never_given_opens_nothing(clean_database: Engine, user_id: UUID, token: str | None) -> None:
    assert not is_open(clean_database, token)


def test_the_stored_hash_is_not_a_token(clean_database: Engine, user_id: UUID) -> None:
    assert not is_open(clean_database, hash_token(open_session(clean_database)))


def test_switching_a_user_off_closes_their_open_sessions(clean_database: Engine, user_id: UUID) -> None:
    token = open_session(clean_database)
    with clean_database.begin() as connection:
        connection.execute(text("update auth.users set is_active = false"))
    assert not is_open(clean_database, token)


def test_the_last_activity_is_noted_to_the_minute(clean_database: Engine, user_id: UUID) -> None:
    token = open_session(clean_database)
    for minutes in (0.5, 5, 5.5):
        with clock.stopped_at(clock.now() + timedelta(minutes=minutes)):
            is_open(clean_database, token)
    with clock.stopped_at(clock.now() + timedelta(minutes=20)), clean_database.begin() as connection:
        # A page that looks for newer data by itself.
        assert find_session(connection, token, is_activity=False) is not None
    with clean_database.connect() as connection:
        noted = connection.execute(text("select last_activity_at from auth.sessions")).scalar_one()
    assert noted - AS_OF == timedelta(minutes=35)


def test_a_new_password_closes_the_sessions_of_the_old_one(clean_database: Engine, user_id: UUID) -> None:
    token = open_session(clean_database)
    save(clean_database, PASSWORD)
    assert is_open(clean_database, token)
    save(clean_database, "another long password")
    assert not is_open(clean_database, token)
    assert attempt(clean_database, PASSWORD) is None
    assert attempt(clean_database, "another long password") is not None


def save(engine: Engine, password: str) -> None:
    with engine.begin() as connection:
        create_user(connection, EMAIL, "Stream lead", password, role="stream_lead")


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_not_taken(clean_database: Engine, password: str) -> None:
    with clean_database.begin() as connection, pytest.raises(WeakPassword):
        create_user(connection, EMAIL, "Stream lead", password)


def test_an_unknown_role_is_named_with_those_that_exist(clean_database: Engine) -> None:
    with clean_database.begin() as connection, pytest.raises(ValueError, match=r"'boss': choose from viewer, .*admin"):
        create_user(connection, EMAIL, "Stream lead", PASSWORD, role="boss")


def test_attempts_side_by_side_are_counted_one_by_one(clean_database: Engine, user_id: UUID) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: attempt(clean_database, "wrong"), range(ATTEMPTS_BEFORE_LOCK)))
    assert attempt(clean_database, PASSWORD) is None


def test_the_roles_are_those_of_the_database() -> None:
    from core.tables import user_roles

    allowed = next(str(rule.sqltext) for rule in user_roles.constraints if rule.name == "ck_user_roles_role")
    assert all(f"'{role}'" in allowed for role in users.ROLES)


def _rows(connection: Connection, query: str) -> list[object]:
    return list(connection.execute(text(query)).scalars())
