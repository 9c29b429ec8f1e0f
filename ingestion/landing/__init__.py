"""The inbox: every delivery is stored once, before anybody tries to understand it.

In: `Delivery` objects, already without anything that identifies a person. Out: rows of
`landing.raw_events` and lines of the archive, in one order; a delivery seen before is not stored again.
"""

from ingestion.landing.archive import Archive
from ingestion.landing.delivery import Delivery, Receipt
from ingestion.landing.inbox import Inbox, InboxClosed
from ingestion.landing.replay import replay
from ingestion.landing.store import store_batch

__all__ = ["Archive", "Delivery", "Inbox", "InboxClosed", "Receipt", "replay", "store_batch"]
