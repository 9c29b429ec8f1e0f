"""Request bodies and answers, the same for webhooks, pushes and links.

In: ASGI requests. Out: raw bytes within the size limit, decoded JSON, and the envelope of 004 §7.3.3.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

LARGEST_INTEGER = 2**63


class Refused(Exception):
    """The sender must mend something: an HTTP status, a code for programs, a sentence for people."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: list[dict[str, str]] | None = None,
        lines: list[dict[str, Any]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.lines = lines

    def description(self) -> dict[str, Any]:
        """Code and sentence; `fields` says what is wrong with which field, `lines` with which line of many."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.fields:
            error["fields"] = self.fields
        if self.lines is not None:
            error["lines"] = self.lines
        return error

    def response(self) -> JSONResponse:
        """The error envelope."""
        return JSONResponse({"status": "error", "error": self.description()}, status_code=self.status)


def wrong_fields(error: ValidationError, code: str) -> Refused:
    """A 422 that names each wrong field of what was sent."""
    fields = [
        {
            "field": ".".join(str(part) for part in item["loc"]) or "body",
            "message": item["msg"].removeprefix("Value error, "),
        }
        for item in error.errors()
    ]
    return Refused(422, code, "; ".join(f"{item['field']}: {item['message']}" for item in fields), fields)


def accepted(data: dict[str, Any]) -> JSONResponse:
    """202 in the envelope: taken, not yet understood."""
    return answered(data, status=202)


def answered(data: Any, meta: dict[str, Any] | None = None, status: int = 200) -> JSONResponse:
    """Data in the envelope, and what it is about."""
    return JSONResponse({"status": "ok", "data": data, "meta": meta or {}}, status_code=status)


def media_type(request: Request) -> str:
    """The type of the body without its parameters, such as text/csv."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_all_or_nothing(request: Request) -> bool:
    """What becomes of many lines of which some are wrong: `?mode=all` (the default) or `?mode=each`.

    Raises `Refused` 422 for another mode.
    """
    mode = request.query_params.get("mode", "all")
    if mode not in ("all", "each"):
        raise Refused(422, "invalid_mode", "mode is all (one wrong line refuses everything) or each (it is left out)")
    return mode == "all"


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body. Raises `Refused` 413 as soon as it is known to be larger than `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def decode_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises `Refused` 400 for anything else."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _decode_slowly(body)
    except RecursionError:
        raise Refused(400, "invalid_json", "The body is nested too deeply") from None
    if not isinstance(value, dict):
        raise Refused(400, "invalid_json", "The body must be a JSON object")
    return value


def _decode_slowly(body: bytes) -> Any:
    """What the fast decoder refuses may still be JSON: huge numbers, halves of surrogate pairs."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        # Halves of surrogate pairs are legal JSON and illegal text; a question mark takes their place.
        cleaned = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(cleaned, parse_int=_integer, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_json", "The body is not JSON in UTF-8") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | str:
    """An integer beyond 64 bits stays as text: no vendor counts so far, and nothing is lost."""
    value = int(digits)
    return value if -LARGEST_INTEGER <= value < LARGEST_INTEGER else digits


def _too_large(limit: int) -> Refused:
    return Refused(413, "too_large", f"The body is larger than {limit:,} bytes")
