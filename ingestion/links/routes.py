"""POST, GET and DELETE /api/v1/links.

In: a key ring, an engine, settings. Out: Starlette routes. POST takes one link as JSON, or a file of them as CSV.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.api_keys import ApiKey
from core.logging import get_logger
from core.settings import Settings
from ingestion.bodies import Refused, answered, decode_object, is_all_or_nothing, media_type, read_body
from ingestion.keys import KeyRing
from ingestion.links.rows import Link, read_link, read_rows, refuse_all, require_scope
from ingestion.links.store import Stored, list_links, remove_link, set_links

PERMISSION = "links:write"
LARGEST_PAGE = 500
DEFAULT_PAGE = 100
log = get_logger(__name__)
Handler = Callable[[Request, ApiKey], Awaitable[Response]]


def link_routes(keys: KeyRing, engine: Engine, settings: Settings) -> list[Route]:
    """The routes of manual links."""

    async def post(request: Request, key: ApiKey) -> Response:
        kind = media_type(request)
        if kind not in ("application/json", "text/csv"):
            raise Refused(415, "wrong_media_type", "Send one link as application/json, or a file of them as text/csv")
        all_or_nothing = is_all_or_nothing(request)
        body = await read_body(request, settings.max_body_bytes)
        if kind == "text/csv":
            return await asyncio.to_thread(_upload, engine, body, key, all_or_nothing)
        link = read_link(decode_object(body), key)
        (stored,) = await asyncio.to_thread(set_links, engine, [link], _actor(key))
        return answered(link.model_dump() | _told(stored), status=201 if stored.outcome == "created" else 200)

    async def get(request: Request, key: ApiKey) -> Response:
        page = _number(request, "page", 1, 2**31 - 1)
        page_size = _number(request, "page_size", DEFAULT_PAGE, LARGEST_PAGE)
        repository = request.query_params.get("repo_full_name")
        found = await asyncio.to_thread(list_links, engine, page, page_size, repository, key.repositories)
        return answered(found.links, {"page": page, "page_size": page_size, "total": found.total})

    async def delete(request: Request, key: ApiKey) -> Response:
        repository = request.query_params.get("repo_full_name")
        if not repository:
            message = "repo_full_name: name the repository, as ?repo_full_name=organisation/name&pr_number=7"
            raise Refused(422, "invalid_parameter", message, [{"field": "repo_full_name", "message": "is missing"}])
        number = _number(request, "pr_number", None, 2**31 - 1)
        require_scope(key, repository)
        if not await asyncio.to_thread(remove_link, engine, repository, number, _actor(key)):
            raise Refused(404, "no_such_link", "This pull request has no manual link")
        return answered({"repo_full_name": repository, "pr_number": number, "outcome": "removed"})

    return [
        Route("/api/v1/links", _answering(handler, keys), methods=[method], name=f"links_{method.lower()}")
        for method, handler in (("POST", post), ("GET", get), ("DELETE", delete))
    ]


def _upload(engine: Engine, body: bytes, key: ApiKey, all_or_nothing: bool) -> Response:
    rows = read_rows(body, key)
    if all_or_nothing:
        refuse_all(rows)
    stored = iter(set_links(engine, [row.read for row in rows if isinstance(row.read, Link)], _actor(key)))
    outcomes: list[dict[str, Any]] = []
    for row in rows:
        if isinstance(row.read, Refused):
            outcomes.append({"line": row.line, "outcome": "refused", **row.read.description()})
        else:
            outcomes.append({"line": row.line, **_told(next(stored))})
    counts = Counter(item["outcome"] for item in outcomes)
    data: dict[str, Any] = {name: counts[name] for name in ("created", "changed", "unchanged", "refused")}
    status = 200 if not counts["refused"] else 422 if counts["refused"] == len(rows) else 207
    return answered(data | {"lines": outcomes}, {"mode": "all" if all_or_nothing else "each"}, status)


def _told(stored: Stored) -> dict[str, Any]:
    told: dict[str, Any] = {"outcome": stored.outcome}
    if not stored.is_known_repository:
        told["note"] = "no repository of this name is configured: check the spelling"
    return told


def _actor(key: ApiKey) -> str:
    return f"key:{key.display_name}"


def _number(request: Request, name: str, default: int | None, largest: int) -> int:
    value = request.query_params.get(name)
    if value is None and default is not None:
        return default
    if value is None or not (value.isascii() and value.isdecimal() and 1 <= int(value[:20]) <= largest):
        message = f"must be a number from 1 to {largest}"
        raise Refused(422, "invalid_parameter", f"{name}: {message}", [{"field": name, "message": message}])
    return int(value)


def _answering(handler: Handler, keys: KeyRing) -> Callable[[Request], Awaitable[Response]]:
    """The handler behind the key, with what it raises as answers in the envelope."""

    async def receive(request: Request) -> Response:
        try:
            key = await keys.holder(request.headers.get("authorization"), PERMISSION)
            return await handler(request, key)
        except Refused as refused:
            log.warning("links_refused", method=request.method, status=refused.status, code=refused.code)
            return refused.response()
        except SQLAlchemyError as error:
            log.error("links_failed", method=request.method, error=type(error).__name__)
            return Refused(503, "not_stored", "The database did not answer; please send it again").response()

    return receive
