"""Passwords are kept as argon2id hashes and compared at the same cost for everyone.

In: plain passwords. Out: hashes, and whether a password fits one.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
# One verification takes 64 MiB; without a limit a burst of sign-ins would take all the memory there is.
_AT_ONCE = BoundedSemaphore(4)
_hasher = PasswordHasher(type=Type.ID)


class WeakPassword(ValueError):
    """A password that is too short or too long to be taken."""


def hash_password(plain: str) -> str:
    """What is stored of a password. Raises `WeakPassword`."""
    if not SHORTEST_PASSWORD <= len(plain) <= LONGEST_PASSWORD:
        raise WeakPassword(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    with _AT_ONCE:
        return _hasher.hash(plain)


def password_fits(stored: str | None, plain: str) -> bool:
    """Whether `plain` fits the stored hash. Without one the same work is done, and the answer is no."""
    with _AT_ONCE:
        try:
            return _hasher.verify(stored or _hash_of_nothing(), plain[:LONGEST_PASSWORD]) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(stored: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@lru_cache(maxsize=1)
def _hash_of_nothing() -> str:
    """A hash that nobody knows the password of: what an unknown user is compared with."""
    return _hasher.hash(secrets.token_urlsafe(32))
