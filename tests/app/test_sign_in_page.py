"""The sign-in page as a browser meets it: cookie, redirects, foreign forms, signing out."""

from __future__ import annotations

from html import unescape
from http.cookies import SimpleCookie
from uuid import UUID

import httpx
import pytest
from httpx import Response
from sqlalchemy import Engine

from app.auth.origin import is_same_origin, safe_path
from app.auth.routes import LARGEST_FORM
from app.auth.sessions import COOKIE
from core.settings import Settings
from tests.app.conftest import EMAIL, PASSWORD, compose
from tests.conftest import serving

OPEN_REDIRECTS = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example",
    "/\t/evil.example/",
    "/%0a//evil.example".replace("%0a", "\n"),
    "javascript:alert(1)",
    "evil.example",
    "/auth/sign-out",
    "",
]


def post_form(web: httpx.Client, *, password: str = PASSWORD, next_path: str = "/", **headers: str) -> Response:
    form = {"email": EMAIL, "password": password, "next": next_path}
    return web.post(
        "/auth/sign-in", data=form, headers={key.replace("_", "-"): value for key, value in headers.items()}
    )


def cookie_of(response: Response) -> SimpleCookie:
    return SimpleCookie(response.headers.get("set-cookie", ""))


def test_signing_in_sets_an_http_only_same_site_cookie_and_goes_on(web: httpx.Client, user_id: UUID) -> None:
    answer = post_form(web, next_path="/?stream=Payments&range=90d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?stream=Payments&range=90d")
    cookie = cookie_of(answer)[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "lax"
    assert cookie["path"] == "/"
    assert cookie["max-age"] == str(480 * 60)
    assert not cookie["secure"]
    assert len(cookie.value) >= 43


def test_over_https_the_cookie_is_secure(web: httpx.Client, user_id: UUID) -> None:
    assert cookie_of(post_form(web, x_forwarded_proto="https"))[COOKIE]["secure"]


def test_in_production_the_cookie_is_always_secure(clean_database: Engine, database: Settings, user_id: UUID) -> None:
    live = compose(clean_database, database.model_copy(update={"environment": "production"}))
    with serving(live) as url, httpx.Client(base_url=url) as web:
        assert cookie_of(post_form(web))[COOKIE]["secure"]


def test_a_refusal_says_the_same_for_every_reason_and_sets_no_cookie(web: httpx.Client, user_id: UUID) -> None:
    wrong = post_form(web, password="wrong")
    unknown = web.post("/auth/sign-in", data={"email": "nobody@example.org", "password": PASSWORD})
    assert wrong.status_code == unknown.status_code == 401
    assert "set-cookie" not in wrong.headers
    assert _problem(wrong) == _problem(unknown) != ""


def test_what_was_typed_comes_back_escaped_and_the_password_never(web: httpx.Client, user_id: UUID) -> None:
    typed = '"><script>alert(1)</script>@example.org'
    page = web.post("/auth/sign-in", data={"email": typed, "password": "let me in", "next": '/"><b>'}).text
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert f'value="{typed}"' in unescape(page)
    assert "let me in" not in page


@pytest.mark.parametrize("wanted", OPEN_REDIRECTS)
def test_no_redirect_leaves_the_site(web: httpx.Client, user_id: UUID, wanted: str) -> None:
    assert post_form(web, next_path=wanted).headers["location"] == "/"
    # Signed in now: the page itself sends on to where it was asked for.
    assert web.get("/auth/sign-in", params={"next": wanted}).headers["location"] == "/"


@pytest.mark.parametrize("wanted", ["/", "/?stream=Payments", "/primary?zones=Trends&zones=Forecast", "/a%2F%2Fb"])
def test_a_path_of_our_own_is_kept(wanted: str) -> None:
    assert safe_path(wanted) == wanted


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
    ],
)
def test_a_form_from_another_site_signs_nobody_in_and_nobody_out(
    web: httpx.Client, user_id: UUID, headers: dict[str, str]
) -> None:
    refused = post_form(web, **headers)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    post_form(web)
    foreign = {key.replace("_", "-"): value for key, value in headers.items()}
    assert web.post("/auth/sign-out", headers=foreign).status_code == 403
    assert web.get("/api/v1/streams/delivery").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://here", "host": "here"}],
)
def test_our_own_form_and_programs_pass(headers: dict[str, str]) -> None:
    assert is_same_origin(headers)


def test_a_cookie_kept_from_before_signing_out_opens_nothing(web: httpx.Client, user_id: UUID) -> None:
    kept = cookie_of(post_form(web))[COOKIE].value
    assert web.get("/api/v1/streams/delivery").status_code == 200
    signed_out = web.post("/auth/sign-out")
    assert (signed_out.status_code, signed_out.headers["location"]) == (303, "/auth/sign-in")
    assert cookie_of(signed_out)[COOKIE]["max-age"] == "0"
    replayed = web.get("/api/v1/streams/delivery", headers={"cookie": f"{COOKIE}={kept}"})
    assert replayed.status_code == 401


def test_signing_in_again_ends_the_session_before(web: httpx.Client, user_id: UUID) -> None:
    first = cookie_of(post_form(web))[COOKIE].value
    second = cookie_of(post_form(web))[COOKIE].value
    assert first != second
    web.cookies.clear()
    assert web.get("/api/v1/streams/delivery", headers={"cookie": f"{COOKIE}={first}"}).status_code == 401
    assert web.get("/api/v1/streams/delivery", headers={"cookie": f"{COOKIE}={second}"}).status_code == 200


def test_signing_out_is_not_a_link(web: httpx.Client) -> None:
    answer = web.get("/auth/sign-out")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


def test_an_oversized_form_is_refused_without_being_read(web: httpx.Client, user_id: UUID) -> None:
    answer = web.post("/auth/sign-in", data={"email": EMAIL, "password": "x" * LARGEST_FORM})
    assert answer.status_code == 413
    many = web.post("/auth/sign-in", content="&".join(f"a{index}=1" for index in range(50)))
    assert many.status_code == 413


def test_the_page_can_neither_be_framed_nor_cached_nor_load_anything(web: httpx.Client) -> None:
    answer = web.get("/auth/sign-in")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "").replace(
        "xmlns='http://www.w3.org", ""
    )


def _problem(answer: Response) -> str:
    return answer.text.partition('role="alert">')[2].partition("<")[0]
