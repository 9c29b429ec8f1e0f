"""What dbt is told: the connection, the models' variables, and a manifest that is as new as the project."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import clock
from core.settings import Settings, load_settings
from orchestration import dbt


def test_the_connection_reaches_dbt_through_its_environment(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, database_url="postgresql://reader:p%40ss@db.internal/warehouse")
    told = dbt.environment(settings)
    assert {name: value for name, value in told.items() if name.startswith("DPP_DBT_") and "AS_OF" not in name} == {
        "DPP_DBT_HOST": "db.internal",
        "DPP_DBT_PORT": "5432",
        "DPP_DBT_USER": "reader",
        "DPP_DBT_PASSWORD": "p@ss",
        "DPP_DBT_DATABASE": "warehouse",
    }
    assert told["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"


def test_now_comes_from_the_clock_unless_it_is_told(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, database_url="postgresql://reader@db.internal/warehouse")
    with clock.stopped_at(datetime(2026, 3, 2, 9, 30, tzinfo=UTC)):
        assert dbt.environment(settings)["DPP_DBT_AS_OF"] == "2026-03-02T09:30:00+00:00"
    assert dbt.environment(settings, datetime(2025, 1, 1, tzinfo=UTC))["DPP_DBT_AS_OF"] == "2025-01-01T00:00:00+00:00"


def test_the_models_variables_stay_the_same_from_build_to_build(tmp_path: Path) -> None:
    """Else dbt would parse the whole project again each time."""
    settings = load_settings(home=tmp_path, timezone="Europe/London", small_team_minimum=8)
    told = dbt.variables(settings)
    assert (told["timezone"], told["small_team_minimum"]) == ("Europe/London", 8)
    assert told == dbt.variables(settings)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project of one model."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "one.sql").write_text("select 1 as one")
    (folder / "dbt_project.yml").write_text("name: small\nversion: '1.0'\nprofile: small\nmodel-paths: [models]\n")
    (folder / "profiles.yml").write_text(
        "small:\n  target: it\n  outputs:\n    it: {type: postgres, host: \"{{ env_var('DPP_DBT_HOST') }}\","
        " port: 5432, user: u, password: p, dbname: d, schema: s}\n"
    )
    monkeypatch.setattr(dbt, "PROJECT_FOLDER", folder)
    return folder


def test_the_manifest_is_parsed_again_when_a_file_has_changed_and_only_then(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: Settings = load_settings(home=tmp_path / "home")
    parsed: list[Settings] = []
    parse = dbt._parse
    monkeypatch.setattr(dbt, "_parse", lambda given: (parsed.append(given), parse(given)))
    manifest = dbt.prepare_manifest(settings)
    assert "model.small.one" in manifest.read_text()
    dbt.prepare_manifest(settings)
    (project / "target").mkdir(exist_ok=True)
    (project / "target" / "anything").write_text("not a source")
    dbt.prepare_manifest(settings)
    assert len(parsed) == 1

    (project / "models" / "two.sql").write_text("select * from {{ ref('three') }}")
    with pytest.raises(dbt.DbtProjectError, match="depends on a node named 'three'"):
        dbt.prepare_manifest(settings)
    # The error stays until it is mended: the manifest of before would hide it.
    (project / "models" / "two.sql").write_text("select * from {{ ref('one') }}")
    assert "model.small.two" in dbt.prepare_manifest(settings).read_text()
    assert len(parsed) == 3


def test_the_folder_of_a_run_is_gone_after_it(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    with dbt.run_folder(settings, "0123") as folder:
        (folder / "manifest.json").write_text("{}")
    assert not folder.exists()
