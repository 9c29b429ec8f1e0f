"""Pull Bitbucket into the platform's database, without Dagster: what DPP_BITBUCKET_WORKSPACES names.

python -m ingestion.sources.bitbucket
"""

from __future__ import annotations

from core.settings import exit_on_wrong_settings
from ingestion.sources.bitbucket.pull import pull_bitbucket
from ingestion.sources.changes import run_alone


def main() -> int:
    """Run the source once, from where the last run ended; returns the exit status."""
    settings = exit_on_wrong_settings()
    return run_alone(lambda: pull_bitbucket(settings))


if __name__ == "__main__":
    raise SystemExit(main())
