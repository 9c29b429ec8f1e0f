"""What we require of GitHub's deliveries is what GitHub's published schema promises; no valid delivery is misread.

Source: npm @octokit/webhooks-schemas (MIT), see tests/data/github_webhooks. Not every published example is valid by
it (they were collected over years), so the examples are no gate for the schema, nor it for all of them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ingestion.webhooks.vendors import github
from tests.real_data import shared_data

SCHEMA = Path(__file__).resolve().parents[1] / "data" / "github_webhooks" / "schema.json.gz"
Schema = dict[str, Any]


@pytest.fixture(scope="module")
def definitions() -> Schema:
    loaded: Schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))["definitions"]
    return loaded


def of_event(definitions: Schema, event: str) -> Schema:
    """The schema of an event; of those with one action it goes by another name."""
    found: Schema = definitions.get(f"{event}_event") or definitions[f"{event}$event"]
    return found


def variants(definitions: Schema, schema: Schema) -> Iterator[Schema]:
    """Every plain object schema that a schema stands for: references followed, alternatives apart, parts merged."""
    if "$ref" in schema:
        yield from variants(definitions, definitions[schema["$ref"].rpartition("/")[2]])
    elif "oneOf" in schema or "anyOf" in schema:
        for alternative in schema.get("oneOf") or schema["anyOf"]:
            yield from variants(definitions, alternative)
    elif "allOf" in schema:
        parts = [list(variants(definitions, part)) for part in schema["allOf"]]
        for base in parts[0]:
            merged: Schema = {
                "required": list(base.get("required", [])),
                "properties": dict(base.get("properties", {})),
            }
            for part in (found for others in parts[1:] for found in others):
                merged["required"] += part.get("required", [])
                for name, narrower in part.get("properties", {}).items():
                    wider = merged["properties"].get(name)
                    merged["properties"][name] = {"allOf": [wider, narrower]} if wider else narrower
            yield merged
    else:
        yield schema


def is_promised(definitions: Schema, schema: Schema, path: list[str]) -> bool:
    """Whether every delivery that a schema allows has a value at the path; null is none."""
    for variant in variants(definitions, schema):
        if not path:
            if variant.get("type") == "null" or "null" in variant.get("type", ()):
                return False
            continue
        if variant.get("type") == "null" or path[0] not in variant.get("required", ()):
            return False
        if not is_promised(definitions, variant["properties"][path[0]], path[1:]):
            return False
    return True


@pytest.mark.parametrize("event", sorted(github.READ))
def test_what_we_require_is_promised(definitions: Schema, event: str) -> None:
    schema = of_event(definitions, event)

    assert [path for path in github.READ[event] if not is_promised(definitions, schema, path.split("."))] == []


def test_the_check_itself_notices_what_is_not_promised(definitions: Schema) -> None:
    schema = of_event(definitions, "pull_request")

    assert not is_promised(definitions, schema, ["pull_request", "merged_at"]), "null as long as it is open"
    assert not is_promised(definitions, schema, ["installation", "id"]), "a repository's own webhook has none"
    assert not is_promised(definitions, schema, ["pull_request", "nothing"])


def test_a_delivery_that_is_valid_is_understood(definitions: Schema) -> None:
    folder = shared_data("github_webhooks")
    valid, invalid = 0, 0
    for event in github.READ:
        schema = {"definitions": definitions} | of_event(definitions, event)
        validator = jsonschema.Draft7Validator(schema)
        for file in sorted((folder / event).glob("*.json")):
            payload = json.loads(file.read_bytes())
            if validator.is_valid(payload):
                valid += 1
                assert github.problem(event, payload) is None, file.name
            else:
                invalid += 1
    assert valid > 60
    assert 0 < invalid < valid
