"""The programs that need an extra say which, if it is not installed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest

from tests.environments import ROOT
from tests.support import TIMEOUT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# Hides the packages of an extra, as where it is not installed.
CODE = """
import sys
sys.modules.update(dict.fromkeys({hidden!r}))
from tap_leadlex import programs
sys.argv = ["program", "--help"]
programs.{program}()
"""


def started(program: str, *hidden: str) -> subprocess.CompletedProcess[str]:
    """Start a program in a process in which some packages cannot be imported."""
    code = CODE.format(program=program, hidden=hidden)
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], capture_output=True, check=False, text=True, timeout=TIMEOUT
    )


@pytest.mark.parametrize(
    ("program", "package"),
    [
        (program, re.split("[<>=]", requirement)[0].replace("-", "_"))
        for program in ("sandbox", "validate")
        for requirement in EXTRAS[program]
        if not requirement.startswith("click")  # the SDK brings it anyway
    ],
)
def test_a_program_without_its_extra_names_it(program: str, package: str) -> None:
    done = started(program, package)

    extra = f"tap-leadlex[{program}]"
    assert done.stderr == f"leadlex-{program}: needs {package}. Install the extra {extra}.\n"
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("program", ["sandbox", "validate"])
def test_a_program_with_its_extra_runs(program: str) -> None:
    done = started(program)

    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout
