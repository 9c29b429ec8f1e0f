"""One application or three: each part answers its own paths and nothing else."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import Engine

from core.settings import Settings
from orchestration.web import Part, create_app
from tests.conftest import serving

SINK = ("POST", "/webhooks/github", 401)
API = ("GET", "/api/v1/metrics/realtime", 401)
SIGN_IN = ("GET", "/auth/sign-in", 200)
ALIVE, READY = ("GET", "/healthz", 200), ("GET", "/readyz", 200)


def gone(path: tuple[str, str, int]) -> tuple[str, str, int]:
    return (path[0], path[1], 404)


@pytest.mark.parametrize(
    ("parts", "answers"),
    [
        ({Part.sink}, [SINK, gone(API), gone(SIGN_IN), ALIVE, READY]),
        ({Part.api}, [gone(SINK), API, SIGN_IN, ALIVE, READY]),
        ({Part.sink, Part.api}, [SINK, API, SIGN_IN, ALIVE, READY]),
    ],
)
def test_a_part_answers_its_own_paths(
    parts: set[Part], answers: list[tuple[str, str, int]], clean_database: Engine, database: Settings
) -> None:
    with serving(create_app(database, parts, clean_database)) as url:
        for method, path, status in answers:
            assert httpx.request(method, url + path).status_code == status, path
