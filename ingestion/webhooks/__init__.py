"""The sink: takes the webhooks of the vendors listed in `vendors`.

In: signed HTTP deliveries. Out: rows in the landing, and 202. For each delivery, in this order: its size
and its signature on the raw bytes are checked, people become pseudonyms, it is stored once. Whether it is
understood is noted beside it and never a reason to refuse it.
"""

from ingestion.webhooks.routes import webhook_routes

__all__ = ["webhook_routes"]
