"""Pseudonyms: who did something becomes a keyed hash before anything is written.

In: raw payloads of vendors and the platform's HMAC key. Out: the same payloads in which
every identifier of a person is its HMAC-SHA256 or gone (specification 004 §4.6, semantics "Privacy").
The same person always gets the same hash; the hash cannot be turned back without the key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

HASH_LENGTH = 64

# Objects that describe a person carry one of these keys; the first present one identifies them.
_PERSON_IDENTIFIERS = ("accountId", "login", "key", "name", "emailAddress", "email", "username")
_PERSON_MARKS = frozenset(
    {"accountId", "login", "emailAddress", "displayName", "gravatar_id", "avatarUrls", "avatar_url", "email"}
)
# What may stay of a person: whether they are a bot or active says nothing about who they are.
_PERSON_KEEPS = frozenset({"type", "active", "site_admin", "accountType"})
# Vendors hang whole organisations on person-shaped objects; a name of an organisation is not a person.
_ORGANISATION_TYPES = frozenset({"Organization"})
_ALWAYS_PERSON = frozenset(
    {
        "user", "sender", "author", "committer", "assignee", "creator", "reporter", "pusher", "merged_by",
        "actor", "triggering_actor", "requester", "updateAuthor", "owner",
    }
)  # fmt: skip
_FREE_TEXT_MENTION = re.compile(r"(?<![\w/.@-])@[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")
_JIRA_MENTION = re.compile(r"\[~(?:accountid:)?([^\]\s]+)\]")
_EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_TRAILER = re.compile(
    r"^(\s*(?:Co-authored-by|Signed-off-by|Reviewed-by|Acked-by|Tested-by|Reported-by):).*$", re.I | re.M
)
