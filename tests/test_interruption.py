"""Interruption of real processes: every STATE is true, and the next run goes on from the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Quotas
from tap_leadlex.sandbox.faults import Fault
from tests.support import by_id, env_for, truth
from tests.support.processes import SUCCEEDED, Ending, TapProcess
from tests.support.target import Target
from tests.support.trials import attempt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox

UNLIMITED = Quotas(exports=None)
SIGNALS = [Ending.TERM, Ending.INT]
LIMIT = 50
BIG = 13_000
"""Contacts that make one window too big for memory, and far too big for a pipe."""


def start(sandbox: Sandbox, folder: Path, target: Target, **settings: object) -> TapProcess:
    """Start a tap from the last STATE that the target confirmed."""
    target.restart()
    return TapProcess(folder, target, env_for(sandbox, **settings))


def finish(sandbox: Sandbox, folder: Path, target: Target, **settings: object) -> None:
    """Run a tap to the end. The target must then hold what LeadLex holds."""
    with start(sandbox, folder, target, **settings) as tap:
        tap.check(None, tap.end())
    assert target.records == by_id(truth(sandbox))


@pytest.mark.parametrize("seed", range(10))
def test_killed_and_resumed_the_destination_equals_leadlex(seed: int) -> None:
    """`make kill` runs 500 of these."""
    attempt(seed)


@pytest.mark.parametrize("ending", SIGNALS)
def test_a_signal_ends_a_wait_for_the_quota(
    serve: Callable[..., Sandbox], tmp_path: Path, ending: Ending
) -> None:
    sandbox = serve(contacts=200, quotas=Quotas(exports=2))
    target = Target(LIMIT)
    with start(sandbox, tmp_path, target, export_limit=LIMIT, quota_wait_seconds=7_200) as tap:
        while "Waiting for the export" not in tap.log:
            assert tap.read(0.01), tap.log
        tap.check(ending, tap.stop(ending))
    assert 0 < len(target.kept) < 200

    sandbox.workspace.quota.exports.size = None
    finish(sandbox, tmp_path, target, export_limit=LIMIT)


@pytest.mark.parametrize("ending", SIGNALS)
def test_a_signal_ends_a_download(
    serve: Callable[..., Sandbox], tmp_path: Path, ending: Ending
) -> None:
    sandbox = serve(contacts=200, quotas=UNLIMITED, faults={3: Fault.STALL}, stall=3_600)
    target = Target(LIMIT)
    with start(sandbox, tmp_path, target, export_limit=LIMIT, request_timeout=3_600) as tap:
        while len(sandbox.exports) < 3:
            assert tap.read(0.01), tap.log
        tap.check(ending, tap.stop(ending))
    assert 0 < len(target.kept) < 200

    finish(sandbox, tmp_path, target, export_limit=LIMIT)


@pytest.mark.parametrize("ending", list(Ending))
def test_in_the_middle_of_a_big_window(
    serve: Callable[..., Sandbox], tmp_path: Path, ending: Ending
) -> None:
    sandbox = serve(contacts=BIG, quotas=UNLIMITED)
    target = Target(limit=50_000)
    with start(sandbox, tmp_path, target) as tap:
        while not target.pending and not target.kept:
            assert tap.read(0.01), tap.log
        assert tap.spooled
        tap.check(ending, tap.stop(ending))
        if ending in {Ending.TERM, Ending.INT, Ending.FULL}:
            # The signal comes between two chunks, not after the window.
            assert 0 < len(target.kept) < BIG
        else:
            assert target.kept == {}

    finish(sandbox, tmp_path, target)
    assert len(sandbox.exports) == 2


@pytest.mark.parametrize("ending", list(Ending))
def test_after_the_sync(serve: Callable[..., Sandbox], tmp_path: Path, ending: Ending) -> None:
    sandbox = serve(contacts=20, quotas=UNLIMITED)
    target = Target(LIMIT)
    with start(sandbox, tmp_path, target, export_limit=LIMIT) as tap:
        while SUCCEEDED not in tap.log:
            tap.read(0.001)
        tap.check(ending, tap.stop(ending))

    finish(sandbox, tmp_path, target, export_limit=LIMIT)


def test_a_target_that_is_gone_ends_the_tap_quietly(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=500, quotas=UNLIMITED)
    with start(sandbox, tmp_path, Target(100), export_limit=100) as tap:
        tap.leave()
        assert tap.wait() == 1
        assert "Traceback" not in tap.log
        assert "Exception ignored" not in tap.log
        assert len(sandbox.exports) <= 1
