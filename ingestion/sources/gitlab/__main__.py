"""Pull GitLab into the platform's database, without Dagster: what DPP_GITLAB_URL and DPP_GITLAB_GROUPS name.

python -m ingestion.sources.gitlab
"""

from __future__ import annotations

from core.settings import exit_on_wrong_settings
from ingestion.sources.changes import run_alone
from ingestion.sources.gitlab.pull import pull_gitlab


def main() -> int:
    """Run the source once, from where the last run ended; returns the exit status."""
    settings = exit_on_wrong_settings()
    return run_alone(lambda: pull_gitlab(settings))


if __name__ == "__main__":
    raise SystemExit(main())
