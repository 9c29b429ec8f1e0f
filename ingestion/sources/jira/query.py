"""The JQL of one fetch: everything that changed since the last one, whatever the time zones.

In: the newest change that is known, the account's time zone. Out: a query.
Jira reads a date in a query in the account's time zone and to the minute, and its index lags; so a query begins
earlier than the cursor. Issues that come again because of it are merged on their id and change nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Covers the minute's resolution, the index's lag, and the hour that comes twice when summer time ends.
OVERLAP = timedelta(hours=2)
# Where the account's zone is not known: the east-most zone is 14 hours ahead, the west-most 12 behind.
ZONE_UNCERTAINTY = timedelta(hours=14)
# `/search/jql` refuses queries without a restriction; no issue is older than Jira.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
ORDER = "ORDER BY updated ASC, key ASC"
# What stands in quotes is met first, so that a search for the words "order by" stays.
_ORDER_BY = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|\border\s+by\b.*""", re.IGNORECASE | re.DOTALL
)


def incremental_jql(jql: str, updated_since: datetime | None, time_zone: str | None) -> str:
    """`jql` (may be empty; its order is replaced) restricted to what changed since, oldest change first.

    Oldest first: an issue that changes while pages are read moves to the end and is met again, never skipped.
    """
    begin = EARLIEST if updated_since is None else updated_since - OVERLAP
    # The zone matters to a cursor only; the first fetch begins long before any issue.
    zone = _zone(time_zone) if updated_since is not None else ZoneInfo("UTC")
    if zone is None:
        begin -= ZONE_UNCERTAINTY
        zone = ZoneInfo("UTC")
    restriction = f'updated >= "{begin.astimezone(zone):%Y-%m-%d %H:%M}"'
    return f"{within(jql, restriction)} {ORDER}"


def everything_jql(jql: str) -> str:
    """`jql` (may be empty) as a query that Jira does not refuse for having no restriction."""
    return incremental_jql(jql, None, None)


def within(jql: str, restriction: str) -> str:
    """`jql` without its order, and one more restriction."""
    scope = _ORDER_BY.sub(lambda match: match["quoted"] or "", jql).strip()
    return f"{f'({scope}) AND ' if scope else ''}{restriction}"


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None
