"""The sign-in page, signing in, signing out.

In: an engine and the settings. Out: `create_auth_router`, the routes below /auth.

Why our own page and not streamlit-authenticator's widget: its cookie is set by JavaScript, so it cannot be
HttpOnly, and it opens the dashboard again after signing out, because nothing on the server is revoked. Here
the cookie is HttpOnly and opaque, and the row behind it is asked at every click.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine

from app.auth import audit
from app.auth.identity_provider import IdentityProvider
from app.auth.oidc import CALLBACK_PATH, LOGIN_PATH, OidcSignIn
from app.auth.origin import is_same_origin, safe_path
from app.auth.page import FOREIGN, SIGN_IN_PATH, SIGN_OUT_PATH, Page
from app.auth.passwords import password_fits
from app.auth.sessions import COOKIE, end_session, find_session, start_session
from app.auth.users import LOCK_MINUTES, verify_password
from core.secrets import secrets_for
from core.settings import Settings

LARGEST_FORM = 8 * 1024
# One sentence for every refusal: which part was wrong is nobody's business who does not know all of it.
REFUSED = f"That e-mail address and password do not match. After several tries an account rests for {LOCK_MINUTES} min."
TOO_LARGE = "The form was too large to read. Please try again."


class SignInForm:
    """What the browser sent: fields, or None where the body was too large to read."""

    def __init__(self, body: bytes | None) -> None:
        self.is_too_large = body is None
        try:
            fields = parse_qs((body or b"").decode("utf-8", "replace"), max_num_fields=20)
        except ValueError:
            fields, self.is_too_large = {}, True
        self.email = fields.get("email", [""])[0]
        self.password = fields.get("password", [""])[0]
        self.next_path = safe_path(fields.get("next", [""])[0])


async def read_form(request: Request) -> SignInForm:
    """The form in the body, read up to `LARGEST_FORM` bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return SignInForm(None)
    return SignInForm(body)


class PasswordSignIn:
    """The answers below /auth where people sign in with a password."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.page = Page(settings, "sign_in_database.html")
        # Made now, so that the first unknown user does not wait for longer than a known one.
        password_fits(None, "")

    def show(self, request: Request, next: str = "") -> Response:
        """GET: the form; somebody who is signed in already goes on to where they wanted."""
        with self.engine.begin() as connection:
            session = find_session(connection, request.cookies.get(COOKIE))
        if session is not None:
            return RedirectResponse(safe_path(next), 303)
        return self.page.show(safe_path(next))

    def sign_in(self, request: Request, form: Annotated[SignInForm, Depends(read_form)]) -> Response:
        """POST: a session cookie and the way on, or the form again with one sentence."""
        if not is_same_origin(request.headers):
            return self.page.show(form.next_path, FOREIGN, status=403)
        if form.is_too_large:
            return self.page.show(form.next_path, TOO_LARGE, status=413)
        with self.engine.begin() as connection:
            user = verify_password(connection, form.email, form.password)
            if user is not None:
                # A token that was in the browser before is not carried into the new session.
                end_session(connection, request.cookies.get(COOKIE))
                token = start_session(connection, user, duration_minutes=self.settings.session_duration_minutes)
                audit.record(connection, "signed_in", actor=user.user_id)
        if user is None:
            return self.page.show(form.next_path, REFUSED, status=401, email=form.email)
        response = RedirectResponse(form.next_path, 303, headers={"Cache-Control": "no-store"})
        self.page.set_cookie(
            response,
            COOKIE,
            token,
            self.settings.session_duration_minutes * 60,
            is_https=self._is_https(request),
        )
        return response

    def sign_out(self, request: Request) -> Response:
        """POST: the session is revoked on the server, the cookie dropped."""
        if not is_same_origin(request.headers):
            return self.page.show("/", FOREIGN, status=403)
        with self.engine.begin() as connection:
            user_id = end_session(connection, request.cookies.get(COOKIE))
            if user_id is not None:
                audit.record(connection, "signed_out", actor=user_id)
        response = RedirectResponse(SIGN_IN_PATH, 303, headers={"Cache-Control": "no-store"})
        self.page.drop_cookie(response, COOKIE, is_https=self._is_https(request))
        return response

    def _is_https(self, request: Request) -> bool:
        return request.url.scheme == "https"


def create_auth_router(engine: Engine, settings: Settings) -> APIRouter:
    """The routes below /auth for the chosen method. Raises `SettingsError` for a client secret that is missing."""
    router = APIRouter(include_in_schema=False)
    if settings.auth_method == "oidc":
        provider = IdentityProvider(settings, secrets_for(settings).get("oidc_client_secret"))
        oidc = OidcSignIn(engine, settings, provider)
        router.add_api_route(LOGIN_PATH, oidc.login, methods=["GET"], response_class=HTMLResponse)
        router.add_api_route(CALLBACK_PATH, oidc.callback, methods=["GET"], response_class=HTMLResponse)
        page: OidcSignIn | PasswordSignIn = oidc
    else:
        password = PasswordSignIn(engine, settings)
        router.add_api_route(SIGN_IN_PATH, password.sign_in, methods=["POST"], response_class=HTMLResponse)
        page = password
    router.add_api_route(SIGN_IN_PATH, page.show, methods=["GET"], response_class=HTMLResponse)
    router.add_api_route(SIGN_OUT_PATH, page.sign_out, methods=["POST"], response_class=HTMLResponse)
    return router
