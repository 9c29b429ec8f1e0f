"""The gate before the dashboard: a browser without a session is sent to the sign-in page at once.

In: every request for the mounted dashboard. Out: a redirect for pages, 401 for downloads, else the dashboard.
It saves a stranger the loading of the page. It is not the lock: that is the script, which asks for the
session at every rerun, so a page that is already open closes too.
"""

from __future__ import annotations

from urllib.parse import quote

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.page import SIGN_IN_PATH
from app.auth.sessions import COOKIE, find_session

# Downloads are kept under unguessable names, but a name may be passed on; the numbers of the process are nobody's.
GUARDED = ("/media/", "/_stcore/metrics")


class SignInGate:
    """ASGI middleware around the dashboard."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self.app = app
        self.engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what needs no session or has one."""
        if scope["type"] == "http":
            request = Request(scope)
            is_guarded = request.url.path.startswith(GUARDED)
            if (is_guarded or _is_page(request)) and not await run_in_threadpool(self._has_session, request):
                answer = PlainTextResponse("Sign in first", 401) if is_guarded else RedirectResponse(_way(request), 303)
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _has_session(self, request: Request) -> bool:
        with self.engine.begin() as connection:
            return find_session(connection, request.cookies.get(COOKIE)) is not None


def _is_page(request: Request) -> bool:
    return request.method == "GET" and "text/html" in request.headers.get("accept", "")


def _way(request: Request) -> str:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{SIGN_IN_PATH}?next={quote(wanted, safe='')}"
