"""The picture of the sweep shows what the planner does now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_picture_is_in_step_with_the_planner() -> None:
    script = ROOT / "benchmarks" / "picture.py"
    program = [sys.executable, str(script)]
    drawn = subprocess.run(program, check=True, capture_output=True).stdout  # noqa: S603 - ours

    shown = (ROOT / "docs" / "sweep.svg").read_bytes()
    assert drawn == shown, "run: python benchmarks/picture.py > docs/sweep.svg"
