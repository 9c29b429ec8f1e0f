"""One verifier for each vendor: is this body from who it says?

In: the shared secret, the raw bytes, the header. Out: yes or no, in constant time.
A secret file may hold two secrets on two lines: both are valid while one replaces the other.
"""

from __future__ import annotations

import hashlib
import hmac

_PREFIX = "sha256="


def github_signature_is_valid(secret: str, body: bytes, header: str | None) -> bool:
    """GitHub's `X-Hub-Signature-256`: `sha256=` and the HMAC-SHA256 of the raw body in hex."""
    return _is_valid(secret, body, header)


def jira_signature_is_valid(secret: str, body: bytes, header: str | None) -> bool:
    """Jira's `X-Hub-Signature`: the form is WebSub's, `method=hex`; only sha256 is taken."""
    return _is_valid(secret, body, header)


def sign(secret: str, body: bytes) -> str:
    """The header that a vendor would send for this body."""
    return _PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _is_valid(secret: str, body: bytes, header: str | None) -> bool:
    if not header or not header.startswith(_PREFIX):
        return False
    # Bytes, since `compare_digest` raises on text outside ASCII, which anybody can send.
    presented = header.encode("utf-8", "replace")
    candidates = [line.strip() for line in secret.splitlines() if line.strip()]
    matches = [hmac.compare_digest(sign(candidate, body).encode(), presented) for candidate in candidates]
    return any(matches)
