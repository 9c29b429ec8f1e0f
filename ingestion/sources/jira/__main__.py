"""Load a Jira site's issues into the platform's database, without Dagster.

python -m ingestion.sources.jira BASE_URL EMAIL TOKEN_FILE [JQL]
"""

from __future__ import annotations

import sys
from pathlib import Path

from dlt.pipeline.exceptions import PipelineStepFailed

from core.settings import exit_on_wrong_settings
from ingestion import pipelines
from ingestion.load import load_jira
from ingestion.sources.jira import JiraSite


def main(arguments: list[str]) -> int:
    """Run the source once, from where the last run with this site and query ended; returns the exit status."""
    if len(arguments) not in (3, 4):
        sys.stderr.write(f"{(__doc__ or '').strip()}\n")
        return 2
    base_url, email, token_file = arguments[:3]
    settings = exit_on_wrong_settings()
    site = JiraSite(base_url, email, Path(token_file).read_text(encoding="utf-8").strip())
    try:
        result = load_jira(site, settings, jql="".join(arguments[3:]))
    except PipelineStepFailed as error:
        sys.stderr.write(f"{pipelines.reason(error)}\n")
        return 1
    sys.stdout.write(f"{result}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
