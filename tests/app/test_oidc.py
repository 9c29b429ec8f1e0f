"""Who comes back from the identity provider is believed only where everything fits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Engine, insert, text

from app.auth.claims import read_identity
from app.auth.identity_provider import SignInRefused
from app.auth.oidc import PENDING_COOKIE
from app.auth.sessions import COOKIE
from core.settings import Settings, SettingsError, load_settings
from core.tables import group_role_mappings
from tests.app.certificates import Certificate, make_certificate
from tests.app.conftest import compose
from tests.app.forging_provider import ForgingProvider
from tests.conftest import serving
from tests.real_data import shared_data

CLIENT_ID = "the-platform"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def provider(certificate: Certificate) -> Iterator[ForgingProvider]:
    with ForgingProvider(certificate) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(certificate.bundle))
        yield running


@pytest.fixture(scope="module")
def platform(provider: ForgingProvider, engine: Engine, database: Settings) -> Iterator[str]:
    """Sign-in and API of a platform that trusts this provider."""
    secrets_path = database.secrets_path
    secrets_path.mkdir(parents=True, exist_ok=True)
    (secrets_path / "oidc_client_secret").write_text("a secret of the tests")
    settings = database.model_copy(
        update={
            "auth_method": "oidc",
            "oidc_issuer_url": provider.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_redirect_uri": "http://127.0.0.1/auth/callback",
        }
    )
    with serving(compose(engine, settings)) as url:
        yield url


@pytest.fixture
def web(platform: str, clean_database: Engine) -> Iterator[httpx.Client]:
    with clean_database.begin() as connection:
        connection.execute(insert(group_role_mappings).values(group_pattern="dpp-leads", role="stream_lead"))
        connection.execute(
            insert(group_role_mappings).values(group_pattern="dpp-.*-viewers", is_regex=True, role="viewer")
        )
    with httpx.Client(base_url=platform, trust_env=False) as client:
        yield client


def begin(web: httpx.Client, next_path: str = "/?range=90d") -> dict[str, str]:
    """Go to the provider; what the platform asks of it."""
    answer = web.get("/auth/login", params={"next": next_path})
    assert answer.status_code == 303, answer.text
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    return {name: values[0] for name, values in asked.items()}


def come_back(web: httpx.Client, state: str) -> httpx.Response:
    return web.get("/auth/callback", params={"code": "a-code", "state": state})


def sign_in(web: httpx.Client, provider: ForgingProvider, **changed: Any) -> httpx.Response:
    """The whole way, with these claims changed."""
    asked = begin(web)
    provider.sign(provider.claims(CLIENT_ID, asked["nonce"], **changed))
    return come_back(web, asked["state"])


def roles(engine: Engine) -> list[tuple[str, bool]]:
    with engine.connect() as connection:
        found = connection.execute(text("select role, is_from_group from auth.user_roles order by role"))
        return [(row.role, row.is_from_group) for row in found]


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 403
    assert COOKIE not in answer.cookies
    return answer.text.partition('role="alert">')[2].partition("<")[0]


def test_who_comes_back_with_a_good_token_is_signed_in_where_they_wanted_to_go(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    answer = sign_in(web, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?range=90d")
    assert web.get("/auth/sign-in").status_code == 303
    assert roles(clean_database) == [("stream_lead", True)]
    with clean_database.connect() as connection:
        person = connection.execute(text("select email, display_name, password_hash from auth.users")).one()
        assert tuple(person) == ("stream.lead@example.org", "Stream lead", None)
        assert connection.execute(text("select auth_method from auth.sessions")).scalar_one() == "oidc"


def test_the_code_is_asked_for_with_a_challenge_and_redeemed_with_its_answer(
    web: httpx.Client, provider: ForgingProvider
) -> None:
    asked = begin(web)
    assert asked["code_challenge_method"] == "S256"
    assert {"openid", "profile", "email"} <= set(asked["scope"].split())
    provider.sign(provider.claims(CLIENT_ID, asked["nonce"]))
    come_back(web, asked["state"])
    assert len(parse_qs(provider.redeemed[-1])["code_verifier"][0]) >= 43


LATER = 10 * 365 * 86_400


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "of-another-flow"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT_ID, "another-client"], "azp": "another-client"},
        {"iss": "https://elsewhere.example/tenant/v2.0"},
        {"exp": 1_700_000_000, "iat": 1_699_990_000},
        {"exp": None},
        {"nbf": 1_700_000_000 + LATER},
        {"sub": None},
    ],
    ids=lambda changed: " ".join(changed),
)
def test_a_token_that_does_not_fit_signs_nobody_in(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine, changed: dict[str, Any]
) -> None:
    assert refusal(sign_in(web, provider, **changed))
    with clean_database.connect() as connection:
        assert connection.execute(text("select count(*) from auth.sessions")).scalar_one() == 0
        assert connection.execute(text("select action from ops.audit_log")).scalars().all() == ["sign_in_refused"]


def test_a_token_signed_by_anybody_else_signs_nobody_in(web: httpx.Client, provider: ForgingProvider) -> None:
    asked = begin(web)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    provider.sign(provider.claims(CLIENT_ID, asked["nonce"]), key=stranger)
    assert "cannot be trusted" in refusal(come_back(web, asked["state"]))


def test_an_unsigned_token_signs_nobody_in(web: httpx.Client, provider: ForgingProvider) -> None:
    asked = begin(web)
    provider.sign(provider.claims(CLIENT_ID, asked["nonce"]), key=None, algorithm="none")
    assert "cannot be trusted" in refusal(come_back(web, asked["state"]))


def test_an_answer_of_the_provider_works_once(web: httpx.Client, provider: ForgingProvider) -> None:
    asked = begin(web)
    pending = web.cookies[PENDING_COOKIE]
    provider.sign(provider.claims(CLIENT_ID, asked["nonce"]))
    assert come_back(web, asked["state"]).status_code == 303
    web.cookies.set(PENDING_COOKIE, pending, path="/auth/callback")
    assert "has been used" in refusal(come_back(web, asked["state"]))


def test_an_answer_works_only_in_the_browser_that_asked(
    web: httpx.Client, provider: ForgingProvider, platform: str
) -> None:
    asked = begin(web)
    provider.sign(provider.claims(CLIENT_ID, asked["nonce"]))
    with httpx.Client(base_url=platform, trust_env=False) as elsewhere:
        assert "another browser" in refusal(come_back(elsewhere, asked["state"]))
        begin(elsewhere)
        assert "another browser" in refusal(come_back(elsewhere, asked["state"]))


def test_an_unknown_state_is_refused_before_the_provider_is_asked(web: httpx.Client, provider: ForgingProvider) -> None:
    begin(web)
    before = len(provider.redeemed)
    assert refusal(come_back(web, "made-up"))
    assert len(provider.redeemed) == before


def test_a_person_without_a_mapped_group_is_told_so(web: httpx.Client, provider: ForgingProvider) -> None:
    assert "none of your groups has a role" in refusal(sign_in(web, provider, groups=["somebody-else"]))
    assert "none of your groups has a role" in refusal(sign_in(web, provider, groups=None))


def test_too_many_groups_for_a_token_are_named_as_the_reason(web: httpx.Client, provider: ForgingProvider) -> None:
    for overage in ({"_claim_names": {"groups": "src1"}}, {"hasgroups": True}):
        assert "more groups than fit" in refusal(sign_in(web, provider, groups=None, **overage))


def test_a_single_group_may_come_as_a_text(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    assert sign_in(web, provider, groups="dpp-leads").status_code == 303
    assert roles(clean_database) == [("stream_lead", True)]


def test_a_pattern_must_match_the_whole_group(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    assert refusal(sign_in(web, provider, groups=["not-dpp-payments-viewers", "dpp-payments-viewers-old"]))
    assert sign_in(web, provider, groups=["dpp-payments-viewers"]).status_code == 303
    assert roles(clean_database) == [("viewer", True)]


def test_roles_follow_the_groups_and_an_administrators_grant_stays(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    sign_in(web, provider)
    with clean_database.begin() as connection:
        connection.execute(
            text("insert into auth.user_roles (user_id, role) select user_id, 'team_member' from auth.users")
        )
    sign_in(web, provider, groups=["dpp-payments-viewers"])
    assert roles(clean_database) == [("team_member", False), ("viewer", True)]


def test_who_has_lost_every_group_loses_the_roles_too(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    sign_in(web, provider)
    assert refusal(sign_in(web, provider, groups=[]))
    assert roles(clean_database) == []


def test_a_person_stays_the_same_under_a_new_name_and_address(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    sign_in(web, provider)
    sign_in(web, provider, preferred_username="renamed@example.org", name="Renamed")
    with clean_database.connect() as connection:
        assert connection.execute(text("select email, display_name from auth.users")).all() == [
            ("renamed@example.org", "Renamed")
        ]


def test_an_address_alone_opens_no_account_that_has_a_password(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    with clean_database.begin() as connection:
        connection.execute(
            text(
                "insert into auth.users (email, display_name, password_hash)"
                " values ('stream.lead@example.org', 'An administrator', 'a hash')"
            )
        )
    assert "Another account has your address" in refusal(sign_in(web, provider))


def test_an_account_made_beforehand_is_taken_over_by_its_person(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    with clean_database.begin() as connection:
        connection.execute(
            text(
                "with invited as (insert into auth.users (email, display_name) values"
                " ('stream.lead@example.org', 'To come') returning user_id)"
                " insert into auth.user_roles (user_id, role) select user_id, 'platform_admin' from invited"
            )
        )
    assert sign_in(web, provider, groups=[]).status_code == 303
    assert roles(clean_database) == [("platform_admin", False)]


def test_an_account_that_is_switched_off_stays_out(
    web: httpx.Client, provider: ForgingProvider, clean_database: Engine
) -> None:
    sign_in(web, provider)
    with clean_database.begin() as connection:
        connection.execute(text("update auth.users set is_active = false"))
    assert "switched off" in refusal(sign_in(web, provider))


def test_a_provider_that_says_no_is_a_sentence(web: httpx.Client) -> None:
    asked = begin(web)
    answer = web.get("/auth/callback", params={"error": "access_denied", "state": asked["state"]})
    assert "did not allow" in refusal(answer)


def test_a_provider_that_is_away_is_a_sentence(clean_database: Engine, database: Settings) -> None:
    away = database.model_copy(
        update={
            "auth_method": "oidc",
            "oidc_issuer_url": "https://127.0.0.1:1/tenant",
            "oidc_client_id": CLIENT_ID,
            "oidc_redirect_uri": "http://127.0.0.1/auth/callback",
        }
    )
    (away.secrets_path / "oidc_client_secret").write_text("a secret of the tests")
    with serving(compose(clean_database, away)) as url, httpx.Client(base_url=url, trust_env=False) as web:
        answer = web.get("/auth/login")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_no_redirect_leads_to_another_site(web: httpx.Client, provider: ForgingProvider) -> None:
    asked = begin(web, "https://evil.example/")
    provider.sign(provider.claims(CLIENT_ID, asked["nonce"]))
    assert come_back(web, asked["state"]).headers["location"] == "/"


def test_oidc_without_its_settings_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_METHOD", "oidc")
    with pytest.raises(SettingsError, match="OIDC_ISSUER_URL, OIDC_CLIENT_ID, OIDC_REDIRECT_URI"):
        load_settings()


def test_oidc_without_its_secret_stops_the_start(clean_database: Engine, database: Settings, tmp_path: object) -> None:
    settings = database.model_copy(update={"auth_method": "oidc", "secrets_folder": tmp_path})
    with pytest.raises(SettingsError, match="oidc_client_secret"):
        compose(clean_database, settings)


def test_entra_ids_published_claim_sets_are_read() -> None:
    cases = {
        case["name"]: case["claims"]
        for case in json.loads(shared_data("security/entra_claim_cases.json").read_text(encoding="utf-8"))
    }
    plain = read_identity(cases["v2_basic_no_email_no_groups"], "groups")
    assert (plain.email, plain.groups) == ("abeli@microsoft.com", ())
    assert plain.subject.endswith("|00000000-0000-0000-66f3-3332eca7ea81")
    assert len(read_identity(cases["v2_groups"], "groups").groups) == 2
    assert read_identity(cases["app_roles"], "roles").groups == ("dpp.stream_lead",)
    with pytest.raises(SignInRefused):
        read_identity({**cases["v2_basic_no_email_no_groups"], "hasgroups": True}, "groups")
