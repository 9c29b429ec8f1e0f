"""GraphQL's answers in the words of GitHub's webhooks, and from there rows of our tables.

In: nodes of a GraphQL page, complete. Out: rows without people. The same pull request gives the same words whether a
webhook or a query brought it: numbers instead of node ids, lower-case states, `dependabot[bot]` for the bot that
GraphQL calls `dependabot`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

from core import clock
from core.privacy import Pseudonymiser
from ingestion.sources.github.errors import GithubError
from ingestion.sources.github.repositories import Repository

Node = dict[str, Any]
Row = tuple[Any, ...]

_BOT = "[bot]"
# Webhooks and REST put this account in the place of one that was deleted; GraphQL says null.
_GHOST = {"login": "ghost", "type": "User"}
_REST_TYPES = {"EnterpriseUserAccount": "User"}
_AS_THEY_ARE = (
    "node_id", "number", "title", "draft", "merged", "created_at", "updated_at", "merged_at", "closed_at",
    "additions", "deletions", "changed_files",
)  # fmt: skip


def pull_request_row(node: Node, repository: Repository, pseudonymiser: Pseudonymiser) -> Row:
    """One row of `raw_github.pull_requests`. Raises `GithubError` for a node that lacks what makes it one."""
    try:
        cleaned = pseudonymiser.clean(
            {
                "pull_request": _pull_request(node),
                "reviews": [_review(review) for review in node["reviews"]["nodes"] if review["submitted_at"]],
            }
        )
        commits = [commit["commit"] for commit in node["commits"]["nodes"]]
        readiness = node["readiness"]["nodes"]
        return (
            repository.full_name,
            int(node["number"]),
            instant(node["updated_at"]),
            _text(repository.described),
            _text(cleaned["pull_request"]),
            _text(cleaned["reviews"]),
            _text(commits),
            instant(readiness[-1]["createdAt"]) if readiness else None,
            clock.now(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GithubError(f"a pull request of {repository.full_name} came without a part of it ({error!r})") from error


def release_row(node: Node, repository: Repository, pseudonymiser: Pseudonymiser) -> Row:
    """One row of `raw_github.releases`."""
    try:
        # A tag may carry the name of the one who made it.
        cleaned = pseudonymiser.clean({"tag_name": node["tagName"], "author": person(node["author"])})
        return (
            repository.full_name,
            str(int(node["databaseId"])),
            str(cleaned["tag_name"]),
            (node.get("tagCommit") or {}).get("oid"),
            instant(node["createdAt"]),
            instant(node["publishedAt"]) if node["publishedAt"] else None,
            bool(node["isDraft"]),
            bool(node["isPrerelease"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GithubError(f"a release of {repository.full_name} came without a part of it ({error!r})") from error


def deployment_row(node: Node, repository: Repository, pseudonymiser: Pseudonymiser) -> Row:
    """One row of `raw_github.deployments`."""
    try:
        statuses = sorted(map(_status, node["statuses"]["nodes"]), key=lambda status: str(status["created_at"]))
        deployment = {name: value for name, value in node.items() if name != "statuses"}
        deployment |= {"ref": (node["ref"] or {}).get("name"), "creator": person(node["creator"])}
        cleaned = pseudonymiser.clean({"deployment": deployment, "statuses": statuses})
        changes = [node["updated_at"], node["created_at"], *(status["created_at"] for status in statuses)]
        return (
            repository.full_name,
            str(int(node["id"])),
            max(map(instant, changes)),
            _text(cleaned["deployment"]),
            _text(cleaned["statuses"]),
            clock.now(),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GithubError(f"a deployment of {repository.full_name} came without a part of it ({error!r})") from error


def person(actor: Node | None) -> Node | None:
    """An account as webhooks write it."""
    if actor is None:
        return None
    login, kind = str(actor["login"]), str(actor["type"])
    if kind == "Bot" and not login.endswith(_BOT):
        login += _BOT
    return {"login": login, "type": _REST_TYPES.get(kind, kind)}


def instant(written: str) -> datetime:
    """An instant as GitHub writes it, in UTC."""
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        raise ValueError(f"{written!r} has no time zone")
    return moment.astimezone(UTC)


def _pull_request(node: Node) -> Node:
    reviews = node["reviews"]["nodes"]
    return {name: node[name] for name in _AS_THEY_ARE} | {
        "id": _number(node["id"]),
        # Webhooks say null where GraphQL gives an empty text, and know no state "merged".
        "body": node["body"] or None,
        "state": "open" if node["state"] == "OPEN" else "closed",
        "user": person(node["user"]) or _GHOST,
        "head": {"ref": node["headRefName"], "sha": node["headRefOid"], "user": person(node["headRepositoryOwner"])},
        "base": {"ref": node["baseRefName"], "sha": node["baseRefOid"]},
        "labels": [{"name": label["name"]} for label in _nodes(node["labels"])],
        "merge_commit_sha": (node["mergeCommit"] or {}).get("oid"),
        "comments": node["comments"]["totalCount"],
        # Each comment on a line belongs to one review.
        "review_comments": sum(review["comments"]["totalCount"] for review in reviews),
        "commits": len(node["commits"]["nodes"]),
    }


def _review(node: Node) -> Node:
    return {
        "id": _number(node["id"]),
        "node_id": node["node_id"],
        "user": person(node["user"]),
        "state": str(node["state"]).lower(),
        "submitted_at": node["submitted_at"],
        "commit_id": (node["commit"] or {}).get("oid"),
    }


def _status(node: Node) -> Node:
    return node | {"state": str(node["state"]).lower(), "creator": person(node["creator"])}


def _nodes(connection: Node | None) -> Iterable[Node]:
    return connection["nodes"] if connection else ()


def _number(value: str | int) -> int:
    """GraphQL writes large numbers as text."""
    return int(value)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
