"""Untested documentation is wrong: every setting, command, route and metric stands in the pages for users."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from app.reports.metrics_page import PAGE, metrics_page
from core.secrets import SecretName
from core.settings import PROJECT_ROOT, Settings

DOCS = PROJECT_ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_listed_with_its_description(name: str) -> None:
    field = Settings.model_fields[name]
    alias = field.validation_alias
    variable = str(alias.choices[0]) if hasattr(alias, "choices") else f"DPP_{name.upper()}"
    assert f"| `{variable}` |" in page("operate.md")
    assert str(field.description) in page("operate.md")


@pytest.mark.parametrize("name", SecretName.__args__)  # type: ignore[attr-defined]
def test_every_secret_is_listed(name: str) -> None:
    assert f"`{name}`" in page("operate.md")


def test_every_command_is_listed() -> None:
    from orchestration.cli import app as application

    def names(group: typer.Typer, before: str) -> list[str]:
        own = [
            f"{before} {command.name or command.callback.__name__.replace('_', '-')}"  # type: ignore[union-attr]
            for command in group.registered_commands
        ]
        return own + [
            name for inner in group.registered_groups for name in names(inner.typer_instance, f"{before} {inner.name}")
        ]

    missing = [name for name in names(application, "dpp") if f"`{name}" not in page("operate.md")]
    assert missing == []


def test_the_page_about_metrics_is_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == metrics_page().rstrip("\n") + "\n", "`make docs` writes it anew"


@pytest.mark.parametrize("path", sorted([PROJECT_ROOT / "README.md", *DOCS.glob("*.md")]), ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []
