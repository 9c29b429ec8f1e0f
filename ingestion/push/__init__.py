"""The push API: deployments, incidents and survey answers from programs with an API key (004 §5.4.2).

In: JSON by HTTP. Out: rows in the landing, and 202; or 422 with the name of the field that is wrong.
"""

from ingestion.push.routes import push_routes

__all__ = ["push_routes"]
