"""Environment variables for the programs that we start. Dagster and dbt read theirs from nowhere else.

In: names and values that `orchestration.dbt` and `orchestration.instance` derive from the settings.
Out: the environment of this process or of a child. Our own settings are read in `core.settings` alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def export(variables: Mapping[str, str]) -> None:
    """Set variables for libraries in this process and for every process that it starts."""
    os.environ.update(variables)


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `variables` on top, for one child."""
    return {**os.environ, **variables}
