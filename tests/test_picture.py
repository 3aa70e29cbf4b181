"""The picture of the sweep shows what the planner does now."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_picture_is_in_step_with_the_planner() -> None:
    spec = importlib.util.spec_from_file_location("picture", ROOT / "benchmarks" / "picture.py")
    assert spec is not None
    assert spec.loader is not None
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)

    drawn = (ROOT / "docs" / "sweep.svg").read_text(encoding="utf-8")

    assert picture.picture() == drawn, "run: python benchmarks/picture.py"
