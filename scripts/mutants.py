"""Changes the tap's core in one place at a time, and checks whether a test fails.

The operators are mutmut's and a few more. The same code, seed and number give the same mutants.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import libcst as cst
from mutmut.mutation.mutators import mutation_operators

if TYPE_CHECKING:
    from collections.abc import Iterator

TAP = Path("tap_leadlex")
COPY = Path("build/mutants")
LOG = COPY / "pytest.log"
PYTEST = (
    ".venv/bin/pytest",
    "-qx",
    "-pno:cacheprovider",
    "--hypothesis-profile=mutants",
    "--timeout=120",  # for one test, to detect mutants that hang
)
TIMEOUT = 600  # seconds for all tests of a mutant, on a busy machine
NOT_CORE = {"sandbox", "validation"}
NO_TESTS = {
    "__init__",
    "__main__",
    "clock",
    "errors",
    "setting",
}  # without test modules
WITHOUT_EFFECT = {"TypeVar", "cast"}
END_TO_END = ("tests/test_tap.py", "tests/test_completeness.py")
FURTHER = {  # tests besides those of a module, or slow ones
    "cli": ("tests/test_discretion.py",),
    "client": ("tests/test_discretion.py",),
    "errors": ("tests/test_progress.py", "tests/test_cli.py", "tests/api"),
    "messages": ("tests/test_interruption.py",),
    "planner": ("tests/test_streams.py",),
    "sample_guide": ("tests/test_streams.py",),
    "setting": ("tests/test_settings.py",),
    "state": ("tests/test_streams.py", "tests/test_full_refresh.py"),
    "streams": ("tests/test_full_refresh.py",),
    "sweep": ("tests/test_streams.py",),
    "sync": ("tests/test_streams.py", "tests/test_full_refresh.py", "tests/test_interruption.py"),
    "tap": ("tests/test_cli.py",),
}


class Finder(cst.CSTVisitor):  # type: ignore[misc] # libcst is elsewhere
    """Collects the mutants of a module: a node and its replacement."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Collect the mutants of a node, unless it is a type or prose."""
        match node:
            case (
                cst.Annotation()
                | cst.Decorator()
                | cst.ImportFrom()
                | cst.If(test=cst.Name("TYPE_CHECKING"))
            ):
                return False
            case cst.Call(func=cst.Name(name)) if name in WITHOUT_EFFECT:
                return False
            case cst.SimpleString(value=text) if " " in text:
                return False
            case cst.Expr(value=cst.Call()):
                self.found.append((node, cst.Pass()))
            case cst.With(items=[cst.WithItem(asname=None)]):
                self.found.append((node, cst.If(cst.Name("True"), node.body)))
            case cst.If(test=test):
                inside = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
                negated = cst.UnaryOperation(cst.Not(), inside)
                self.found.append((node, node.with_changes(test=negated)))
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                self.found += [(node, changed) for changed in operator(node)]
        return True


def core() -> list[Path]:
    """Return the modules to mutate."""
    return [path for path in sorted(TAP.rglob("*.py")) if NOT_CORE.isdisjoint(path.parts)]


def mutants(seed: int) -> Iterator[tuple[Path, str, str]]:
    """Yield the module, its code and the changed code of every mutant, in random order."""
    every = []
    for path in core():
        module = cst.parse_module(path.read_text())
        module.visit(finder := Finder())
        every += [(path, module, *found) for found in finder.found]
    random.Random(seed).shuffle(every)  # noqa: S311 - a sample, not a secret
    for path, module, node, changed in every:
        code = module.deep_replace(node, changed).code
        if ast.dump(ast.parse(code)) != ast.dump(ast.parse(module.code)):
            yield path, module.code, code


def tests_of(path: Path) -> list[str]:
    """Return the test modules that can detect a change in a module, the most likely first."""
    tests = Path("tests", *path.parts[1:])
    own = [tests.with_name(f"test_{path.name}")] if path.stem not in NO_TESTS else []
    package = [tests.parent] if len(path.parts) > 2 else []  # noqa: PLR2004 - tap_leadlex/x/y.py
    return list(dict.fromkeys(map(str, [*own, *package, *FURTHER.get(path.stem, ()), *END_TO_END])))


def outcome(tests: list[str]) -> str:
    """Run tests on the copy."""
    environment = {"PYTHONPATH": str(COPY.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
    with LOG.open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own tests
            [*PYTEST, *tests],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        return "noticed" if process.wait(TIMEOUT) else "survived"
    except subprocess.TimeoutExpired:
        return "timed out"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main() -> None:
    """Try a sample of the mutants, and print those that no test detects."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=60, help="the number of mutants to try")
    parser.add_argument("--seed", type=int, default=0, help="the seed that selects them")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends the tests as well
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(TAP, COPY / TAP, ignore=shutil.ignore_patterns("*.pyc"))
    every = dict.fromkeys(test for path in core() for test in tests_of(path))
    if outcome(list(every)) != "survived":
        sys.exit(f"The tests fail or time out without a mutant, too: see {LOG}")
    outcomes: Counter[str] = Counter()
    for path, code, changed in islice(mutants(options.seed), options.mutants):
        (COPY / path).write_text(changed)
        result = outcome(tests_of(path))
        (COPY / path).write_text(code)
        outcomes[result] += 1
        if result != "noticed":
            lines = difflib.unified_diff(code.splitlines(), changed.splitlines(), n=0, lineterm="")
            print(f"{path}: {result}", *list(lines)[2:], sep="\n  ", flush=True)
    print(
        f"{outcomes.total()} mutants, {outcomes['noticed']} noticed, "
        f"{outcomes['survived']} survived, {outcomes['timed out']} timed out"
    )


if __name__ == "__main__":
    main()
