"""The web service: the sink, the API and the dashboard, together on one port or each alone.

In: settings and the parts wanted. Out: one FastAPI application, and a server that runs it. The sink must stay
up when the dashboard does not, so it can run in a process of its own (`dpp web --only sink`).
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum

import uvicorn
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine

from app.api import create_api, install_error_handlers
from app.api.routes import Health
from app.auth.routes import create_auth_router
from core.database import check_connection, database_url, get_engine
from core.logging import configure_logging
from core.secrets import secrets_for
from core.settings import Settings
from ingestion.front_door import FrontDoor
from orchestration.errors import CommandError


class Part(StrEnum):
    """What the web service consists of."""

    sink = "sink"
    api = "api"
    dashboard = "dashboard"


EVERYTHING = frozenset(Part)


class PortTaken(CommandError):
    """Somebody listens there already; the message names the setting."""


def chosen_parts(names: Collection[str] | None) -> frozenset[Part]:
    """The parts of these names; all of them where none is given. Raises `CommandError` for an unknown one."""
    unknown = sorted(set(names or ()) - set(Part))
    if unknown:
        raise CommandError(f"There is no part {unknown[0]!r} of the web service: choose from {', '.join(Part)}")
    return frozenset(Part(name) for name in names) if names else EVERYTHING


def create_app(settings: Settings, parts: Collection[Part] = EVERYTHING, engine: Engine | None = None) -> FastAPI:
    """Compose the parts into one application. Raises `SettingsError` for a missing secret or sign-in method."""
    engine = engine or get_engine()
    door = FrontDoor(engine, secrets_for(settings), settings) if Part.sink in parts else None
    ui = None
    if Part.dashboard in parts:
        # Streamlit takes two seconds to import; the sink alone does without.
        from app.dashboard import dashboard_app

        ui = dashboard_app(settings, engine)

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if ui is not None:
                await stack.enter_async_context(ui.lifespan()(application))
                _undo_streamlit_logging()
            if door is not None:
                await stack.enter_async_context(door.lifespan())
            yield

    # The documentation pages of the framework load scripts from other hosts; the description itself stays.
    web = FastAPI(
        title="Delivery Performance Platform",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    if door is not None:
        web.router.routes.extend(door.routes)
    if Part.api in parts:
        web.include_router(create_api(engine, timezone=settings.timezone))
    else:
        web.include_router(_health(Health(engine)))
    if parts != {Part.sink}:
        web.include_router(create_auth_router(engine, settings))
    install_error_handlers(web)
    if ui is not None:
        web.mount("/", ui)
    return web


def serve(settings: Settings, parts: Collection[Part] = EVERYTHING) -> None:
    """Run the web service until it is stopped. Raises `DatabaseUnavailable` and `PortTaken`, before anything starts."""
    configure_logging(settings)
    check_connection(database_url(settings), wait_seconds=5)
    with listening_socket(settings.host, settings.port, "DPP_PORT") as listener:
        application = create_app(settings, parts)
        configuration = uvicorn.Config(
            application, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5
        )
        uvicorn.Server(configuration).run(sockets=[listener])


def listening_socket(host: str, port: int, setting: str) -> socket.socket:
    """A bound socket; raises `PortTaken`, naming the setting that chooses another port."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Port {port} on {host} cannot be used ({error.strerror}): set {setting} to a free one"
        ) from None
    return listener


def _undo_streamlit_logging() -> None:
    """Streamlit gives the server's loggers handlers of its own; without them our JSON lines come back."""
    for name in ("uvicorn", "uvicorn.asgi", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        handler = getattr(logger, "streamlit_console_handler", None)
        if handler is not None:
            logger.removeHandler(handler)
        # One line for each request would be the most of the log, and the front door says what it refuses.
        logger.propagate = name != "uvicorn.access"


def _health(health: Health) -> APIRouter:
    """The two routes that a supervisor asks, where the API that brings them is not part of the service."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route("/healthz", health.alive, methods=["GET"])
    router.add_api_route("/readyz", health.ready, methods=["GET"])
    return router
