"""What we ask GitHub for, in GraphQL.

In: nothing, or what was cut off. Out: queries, checked in tests against GitHub's published schema.
Fields are named as the webhooks name them (`created_at: createdAt`), so that dbt reads both with one macro; what an
alias cannot reshape, `payloads` does. Repositories are asked for by their node id: it survives a new name, and an
error about it names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Most pull requests have fewer; the rest is fetched in a query of its own (see `remaining_query`).
REVIEWS_WITH_A_PULL_REQUEST = 20
COMMITS_WITH_A_PULL_REQUEST = 20
STATUSES_WITH_A_DEPLOYMENT = 10
ROWS_OF_A_REMAINDER = 100

_RATE = "rateLimit { cost remaining resetAt }"
_ACTOR = "login type: __typename"
_PAGE = "pageInfo { hasNextPage endCursor }"
_REVIEWS = f"""
        {_PAGE}
        nodes {{
          id: fullDatabaseId node_id: id state submitted_at: submittedAt
          user: author {{ {_ACTOR} }}
          commit {{ oid }}
          comments {{ totalCount }}
        }}"""
_COMMITS = f"""
        {_PAGE}
        nodes {{ commit {{ sha: oid authored_at: authoredDate committed_at: committedDate }} }}"""
_STATUSES = f"""
        {_PAGE}
        nodes {{
          node_id: id state description environment created_at: createdAt updated_at: updatedAt
          creator {{ {_ACTOR} }}
        }}"""

PULL_REQUESTS = f"""
query PullRequests($repository: ID!, $first: Int!, $after: String) {{
  {_RATE}
  node(id: $repository) {{
    ... on Repository {{
      page: pullRequests(first: $first, after: $after, orderBy: {{field: UPDATED_AT, direction: DESC}}) {{
        totalCount
        {_PAGE}
        nodes {{
          id: fullDatabaseId node_id: id number title body draft: isDraft state merged
          created_at: createdAt updated_at: updatedAt merged_at: mergedAt closed_at: closedAt
          additions deletions changed_files: changedFiles
          headRefName headRefOid baseRefName baseRefOid
          user: author {{ {_ACTOR} }}
          headRepositoryOwner {{ {_ACTOR} }}
          mergeCommit {{ oid }}
          labels(first: 100) {{ nodes {{ name }} }}
          comments {{ totalCount }}
          readiness: timelineItems(last: 1, itemTypes: [READY_FOR_REVIEW_EVENT]) {{
            nodes {{ ... on ReadyForReviewEvent {{ createdAt }} }}
          }}
          reviews(first: {REVIEWS_WITH_A_PULL_REQUEST}) {{{_REVIEWS}
          }}
          commits(first: {COMMITS_WITH_A_PULL_REQUEST}) {{{_COMMITS}
          }}
        }}
      }}
    }}
  }}
}}
"""

RELEASES = f"""
query Releases($repository: ID!, $first: Int!, $after: String) {{
  {_RATE}
  node(id: $repository) {{
    ... on Repository {{
      page: releases(first: $first, after: $after, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
        totalCount
        {_PAGE}
        nodes {{
          databaseId tagName createdAt publishedAt isDraft isPrerelease
          tagCommit {{ oid }}
          author {{ {_ACTOR} }}
        }}
      }}
    }}
  }}
}}
"""

DEPLOYMENTS = f"""
query Deployments($repository: ID!, $first: Int!, $after: String) {{
  {_RATE}
  node(id: $repository) {{
    ... on Repository {{
      page: deployments(first: $first, after: $after, orderBy: {{field: CREATED_AT, direction: DESC}}) {{
        totalCount
        {_PAGE}
        nodes {{
          id: databaseId node_id: id sha: commitOid task description environment
          original_environment: originalEnvironment created_at: createdAt updated_at: updatedAt
          ref {{ name }}
          creator {{ {_ACTOR} }}
          statuses(first: {STATUSES_WITH_A_DEPLOYMENT}) {{{_STATUSES}
          }}
        }}
      }}
    }}
  }}
}}
"""

# Which repositories changed at all: one query for many of them, where one each would cost a request an hour.
REPOSITORIES_IN_A_LOOK = 50
# Their lists are in the order of creation: a change of the newest few shows, that of an older one does not.
_NEWEST = {
    "pull_requests": "pullRequests(first: 1, orderBy: {field: UPDATED_AT, direction: DESC}) { nodes { updatedAt } }",
    "releases": "releases(first: 5, orderBy: {field: CREATED_AT, direction: DESC}) { nodes { updatedAt } }",
    "deployments": (
        "deployments(first: 5, orderBy: {field: CREATED_AT, direction: DESC}) "
        "{ nodes { updatedAt latestStatus { createdAt } } }"
    ),
}
NEWEST = {
    kind: f"""
query Newest($repositories: [ID!]!) {{
  {_RATE}
  nodes(ids: $repositories) {{ ... on Repository {{ newest: {newest} }} }}
}}
"""
    for kind, newest in _NEWEST.items()
}

_PARTS = {
    "reviews": ("PullRequest", _REVIEWS),
    "commits": ("PullRequest", _COMMITS),
    "statuses": ("Deployment", _STATUSES),
}


def remaining_query(part: str, cut_off: Sequence[tuple[str, str]]) -> tuple[str, dict[str, Any]]:
    """The query, with its variables, for what follows in one part (reviews, commits, statuses) of several things.

    `cut_off` holds the node id and the cursor of each; the answer has them as `part0`, `part1` …
    """
    kind, fields = _PARTS[part]
    declared = ", ".join(f"$id{n}: ID!, $after{n}: String!" for n in range(len(cut_off)))
    asked = "\n".join(
        f"  part{n}: node(id: $id{n}) {{ ... on {kind} {{ "
        f"{part}(first: {ROWS_OF_A_REMAINDER}, after: $after{n}) {{{fields} }} }} }}"
        for n in range(len(cut_off))
    )
    variables = {f"id{n}": node_id for n, (node_id, _) in enumerate(cut_off)}
    variables |= {f"after{n}": after for n, (_, after) in enumerate(cut_off)}
    return f"query Remaining({declared}) {{\n  {_RATE}\n{asked}\n}}", variables
