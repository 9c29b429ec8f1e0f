"""The conventions of the dbt project, read from its manifest: each broken one is named with the file to mend."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from core.settings import load_settings
from orchestration import dbt

LONGEST_FILE = 400
# Names that the specifications give: 004 §4.3.1 and §4.4.2, and the value contract of 000 §2.
INSTANTS_BY_OTHER_NAMES = frozenset({"event_timestamp", "first_in_progress", "as_of", "window_start", "window_end"})
# 004 §4.4.4; and two inner ones that read as sentences: a deployment that went live, one that moves the line.
FLAGS_BY_OTHER_NAMES = frozenset({"caused_incident", "went_live", "moves_the_line"})
CLOCKS = re.compile(r"\b(now\(\)|current_date\b|current_timestamp|localtimestamp|(clock|statement)_timestamp\(\))")
Node = Mapping[str, Any]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    settings = load_settings(home=tmp_path_factory.mktemp("dbt"), database_url="postgresql://reader@db.internal/marts")
    parsed: dict[str, Any] = json.loads(dbt.prepare_manifest(settings).read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def layer(model: Node) -> str:
    """The folder of the model under models/."""
    return str(Path(model["original_file_path"]).parts[1])


def columns(model: Node) -> Iterator[tuple[str, str, str]]:
    """Name, type and description of each column that the model's YAML lists."""
    for name, column in model["columns"].items():
        yield name, (column["data_type"] or "").lower(), column["description"]


def test_staging_models_are_named_after_their_source(models: list[Node]) -> None:
    """`stg_<source>__<things>` in the folder of the source; the calendar comes from no source."""
    wrong = [
        model["original_file_path"]
        for model in models
        if layer(model) == "staging"
        and (folder := Path(model["original_file_path"]).parent.name) != "calendar"
        and not re.fullmatch(rf"stg_{folder}__[a-z_]+", model["name"])
    ]
    assert not wrong, "\n".join(wrong)


def test_each_model_is_described_beside_its_sql(models: list[Node]) -> None:
    wrong = []
    for model in models:
        described = Path((model["patch_path"] or "").partition("://")[2])
        if described != Path(model["original_file_path"]).with_suffix(".yml"):
            wrong.append(f"{model['original_file_path']} is described in {described}")
    assert not wrong, "\n".join(wrong)


def test_each_description_begins_with_the_grain(models: list[Node]) -> None:
    wrong = [
        f"{model['name']}: {model['description'][:60]}"
        for model in models
        if not model["description"].strip().startswith("One row per ")
    ]
    assert not wrong, "\n".join(wrong)


def test_each_model_has_a_key_that_is_tested(manifest: dict[str, Any], models: list[Node]) -> None:
    tested = {
        node["attached_node"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and (node.get("test_metadata") or {}).get("name") in ("unique", "unique_combination")
    }
    wrong = [model["original_file_path"] for model in models if model["unique_id"] not in tested]
    assert not wrong, "\n".join(wrong)


def test_each_column_is_described(models: list[Node]) -> None:
    wrong = [
        f"{model['name']}.{name}"
        for model in models
        for name, _, description in columns(model)
        if not description.strip()
    ]
    assert not wrong, "\n".join(wrong)
    assert [model["name"] for model in models if not model["columns"]] == []


def test_what_people_query_is_contracted(models: list[Node]) -> None:
    wrong = [
        model["original_file_path"]
        for model in models
        if layer(model) in ("cycles", "metrics", "quality")
        and not (model["config"]["contract"]["enforced"] and all(kind for _, kind, _ in columns(model)))
    ]
    assert not wrong, "\n".join(wrong)


def test_instants_end_in_at_and_flags_begin_with_is_or_has(models: list[Node]) -> None:
    wrong = []
    for model in models:
        if layer(model) == "staging":
            continue
        for name, kind, _ in columns(model):
            is_instant = kind in ("timestamptz", "timestamp with time zone")
            if kind and is_instant != name.endswith("_at") and name not in INSTANTS_BY_OTHER_NAMES:
                wrong.append(f"{model['name']}.{name} is {kind}")
            is_flag = kind in ("boolean", "bool")
            if kind and is_flag != bool(re.search("(^|_)(is|has)_", name)) and name not in FLAGS_BY_OTHER_NAMES:
                wrong.append(f"{model['name']}.{name} is {kind}")
    assert not wrong, "\n".join(wrong)


def test_durations_are_numbers_whose_name_says_the_unit(models: list[Node]) -> None:
    wrong = [
        f"{model['name']}.{name} is {kind}"
        for model in models
        for name, kind, _ in columns(model)
        if re.search("_(hrs|days|min|pct)$", name) and not re.match("numeric|integer|bigint|double|.*\\[\\]|$", kind)
    ]
    assert not wrong, "\n".join(wrong)
    unclear = [
        f"{model['name']}.{name}"
        for model in models
        for name, _, _ in columns(model)
        # Staging keeps the names of the fields of 000, active_work_hours among them.
        if layer(model) != "staging" and re.search("_(hours|minutes|percent|hr)$", name)
    ]
    assert not unclear, "\n".join(unclear)


def test_no_model_reads_the_clock(manifest: dict[str, Any]) -> None:
    """What is computed depends on `as_of()` alone, so that a rebuild gives the same rows."""
    wrong = []
    for node in [*manifest["nodes"].values(), *manifest["macros"].values()]:
        if node["package_name"] != "delivery_performance":
            continue
        code = node.get("raw_code") or node.get("macro_sql") or ""
        code = re.sub(r"--.*", "", re.sub(r"\{#.*?#\}", "", code, flags=re.DOTALL))
        if CLOCKS.search(code):
            wrong.append(node["original_file_path"])
    assert not wrong, "\n".join(wrong)


def test_each_event_cycle_and_metric_has_a_rule_that_stands_as_a_unit_test(
    manifest: dict[str, Any], models: list[Node]
) -> None:
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    wrong = [
        model["original_file_path"]
        for model in models
        if layer(model) in ("events", "cycles", "metrics") and model["name"] not in tested
    ]
    assert not wrong, "\n".join(wrong)


def test_no_file_is_longer_than_can_be_read_at_once() -> None:
    folders = ("models", "macros", "tests", "seeds")
    wrong = [
        f"{path.relative_to(dbt.PROJECT_FOLDER)}: {count} lines"
        for folder in folders
        for path in sorted((dbt.PROJECT_FOLDER / folder).rglob("*"))
        if path.suffix in (".sql", ".yml", ".md")
        and (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    ]
    assert not wrong, "\n".join(wrong)
