"""The rows behind a chart: a table to read and a file to take along.

In: a key, and a function that makes the columns when somebody opens them. Out: an expander on the page.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

Columns = Mapping[str, Sequence[Any]]
# A spreadsheet runs what begins with one of these as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@st.fragment
def rows_behind(key: str, file_name: str, columns: Callable[[], Columns]) -> None:
    """A closed expander; its rows are made, sent and turned into a file only once it is opened."""
    with st.expander("Rows behind this", key=f"rows_{key}", on_change="rerun") as box:
        if not box.open:
            return
        table = columns()
        st.dataframe(dict(table), hide_index=True)
        st.download_button(
            "Download CSV",
            to_csv(table),
            file_name,
            "text/csv",
            key=f"csv_{key}",
            on_click="ignore",
            icon=":material/download:",
        )


def to_csv(columns: Columns) -> str:
    """Columns as CSV with a heading; text that a spreadsheet would run as a formula is defused."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value) for value in row])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return "" if value is None else value
