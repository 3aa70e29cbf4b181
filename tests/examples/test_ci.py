"""examples/ci: the workflow's steps as printed, in the environments that they make."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import yaml

from tap_leadlex.sandbox import Quotas
from tests.environments import INSTALLING, MACHINE, ROOT, copy_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox


def test_the_steps_run_as_printed(serve: Callable[..., Sandbox], tmp_path: Path) -> None:
    sandbox = serve(contacts=40, quotas=Quotas(exports=None))
    (clone := tmp_path / "clone").mkdir()
    copy_project(clone)
    # What setup-python gives the job: a Python of its own, first in PATH.
    python = tmp_path / "python"
    subprocess.run([sys.executable, "-m", "venv", python], check=True)  # noqa: S603
    workflow = yaml.safe_load((ROOT / "examples/ci/sync-validation.yml").read_text("utf-8"))
    scripts = [step["run"] for step in workflow["jobs"]["sync"]["steps"] if "run" in step]
    assert len(scripts) == 2
    for script in scripts:
        done = subprocess.run(  # noqa: S603 - our own script
            [
                shutil.which("bash") or "bash",
                *("--noprofile", "--norc", "-eo", "pipefail", "-c"),
                script,
            ],
            cwd=tmp_path,
            env={
                **MACHINE,
                "PATH": f"{python / 'bin'}:{MACHINE['PATH']}",
                "SOURCE": clone.as_uri(),  # what the repository's variable names
                "TAP_LEADLEX_API_URL": sandbox.url,
                "TAP_LEADLEX_API_KEY": sandbox.key,
            },
            capture_output=True,
            text=True,
            timeout=INSTALLING,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (loaded,) = tmp_path.glob("contacts*.jsonl")
    assert loaded.read_bytes().count(b"\n") == 40
    assert "20 of 40 contacts compared" in done.stderr
    assert (tmp_path / "report.html").exists()
