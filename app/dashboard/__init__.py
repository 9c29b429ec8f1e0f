"""The dashboard: a Streamlit page mounted in the web application.

In: settings and an engine. Out: `dashboard_app`, an ASGI application to mount at `/` (see `app.api` for the
composition). `python -m streamlit run app/dashboard/main.py` shows the same page alone, for work on it: sign in
at the web service on the same host first, since the script alone has no sign-in page.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.logging import get_logger

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from streamlit import App

    from core.settings import Settings

log = get_logger(__name__)
SCRIPT = Path(__file__).parent / "main.py"


def dashboard_app(settings: Settings, engine: Engine) -> App:
    """The dashboard as an ASGI application. One in a process: Streamlit keeps its configuration in globals."""
    # Streamlit takes a second to import; programs that only serve the sink never pay for it.
    import streamlit
    from starlette.middleware import Middleware

    from app.dashboard.connection import connect_dashboard
    from app.dashboard.gate import SignInGate

    connect_dashboard(settings, engine)
    return streamlit.App(SCRIPT, middleware=[Middleware(SignInGate, engine=engine)], on_script_error=_log_error)


def _log_error(error: Exception) -> None:
    log.error("dashboard_script_failed", reason=type(error).__name__, exc_info=error)
