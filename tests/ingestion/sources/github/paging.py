"""Lists in pages, by GitHub's rules: 1 to 100 things, and cursors that stand for a place in the order.

In: things with the keys of their order, the arguments of a GraphQL field. Out: a connection with one page of them.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from graphql import FieldNode, GraphQLError, GraphQLResolveInfo

Node = dict[str, Any]


def connection(items: Iterable[Any]) -> Callable[..., Node]:
    """A list that GraphQL gives in pages, in its own order."""
    keyed = [(f"{number:09d}", item) for number, item in enumerate(items)]

    def resolve(info: GraphQLResolveInfo, **arguments: Any) -> Node:
        return sliced(keyed, info, arguments, lambda item: item)

    return resolve


def sliced(
    keyed: list[tuple[str, Any]],
    info: GraphQLResolveInfo,
    arguments: dict[str, Any],
    made: Callable[[Any], Any],
    *,
    descending: bool = False,
) -> Node:
    """One page, by the rules of GitHub: 1 to 100 things, a cursor that stands for a place in the order."""
    first, last, after = arguments.get("first"), arguments.get("last"), arguments.get("after")
    wants_things = any(
        isinstance(selection, FieldNode) and selection.name.value in ("nodes", "edges", "pageInfo")
        for node in info.field_nodes
        for selection in (node.selection_set.selections if node.selection_set else ())
    )
    size = first if first is not None else last
    if wants_things and not (isinstance(size, int) and 1 <= size <= 100):
        raise GraphQLError(
            f"`{info.field_name}` needs `first` or `last` of 1 to 100", extensions={"type": "EXCESSIVE_PAGINATION"}
        )
    start = 0
    if after is not None:
        try:
            place = base64.b64decode(after, validate=True).decode().removeprefix("cursor:")
        except ValueError:
            raise GraphQLError(
                f"`{after}` does not appear to be a valid cursor.", extensions={"type": "INVALID_CURSOR_ARGUMENTS"}
            ) from None
        past = (n for n, (key, _) in enumerate(keyed) if (key < place if descending else key > place))
        start = next(past, len(keyed))
    page = keyed[start : start + first] if first is not None else keyed[-last:] if last is not None else []
    return {
        "totalCount": len(keyed),
        "nodes": [made(item) for _, item in page],
        "pageInfo": {
            "hasNextPage": first is not None and start + len(page) < len(keyed),
            "endCursor": base64.b64encode(f"cursor:{page[-1][0]}".encode()).decode() if page else None,
        },
    }
