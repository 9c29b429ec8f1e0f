"""The demo company: eighteen months of a software company that never existed, told through the front door.

In: settings, an engine, the address of a running front door. Out: configuration rows, and some 80,000
signed webhooks and pushes that the platform takes like anybody's.

**The company.** Acme has four delivery streams (Payments, Onboarding, Insights, Platform Experience), each
with a Jira project and two-week sprints, and five technology streams (Core API, Auth, Data Layer, Frontend,
Infra), each a GitHub organisation; 21 repositories, four of which are never deployed. In the eighteen
months before the moment of loading some 4,000 tickets are written, 9,000 pull requests opened, 5,000
deployments run (half of them to production, half to staging) and 250 outages lived through. People are
`dev-017`; the same seed and end give the same history, event for event.

**How it is made.** A queueing simulation on office hours, weekends and public holidays excepted: work
arrives at random, waits until somebody is free, is worked on, and goes on to the next trade. Nothing is painted
onto the charts; what they show follows from `teams`, where every number has its reason beside it.

**What a viewer should see, and why:**

- *Payments waits for test.* Since five months ago two people test by hand what three tested before.
  "Ready for QA" holds more items than all other queues together, cycle time has tripled, flow efficiency is
  far below everybody else's, and the survey's pace score has dropped. Development is not slower.
- *Auth holds up three streams.* Four auth people at a time serve Payments, Onboarding and Insights; items
  that have to wait there are flagged with Auth as the blocker. Auth's reviews are the slowest, most of them by
  one reviewer, and its weekly releases carry the oldest changes and break most often.
- *Frontend shows how it could be.* Each repository went from two releases a week to four, while the change failure
  rate fell, and outages last half an hour.
- *Platform Experience has no analysts and no acceptance test*, and the shortest cycle time.
- *Two reorganisations.* Reporting was renamed Insights (labels of old tickets were edited), and identity checks
  moved from Onboarding to Platform Experience: its throughput steps up, Onboarding's down, and Onboarding's
  clarity score dips for three months. Both are annotated.
- *Data as it is.* A twelfth of the pull requests of people name no ticket, some tickets have no stream, one status
  (`On Hold`) is mapped to nothing, one repository and one service are known to nobody, a sixth of the tickets
  has no technology stream but what its pull requests say, bots and drafts are about, tickets are reopened,
  cancelled, deleted or closed on a Saturday, deliveries come late, twice, or again under a new id.
- *Something is always going on*: a sprint is under way, three outages are open, the last releases are of the last
  working day.

The true answers to what the dashboard shows are in `truth`, worked out without SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, select

from core import clock
from core.api_keys import create_key
from core.secrets import secrets_for
from core.settings import Settings
from core.tables import fetch_operations
from ingestion.demo.configure import configure_company
from ingestion.demo.payloads import Deliveries, Signing
from ingestion.demo.period import MONTHS
from ingestion.demo.sender import SendReport, send_all
from ingestion.demo.simulation import DEFAULT_SEED, simulate

__all__ = ["load_demo"]

KEY_NAME = "Demo company's CI, monitoring and survey tool"
SOURCE = "demo"
OPERATION = "history"


def load_demo(
    settings: Settings,
    engine: Engine,
    base_url: str,
    progress: Callable[[int, int, str], None] | None = None,
    *,
    end: datetime | None = None,
    seed: int = DEFAULT_SEED,
    months: int = MONTHS,
) -> SendReport:
    """Configure the company and send its history to the front door at `base_url`; what became of it.

    `progress` hears (done, total, what is going on). Without `end` the history ends now, or where an earlier
    loading of this database ended: one that broke off goes on with the same history, whose deliveries are
    known by their ids. Raises `DeliveryRefused`, `FrontDoorUnreachable`, and `ValueError` for an impossible period.
    """
    tell = progress or _silent
    secrets = secrets_for(settings)
    signing = Signing(
        github_secret=secrets.get("github_webhook_secret"),
        jira_secret=secrets.get("jira_webhook_secret"),
        api_key=secrets.get("demo_api_key"),
    )
    tell(0, 0, "simulating the company")
    with engine.begin() as connection:
        history = simulate(_remembered_end(connection, end, f"seed {seed}, {months} months"), seed=seed, months=months)
        configure_company(connection, history.period)
        create_key(connection, KEY_NAME, ["events:write"], plain=signing.api_key)
    deliveries = Deliveries(history, signing)
    total = len(deliveries)
    return send_all(deliveries, base_url, progress=lambda done: tell(done, total, "deliveries"))


def _remembered_end(connection: Connection, end: datetime | None, configuration: str) -> datetime:
    """The end of the history: as given, as the first loading with this configuration chose it, or now."""
    known = connection.execute(
        select(fetch_operations.c.started_at)
        .where(fetch_operations.c.source == SOURCE, fetch_operations.c.operation == OPERATION)
        .where(fetch_operations.c.configuration_hash == configuration)
        .order_by(fetch_operations.c.started_at)
        .limit(1)
    ).scalar()
    if end is None and isinstance(known, datetime):
        return known
    chosen = (end or clock.now()).astimezone(UTC).replace(microsecond=0)
    connection.execute(
        fetch_operations.insert().values(
            source=SOURCE,
            operation=OPERATION,
            started_at=chosen,
            finished_at=chosen,
            status="success",
            configuration_hash=configuration,
            message="The demo company's history is told up to this instant.",
        )
    )
    return chosen


def _silent(_done: int, _total: int, _what: str) -> None:
    """Nobody listens."""
