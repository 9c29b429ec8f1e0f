"""Data that others recorded, beside the repository: tests that need it say so where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import in_ci

REPOSITORY = Path(__file__).resolve().parents[1]


def shared_data(name: str) -> Path:
    """A file or folder of the recorded data; skips the test where it is absent, and fails it when CI=true.

    The data is looked for beside the repository (`../shared/data`), or where DPP_TEST_DATA says.
    """
    folder = Path(os.environ.get("DPP_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    path = folder / name
    if not path.exists():
        message = f"needs the recorded data {name}, which is not in {folder} (DPP_TEST_DATA names another folder)"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    return path
