"""Every vendor whose webhooks are taken, one module each. A new vendor is a module and a line here.

A module says how its vendor signs, names and numbers deliveries, and which paths of a payload a model needs.
"""

from ingestion.webhooks.vendors.alertmanager import ALERTMANAGER
from ingestion.webhooks.vendors.bitbucket import BITBUCKET
from ingestion.webhooks.vendors.github import GITHUB
from ingestion.webhooks.vendors.gitlab import GITLAB
from ingestion.webhooks.vendors.jira import JIRA, JIRA_BY_TOKEN
from ingestion.webhooks.vendors.opsgenie import OPSGENIE
from ingestion.webhooks.vendors.pagerduty import PAGERDUTY
from ingestion.webhooks.vendors.vendor import Vendor

VENDORS: tuple[Vendor, ...] = (
    GITHUB,
    JIRA,
    JIRA_BY_TOKEN,
    GITLAB,
    BITBUCKET,
    PAGERDUTY,
    OPSGENIE,
    ALERTMANAGER,
)

__all__ = ["VENDORS", "Vendor"]
