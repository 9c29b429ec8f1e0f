"""The frame of the sign-in page, whichever the method: template, headers, cookies.

In: settings, the name of a template. Out: pages, and cookies set the same way everywhere.
"""

from __future__ import annotations

import secrets
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from fastapi.responses import HTMLResponse, Response

from app.auth.origin import safe_path
from core.settings import Settings

SIGN_IN_PATH = "/auth/sign-in"
SIGN_OUT_PATH = "/auth/sign-out"
FOREIGN = "This form was sent from another site, so it was not used. Please sign in here."
FRAME = "sign_in.html"


class Page:
    """The sign-in page with one form in it."""

    def __init__(self, settings: Settings, form: str) -> None:
        folder = Path(__file__).parent
        self._frame = Template((folder / FRAME).read_text(encoding="utf-8"))
        self._form = Template((folder / form).read_text(encoding="utf-8"))
        self._is_live = settings.environment in ("staging", "production") or settings.oidc_redirect_uri.startswith(
            "https://"
        )

    def show(self, next_path: str, problem: str = "", *, status: int = 200, email: str = "") -> HTMLResponse:
        """The page, with a sentence above the form where something went wrong."""
        nonce = secrets.token_urlsafe(16)
        way = safe_path(next_path)
        form = self._form.substitute(
            next_path=escape(way, quote=True), next_query=quote(way, safe=""), email=escape(email, quote=True)
        )
        alert = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
        page = self._frame.substitute(nonce=nonce, problem=alert, form=form)
        return HTMLResponse(page, status, headers=_headers(nonce))

    def set_cookie(
        self, response: Response, name: str, value: str, seconds: int, *, path: str = "/", is_https: bool = False
    ) -> None:
        """A cookie that scripts cannot read and other sites cannot send."""
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            secure=is_https or self._is_live,
            httponly=True,
            samesite="lax",
        )

    def drop_cookie(self, response: Response, name: str, *, is_https: bool = False) -> None:
        """Take a cookie back."""
        response.delete_cookie(name, path="/", secure=is_https or self._is_live, httponly=True, samesite="lax")


def _headers(nonce: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: browsers would then send `Origin: null` with our own form.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
