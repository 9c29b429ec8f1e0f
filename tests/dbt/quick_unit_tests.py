"""Two things that dbt does anew for each of hundreds of unit tests, done once or simply.

They take a good half of a unit test's time and none of its meaning: what is compared is what dbt renders, runs and
compares. Nothing else in the suite runs with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

BEGINNING = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*with(?:\s+recursive)?\b", re.IGNORECASE | re.DOTALL)


@contextmanager
def quick_unit_tests() -> Iterator[None]:
    """For a block in which no table changes its columns: dbt asks for them once, and puts fixtures in front of SQL."""
    import dbt.compilation
    from dbt.adapters.postgres.impl import PostgresAdapter

    ask = PostgresAdapter.get_columns_in_relation
    known: dict[str, Any] = {}

    def columns(adapter: PostgresAdapter, relation: Any) -> Any:
        name = str(relation)
        if name not in known:
            known[name] = ask(adapter, relation)
        return list(known[name])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresAdapter, "get_columns_in_relation", columns)
        patch.setattr(dbt.compilation, "inject_ctes_into_sql", with_fixtures)
        yield


def with_fixtures(sql: str, fixtures: Sequence[Any]) -> str:
    """The SQL of a model with CTEs in front of its own; dbt takes the whole of it apart for that."""
    if not fixtures:
        return sql
    first = ", ".join(fixture.sql for fixture in fixtures)
    opening = BEGINNING.match(sql)
    if opening is None:
        return f"with{first} {sql}"
    return f"{sql[: opening.end()]}{first}, {sql[opening.end() :].lstrip()}"
