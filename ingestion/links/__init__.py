"""Manual links: which ticket a pull request belongs to, said by a person or a program (004 §5.3.4).

In: JSON or CSV by HTTP, with an API key that carries `links:write`. Out: rows of `config.manual_links`, which win
over what branch, title and body say, and of `ops.audit_log`.
"""

from ingestion.links.routes import link_routes

__all__ = ["link_routes"]
