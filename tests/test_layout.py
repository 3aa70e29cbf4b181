"""Where modules are: each has its tests, and none knows what it must not know."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from tests.environments import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXCEPTIONS = {
    "__init__": "holds a docstring",
    "__main__": "calls the command, which the tests of the programs run",
    "clock": "holds the machine's clock, for which the tests have one of their own",
    "errors": "holds names and texts; the tests of those who raise them check both",
    "setting": "holds one declaration, which test_settings.py reads",
}
PACKAGE, TESTS = ROOT / "tap_leadlex", ROOT / "tests"
MODULES = [
    module.relative_to(PACKAGE)
    for folder in ("", "api", "planning")
    for module in sorted((PACKAGE / folder).glob("*.py"))
]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_its_tests(module: Path) -> None:
    tests = TESTS / module.with_name(f"test_{module.name}")

    assert tests.exists() != (module.stem in EXCEPTIONS)


def test_the_exceptions_exist() -> None:
    assert {module.stem for module in MODULES} >= EXCEPTIONS.keys()
    assert len(MODULES) > 30


def imported(module: Path) -> set[str]:
    """Return the names of the modules that a module imports, for types as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def name_of(module: Path) -> str:
    """Return the name by which a module is imported."""
    parts = module.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


IMPORTS = {name_of(module): imported(module) for module in PACKAGE.rglob("*.py")}


def test_there_are_no_import_circles() -> None:
    modules = {name_of(module) for module in PACKAGE.rglob("*.py") if module.stem != "__init__"}
    graph = {name: IMPORTS[name] & modules - {name} for name in modules}

    assert set(TopologicalSorter(graph).static_order()) == modules


@pytest.mark.parametrize(
    ("package", "others"),
    [
        ("planning", ("singer_sdk", "httpx", "tap_leadlex.api", "tap_leadlex.clock", "time")),
        ("api", ("singer_sdk", "tap_leadlex.state", "tap_leadlex.streams", "tap_leadlex.tap")),
        ("state", ("httpx", "tap_leadlex.api", "tap_leadlex.clock", "time")),
        ("resources", ("singer_sdk", "tap_leadlex.api", "tap_leadlex.planning")),
    ],
)
def test_a_package_does_not_know_what_is_not_its_job(package: str, others: tuple[str, ...]) -> None:
    """The table of design decisions: planning is pure, the API knows no Singer."""
    known = {
        found
        for name, names in IMPORTS.items()
        if f"{name}.".startswith(f"tap_leadlex.{package}.")
        for found in names
    }

    assert known
    assert [
        found for found in known if f"{found}.".startswith(tuple(f"{o}." for o in others))
    ] == []


def test_the_tap_knows_neither_sandbox_nor_validation() -> None:
    parts = ("tap_leadlex.sandbox.", "tap_leadlex.validation.")
    known = {
        found
        for name, names in IMPORTS.items()
        if not f"{name}.".startswith(parts)
        for found in names
    }

    assert [found for found in known if f"{found}.".startswith(parts)] == []
