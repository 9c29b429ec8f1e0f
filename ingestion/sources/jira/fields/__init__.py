"""Field mapping: which field of the Jira site holds which of ours, and which status means which stage.

In: what the Jira source fetched of the site's fields and statuses. Out: rows in `config.field_mappings` and
`config.status_mappings`, findings and suggestions. `dpp jira …` calls these functions.
"""

from ingestion.sources.jira.fields.catalogue import INTERNAL_FIELDS, InternalField, internal_field
from ingestion.sources.jira.fields.mappings import (
    Finding,
    MappingRefused,
    check_mappings,
    current_mappings,
    missing_mappings,
    missing_required,
    remove_mapping,
    set_mapping,
)
from ingestion.sources.jira.fields.site import FieldsNotFetched, SiteField, fields_of_the_site
from ingestion.sources.jira.fields.statuses import StatusSuggestion, accept_status, suggest_statuses
from ingestion.sources.jira.fields.suggestions import Suggestion, suggest_mappings

__all__ = [
    "INTERNAL_FIELDS",
    "FieldsNotFetched",
    "Finding",
    "InternalField",
    "MappingRefused",
    "SiteField",
    "StatusSuggestion",
    "Suggestion",
    "accept_status",
    "check_mappings",
    "current_mappings",
    "fields_of_the_site",
    "internal_field",
    "missing_mappings",
    "missing_required",
    "remove_mapping",
    "set_mapping",
    "suggest_mappings",
    "suggest_statuses",
]
