"""Which ticket a pull request belongs to, said by hand: one by one or as a file, and never without a trace."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from core.api_keys import create_key
from ingestion.links.rows import MOST_ROWS
from tests.conftest import RunningDoor

LINK: dict[str, Any] = {"repo_full_name": "acme-core-api/payments", "pr_number": 7, "ticket_id": "PAY-456"}
HEADER = "repo_full_name,pr_number,ticket_id\n"


@pytest.fixture
def key(front_door: RunningDoor) -> str:
    with front_door.engine.begin() as connection:
        return create_key(connection, "the tests' corrections", ["links:write"])[1]


def call(door: RunningDoor, method: str, key: str, **arguments: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} | arguments.pop("headers", {})
    return httpx.request(method, f"{door.url}/api/v1/links", headers=headers, **arguments)


def upload(door: RunningDoor, key: str, content: str | bytes, mode: str = "all") -> httpx.Response:
    return call(door, "POST", key, content=content, params={"mode": mode}, headers={"Content-Type": "text/csv"})


def rows(door: RunningDoor, query: str) -> list[tuple[Any, ...]]:
    with door.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def links(door: RunningDoor) -> list[tuple[Any, ...]]:
    return rows(
        door,
        "select repo_full_name, pr_number, ticket_id, linked_by from config.manual_links order by 1, 2",
    )


def test_a_link_is_made_changed_and_taken_back_and_each_step_is_on_record(front_door: RunningDoor, key: str) -> None:
    first = call(front_door, "POST", key, json=LINK)
    second = call(front_door, "POST", key, json=LINK | {"ticket_id": " pay-457 "})
    again = call(front_door, "POST", key, json=LINK | {"ticket_id": "PAY-457"})

    assert [(answer.status_code, answer.json()["data"]["outcome"]) for answer in (first, second, again)] == [
        (201, "created"),
        (200, "changed"),
        (200, "unchanged"),
    ]
    actor = "key:the tests' corrections"
    assert links(front_door) == [("acme-core-api/payments", 7, "PAY-457", actor)]

    where = {"repo_full_name": "Acme-Core-API/payments", "pr_number": 7}
    removed = call(front_door, "DELETE", key, params=where)
    missing = call(front_door, "DELETE", key, params=where)
    assert (removed.status_code, missing.status_code) == (200, 404)
    assert links(front_door) == []
    assert rows(
        front_door,
        "select actor, action, subject, detail ->> 'ticket_id', detail ->> 'former_ticket_id' "
        "from ops.audit_log order by audit_id",
    ) == [
        (actor, "link.set", "acme-core-api/payments#7", "PAY-456", None),
        (actor, "link.set", "acme-core-api/payments#7", "PAY-457", "PAY-456"),
        (actor, "link.removed", "acme-core-api/payments#7", None, "PAY-457"),
    ]


def test_a_repository_that_nobody_configured_is_taken_with_a_note(front_door: RunningDoor, key: str) -> None:
    with front_door.engine.begin() as connection:
        connection.execute(
            text(
                "with stream as (insert into config.tech_streams (name, display_name, github_org, github_install_id) "
                "values ('core', 'Core', 'acme-core-api', '1') returning stream_id) "
                "insert into config.repositories (tech_stream_id, github_org, github_repo_name, full_name) "
                "select stream_id, 'acme-core-api', 'payments', 'acme-core-api/payments' from stream"
            )
        )

    assert "note" not in call(front_door, "POST", key, json=LINK).json()["data"]
    assert "note" in call(front_door, "POST", key, json=LINK | {"repo_full_name": "acme/misspelt"}).json()["data"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ticket_id": "PAY456"}, "ticket_id"),
        ({"ticket_id": "P-4"}, "ticket_id"),
        ({"ticket_id": "PAY-"}, "ticket_id"),
        ({"ticket_id": None}, "ticket_id"),
        ({"pr_number": 0}, "pr_number"),
        ({"pr_number": 2**31}, "pr_number"),
        ({"repo_full_name": "payments"}, "repo_full_name"),
        ({"repository": "acme/pay"}, "repository"),
    ],
)
def test_what_is_no_link_is_refused_by_its_field(
    front_door: RunningDoor, key: str, change: dict[str, Any], field: str
) -> None:
    response = call(front_door, "POST", key, json=LINK | change)

    assert response.status_code == 422
    assert [item["field"] for item in response.json()["error"]["fields"]] == [field]
    assert links(front_door) == []


def test_the_list_comes_in_pages_and_of_one_repository(front_door: RunningDoor, key: str) -> None:
    content = HEADER + "".join(f"acme/pay,{number},PAY-{number}\n" for number in range(1, 6)) + "acme/web,1,WEB-1\n"
    assert upload(front_door, key, content).status_code == 200

    second = call(front_door, "GET", key, params={"page": 2, "page_size": 2}).json()
    assert [link["pr_number"] for link in second["data"]] == [3, 4]
    assert second["meta"] == {"page": 2, "page_size": 2, "total": 6}
    assert call(front_door, "GET", key, params={"repo_full_name": "ACME/web"}).json()["meta"]["total"] == 1
    assert call(front_door, "GET", key, params={"page": "0"}).status_code == 422
    assert call(front_door, "GET", key, params={"page_size": "501"}).status_code == 422


def test_a_file_with_a_wrong_line_is_refused_or_that_line_is_left_out(front_door: RunningDoor, key: str) -> None:
    lines_sent = (
        "\ufeffticket_id,pr_number,repo_full_name", "PAY-1,1,acme/pay", "", "none,2,acme/pay", "PAY-3,three,acme/pay",
        "PAY-4,4",
    )  # fmt: skip
    content = "\r\n".join(lines_sent)

    refused = upload(front_door, key, content)
    assert refused.status_code == 422
    lines = refused.json()["error"]["lines"]
    assert [line["line"] for line in lines] == [4, 5, 6]
    assert [line.get("fields", [{}])[0].get("field") for line in lines] == ["ticket_id", "pr_number", None]
    assert links(front_door) == []

    each = upload(front_door, key, content, mode="each")
    assert each.status_code == 207
    assert [line["outcome"] for line in each.json()["data"]["lines"]] == ["created", "refused", "refused", "refused"]
    assert [link[:3] for link in links(front_door)] == [("acme/pay", 1, "PAY-1")]


def test_of_two_lines_about_one_pull_request_the_later_one_holds(front_door: RunningDoor, key: str) -> None:
    answer = upload(front_door, key, HEADER + "acme/pay,1,PAY-1\nAcme/Pay,1,PAY-2\nacme/pay,1,PAY-2\n")

    assert [line["outcome"] for line in answer.json()["data"]["lines"]] == ["created", "changed", "unchanged"]
    assert [link[:3] for link in links(front_door)] == [("acme/pay", 1, "PAY-2")]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"repo,pr,ticket\nacme/pay,1,PAY-1\n", 422),
        (HEADER.encode(), 422),
        (HEADER.encode() + b"acme/pay,1,\xff\n", 422),
        (HEADER.encode() + b'acme/pay,1,"PAY-1\n', 422),
        (HEADER.encode() + b"acme/pay,1,PAY-1\n" * (MOST_ROWS + 1), 413),
    ],
    ids=["empty", "another header", "no rows", "not UTF-8", "no CSV", "too long"],
)
def test_a_file_that_is_none_is_refused_as_a_whole(
    front_door: RunningDoor, key: str, content: bytes, status: int
) -> None:
    assert upload(front_door, key, content).status_code == status
    assert links(front_door) == []


def test_ten_thousand_links_are_one_upload(front_door: RunningDoor, key: str) -> None:
    content = HEADER + "".join(f"acme/pay,{number},PAY-{number}\n" for number in range(1, MOST_ROWS + 1))

    assert upload(front_door, key, content).json()["data"]["created"] == MOST_ROWS
    assert upload(front_door, key, content).json()["data"]["unchanged"] == MOST_ROWS
    assert rows(front_door, "select count(*) from ops.audit_log") == [(MOST_ROWS,)]


def test_a_key_needs_the_permission_and_stays_within_its_repositories(front_door: RunningDoor, key: str) -> None:
    with front_door.engine.begin() as connection:
        _, scoped = create_key(connection, "scoped", ["links:write"], {"repositories": ["acme/pay"]})
    call(front_door, "POST", key, json=LINK)

    assert call(front_door, "POST", front_door.api_key, json=LINK).status_code == 403
    assert call(front_door, "POST", "dpp_nobody", json=LINK).status_code == 401
    assert call(front_door, "POST", scoped, json=LINK).status_code == 403
    where = {"repo_full_name": LINK["repo_full_name"], "pr_number": 7}
    assert call(front_door, "DELETE", scoped, params=where).status_code == 403
    assert call(front_door, "GET", scoped).json()["data"] == []
    assert call(front_door, "PUT", key, json=LINK).status_code == 405
    assert call(front_door, "POST", key, content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
