"""Runs of the tap that send themselves SIGTERM: one for each moment of a kind.

A signal between two lines of Python hardly ever hits when another process sends it. Here a process
of its own forks a run for each such moment, so that every one of them is hit.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_leadlex import state as state_module
from tap_leadlex import sync
from tap_leadlex.clock import Clock
from tap_leadlex.tap import TapLeadLex
from tests.environments import ROOT
from tests.support.common import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from tests.support.common import Json
    from tests.support.runs import Run

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
_NOT_REACHED = 3
_FILES = {state_module.__file__, sync.__file__}


class Moment(StrEnum):
    """When the signal comes."""

    STATE = "before each line of state.py and sync.py"
    OUTPUT = "in the middle of a write to standard output"


class FixedTap(TapLeadLex):
    """The tap at a fixed time: its runs then differ in nothing else."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - as the tap has them
        super().__init__(clock=Clock(now=lambda: NOW, sleep=lambda _: None), **kwargs)


def interrupted(
    moment: Moment, folder: Path, config: Json, state: Json, catalog: Json | None = None
) -> list[bytes]:
    """Interrupt a run at every moment of a kind; return the output of each of these runs."""
    given = {"config": config, "state": state, "catalog": catalog}
    arguments = []
    for option, content in given.items():
        if content is not None:
            path = folder / f"{option}.json"
            path.write_text(json.dumps(content))
            arguments += [f"--{option}", str(path)]
    out = folder / "out"
    out.mkdir()
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", __name__, moment.name, str(out), *arguments],
        cwd=ROOT,
        check=True,
        timeout=TIMEOUT,
        capture_output=True,
    )
    return [file.read_bytes() for file in sorted(out.iterdir())]


def assert_true(output: bytes, initial: Json, undisturbed: Run) -> None:
    """Check the last STATE of an interrupted run.

    Args:
        output: What the run wrote.
        initial: The state that it started from.
        undisturbed: The same run without a signal.
    """
    assert output.endswith(b"\n"), "the last line is not whole"
    vouched: dict[str, set[str]] = {_state(initial): set()}
    for text, written in _parts([json.dumps(each) for each in undisturbed.messages]):
        vouched.setdefault(text, written)
    last, written = _parts(output.decode().splitlines())[-1]
    assert last in vouched, f"the state is halfway between two: {last}"
    assert vouched[last] <= written, "the state vouches for what was not written"


def _parts(lines: Sequence[str]) -> list[tuple[str, set[str]]]:
    """Return each state, with the records and activations that were written before it."""
    written: set[str] = set()
    found = []
    for message in map(json.loads, lines):
        if message["type"] == "STATE":
            found.append((_state(message["value"]), set(written)))
        else:
            message.pop("time_extracted", None)
            written.add(json.dumps(message))
    return found


def _state(value: Json) -> str:
    """Return a state without what the SDK notes during a run and removes at its end."""
    contacts = {
        name: entry
        for name, entry in value["bookmarks"]["contacts"].items()
        if name != "starting_replication_value"
    }
    return json.dumps(contacts, sort_keys=True)


class _Lines:
    """Sends the signal before the n-th line of the files, the first time in each step of a sync."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._seen: set[tuple[str, int, str]] = set()
        sys.settrace(self._call)

    def _call(self, frame: FrameType, _: str, __: object) -> Any:  # noqa: ANN401 - or None
        code = frame.f_code
        changes = code.co_name != "__init__" and not code.co_name.startswith("<")
        return self._line if changes and code.co_filename in _FILES else None

    def _line(self, frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 - itself
        line = frame.f_code.co_filename, frame.f_lineno, _step(frame)
        if event == "line" and line not in self._seen:
            self._seen.add(line)
            if len(self._seen) == self._number:
                os.kill(os.getpid(), signal.SIGTERM)
        return self._line


def _step(frame: FrameType | None) -> str:
    """Return the function of sync.py that led to a frame."""
    while frame is not None and frame.f_code.co_filename != sync.__file__:
        frame = frame.f_back
    return frame.f_code.co_name if frame else ""


class _Writes(io.RawIOBase):
    """Standard output that sends the signal in the middle of the n-th write."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._left = number

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer
        content = bytes(data)
        self._left -= 1
        middle = len(content) // 2
        os.write(1, content[:middle])
        if not self._left:
            os.kill(os.getpid(), signal.SIGTERM)
        os.write(1, content[middle:])
        return len(content)


def _run(moment: Moment, number: int, file: Path, arguments: Sequence[str]) -> None:
    """Run the tap and interrupt it; never return."""
    os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), 1)
    if moment is Moment.STATE:
        _Lines(number)
    else:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Writes(number)), encoding="utf-8")
    try:
        FixedTap.cli(arguments)
    finally:
        os._exit(_NOT_REACHED)


def _main(moment: Moment, folder: Path, *arguments: str) -> None:
    for number in count(1):
        file = folder / f"{number:04}"
        child = os.fork()
        if not child:
            _run(moment, number, file, arguments)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == _NOT_REACHED:
            file.unlink()
            return


if __name__ == "__main__":
    _main(Moment[sys.argv[1]], Path(sys.argv[2]), *sys.argv[3:])
