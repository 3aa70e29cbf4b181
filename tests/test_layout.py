"""Each module of the tap has the test module of the same name."""

from __future__ import annotations

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
