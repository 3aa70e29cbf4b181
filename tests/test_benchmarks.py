"""The benchmark of exports, scaled down: the sweep keeps within its bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.environments import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .support import Json

CONTACTS = 26_000
LIMIT = 5_000


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Json:
    path: Path = tmp_path_factory.mktemp("benchmark") / "exports.json"
    command: list[str | Path] = [sys.executable, ROOT / "benchmarks" / "exports.py"]
    command += ["--contacts", str(CONTACTS), "--limit", str(LIMIT), "--json", path]
    done = subprocess.run(  # noqa: S603 - our own program
        command,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded: Json = json.loads(path.read_text(encoding="utf-8"))
    assert len(loaded["cases"]) == 16
    assert done.stdout.count(f"{CONTACTS:,}") == 16 + 4  # a line for each, and the summary
    return loaded


def test_a_backfill_takes_few_exports_and_loses_nothing(figures: Json) -> None:
    for case in figures["cases"]:
        with_list, without = case["ways"]["with the list"], case["ways"]["without the list"]
        bursty = case["history"] in {"bursts", "migration"}
        assert case["fewest"] == 6
        assert with_list["exports"] / 6 <= 1.05 + 2 / 6
        assert with_list["lists"] <= 2 * with_list["exports"]
        assert without["exports"] / 6 <= (3.5 if bursty else 2)
        assert without["lists"] == 0
        assert not any(way[what] for way in (with_list, without) for what in ("lost", "repeated"))


def test_an_incremental_run_takes_one_export(figures: Json) -> None:
    assert len(figures["incremental"]) == 4
    for history in figures["incremental"].values():
        assert history == {"news": 1, "nothing new": 1}


def test_back_dated_contacts_take_few_exports_and_look_ups(tmp_path: Path) -> None:
    path = tmp_path / "repair.json"
    command: list[str | Path] = [sys.executable, ROOT / "benchmarks" / "repair.py"]
    command += ["--contacts", "40000", "--limit", "1000", "--json", path]

    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603

    assert done.returncode == 0, done.stderr
    cases = json.loads(path.read_text(encoding="utf-8"))
    assert {case["stretches"] for case in cases} == {42, 256}
    for case in cases:
        assert case["missed"] == 0
        assert case["exports"] <= case["changed"] <= min(case["late"], case["stretches"])
        assert case["runs"] == -(-case["exports"] // 9)
        assert case["look_ups"] <= 9 + 16 * case["changed"]


def test_the_models_beside_it_cost_and_lose_what_they_must(figures: Json) -> None:
    for case in figures["cases"]:
        ways = case["ways"]
        assert ways["one day"]["exports"] == 1_277
        assert ways["one month"]["exports"] == 42
        assert ways["halving"]["exports"] > ways["with the list"]["exports"]
        assert ways["halving"]["lost"] == 0
        assert (ways["keyset"]["lost"] > 0) == (case["order"] != "ascending")
