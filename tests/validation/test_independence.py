"""The validator shares nothing with what it validates."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tap_leadlex.validation

FOLDER = Path(tap_leadlex.validation.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))


def imported(module: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(FOLDER)))
def test_nothing_of_the_tap_is_imported(module: Path) -> None:
    ours = {name for name in imported(module) if name.split(".")[0] == "tap_leadlex"}
    assert all(name.split(".")[:2] == ["tap_leadlex", "validation"] for name in ours)
    assert not {name for name in imported(module) if name.startswith("singer_sdk")}


def test_nothing_of_the_tap_is_loaded() -> None:
    script = "import sys, tap_leadlex.validation.destination, tap_leadlex.validation.cli\n"
    script += "print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    ours = {name for name in loaded if name.split(".")[0] == "tap_leadlex"}
    assert all(name.split(".")[1:2] in ([], ["validation"]) for name in ours)
    assert "singer_sdk" not in loaded
