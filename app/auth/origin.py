"""Is this request from our own page, and does this path stay on our own site?

In: request headers, a path that a browser sent. Out: yes or no, and a path that is safe to redirect to.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

START = "/"


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a state-changing request comes from our own page (the other half of SameSite=Lax).

    Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`. A request with neither is no browser's,
    so there is nobody whose cookie could be abused.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True
    # Host and port only: behind a proxy that ends TLS our own scheme differs from the browser's.
    return bool(origin != "null" and urlsplit(origin).netloc == headers.get("host"))


def safe_path(wanted: str | None) -> str:
    """`wanted` where it is a path of this site, else the start page: no redirect leads anywhere else."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/auth/")):
        return START
    # Browsers read a backslash as a slash and skip control characters, so `/\host` and `/<tab>/host` would leave.
    if "\\" in wanted or any(ord(character) <= 0x20 or ord(character) == 0x7F for character in wanted):
        return START
    parts = urlsplit(wanted)
    return START if parts.scheme or parts.netloc else wanted
