"""What we store speaks GitHub's own words: those of its published deliveries and of its recorded answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from core.privacy import Pseudonymiser
from ingestion.operations import Meter
from ingestion.sources.github.authentication import PersonalToken
from ingestion.sources.github.client import GithubClient
from ingestion.sources.github.limits import Budget
from ingestion.sources.github.payloads import person
from ingestion.sources.github.reading import DEPLOYMENTS, PULL_REQUESTS, Kind, read_pages
from ingestion.sources.github.repositories import repositories_of
from tests.ingestion.sources.github.model import ALICE, BOB, DEPENDABOT, START, Deployment, Pull, Repo, Review
from tests.ingestion.sources.github.server import PERSONAL_TOKEN, GithubServer
from tests.real_data import shared_data

PSEUDONYMISER = Pseudonymiser("the pseudonym key of the tests")


def stored(site: GithubServer, kind: Kind) -> dict[str, Any]:
    """The row of the one thing of a kind at the site, its JSON decoded."""
    [repository] = repositories_of([site.repositories[0].rest], PSEUDONYMISER)
    client = GithubClient(site.url, PersonalToken(PERSONAL_TOKEN), Budget(), Meter())
    [page] = read_pages(client, kind, repository, PSEUDONYMISER, since=START)
    [row] = page.rows
    columns = kind.table.columns
    return {
        name: json.loads(value) if columns[name].data_type == "json" else value
        for name, value in zip(columns, row, strict=True)
    }


def published(name: str, part: str) -> dict[str, Any]:
    """One part of a published delivery, without people."""
    delivery = json.loads(shared_data(f"github_webhooks/{name}").read_text())
    cleaned: dict[str, Any] = PSEUDONYMISER.clean(delivery)[part]
    return cleaned


def kinds(value: object) -> set[str]:
    """What the values of a word may be; null says nothing."""
    return {"null"} if value is None else {type(value).__name__, "null"}


@pytest.fixture
def site() -> Any:
    """One repository with one thing of each kind."""
    pull = Pull(7, 10, merged=40, body="Words", labels=("bug",), reviews=[Review(70, 20)])
    repository = Repo(1, ALICE, "notes", pulls=[pull], deployments=[Deployment(3, 10, [(11, "success")])])
    with GithubServer([repository]) as server:
        yield server


@pytest.mark.parametrize(
    ("kind", "column", "delivery", "part"),
    [
        (PULL_REQUESTS, "pull_request", "pull_request/closed.payload.json", "pull_request"),
        (PULL_REQUESTS, "repository", "pull_request/closed.payload.json", "repository"),
        (PULL_REQUESTS, "reviews", "pull_request_review/submitted.payload.json", "review"),
        (DEPLOYMENTS, "deployment", "deployment_status/payload.json", "deployment"),
        (DEPLOYMENTS, "statuses", "deployment_status/payload.json", "deployment_status"),
    ],
)
def test_every_word_that_is_stored_is_one_of_the_published_deliveries(
    site: GithubServer, kind: Kind, column: str, delivery: str, part: str
) -> None:
    ours, theirs = stored(site, kind)[column], published(delivery, part)
    ours = ours[0] if isinstance(ours, list) else ours
    assert ours.keys() <= theirs.keys()
    for word, value in ours.items():
        assert kinds(value) & kinds(theirs[word]), word
        if isinstance(value, dict):
            assert value.keys() <= theirs[word].keys(), word


@pytest.mark.parametrize("login", ["dependabot[bot]", "github-actions[bot]", "octocat"])
def test_an_account_has_one_hash_whichever_way_it_came(login: str) -> None:
    is_bot = login.endswith("[bot]")
    by_query = person({"login": login.removesuffix("[bot]"), "type": "Bot" if is_bot else "User"})
    by_webhook = {"login": login, "id": 49699333, "type": "Bot" if is_bot else "User", "site_admin": False}
    cleaned = PSEUDONYMISER.clean({"user": by_query}), PSEUDONYMISER.clean({"user": by_webhook})
    assert cleaned[0] == cleaned[1] == {"user": {"person_hash": PSEUDONYMISER.hash(login), "type": by_webhook["type"]}}


def test_the_accounts_of_published_deliveries_keep_their_hash() -> None:
    found = 0
    for file in shared_data("github_webhooks/deployment_status").glob("*.json"):
        creator = json.loads(file.read_text())["deployment_status"]["creator"]
        by_query = {"login": creator["login"].removesuffix("[bot]"), "type": creator["type"]}
        assert PSEUDONYMISER.clean({"user": person(by_query)}) == PSEUDONYMISER.clean({"user": creator})
        found += 1
    assert found >= 3


def test_an_account_of_an_enterprise_is_a_user_and_a_deleted_one_nobody() -> None:
    assert person({"login": "octo", "type": "EnterpriseUserAccount"}) == {"login": "octo", "type": "User"}
    assert person(None) is None
    assert {account.node["login"] for account in (BOB, DEPENDABOT)} == {"bob-of-tests", "dependabot"}


class _Recorded(BaseAdapter):
    """Gives the recorded pages, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.pages = iter(["pr_page_1", "pr_page_last"])

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        self.asked.append(str(request.url))
        folder = shared_data(f"github_rest/{next(self.pages)}")
        response = requests.Response()
        response.status_code = 200
        headers = json.loads((folder / "200.json").read_text())
        response.headers.update({name: value for name, value in headers.items() if name})
        response._content = (folder / "body").read_bytes()
        return response

    def close(self) -> None:
        pass


def test_recorded_pages_are_followed_and_their_limits_read() -> None:
    client = GithubClient("https://api.github.com", PersonalToken("a-token"), Budget(), Meter())
    recorded = _Recorded()
    client._http.mount("https://api.github.com", recorded)
    pages = list(client.pages("/repositories/4164482/pulls"))
    first, second = recorded.asked
    assert first == "https://api.github.com/repositories/4164482/pulls?per_page=100"
    assert second == "https://api.github.com/repositories/4164482/pulls?page=2"
    assert all(page and {"number", "merged_at"} <= page[0].keys() for page in pages)
    headers = json.loads((shared_data("github_rest/pr_page_last") / "200.json").read_text())
    assert client.meter.rate_limit_remaining == int(headers["x-ratelimit-remaining"])
    assert client.meter.api_calls == 2
