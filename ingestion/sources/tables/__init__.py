"""Every raw table, by source. dbt reads these tables, so a change here is a change of its sources.

In: nothing. Out: `RawTable` objects.
"""

from ingestion.sources.tables.bitbucket import BITBUCKET_TABLES
from ingestion.sources.tables.git import GIT_COMMITS, GIT_PULL_REQUESTS, GIT_TABLES
from ingestion.sources.tables.github import GITHUB_TABLES
from ingestion.sources.tables.gitlab import GITLAB_TABLES
from ingestion.sources.tables.jira import JIRA_ISSUES, JIRA_TABLES
from ingestion.sources.tables.shape import Batch, Column, RawTable

RAW_TABLES = (*JIRA_TABLES, *GITHUB_TABLES, *GITLAB_TABLES, *BITBUCKET_TABLES, *GIT_TABLES)

__all__ = ["GIT_COMMITS", "GIT_PULL_REQUESTS", "JIRA_ISSUES", "RAW_TABLES", "Batch", "Column", "RawTable"]
