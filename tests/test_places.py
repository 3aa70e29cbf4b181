"""The sandbox and a real workspace are never written to the same place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.environments import ROOT
from tests.support.pages import PAGES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Json

PROJECTS = [
    file
    for file in [ROOT / "meltano.yml", *sorted(ROOT.glob("examples/*/meltano.yml"))]
    if "- name: sandbox\n" in file.read_text("utf-8")
]
PLACES = ("filepath", "destination_path", "output_path", "default_target_schema")


def place(project: Json, loader: Json, environment: str) -> dict[str, Any]:
    """Return where a loader writes in an environment: files, folders and schemas."""
    (chosen,) = (each for each in project["environments"] if each["name"] == environment)
    there = chosen.get("config", {}).get("plugins", {}).get("loaders", [])
    config = {each["name"]: each["value"] for each in loader["settings"] if "value" in each}
    config |= loader.get("config", {})
    for each in there:
        if each["name"] == loader["name"]:
            config |= each["config"]
    return {name: config[name] for name in PLACES if name in config}


def test_the_projects_with_a_sandbox_are_found() -> None:
    assert len(PROJECTS) >= 5


@pytest.mark.parametrize("file", PROJECTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_environments_write_to_different_places(file: Path) -> None:
    project = yaml.safe_load(file.read_text("utf-8"))

    for loader in project["plugins"]["loaders"]:
        sandbox = place(project, loader, "sandbox")
        prod = place(project, loader, "prod")
        assert sandbox.keys() == prod.keys() != set()
        assert [name for name in prod if prod[name] == sandbox[name]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_not_reuse_a_file_for_the_sandbox(page: Path) -> None:
    configs = re.findall(
        r'\{"filepath": "([^"]+)",\s*"default_target_schema": "([^"]+)"', page.read_text("utf-8")
    )

    for file, schema in configs:
        assert ("sandbox" in file) is ("sandbox" in schema)
