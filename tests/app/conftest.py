"""What the application's tests stand on: marts made by hand, and programs and people who ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import Engine

from app.api import create_api, install_error_handlers
from app.auth import passwords
from app.auth.routes import create_auth_router
from app.auth.users import create_user
from core import clock
from core.settings import Settings
from tests.app import hand_made_marts as marts
from tests.browser import browser, website
from tests.conftest import serving

__all__ = ["browser", "website"]

EMAIL = "stream.lead@example.org"
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True, scope="session")
def quick_hashes() -> Iterator[None]:
    """Password hashes that cost next to nothing; what they cost outside the tests has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        passwords._hash_of_nothing.cache_clear()
        yield
        passwords._hash_of_nothing.cache_clear()


@pytest.fixture
def now() -> Iterator[None]:
    """Time stands still half an hour after the marts were built."""
    with clock.stopped_at(marts.AS_OF + timedelta(minutes=30)):
        yield


@pytest.fixture
def database_before_build(clean_database: Engine, now: None) -> Iterator[Engine]:
    """A migrated database in which no mart exists."""
    with clean_database.begin() as connection:
        marts.drop_marts(connection)
    yield clean_database
    with clean_database.begin() as connection:
        marts.drop_marts(connection)


@pytest.fixture
def empty_marts(database_before_build: Engine) -> Engine:
    """A database after its first build, before any event."""
    with database_before_build.begin() as connection:
        marts.create_marts(connection)
    return database_before_build


@dataclass(frozen=True)
class Company:
    """The streams of the small company that the tests look at."""

    engine: Engine
    payments: UUID
    lending: UUID
    core_api: UUID


@pytest.fixture
def company(empty_marts: Engine) -> Company:
    """Payments, where QA is a bottleneck; Lending, which has nothing yet; Core API, which deploys."""
    with empty_marts.begin() as connection:
        payments = marts.add_delivery_stream(connection, "payments", "Payments")
        lending = marts.add_delivery_stream(connection, "lending", "Lending")
        core_api = marts.add_tech_stream(connection, "core-api", "Core API")
        marts.fill_company(connection, payments, core_api)
    return Company(empty_marts, payments, lending, core_api)


@pytest.fixture
def user_id(clean_database: Engine, now: None) -> UUID:
    """Somebody who may look."""
    with clean_database.begin() as connection:
        return create_user(connection, EMAIL, "Stream lead", PASSWORD, role="stream_lead")


@pytest.fixture(scope="session")
def web_url(engine: Engine, database: Settings) -> Iterator[str]:
    """Address of sign-in and API, without the dashboard."""
    with serving(compose(engine, database)) as url:
        yield url


@pytest.fixture
def web(web_url: str, clean_database: Engine) -> Iterator[httpx.Client]:
    """A client with a cookie jar of its own; it follows no redirect."""
    with httpx.Client(base_url=web_url) as client:
        yield client


def compose(engine: Engine, settings: Settings) -> FastAPI:
    """Sign-in and API as one application."""
    application = FastAPI()
    application.include_router(create_api(engine))
    application.include_router(create_auth_router(engine, settings))
    install_error_handlers(application)
    return application
