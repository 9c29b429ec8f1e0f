"""Which role a group gives is kept by commands, and each change is on record."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from app.auth.group_mappings import list_group_mappings, map_group, unmap_group
from app.queries.streams import UnknownStream


def test_a_group_gives_a_role_for_one_stream_or_for_all(clean_database: Engine) -> None:
    with clean_database.begin() as connection:
        connection.execute(
            text("insert into config.delivery_streams (name, display_name) values ('payments', 'Payments')")
        )
        map_group(connection, "leads", "stream_lead", stream="payments", actor="tests")
        map_group(connection, "dpp-.*", "viewer", is_regex=True, actor="tests")
        listed = [
            (row["group_pattern"], row["is_regex"], row["role"], row["delivery_stream"])
            for row in list_group_mappings(connection)
        ]
        assert listed == [("dpp-.*", True, "viewer", None), ("leads", False, "stream_lead", "Payments")]
        assert unmap_group(connection, "leads", actor="tests") == 1
        assert [row["group_pattern"] for row in list_group_mappings(connection)] == ["dpp-.*"]
        actions = connection.execute(text("select action from ops.audit_log order by audit_id")).scalars().all()
        assert actions == ["group_mapped", "group_mapped", "group_unmapped"]


def test_what_cannot_be_meant_is_refused(clean_database: Engine) -> None:
    with clean_database.connect() as connection:
        with pytest.raises(ValueError, match="choose from viewer"):
            map_group(connection, "leads", "king", actor="tests")
        with pytest.raises(ValueError, match="not a regular expression"):
            map_group(connection, "dpp-(", "viewer", is_regex=True, actor="tests")
        with pytest.raises(UnknownStream):
            map_group(connection, "leads", "viewer", stream="nowhere", actor="tests")
