"""Which Jira it is, and what a fetch from it is on record as.

In: settings, field mappings. Out: a `JiraSite`; the configuration of 001 §3, and the narrower scope of a cursor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from core.privacy import Pseudonymiser
from core.secrets import secrets_for
from core.settings import Settings, SettingsError

Deployment = Literal["cloud", "data_center"]
# Who is asked for in a query is a person: `assignee = ann`, `reporter in (ann, bob)`.
_PERSON_IN_JQL = re.compile(
    r"(?P<field>\b(?:assignee|reporter|creator|watcher|voter)\b\s*(?:=|!=|(?:not\s+)?in\b|was(?:\s+not)?(?:\s+in)?\b)\s*)"
    r"(?P<person>\"[^\"]*\"|'[^']*'|\([^()]*\)|[^\s()]+(?![^\s()]*\())",
    re.IGNORECASE,
)
# The names in the value of such a comparison: one, or a list of them, bare or in quotes.
_NAME = re.compile(r"[^\s,()\"'][^,()\"']*[^\s,()\"']|[^\s,()\"']")


class JiraError(Exception):
    """Jira does not answer as it should; the message names the request, the status and what Jira said."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class JiraSite:
    """Where a Jira site is and who reads it; with no e-mail address the token is a personal access token."""

    base_url: str
    email: str
    api_token: str = field(repr=False)
    deployment: Deployment = "cloud"

    @property
    def address(self) -> str:
        """The base URL in one spelling."""
        return self.base_url.rstrip("/")


def site_of(settings: Settings) -> JiraSite:
    """The site that the settings name; raises `SettingsError` where they name none or its token is missing."""
    if settings.jira_url is None:
        raise SettingsError("DPP_JIRA_URL is not set: there is no Jira to pull")
    token = secrets_for(settings).get("jira_api_token")
    return JiraSite(settings.jira_url, settings.jira_email, token, settings.jira_deployment)


def cursor_scope(site: JiraSite, jql: str, *, with_changelog: bool = True) -> str:
    """What a cursor is good for: another site, query or depth begins at the beginning.

    Field mappings are not in it: every field of an issue is stored, so another mapping needs nothing from Jira.
    """
    return _text({"site": site.address, "deployment": site.deployment, "jql": jql, "changelog": with_changelog})


def configuration(scope: str, mappings: Mapping[str, str]) -> str:
    """What a fetch is on record as (001 §3): the scope and the field mappings, internal field to Jira's field id."""
    return _text({"scope": scope, "mappings": dict(mappings)})


def without_people(jql: str, pseudonymiser: Pseudonymiser) -> str:
    """A query as it may be written down: people whom it names are pseudonyms."""

    def forget(match: re.Match[str]) -> str:
        return f"{match['field']}person-{pseudonymiser.hash(match['person'])[:16]}"

    return pseudonymiser.text(_PERSON_IN_JQL.sub(forget, jql))


@contextmanager
def naming_nobody(jql: str, pseudonymiser: Pseudonymiser) -> Iterator[None]:
    """Jira repeats a query's names where it refuses it: an error within the block is raised without them."""
    try:
        yield
    except JiraError as error:
        message = str(error)
        for match in _PERSON_IN_JQL.finditer(jql):
            for name in _NAME.findall(match["person"]):
                message = message.replace(name, f"person-{pseudonymiser.hash(name)[:16]}")
        raise JiraError(pseudonymiser.text(message), error.status) from None


def _text(value: Mapping[str, object]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
