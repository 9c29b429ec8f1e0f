"""Which repositories GitHub shows us, and what we call them.

In: REST lists of an organisation. Out: `Repository` objects. A repository of a person carries the person's login in
its name; what is written anywhere is its pseudonym, as in webhooks. The real name stays with GitHub: everything is
asked for by node id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.privacy import Pseudonymiser
from ingestion.sources.github.errors import GithubError


@dataclass(frozen=True)
class Repository:
    """One repository; its names are safe to store."""

    repository_id: str
    node_id: str
    full_name: str
    default_branch: str | None
    is_archived: bool
    is_fork: bool

    @property
    def organisation(self) -> str:
        """The first part of its name."""
        return self.full_name.partition("/")[0]

    @property
    def name(self) -> str:
        """The second part of its name."""
        return self.full_name.partition("/")[2]

    @property
    def described(self) -> dict[str, Any]:
        """What stands beside each pull request of it, in the words of the webhook's `repository`."""
        return {
            "id": int(self.repository_id),
            "full_name": self.full_name,
            "name": self.name,
            "default_branch": self.default_branch,
        }


def repositories_of(page: Iterable[dict[str, Any]], pseudonymiser: Pseudonymiser) -> list[Repository]:
    """One page of a REST list. Raises `GithubError` for a row without what makes it a repository."""
    found = []
    for row in page:
        try:
            found.append(
                Repository(
                    repository_id=str(int(row["id"])),
                    node_id=str(row["node_id"]),
                    full_name=safe_name(str(row["full_name"]), row["owner"], pseudonymiser),
                    default_branch=row.get("default_branch") or None,
                    is_archived=bool(row["archived"]),
                    is_fork=bool(row["fork"]),
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise GithubError(f"a repository came without {error}") from error
    return found


def safe_name(full_name: str, owner: dict[str, Any], pseudonymiser: Pseudonymiser) -> str:
    """`full_name` as it may be written: a person's login in it becomes what it becomes in webhooks."""
    return str(pseudonymiser.clean({"full_name": full_name, "owner": owner})["full_name"])
