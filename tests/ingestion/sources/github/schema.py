"""GitHub's published GraphQL schema, built once for a test run (see tests/data/github/README.md)."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from graphql import DocumentNode, GraphQLSchema, build_schema, parse, validate

_FILE = Path(__file__).resolve().parents[3] / "data" / "github" / "schema.graphql.gz"


@cache
def published_schema() -> GraphQLSchema:
    """The schema; GitHub's own file breaks small rules of the language, so it is taken as it is."""
    return build_schema(gzip.decompress(_FILE.read_bytes()).decode(), assume_valid_sdl=True)


@cache
def checked(query: str) -> tuple[DocumentNode, tuple[str, ...]]:
    """A query, and what GitHub would refuse in it."""
    document = parse(query)
    return document, tuple(error.message for error in validate(published_schema(), document))
