"""The validator shares facts with the tap, and no code."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tap_leadlex

ROOT = Path(tap_leadlex.__file__).parent
VALIDATOR = "tap_leadlex.validation"
FACTS = {"tap_leadlex.api_url", "tap_leadlex.resources"}
"""The modules of the tap that the validator may import: facts, no client, parser or planner."""
BELOW_FACTS = {"tap_leadlex.setting"}
"""The modules of the tap that these facts may import in turn."""


def name_of(module: Path) -> str:
    parts = module.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(module): module for module in sorted(ROOT.rglob("*.py"))}
VALIDATORS = [name for name in MODULES if name == VALIDATOR or name.startswith(f"{VALIDATOR}.")]


def imported(source: str) -> set[str]:
    """Return the modules of the tap that `source` imports, and the SDK if it does."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            # The names may be modules themselves: from tap_leadlex import settings
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            names |= inner or {str(node.module)}
    return {name for name in names if name.split(".")[0] in {"tap_leadlex", "singer_sdk"}}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from tap_leadlex import settings", {"tap_leadlex.settings"}),
        (
            "from tap_leadlex import api_url, streams",
            {"tap_leadlex.api_url", "tap_leadlex.streams"},
        ),
        ("from tap_leadlex.api.table import KEY", {"tap_leadlex.api.table"}),
        ("import tap_leadlex.state", {"tap_leadlex.state"}),
        ("if TYPE_CHECKING:\n    from singer_sdk import Tap", {"singer_sdk"}),
        ("import json", set()),
    ],
)
def test_every_form_of_import_is_seen(source: str, expected: set[str]) -> None:
    assert imported(source) == expected


@pytest.mark.parametrize("name", VALIDATORS)
def test_the_validator_imports_only_facts_of_the_tap(name: str) -> None:
    assert imported(MODULES[name].read_text(encoding="utf-8")) <= FACTS | set(VALIDATORS)


@pytest.mark.parametrize("name", sorted(FACTS | BELOW_FACTS))
def test_facts_import_only_facts(name: str) -> None:
    assert imported(MODULES[name].read_text(encoding="utf-8")) <= FACTS | BELOW_FACTS


@pytest.mark.parametrize("name", [name for name in MODULES if name not in VALIDATORS])
def test_the_tap_imports_nothing_of_the_validator(name: str) -> None:
    assert not imported(MODULES[name].read_text(encoding="utf-8")) & set(VALIDATORS)


def test_the_validator_loads_only_facts_of_the_tap() -> None:
    script = f"import sys, {', '.join(VALIDATORS)}\nprint(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    ours = {name for name in loaded if name.split(".")[0] == "tap_leadlex"}
    assert ours == {"tap_leadlex", *VALIDATORS, *FACTS, *BELOW_FACTS}
    assert "singer_sdk" not in loaded
