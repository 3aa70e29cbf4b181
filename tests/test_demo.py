"""The demo, run as `make demo` runs it, with fewer contacts."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Fault
from tests.destination import create
from tests.environments import ROOT, environment
from tests.support import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox

Done = subprocess.CompletedProcess[str]

# Targets that go wrong: one loses a contact, one breaks off.
LOSING = """\
import subprocess, sys
lines = sys.stdin.buffer.readlines()
del lines[next(n for n, line in enumerate(lines) if b'"RECORD"' in line)]
sys.exit(subprocess.run(["{target}", *sys.argv[1:]], input=b"".join(lines)).returncode)
"""
BREAKING = """\
import sys
sys.stdin.buffer.readline()
sys.exit("The disk is full.")
"""


@pytest.fixture
def run_demo(tmp_path: Path) -> Callable[..., Done]:
    """Give a function that runs the demo in the test's folder."""

    def run(*arguments: str, sandbox: Sandbox | None = None, target: str | None = None) -> Done:
        targets = environment("targets")
        if target is not None:
            targets = _with_target(tmp_path / "targets", target)
        workspace = (
            {"TAP_LEADLEX_API_KEY": sandbox.key, "TAP_LEADLEX_API_URL": sandbox.url}
            if sandbox
            else {}
        )
        return subprocess.run(  # noqa: S603 - our own program
            [sys.executable, ROOT / "scripts/demo.py", f"--targets={targets}", *arguments],
            cwd=tmp_path,
            env={**os.environ, **workspace, "TAP_LEADLEX_SETTLE_SECONDS": "0"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    return run


def _with_target(folder: Path, script: str) -> Path:
    """Make a target's environment in which a script stands in for the target."""
    real = environment("targets") / "bin"
    programs = {
        "python": f'#!/bin/sh\nexec "{real}/python" "$@"\n',
        "target-duckdb": f"#!{sys.executable}\n" + script.format(target=real / "target-duckdb"),
    }
    (folder / "bin").mkdir(parents=True)
    for name, text in programs.items():
        program = folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    return folder


def table(done: Done) -> dict[str, str]:
    """Give the table that ends the demo."""
    return dict(re.findall(r"^(\w[\w ]*?)  +(.+)$", done.stdout, re.MULTILINE))


def test_the_destination_follows_the_sandbox_value_by_value(
    run_demo: Callable[..., Done], tmp_path: Path
) -> None:
    for _again in range(2):
        done = run_demo("--contacts=1500", "--create=25", "--delete=30")

        assert (done.returncode, done.stderr) == (0, "")
        end = table(done)
        assert end["contacts in LeadLex"] == "1,545"
        assert end["rows in the table contacts"] == "1,575"
        assert end["rows in the view contacts_current"] == "1,545"
        assert end["export calls used"] == "1 + 1 of 10 an hour"

    assert [file.name for file in tmp_path.rglob("*.duckdb*")] == ["contacts.duckdb"]
    assert (tmp_path / end["file"]).is_file()
    look = subprocess.run(  # noqa: S603 - the demo's own words
        shlex.split(end["look into it"]),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert look.stdout.endswith("1545 contacts\n")


def test_the_view_is_that_of_the_documentation() -> None:
    program = (ROOT / "scripts/demo.py").read_text("utf-8")

    (statement,) = re.findall(r"CREATE VIEW .*?\n\)\n", program, re.DOTALL)
    assert statement in (ROOT / "docs/full-refresh.md").read_text("utf-8")


def test_a_lost_contact_fails_the_demo(run_demo: Callable[..., Done]) -> None:
    done = run_demo("--contacts=200", "--delete=0", "--edit=0", target=LOSING)

    assert done.returncode == 1
    assert done.stdout.endswith(
        "The demo failed: contacts_current lacks 1 contacts of LeadLex, has 0 that LeadLex does "
        "not have, and 0 with other values.\n"
    )


def test_a_failing_target_fails_the_demo(run_demo: Callable[..., Done], tmp_path: Path) -> None:
    done = run_demo("--contacts=200", target=BREAKING)

    assert done.returncode == 1
    (log,) = re.findall(r"The demo failed: target-duckdb failed; see (\S+)\.\n$", done.stdout)
    assert "The disk is full." in (tmp_path / log).read_text()


def test_a_workspace_is_synced_on_from_run_to_run(
    run_demo: Callable[..., Done], serve: Callable[..., Sandbox]
) -> None:
    sandbox = serve(contacts=400)

    first = run_demo(sandbox=sandbox)
    create(sandbox, 20)
    broken = run_demo(sandbox=sandbox, target=BREAKING)
    last = run_demo(sandbox=sandbox)

    assert [first.returncode, broken.returncode, last.returncode] == [0, 1, 0]
    assert table(first)["contacts in the destination"] == "400"
    end = table(last)
    assert end["contacts in LeadLex"] == end["contacts in the destination"] == "420"
    assert end["export calls used"] == "1"
    assert sandbox.exports[-1].rows == 20
    assert sandbox.key not in first.stdout + broken.stdout + last.stdout


def test_a_failing_tap_fails_the_demo(
    run_demo: Callable[..., Done], serve: Callable[..., Sandbox]
) -> None:
    done = run_demo(sandbox=serve(contacts=10, faults={1: Fault.RAGGED_ROW}))

    assert done.returncode == 1
    assert done.stdout.endswith("The demo failed: tap-leadlex failed; see its last line.\n")
