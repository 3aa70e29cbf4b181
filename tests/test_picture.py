"""The picture of the sweep matches the planner."""

from __future__ import annotations

import subprocess
import sys

from tests.environments import ROOT


def test_the_picture_is_in_step_with_the_planner() -> None:
    drawn = subprocess.check_output([sys.executable, ROOT / "scripts/picture.py"])  # noqa: S603

    shown = (ROOT / "docs/sweep.svg").read_bytes()
    assert drawn == shown, "Run: python scripts/picture.py > docs/sweep.svg"
