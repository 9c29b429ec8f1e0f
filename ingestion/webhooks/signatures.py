"""How vendors prove who they are: signatures over the raw body, and shared tokens.

In: the shared secret, the raw bytes, what the delivery carries. Out: yes or no, in constant time.
A secret file may hold two secrets on two lines: both are valid while one replaces the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

_HUB_PREFIX = "sha256="
_PAGERDUTY_PREFIX = "v1="
_STANDARD_PREFIX = "v1,"
_STANDARD_KEY_PREFIX = "whsec_"


def hub_signature_is_valid(secret: str, body: bytes, header: str | None) -> bool:
    """`sha256=` and the HMAC-SHA256 of the raw body in hex: GitHub's, Jira's and Bitbucket's form."""
    return _one_matches((sign(candidate, body) for candidate in _candidates(secret)), (header or "",))


def pagerduty_signature_is_valid(secret: str, body: bytes, header: str | None) -> bool:
    """`v1=` and the HMAC in hex, for each of PagerDuty's own secrets one, comma-separated: one must match."""
    presented = [part.strip() for part in (header or "").split(",")]
    return _one_matches((sign_pagerduty(candidate, body) for candidate in _candidates(secret)), presented)


def standard_signature_is_valid(
    secret: str, body: bytes, message_id: str | None, timestamp: str | None, header: str | None
) -> bool:
    """The form of the Standard Webhooks specification, which GitLab's signing tokens follow.

    Signed are id, time and body, so none of them can be exchanged. Several signatures stand apart by blanks.
    """
    if not message_id or not timestamp:
        return False
    expected = (
        sign_standard(candidate, body, message_id, timestamp)
        for candidate in _candidates(secret)
        if candidate.startswith(_STANDARD_KEY_PREFIX)
    )
    return _one_matches(expected, (header or "").split())


def token_is_valid(secret: str, presented: str | None) -> bool:
    """Whether a token that is sent along as it is equals the shared one."""
    return _one_matches(_candidates(secret), (presented or "",))


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer …` header; None for any other one."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def sign(secret: str, body: bytes) -> str:
    """The header `X-Hub-Signature-256` or `X-Hub-Signature` for this body."""
    return _HUB_PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_pagerduty(secret: str, body: bytes) -> str:
    """One signature of the header `X-PagerDuty-Signature` for this body."""
    return _PAGERDUTY_PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def sign_standard(secret: str, body: bytes, message_id: str, timestamp: str) -> str:
    """One signature of the header `webhook-signature`; an unreadable secret signs nothing and gives ''."""
    try:
        key = base64.b64decode(secret.removeprefix(_STANDARD_KEY_PREFIX), validate=True)
    except binascii.Error:
        return ""
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "replace") + body
    return _STANDARD_PREFIX + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _candidates(secret: str) -> list[str]:
    return [line.strip() for line in secret.splitlines() if line.strip()]


def _one_matches(expected: Iterable[str], presented: Iterable[str]) -> bool:
    """Whether any pair is equal; every pair is compared, so the time tells nothing of which one was."""
    # Bytes, since `compare_digest` raises on text outside ASCII, which anybody can send.
    headers = [header.encode("utf-8", "replace") for header in presented]
    matches = [
        hmac.compare_digest(candidate.encode("utf-8", "replace"), header)
        for candidate in expected
        if candidate
        for header in headers
    ]
    return any(matches)
