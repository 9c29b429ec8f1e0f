"""The page `docs/metrics.md`, written from the metric catalogue, published cases that the tests compute, and the tiers.

In: two seeds of the dbt project and `tests/conformance/cases.toml`, so that nothing is said twice. Out: Markdown.
`make docs`, or `python -m app.reports.metrics_page`, writes the file.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from core.settings import PROJECT_ROOT

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
CASES = PROJECT_ROOT / "tests" / "conformance" / "cases.toml"
PAGE = PROJECT_ROOT / "docs" / "metrics.md"
INTRODUCTION = """# What each number means

Written from the metric catalogue (`metrics.metric_catalogue`), which the dashboard's help and the API read too.

- **Windows** are rolling: N days that end on a day are that day and those before it, whole days in the organisation's
  time zone.
- **Business days** are elapsed time with weekends and the configured holidays cut out, a day being 24 hours: from
  Friday 18:00 to Monday 06:00 is 0.5.
- **Percentiles** interpolate linearly between neighbours (PostgreSQL's `percentile_cont`).
- **No data is no value.** Where a window holds nothing to compute a metric from it is NULL, never 0, and the reason
  stands beside it.
- **Tiers** come from `metrics.dora_tiers`, which names source and year.
"""
COMPARISON = """# Beside the answers of others

Published worked examples: the answer of who published it, ours, and why they differ where they do. A test computes each
of ours and reads theirs from the published file where there is one.

"""


def metrics_page() -> str:
    """The whole page as Markdown."""
    cases = tomllib.loads(CASES.read_text(encoding="utf-8"))["case"]
    parts = [INTRODUCTION]
    for metric in _rows("metric_catalogue.csv"):
        target = f" Target: {metric['target']} {metric['unit']}." if metric["target"] else ""
        parts.append(
            f"## {metric['display_name']}\n\n"
            f"`{metric['metric_name']}`, in {metric['unit'].replace('_', ' ')} · {metric['framework']} · "
            f"{metric['direction']} is better · changes {metric['refresh']}\n\n"
            f"*{metric['question']}* {metric['formula']} What to do with it: "
            f"{metric['behavioural_intent'][0].lower()}{metric['behavioural_intent'][1:]}{target}\n"
            f"{_kept_in(metric)}"
        )
    parts.append(COMPARISON + "".join(_compared(case) for case in cases))
    parts.append("# Tiers\n\n" + "".join(_tiers()))
    return "\n".join(parts)


def _kept_in(metric: dict[str, str]) -> str:
    """Where the values lie, and what weakens them."""
    rates = [f"`{name}`" for name in metric["confidence_rates"].split(";") if name]
    weakened = f" Less certain where {' or '.join(rates)} falls short of its target." if rates else ""
    return f"\nKept in `{metric['mart']}`.{weakened}\n"


def _compared(case: dict[str, Any]) -> str:
    """A case as one paragraph of a list."""
    metrics = ", ".join(f"`{name}`" for name in case["metrics"])
    outcome = (
        f"They say {case['theirs']}, we {case['ours']}. {case['why']}" if case["why"] else f"Both say {case['ours']}."
    )
    return f"- **{case['what']}** ({case['source']}; {case['licence']}). {outcome} For {metrics}.\n"


def _tiers() -> Iterator[str]:
    rows = sorted(_rows("dora_tiers.csv"), key=lambda row: (row["source"], row["year"], row["metric_name"]))
    for (source, year), edition in groupby(rows, key=lambda row: (row["source"], row["year"])):
        yield f"## {source} {year}\n\n| Metric | Tier | From | To | Unit | Rule |\n|---|---|---|---|---|---|\n"
        for row in edition:
            upper = row["upper_bound"] + (" (included)" if row["is_upper_inclusive"] == "true" else "")
            ends = f"{row['lower_bound']} | {upper if row['upper_bound'] else 'and more'}"
            yield f"| `{row['metric_name']}` | {row['tier']} | {ends} | {row['unit']} | {row['rule']} |\n"
        yield "\n"


def _rows(name: str) -> list[dict[str, str]]:
    with (SEEDS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_page(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(metrics_page().rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_page()
