"""One form for every answer, good or bad (specification 004 §7.3.3).

In: data and what it is about, or what went wrong. Out: responses whose JSON is encoded once.
`install_error_handlers` gives the same form to what the framework answers by itself: unknown paths,
wrong methods, wrong parameters, a lost database and our own mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from core.logging import get_logger

log = get_logger(__name__)

# Below these the dashboard answers nothing: an unknown path there is an error for a program, not a page.
PROGRAM_PATHS = ("/api/", "/auth/", "/webhooks/", "/healthz", "/readyz")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class ApiError(Exception):
    """A request that cannot be answered: a status, a code for programs, a sentence for people."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def success(data: Any, meta: Mapping[str, Any]) -> Response:
    """200 with data and what it is about."""
    return _json({"status": "ok", "data": data, "meta": meta}, 200)


def failure(
    status: int,
    code: str,
    message: str,
    *,
    headers: Mapping[str, str] | None = None,
    fields: list[dict[str, str]] | None = None,
) -> Response:
    """An error; `fields` names each wrong parameter with its reason."""
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = fields
    return _json({"status": "error", "error": error}, status, headers)


def install_error_handlers(app: FastAPI) -> None:
    """Give every error of `app` the envelope. Call after all routes are added and before the dashboard is mounted.

    A mount at `/` would otherwise answer unknown API paths and wrong methods with a web page.
    """
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _wrong_parameters)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OperationalError, _database_lost)
    app.add_exception_handler(Exception, _our_mistake)
    app.router.routes.append(_Unanswered(list(app.router.routes)))


class _Unanswered(BaseRoute):
    """Takes what no route took below the paths for programs: 405 where another method would do, else 404."""

    def __init__(self, routes: list[BaseRoute]) -> None:
        self.routes = routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Full match for every method below the paths for programs."""
        is_ours = scope["type"] == "http" and scope["path"].startswith(PROGRAM_PATHS)
        return (Match.FULL if is_ours else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the envelope."""
        allowed = [method for method in METHODS if self._answers(scope, method)]
        if allowed:
            message = f"{scope['method']} is not possible here; use {' or '.join(allowed)}"
            response = failure(405, "method_not_allowed", message, headers={"Allow": ", ".join(allowed)})
        else:
            response = failure(404, "not_found", "There is nothing at this path")
        await response(scope, receive, send)

    def _answers(self, scope: Scope, method: str) -> bool:
        other = {**scope, "method": method}
        return any(route.matches(other)[0] is Match.FULL for route in self.routes)


async def _api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return failure(error.status, error.code, error.message, headers=error.headers)


async def _wrong_parameters(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [
        {
            "field": ".".join(str(part) for part in item["loc"][1:]) or str(item["loc"][0]),
            "message": item["msg"].removeprefix("Value error, "),
        }
        for item in error.errors()
    ]
    message = "; ".join(f"{item['field']}: {item['message']}" for item in fields)
    return failure(422, "invalid_parameter", message, fields=fields)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    return failure(error.status_code, code, str(error.detail), headers=error.headers)


async def _database_lost(request: Request, error: Exception) -> Response:
    log.error("database_unavailable", path=request.url.path, reason=type(error).__name__)
    return failure(
        503, "database_unavailable", "The database does not answer; please try again", headers={"Retry-After": "5"}
    )


async def _our_mistake(request: Request, error: Exception) -> Response:
    # The framework raises the error again after this answer, so the server logs the traceback itself.
    log.error("request_failed", path=request.url.path, reason=type(error).__name__)
    return failure(500, "internal_error", "Something went wrong on our side; it has been logged")


def _json(content: Any, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
