"""The dashboard's way to the database: set once by the process that serves it.

In: settings and an engine. Out: the same, for the script that Streamlit runs for every session.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from core.database import get_engine
from core.settings import Settings, get_settings


@dataclass(frozen=True)
class Dashboard:
    """What the page stands on."""

    settings: Settings
    engine: Engine


_connected: Dashboard | None = None


def connect_dashboard(settings: Settings, engine: Engine) -> None:
    """Tell the page what to stand on."""
    global _connected
    _connected = Dashboard(settings, engine)


def connected() -> Dashboard:
    """What the page stands on; the process's own settings and engine where Streamlit runs the script alone."""
    return _connected or Dashboard(get_settings(), get_engine())
