"""Signing in through an identity provider: /auth/login sends the browser there, /auth/callback takes it back.

In: an engine, settings, the provider. Out: routes, and a session like any other.
A sign-in under way is a row of `auth.pending_sign_ins`: found by the `state` that comes back, bound by a cookie to the
browser that began it, and gone at the first look, so that no answer of the provider works twice or elsewhere.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection, Engine, delete, insert, select, update

from app.auth import audit
from app.auth.claims import Identity, grants_of, read_identity, replace_group_roles
from app.auth.identity_provider import IdentityProvider, SignInRefused
from app.auth.origin import is_same_origin, safe_path
from app.auth.page import FOREIGN, SIGN_IN_PATH, Page
from app.auth.sessions import COOKIE, end_session, find_session, hash_token, start_session
from app.auth.users import User, load_user
from core import clock
from core.settings import Settings
from core.tables import pending_sign_ins, users

LOGIN_PATH = "/auth/login"
CALLBACK_PATH = "/auth/callback"
PENDING_COOKIE = "dpp_sign_in"
PENDING_MINUTES = 10
UNKNOWN_SIGN_IN = SignInRefused(
    "unknown_state", "This sign-in has been used, has taken too long, or began in another browser. Please begin again."
)


class OidcSignIn:
    """The answers below /auth where people sign in through an identity provider."""

    def __init__(self, engine: Engine, settings: Settings, provider: IdentityProvider) -> None:
        self.engine = engine
        self.settings = settings
        self.provider = provider
        self.page = Page(settings, "sign_in_oidc.html")

    def show(self, request: Request, next: str = "") -> Response:
        """GET: one button; somebody who is signed in already goes on to where they wanted."""
        with self.engine.begin() as connection:
            session = find_session(connection, request.cookies.get(COOKIE))
        return self.page.show(next) if session is None else RedirectResponse(safe_path(next), 303)

    def login(self, next: str = "") -> Response:
        """GET: the way to the provider, with a cookie that binds the answer to this browser."""
        try:
            flow = self.provider.begin()
        except SignInRefused as refused:
            return self.page.show(next, str(refused), status=503)
        browser = secrets.token_urlsafe(32)
        with self.engine.begin() as connection:
            connection.execute(delete(pending_sign_ins).where(pending_sign_ins.c.expires_at < clock.now()))
            connection.execute(
                insert(pending_sign_ins).values(
                    state_hash=hash_token(flow["state"]),
                    browser_hash=hash_token(browser),
                    flow=flow,
                    next_path=safe_path(next),
                    expires_at=clock.now() + timedelta(minutes=PENDING_MINUTES),
                )
            )
        response = RedirectResponse(flow["auth_uri"], 303, headers={"Cache-Control": "no-store"})
        self.page.set_cookie(response, PENDING_COOKIE, browser, PENDING_MINUTES * 60, path=CALLBACK_PATH)
        return response

    def callback(self, request: Request) -> Response:
        """GET: from the provider; a session and the way on, or the page with one sentence."""
        next_path = ""
        try:
            with self.engine.begin() as connection:
                pending = _take(connection, request)
            next_path = pending.next_path
            claims = self.provider.finish(pending.flow, request.query_params)
            with self.engine.begin() as connection:
                admitted = _admit(connection, read_identity(claims, self.settings.oidc_group_claim))
                token = self._open_session(connection, request, admitted)
            if isinstance(admitted, SignInRefused):
                raise admitted
        except SignInRefused as refused:
            with self.engine.begin() as connection:
                audit.record(connection, "sign_in_refused", actor="unknown", detail={"reason": refused.reason})
            return self.page.show(next_path, str(refused), status=403)
        response = RedirectResponse(next_path, 303, headers={"Cache-Control": "no-store"})
        self.page.set_cookie(response, COOKIE, token, self.settings.session_duration_minutes * 60)
        response.delete_cookie(PENDING_COOKIE, path=CALLBACK_PATH)
        return response

    def _open_session(self, connection: Connection, request: Request, admitted: User | SignInRefused) -> str:
        """A session's token; an empty text for somebody who is refused."""
        if isinstance(admitted, SignInRefused):
            return ""
        # A token that was in the browser before is not carried into the new session.
        end_session(connection, request.cookies.get(COOKIE))
        audit.record(connection, "signed_in", actor=admitted.user_id, detail={"method": "oidc"})
        return start_session(
            connection, admitted, duration_minutes=self.settings.session_duration_minutes, auth_method="oidc"
        )

    def sign_out(self, request: Request) -> Response:
        """POST: the session is revoked here; the provider is asked to end its own where it can."""
        if not is_same_origin(request.headers):
            return self.page.show("/", FOREIGN, status=403)
        with self.engine.begin() as connection:
            user_id = end_session(connection, request.cookies.get(COOKIE))
            if user_id is not None:
                audit.record(connection, "signed_out", actor=user_id)
        elsewhere = self.provider.sign_out_address()
        back = self.settings.oidc_redirect_uri.removesuffix(CALLBACK_PATH) + SIGN_IN_PATH
        way = {"client_id": self.settings.oidc_client_id, "post_logout_redirect_uri": back}
        response = RedirectResponse(
            f"{elsewhere}?{urlencode(way)}" if elsewhere else SIGN_IN_PATH, 303, headers={"Cache-Control": "no-store"}
        )
        self.page.drop_cookie(response, COOKIE)
        return response


class _Pending:
    """A sign-in that comes back: what msal noted, and where the person wanted to go."""

    def __init__(self, flow: dict[str, object], next_path: str) -> None:
        self.flow = flow
        self.next_path = next_path


def _take(connection: Connection, request: Request) -> _Pending:
    """The sign-in that this answer belongs to; it is gone afterwards. Raises `SignInRefused`."""
    row = connection.execute(
        delete(pending_sign_ins)
        .where(
            pending_sign_ins.c.state_hash == hash_token(request.query_params.get("state", "")),
            pending_sign_ins.c.browser_hash == hash_token(request.cookies.get(PENDING_COOKIE, "")),
            pending_sign_ins.c.expires_at > clock.now(),
        )
        .returning(pending_sign_ins.c.flow, pending_sign_ins.c.next_path)
    ).first()
    if row is None:
        raise UNKNOWN_SIGN_IN
    return _Pending(row.flow, row.next_path)


def _admit(connection: Connection, identity: Identity) -> User | SignInRefused:
    """The user of this identity, made or brought up to date, or why they may not look.

    A refusal is returned, not raised: what it is about, such as roles that are gone, is to be written.
    """
    user_id = _known(connection, identity)
    taken = connection.execute(
        select(users.c.user_id).where(users.c.email == identity.email, users.c.user_id.is_distinct_from(user_id))
    ).first()
    if taken is not None:
        return SignInRefused("address_taken", "Another account has your address. Ask an administrator to mend it.")
    values = {
        "oidc_subject": identity.subject,
        "email": identity.email,
        "display_name": identity.display_name,
        "last_login_at": clock.now(),
    }
    if user_id is None:
        user_id = connection.execute(insert(users).values(**values).returning(users.c.user_id)).scalar_one()
    else:
        connection.execute(update(users).where(users.c.user_id == user_id).values(**values))
    has_role = replace_group_roles(connection, user_id, grants_of(connection, identity.groups))
    user = load_user(connection, user_id)
    if user is None:
        return SignInRefused("inactive", "Your account is switched off. Ask an administrator.")
    if not has_role:
        return SignInRefused(
            "no_role", "You are known, but none of your groups has a role here. Ask an administrator for access."
        )
    return user


def _known(connection: Connection, identity: Identity) -> UUID | None:
    """The account of this identity, or one that an administrator made for it: without password, and nobody's yet."""
    is_invited = (users.c.email == identity.email) & users.c.oidc_subject.is_(None) & users.c.password_hash.is_(None)
    found: UUID | None = connection.execute(
        select(users.c.user_id)
        .where((users.c.oidc_subject == identity.subject) | is_invited)
        .order_by(users.c.oidc_subject.nulls_last())
        .limit(1)
        .with_for_update()
    ).scalar()
    return found
