"""The workflows: sound by the tools that know, pinned, and run step by step."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tap_leadlex.sandbox import Quotas, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
REUSABLE = ROOT / ".github/workflows/sync-validation.yml"
EXAMPLE = ROOT / "examples/ci/sync-validation.yml"
WORKFLOWS = [*sorted((ROOT / ".github/workflows").glob("*.yml")), EXAMPLE]
TOOLS = Path(sys.executable).parent


def read(workflow: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    return loaded


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in read(workflow)["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize(
    "command",
    [
        ["actionlint", *WORKFLOWS],
        ["zizmor", "--offline", "--quiet", ROOT / ".github", EXAMPLE],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS],
        [
            *("check-jsonschema", "--builtin-schema", "vendor.dependabot"),
            ROOT / ".github/dependabot.yml",
        ],
    ],
    ids=["actionlint", "zizmor", "workflow schema", "dependabot schema"],
)
def test_the_tools_find_nothing(command: list[str | Path]) -> None:
    tool = TOOLS / command[0]
    if not tool.exists():
        pytest.skip(f"{tool.name} is not installed")
    done = subprocess.run(  # noqa: S603 - a tool of the development environment
        [tool, *command[1:]], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "workflow", WORKFLOWS, ids=lambda workflow: workflow.parent.name + workflow.name
)
def test_actions_are_pinned_and_permissions_few(workflow: Path) -> None:
    assert read(workflow)["permissions"] == {}
    used = re.findall(r"uses: (\S+)(.*)", workflow.read_text(encoding="utf-8"))
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
    for job in read(workflow)["jobs"].values():
        assert "contents" not in job["permissions"] or job["permissions"]["contents"] == "read"


def test_one_pin_for_one_action() -> None:
    pins = {
        use for workflow in WORKFLOWS for use in re.findall(r"uses: (\S+)", workflow.read_text())
    }
    assert len({pin.split("@")[0] for pin in pins}) == len(pins)


def run_steps(workflow: Path, folder: Path, **env: str) -> list[subprocess.CompletedProcess[str]]:
    """Run the scripts of a workflow as GitHub does, but for those that install something."""
    done = []
    for step in steps(workflow):
        script = step.get("run", "")
        if not script or "pip install" in script:
            continue
        given = dict.fromkeys(step.get("env", {}), "")
        done.append(
            subprocess.run(  # noqa: S603 - our own script
                [
                    shutil.which("bash") or "bash",
                    *("--noprofile", "--norc", "-eo", "pipefail", "-c"),
                    script,
                ],
                cwd=folder,
                env={
                    "PATH": f"{folder / 'bin'}:{TOOLS}:{os.environ['PATH']}",
                    "HOME": str(folder),
                    "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
                    **given,
                    **env,
                },
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        )
    return done


def program(folder: Path, name: str, script: str) -> None:
    """Put a program before all others."""
    path = folder / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def losing_tap(folder: Path) -> None:
    program(folder, "tap-leadlex", f'{TOOLS / "tap-leadlex"} "$@" | sed 5d')


def test_the_reusable_workflow_validates_a_sandbox(tmp_path: Path) -> None:
    (done,) = run_steps(REUSABLE, tmp_path, LOADER="cat >contacts.jsonl", OPTIONS="--sample 3")
    assert done.returncode == 0, done.stderr
    assert "3 of 1,000 contacts compared" in done.stderr
    assert not (tmp_path / "contacts.jsonl").exists(), "the loader received made-up contacts"
    assert "nothing found" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    for report in ("report.html", "outcome.json"):
        assert (tmp_path / report).stat().st_size > 1000


def test_the_reusable_workflow_loads_a_workspace(tmp_path: Path) -> None:
    with Sandbox(contacts=40, quotas=Quotas(exports=None)) as sandbox:
        (done,) = run_steps(
            REUSABLE,
            tmp_path,
            LOADER="cat >contacts.jsonl",
            TAP_LEADLEX_API_URL=sandbox.url,
            TAP_LEADLEX_API_KEY=sandbox.key,
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "contacts.jsonl").read_bytes().count(b'"RECORD"') == 40


def test_the_reusable_workflow_fails_on_a_loss(tmp_path: Path) -> None:
    losing_tap(tmp_path)
    (done,) = run_steps(REUSABLE, tmp_path, LOADER="cat >/dev/null")
    assert done.returncode == 1
    assert "::error" in done.stderr
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize("loses", [False, True])
def test_the_example_runs(tmp_path: Path, *, loses: bool) -> None:
    program(tmp_path / "target", "target-jsonl", "cat >contacts.jsonl")
    for name in ("tap-leadlex", "leadlex-validate"):
        program(tmp_path / "tap", name, f'exec {TOOLS / name} "$@"')
    if loses:
        losing_tap(tmp_path / "tap")
    with Sandbox(contacts=40, quotas=Quotas(exports=None)) as sandbox:
        (done,) = run_steps(
            EXAMPLE, tmp_path, TAP_LEADLEX_API_URL=sandbox.url, TAP_LEADLEX_API_KEY=sandbox.key
        )
    assert done.returncode == int(loses), done.stderr
    assert ("LOSS" in done.stderr) == loses
    assert (tmp_path / "contacts.jsonl").read_bytes().count(b'"RECORD"') == 40 - loses
    assert (tmp_path / "report.html").exists()
