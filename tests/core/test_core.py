"""The ground floor: settings that refuse, secrets that stay secret, pseudonyms that hold, a server of our own."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from core import clock
from core.database import DatabaseUnavailable, check_connection, database_url, embedded_server, prepare_database
from core.logging import get_logger
from core.privacy import Pseudonymiser
from core.secrets import FileSecrets, secrets_for
from core.settings import Settings, SettingsError, load_settings
from core.tables import metadata


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DPP_TIMEZONE", "Mars/Olympus", "DPP_TIMEZONE = 'Mars/Olympus': not a time zone"),
        ("DPP_PORT", "99999", "DPP_PORT = '99999': Input should be less than or equal to 65535"),
        ("DPP_DATABASE_URL", "mysql://root:hidden@host/x", "DPP_DATABASE_URL = (hidden): not a PostgreSQL URL"),
        ("AUTH_METHOD", "magic", "AUTH_METHOD = 'magic': Input should be 'database' or 'oidc'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as error:
        load_settings()
    assert said in str(error.value)
    assert "hidden@" not in str(error.value)


def test_outside_development_the_embedded_database_and_placeholders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the embedded database is for trying"):
        load_settings(environment="production")
    with pytest.raises(SettingsError, match="placeholder password"):
        load_settings(environment="production", database_url="postgresql://dpp:changeme@host/dpp")
    (tmp_path / "pseudonym_key").write_text("changeme")
    with pytest.raises(SettingsError, match=r"pseudonym_key .* is a placeholder"):
        FileSecrets(tmp_path, generate=False).get("pseudonym_key")
    with pytest.raises(SettingsError, match="github_webhook_secret is missing"):
        FileSecrets(tmp_path, generate=False).get("github_webhook_secret")


def test_a_generated_secret_stays_the_same_and_is_its_owners_alone(tmp_path: Path) -> None:
    secrets = FileSecrets(tmp_path / "secrets", generate=True)

    first = secrets.get("pseudonym_key")
    assert len(first) >= 32
    assert secrets.get("pseudonym_key") == first
    assert stat.S_IMODE((tmp_path / "secrets" / "pseudonym_key").stat().st_mode) == 0o600


def test_the_clock_stands_still_when_told_to_and_goes_on_after() -> None:
    instant = clock.datetime(2026, 3, 1, tzinfo=clock.UTC)

    with clock.stopped_at(instant):
        assert clock.now() == instant
    assert clock.now() > instant


def test_the_same_person_has_the_same_pseudonym_whatever_the_letters_and_another_key_gives_another() -> None:
    assert Pseudonymiser("k1").hash("Dev-One ") == Pseudonymiser("k1").hash("dev-one")
    assert Pseudonymiser("k1").hash("dev-one") != Pseudonymiser("k2").hash("dev-one")


def test_people_become_pseudonyms_wherever_they_stand() -> None:
    cleaned = Pseudonymiser("key").clean(
        {
            "user": {"accountId": "5c5f88", "displayName": "Test Person", "emailAddress": "t@example.org"},
            "assignees": [{"login": "dev-one", "type": "User"}, {"login": "helper[bot]", "type": "Bot"}],
            "comment": "Ask [~accountid:5c5f88] or @dev-one or Test Person <t@example.org>, see UTF-8@2x",
            "changelog": {"items": [{"field": "assignee", "from": None, "to": "5c5f88", "toString": "Test Person"}]},
            "commits": [{"message": "Fix\n\nSigned-off-by: Test Person <t@example.org>", "author": {"name": "T P"}}],
            "repository": {"full_name": "dev-one/notes", "owner": {"login": "dev-one", "type": "User"}},
            "organization": {"login": "acme-auth", "avatar_url": "https://example.org/x.png"},
            "actor": "dev-one",
        }
    )

    text_of_it = json.dumps(cleaned)
    for identifier in ("5c5f88", "Test Person", "example.org", "dev-one", "T P"):
        assert identifier not in text_of_it
    assert [sorted(person) for person in cleaned["assignees"]] == [["person_hash", "type"]] * 2
    assert cleaned["assignees"][1]["type"] == "Bot"
    assert cleaned["organization"] == {"login": "acme-auth"}
    assert cleaned["actor"] == cleaned["assignees"][0]["person_hash"]
    assert cleaned["changelog"]["items"][0]["to"] == cleaned["user"]["person_hash"]
    assert cleaned["repository"]["full_name"].endswith("/notes")


def test_a_mention_in_jiras_rich_text_names_nobody() -> None:
    mention = {"type": "mention", "attrs": {"id": "5c5f88", "text": "@Test Person", "accessLevel": ""}}
    cleaned = Pseudonymiser("key").clean(
        {"description": {"type": "doc", "content": [mention, {"type": "text", "text": "asks Test Person"}]}}
    )

    assert "5c5f88" not in json.dumps(cleaned)
    assert "Person" not in json.dumps(cleaned)
    assert cleaned["description"]["content"][0]["attrs"] == {"id": Pseudonymiser("key").hash("5c5f88")}


def test_a_user_called_like_a_project_leaves_its_tickets_alone() -> None:
    cleaned = Pseudonymiser("key").clean(
        {"user": {"name": "test", "displayName": "Somebody"}, "issue": {"key": "TEST-4"}, "ref": "feature/TEST-4-x"}
    )

    assert (cleaned["issue"]["key"], cleaned["ref"]) == ("TEST-4", "feature/TEST-4-x")


def test_a_login_spelt_like_a_status_or_a_branch_does_not_rewrite_them() -> None:
    cleaned = Pseudonymiser("key").clean(
        {"sender": {"login": "main"}, "user": {"login": "done"}, "ref": "main", "status": {"name": "Done"}}
    )

    assert (cleaned["ref"], cleaned["status"]) == ("main", {"name": "Done"})


def test_a_log_line_is_json_and_holds_no_secret(log_lines: io.StringIO) -> None:
    get_logger("test").warning(
        "refused",
        authorization="Bearer abcdefghijklmnop",
        nested={"api_key": "dpp_abcdefghijklmnopqrstuvwxyz"},
        reason="postgresql://dpp:hunter2@host/dpp said no to t@example.org with dpp_abcdefghijklmnopqrstuvwxyz",
    )

    line = json.loads(log_lines.getvalue())
    assert (line["event"], line["level"]) == ("refused", "warning")
    for secret in ("abcdefghijklmnop", "hunter2", "t@example.org"):
        assert secret not in log_lines.getvalue()


def test_the_migrated_database_has_every_hand_made_table_as_it_is_declared(engine: Engine) -> None:
    options = {"include_schemas": True, "version_table": "schema_versions", "version_table_schema": "ops"}
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    hand_made = {(table.schema, table.name) for table in metadata.tables.values()}
    about_them = [
        difference
        for difference in differences
        if not isinstance(difference, tuple)
        or (getattr(difference[1], "schema", None), getattr(difference[1], "name", None)) in hand_made
        or difference[0] == "add_table"
    ]
    assert about_them == []


def test_preparing_a_database_twice_changes_nothing(database: Settings) -> None:
    prepare_database(database)
    prepare_database(database)


def test_an_analyst_reads_marts_and_nothing_else(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("set local role dpp_analyst"))
        connection.execute(text("select * from forecast.forecast_snapshots"))
        for table in ("landing.raw_events", "auth.users", "ops.audit_log", "config.manual_links"):
            connection.execute(text("savepoint before"))
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"select * from {table}"))
            connection.execute(text("rollback to savepoint before"))


def test_a_database_that_is_away_is_one_line_without_its_password() -> None:
    url = database_url(load_settings(database_url="postgresql://dpp:hunter2@127.0.0.1:1/dpp"))

    with pytest.raises(DatabaseUnavailable) as error:
        check_connection(url)
    assert "\n" not in str(error.value)
    assert "127.0.0.1:1" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_the_embedded_server_listens_on_loopback_asks_for_a_password_and_starts_again(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, environment="test", database_url=None)
    server = embedded_server(settings)
    assert server is not None
    first = server.start()
    try:
        assert server.start() == first
        wrong = database_url(settings, database="postgres").set(password="not the password")
        with pytest.raises(DatabaseUnavailable, match="password authentication failed"):
            check_connection(wrong)
        server.stop()
        assert server.start() == first
        check_connection(database_url(settings, database="postgres"))
        assert secrets_for(settings).get("database_password") not in server.log_file.read_text()
    finally:
        server.stop()
