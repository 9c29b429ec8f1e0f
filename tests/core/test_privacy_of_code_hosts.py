"""What GitLab and Bitbucket say beside people stays, as far as the models need it, and names nobody."""

from __future__ import annotations

from typing import Any

from core.privacy import Pseudonymiser

PSEUDONYMISER = Pseudonymiser("a key of the tests alone")
ACCOUNT = {"type": "user", "uuid": "{1-2-3}", "nickname": "zoltan", "display_name": "Zoltan Example"}


def test_the_address_of_a_commit_page_leaves_the_commit() -> None:
    address = f"https://gitlab.example.org/acme/pay/-/commit/{'a' * 40}"
    assert PSEUDONYMISER.clean({"commit_url": address, "deployable_url": address}) == {"commit_sha": "a" * 40}
    assert PSEUDONYMISER.clean({"commit_url": "https://gitlab.example.org/zoltan"}) == {}


def test_a_reviewer_keeps_what_is_asked_for_and_no_name() -> None:
    reviewer = {"id": 5, "username": "zoltan", "name": "Zoltan Example", "state": "requested_changes"}
    cleaned: Any = PSEUDONYMISER.clean({"reviewers": [reviewer]})
    assert cleaned["reviewers"][0].keys() == {"person_hash", "state"}
    assert cleaned["reviewers"][0]["state"] == "requested_changes"


def test_a_branch_that_is_an_object_loses_the_nickname_in_its_name() -> None:
    cleaned: Any = PSEUDONYMISER.clean({"author": ACCOUNT, "source": {"branch": {"name": "zoltan/PAY-7"}}})
    assert "zoltan" not in str(cleaned)
    assert cleaned["source"]["branch"]["name"].endswith("/PAY-7")
