"""What GitHub may do to us on the way: limits, failures, cut answers, tokens that end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core import clock
from core.privacy import Pseudonymiser
from core.settings import Settings
from ingestion.operations import Deferred, Meter
from ingestion.sources.github import client as client_module
from ingestion.sources.github import limits, queries
from ingestion.sources.github.access import Access
from ingestion.sources.github.authentication import InstallationToken, PersonalToken
from ingestion.sources.github.client import GithubClient, graphql_url
from ingestion.sources.github.errors import CursorLostError, ForbiddenError, GithubError, TooHeavyError
from ingestion.sources.github.reading import DEPLOYMENTS, KINDS, PULL_REQUESTS, Page, changed, read_pages
from ingestion.sources.github.repositories import Repository, repositories_of
from tests.ingestion.sources.github.conftest import ACME, NOW, payments
from tests.ingestion.sources.github.model import START, Pull, Repo
from tests.ingestion.sources.github.schema import checked
from tests.ingestion.sources.github.server import PERSONAL_TOKEN, Fault, GithubServer

PSEUDONYMISER = Pseudonymiser("the pseudonym key of the tests")


@pytest.fixture
def reader(site: GithubServer) -> GithubClient:
    """The site, seen with a personal token."""
    return GithubClient(site.url, PersonalToken(PERSONAL_TOKEN), limits.Budget(floor=500), Meter())


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waited.append)
    return waited


def repository(site: GithubServer, name: str = "acme/payments") -> Repository:
    """A repository of the site as the source sees it."""
    return repositories_of([site.repository(name).rest], PSEUDONYMISER)[0]


def pull_requests(reader: GithubClient, site: GithubServer, **extent: Any) -> list[Page]:
    """All pages of pull requests."""
    return list(
        read_pages(reader, PULL_REQUESTS, repository(site), PSEUDONYMISER, since=START - timedelta(days=1), **extent)
    )


def numbers(pages: list[Page]) -> set[int]:
    """The pull requests on the pages."""
    return {row[1] for page in pages for row in page.rows}


def test_every_query_is_one_that_github_understands() -> None:
    for kind in KINDS:
        assert checked(kind.query)[1] == ()
        assert checked(queries.NEWEST[kind.name])[1] == ()
        for part in kind.parts:
            assert checked(queries.remaining_query(part, [("a", "1"), ("b", "2")])[0])[1] == ()
    assert "Cannot query field 'nothing' on type 'User'." in checked("query { viewer { nothing } }")[1][0]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int((NOW + timedelta(seconds=90)).timestamp()))}, 91),
        ({}, 60),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_is_waited_out_as_long_as_github_says(
    reader: GithubClient, site: GithubServer, waits: list[float], status: int, headers: dict[str, str], seconds: int
) -> None:
    site.faults.append(Fault(status, headers, {"message": "You have exceeded a secondary rate limit."}))
    with clock.stopped_at(NOW):
        assert len(numbers(pull_requests(reader, site))) == 130
    assert waits == [seconds]
    assert reader.meter.rate_limit_delays == 1


def test_a_limit_that_graphql_tells_within_a_good_answer_is_waited_out(
    reader: GithubClient, site: GithubServer, waits: list[float]
) -> None:
    told = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 12345."}]}
    site.faults.append(Fault(200, {"Retry-After": "3"}, told))
    assert len(numbers(pull_requests(reader, site))) == 130
    assert waits == [3]


def test_a_long_pause_is_left_to_the_next_run(reader: GithubClient, site: GithubServer, waits: list[float]) -> None:
    site.faults.append(Fault(429, {"Retry-After": "3600"}))
    with pytest.raises(Deferred, match="3,600 seconds"):
        pull_requests(reader, site)
    assert waits == []


def test_a_limit_that_stays_ends_and_does_not_say_whose_token_it_is(
    reader: GithubClient, site: GithubServer, waits: list[float]
) -> None:
    site.faults.extend([Fault(403, {}, {"message": "API rate limit exceeded for user ID 12345."})] * 6)
    with pytest.raises(GithubError, match="rate limit, again and again") as failure:
        pull_requests(reader, site)
    assert "12345" not in str(failure.value)
    assert len(waits) == client_module.MOST_ATTEMPTS - 1


def test_below_the_floor_what_has_time_is_put_off_and_the_rest_goes_on(
    reader: GithubClient, site: GithubServer
) -> None:
    site.remaining = 501
    with pytest.raises(Deferred, match=r"499 requests are left of GitHub's limit, fewer than .* = 500"):
        pull_requests(reader, site)
    assert len(site.requests) == 2
    reader.has_time = False
    assert len(numbers(pull_requests(reader, site))) == 130


def test_the_floor_holds_until_the_limit_is_full_again(reader: GithubClient, site: GithubServer) -> None:
    site.remaining = 400
    with clock.stopped_at(NOW), pytest.raises(Deferred):
        pull_requests(reader, site)
    site.remaining = 5_000
    with clock.stopped_at(NOW + timedelta(minutes=31)):
        assert len(numbers(pull_requests(reader, site))) == 130


@pytest.mark.parametrize("fault", [Fault(500), Fault(503), Fault(429, {"Retry-After": "0"}), Fault(cut=True)])
def test_a_fault_that_passes_loses_nothing(reader: GithubClient, site: GithubServer, fault: Fault) -> None:
    site.faults.extend([fault, fault, None, fault])
    assert len(numbers(pull_requests(reader, site))) == 130


def test_a_fault_that_stays_ends(reader: GithubClient, site: GithubServer) -> None:
    site.faults.extend([Fault(503)] * 10)
    with pytest.raises(GithubError, match="POST /graphql: 503, try again later"):
        pull_requests(reader, site)
    assert len(site.requests) == client_module.MOST_ATTEMPTS


@pytest.mark.parametrize("heaviest", [1, 7, 25])
def test_a_page_that_is_too_much_for_github_is_halved(reader: GithubClient, site: GithubServer, heaviest: int) -> None:
    site.heaviest_page = heaviest
    site.repositories[0].pulls = site.repositories[0].pulls[:20]
    pages = pull_requests(reader, site)
    assert len(numbers(pages)) == 20
    assert max(page.seen for page in pages) <= heaviest


def test_what_is_too_much_even_alone_ends(reader: GithubClient, site: GithubServer) -> None:
    site.heaviest_page = 0
    with pytest.raises(TooHeavyError, match="502, Something went wrong while executing your query"):
        pull_requests(reader, site)


def test_data_beside_errors_is_not_taken_and_one_bad_thing_costs_one_thing(
    reader: GithubClient, site: GithubServer
) -> None:
    site.repositories[0].pulls = [Pull(number, number, is_unreadable=number == 5) for number in range(1, 12)]
    pages = pull_requests(reader, site)
    assert numbers(pages) == set(range(1, 12)) - {5}
    assert sum(page.skipped for page in pages) == 1


def test_what_may_not_be_read_names_the_permission(reader: GithubClient, site: GithubServer) -> None:
    site.repositories[0].forbidden = frozenset({"deployments"})
    with pytest.raises(ForbiddenError, match=r"deployments may not be read; .* the permission Deployments: read-only"):
        list(read_pages(reader, DEPLOYMENTS, repository(site), PSEUDONYMISER, since=START))


def test_a_repository_that_is_gone_says_so_without_its_name(reader: GithubClient, site: GithubServer) -> None:
    gone = repositories_of([Repo(999, ACME, "gone").rest], PSEUDONYMISER)[0]
    with pytest.raises(GithubError, match="Could not resolve to a node with the global id of 'R_999'"):
        list(read_pages(reader, PULL_REQUESTS, gone, PSEUDONYMISER, since=START))


def test_a_cursor_that_github_forgot_is_told_apart(reader: GithubClient, site: GithubServer) -> None:
    with pytest.raises(CursorLostError):
        pull_requests(reader, site, after="nonsense")


def test_a_list_that_changes_while_it_is_read_loses_nothing(reader: GithubClient, site: GithubServer) -> None:
    pages = read_pages(reader, PULL_REQUESTS, repository(site), PSEUDONYMISER, since=START - timedelta(days=1))
    read = numbers([next(pages)])
    # One of the pages behind moves to the front: the rest still comes, and it itself comes with the next look.
    moved = site.repositories[0].pulls[3]
    moved.updated = 20_000
    read |= numbers(list(pages))
    assert read == {pull.number for pull in payments().pulls} - {moved.number}
    touched = changed(reader, [repository(site)], PULL_REQUESTS, {"101": START + timedelta(days=10)})
    assert [one.full_name for one in touched] == ["acme/payments"]


def test_a_page_that_never_ends_does(reader: GithubClient, site: GithubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"nodes": [], "totalCount": 1, "pageInfo": {"hasNextPage": True, "endCursor": None}}
    monkeypatch.setattr(reader, "graphql", lambda *_, **__: client_module.Answer({"node": {"page": answer}}))
    with pytest.raises(GithubError, match="it would never end"):
        pull_requests(reader, site)


def test_the_list_of_repositories_is_followed_to_its_end(reader: GithubClient, site: GithubServer) -> None:
    site.repositories = [Repo(number, ACME, f"service-{number}") for number in range(1, 8)]
    site.repositories_in_a_page = 3
    assert [len(page) for page in reader.pages("/orgs/acme/repos", type="all")] == [3, 3, 1]


def test_a_list_that_ends_too_early_is_refused(reader: GithubClient, site: GithubServer) -> None:
    site.faults.append(Fault(200, {}, {"total_count": 2, "repositories": [payments().rest]}))
    with pytest.raises(GithubError, match="the list ended after 1 of 2"):
        list(reader.pages("/installation/repositories", "repositories"))


def test_a_token_is_not_carried_to_another_host(reader: GithubClient, site: GithubServer) -> None:
    site.faults.append(Fault(200, {"Link": '<https://elsewhere.example/repos?page=2>; rel="next"'}, {"rows": []}))
    with pytest.raises(GithubError, match=r"elsewhere\.example, which is not"):
        list(reader.pages("/orgs/acme/repos", "rows"))


@pytest.mark.parametrize(("status", "hint"), [(401, "the token is wrong"), (404, "there is no such address")])
def test_a_refusal_is_not_tried_again(reader: GithubClient, site: GithubServer, status: int, hint: str) -> None:
    site.faults.append(Fault(status, {}, {"message": "Bad"}))
    with pytest.raises(GithubError, match=f"{status}, Bad; {hint}"):
        list(reader.pages("/orgs/acme/repos"))
    assert len(site.requests) == 1


def test_nobody_at_the_address_is_named() -> None:
    nobody = GithubClient("http://127.0.0.1:1", PersonalToken("a-token"), limits.Budget(), Meter())
    with pytest.raises(GithubError, match=r"GET /user/repos: no answer from http://127\.0\.0\.1:1"):
        list(nobody.pages("/user/repos"))


def test_an_enterprise_server_has_its_own_address_for_graphql() -> None:
    assert graphql_url("https://api.github.com") == "https://api.github.com/graphql"
    assert graphql_url("https://github.example.org/api/v3/") == "https://github.example.org/api/graphql"


def test_an_enterprise_server_is_read(site: GithubServer) -> None:
    reader = GithubClient(f"{site.url}/api/v3", PersonalToken(PERSONAL_TOKEN), limits.Budget(), Meter())
    assert len(next(reader.pages("/orgs/acme/repos"))) == 2
    assert len(numbers(pull_requests(reader, site))) == 130


def made_at(instants: list[Any]) -> Callable[[], tuple[str, Any]]:
    """Makes tokens that are good for an hour, and remembers when."""

    def make() -> tuple[str, Any]:
        instants.append(clock.now())
        return f"token-{len(instants)}", clock.now() + timedelta(hours=1)

    return make


def test_an_installation_token_is_kept_until_shortly_before_its_end() -> None:
    made: list[Any] = []
    credential = InstallationToken(made_at(made))
    for minutes in (0, 30, 54, 56, 100):
        with clock.stopped_at(NOW + timedelta(minutes=minutes)):
            credential.token()
    assert made == [NOW, NOW + timedelta(minutes=56)]


def test_a_token_that_ends_early_is_made_anew_once(app: Settings, site: GithubServer) -> None:
    acme = next(iter(Access(app).organisations(Meter())))
    assert len(acme.repositories(PSEUDONYMISER)) == 2
    site.tokens.clear()
    assert len(acme.repositories(PSEUDONYMISER)) == 2
    assert len(site.tokens) == 1
    site.faults.extend([Fault(401, {}, {"message": "Bad credentials"}), None, Fault(401, {}, {"message": "Bad"})])
    with pytest.raises(GithubError, match="401"):
        acme.repositories(PSEUDONYMISER)


@pytest.mark.usefixtures("beta")
def test_each_installation_has_a_token_that_sees_its_own_organisation_alone(app: Settings, site: GithubServer) -> None:
    found = {one.label: one.repositories(PSEUDONYMISER) for one in Access(app).organisations(Meter())}
    assert {label: [one.full_name for one in repositories] for label, repositories in found.items()} == {
        "acme": ["acme/payments", "acme/ledger"],
        "beta": ["beta/reports"],
    }
    assert len(site.tokens) == 2


@pytest.mark.usefixtures("beta")
def test_a_suspended_installation_is_left_out(app: Settings, site: GithubServer) -> None:
    site.installations[0].is_suspended = True
    assert [one.label for one in Access(app).organisations(Meter())] == ["beta"]
