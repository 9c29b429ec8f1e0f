"""Atlassian's own OpenAPI documents: what may be asked for, and what an answer looks like."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jsonschema

from tests.ingestion.sources.jira_server import Request
from tests.real_data import shared_data

DOCUMENTS = ("openapi/jira-cloud-v3.json", "openapi/jira-software-agile.json")


@cache
def _documents() -> list[dict[str, Any]]:
    loaded = [json.loads(shared_data(name).read_text()) for name in DOCUMENTS]
    # The document says that a change's date is a text; its example of the bulk fetch, and Jira, give a number there.
    created = loaded[0]["components"]["schemas"]["Changelog"]["properties"]["created"]
    created["type"] = ["string", "integer"]
    return loaded


def operation_of(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """The published operation of a request, and the document that it stands in; fails where there is none."""
    for document in _documents():
        for path, operations in document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
            if request.method.lower() in operations and re.fullmatch(pattern, request.path):
                return operations[request.method.lower()], document
    raise AssertionError(f"{request.method} {request.path} is not in Atlassian's documents")


def assert_published(request: Request) -> None:
    """The address is published, and every parameter is one that it takes; a body is valid."""
    operation, document = operation_of(request)
    if request.method == "POST":
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(request.parameters, {**schema, "components": document["components"]})
    else:
        known = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert set(request.parameters) <= known, request


def assert_published_answer(request: Request, body: bytes) -> None:
    """A good answer to this request is valid; where only an example is published, it has the example's keys."""
    operation, document = operation_of(request)
    content = operation["responses"]["200"]["content"]["application/json"]
    answer = json.loads(body)
    if "schema" in content:
        jsonschema.validate(answer, {**content["schema"], "components": document.get("components", {})})
        return
    example = json.loads(content["example"])
    assert _keys(answer) <= _keys(example) | {"isLast", "total", "startAt", "maxResults"}


def _keys(answer: dict[str, Any]) -> set[str]:
    """Keys of an object and of the objects in its list of values, down to what a page is made of."""
    inner = answer.get("values") or []
    return set(answer) | {key for item in inner for key in item}
