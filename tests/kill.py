"""Kills syncing taps at random moments and lets others go on: `python -m tests.kill --seeds 500`.

One trial: a sandbox, taps one after the other, each a process of its own, and a loyal target. All
taps but the last are stopped at a random moment; each goes on from the last STATE that the target
confirmed. In the end the target must hold what LeadLex holds.
"""

from __future__ import annotations

import argparse
import fcntl
import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tap_leadlex.sandbox import History, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.faults import ListFault
from tap_leadlex.sandbox.readings import Bound, Order
from tests.support import PROGRAM, TIMEOUT, Json, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

LIMIT = 50
END = "2026-06-02T00:00:00Z"
"""Behind all contacts that a sandbox begins with, so that every run has the same cut-off."""

_METADATA = {"selected": True, "replication-method": "FULL_TABLE"}
FULL_TABLE: Json = {
    "streams": [
        {
            "tap_stream_id": "contacts",
            "key_properties": ["id"],
            "schema": {},
            "metadata": [{"breadcrumb": [], "metadata": _METADATA}],
        }
    ]
}
_SMALLEST_PIPE = 4_096
_VARIANTS = 24
_SUCCEEDED = '"status":"succeeded"'


class Ending(StrEnum):
    """How a tap is stopped."""

    TERM = "SIGTERM"
    INT = "SIGINT"
    KILL = "SIGKILL"
    GONE = "target gone"
    FULL = "SIGTERM, pipe full"


@dataclass(frozen=True)
class Variant:
    """What a trial syncs.

    Attributes:
        contacts: How many.
        history: When they were created.
        reading: How LeadLex answers.
        list_refused: Whether the contact list may not be read.
        refresh: Whether this is a full refresh.
        pace: Seconds that the target takes for each piece that it reads.
    """

    contacts: int
    history: History
    reading: Reading
    list_refused: bool
    refresh: bool
    pace: float

    @classmethod
    def draw(cls, number: int) -> Variant:
        """Give variant `number`."""
        random = Random(number)  # noqa: S311 - variety, not secrecy
        return cls(
            contacts=random.randint(100, 400),
            history=random.choice([History.EVEN, History.GROWING]),
            reading=Reading(
                order=random.choice(list(Order)),
                lower=random.choice(list(Bound)),
                upper=random.choice(list(Bound)),
            ),
            list_refused=random.random() < 1 / 4,
            refresh=random.random() < 1 / 3,
            pace=random.choice([0, 0.002]),
        )

    def sandbox(self) -> Sandbox:
        """Make a sandbox for it: always the same contacts."""
        return Sandbox(
            contacts=self.contacts,
            history=self.history,
            reading=self.reading,
            quotas=Quotas(exports=None),
            list_faults=dict.fromkeys(range(1, 1_000 * self.list_refused), ListFault.FORBIDDEN),
        )


class Target:
    """Keeps contacts, and confirms a STATE only when all that came before it is kept.

    Attributes:
        kept: The contacts with the version they came under, by id.
        state: The last STATE that it confirmed.
        pending: Contacts that no STATE has followed yet: they are lost with a target that dies.
        states: How many STATEs this tap wrote.
        activated: The versions that were activated.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        """Begin with nothing.

        Args:
            limit: The rows of one export: a window holds fewer.
        """
        self._limit = limit
        self.kept: dict[str, tuple[Json, int | None]] = {}
        self.state: Json | None = None
        self.pending: dict[str, tuple[Json, int | None]] = {}
        self.states = 0
        self.activated: list[int] = []

    @property
    def records(self) -> list[Json]:
        """The contacts, by id."""
        return [self.kept[contact_id][0] for contact_id in sorted(self.kept)]

    def restart(self) -> None:
        """Lose what was not confirmed, as after a crash."""
        self.pending = {}
        self.states = 0

    def take(self, line: bytes) -> None:
        """Take in one message."""
        match message := json.loads(line):
            case {"type": "RECORD", "record": record}:
                contact = (record, message.get("version"))
                if contact == self.kept.get(record["id"]):
                    closed = _position(self.state)
                    assert closed is None or closed <= record["created_at"], "a closed window again"
                assert record["id"] not in self.pending, "a contact came twice in one run"
                self.pending[record["id"]] = contact
                assert len(self.pending) < self._limit, "more than one window is open"
            case {"type": "STATE", "value": state}:
                self._keep()
                self.state = state
                self.states += 1
            case {"type": "ACTIVATE_VERSION", "version": version}:
                self._keep()
                self.activated.append(version)
                self.kept = {key: kept for key, kept in self.kept.items() if kept[1] == version}

    def _keep(self) -> None:
        self.kept |= self.pending
        self.pending = {}


class Tap:
    """One run of the program, whose messages go to a target as far as this side reads them.

    Attributes:
        process: The process.
        log: Its standard error; complete when it has ended.
    """

    def __init__(
        self,
        folder: Path,
        target: Target,
        env: Mapping[str, str],
        *,
        catalog: Json | None = None,
        pace: float = 0,
    ) -> None:
        """Start it from the state that the target confirmed last.

        Args:
            folder: Where its files go.
            target: What takes its messages.
            env: Its settings, as environment variables.
            catalog: Its catalog, if any.
            pace: Seconds to take for each piece that is read.
        """
        self._target = target
        self._pace = pace
        self._rest = b""
        self._spool = folder / "spool"
        self._spool.mkdir(exist_ok=True)
        arguments = ["--config=ENV"]
        for option, content in {"state": target.state, "catalog": catalog}.items():
            if content is not None:
                file = folder / f"{option}.json"
                file.write_text(json.dumps(content))
                arguments.append(f"--{option}={file}")
        self._log = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _SMALLEST_PIPE)
        self._out = read
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [PROGRAM, *arguments],
            stdout=write,
            stderr=self._log,
            cwd=folder,
            env={**os.environ, **env, "TMPDIR": str(self._spool)},
        )
        os.close(write)

    def __enter__(self) -> Self:
        """Open the run for a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, if it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.leave()
        self._log.close()

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return os.pread(self._log.fileno(), 10**9, 0).decode()

    @property
    def spooled(self) -> list[str]:
        """What lies in its folder for temporary files, unlinked files that it holds included."""
        held = Path(f"/proc/{self.process.pid}/fd")
        links = [_link(file) for file in held.iterdir()] if self.process.poll() is None else []
        named = [str(file) for file in self._spool.iterdir()]
        return named + [link for link in links if link.startswith(str(self._spool))]

    def read(self, seconds: float = TIMEOUT) -> bool:
        """Hand messages on for that long.

        Returns:
            Whether the tap may still write: `False` at the end of its output.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self._out], [], [], left)[0]:
                piece = os.read(self._out, _SMALLEST_PIPE)
                if not piece:
                    return False
                *lines, self._rest = (self._rest + piece).split(b"\n")
                for line in lines:
                    self._target.take(line)
                time.sleep(self._pace)
        return True

    def end(self) -> int:
        """Read to the end; give the exit code."""
        assert not self.read(), f"still writing after {TIMEOUT} s\n{self.log}"
        return self.wait()

    def wait(self) -> int:
        """Wait for the end without reading; give the exit code."""
        return self.process.wait(TIMEOUT)

    def leave(self) -> None:
        """Close this end of the pipe."""
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def stop(self, ending: Ending) -> int:
        """Stop it; give the exit code."""
        match ending:
            case Ending.GONE:
                self.leave()
                return self.wait()
            case Ending.FULL:
                time.sleep(0.05)  # the tap fills the pipe meanwhile
                self.process.send_signal(signal.SIGTERM)
                time.sleep(0.05)  # and gets the signal
            case _:
                self.process.send_signal(signal.Signals[ending])
        return self.end()

    def check(self, ending: Ending | None, exit_code: int) -> None:
        """Make sure that it ended as it should.

        Args:
            ending: How it was stopped, if at all; it may have been done by then.
            exit_code: How it ended.
        """
        what = f"{ending or 'not stopped'}, exit code {exit_code}"
        codes = {Ending.KILL: -signal.SIGKILL, Ending.GONE: 1}
        if ending and _SUCCEEDED in self.log:
            return  # it was done: how a signal ends what is left of Python does not matter
        assert exit_code == (codes.get(ending, 0) if ending else 0), f"{what}\n{self.log}"
        assert "Traceback" not in self.log, self.log
        assert "Exception ignored" not in self.log, self.log
        assert self.spooled == []
        if ending not in codes:
            assert self._rest == b"", f"the last line is not whole: {what}\n{self.log}"
            assert self._target.states, f"no STATE: {what}\n{self.log}"


@dataclass(frozen=True)
class Trial:
    """What one trial did.

    Attributes:
        endings: How its taps were stopped.
        extra: The exports beyond those of an undisturbed sync.
        list_refused: Whether the contact list could not be read.
    """

    endings: list[Ending]
    extra: int
    list_refused: bool


def settings_for(sandbox: Sandbox, **settings: object) -> dict[str, str]:
    """Give the environment that configures a tap for a sandbox.

    Args:
        sandbox: The sandbox.
        **settings: Further settings.
    """
    given = {"api_key": sandbox.key, "api_url": sandbox.url, "settle_seconds": 0, **settings}
    return {f"TAP_LEADLEX_{name.upper()}": str(value) for name, value in given.items()}


def attempt(seed: int) -> Trial:
    """Make the trial of one seed.

    Raises:
        AssertionError: If a promise is broken.
    """
    random = Random(seed)  # noqa: S311 - variety, not secrecy
    number = random.randrange(_VARIANTS)
    variant = Variant.draw(number)
    exports = _undisturbed(number)
    target = Target()
    endings: list[Ending] = []
    with variant.sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        for ending in random.choices(list(Ending), k=random.randint(1, 3)):
            with _start(variant, sandbox, Path(folder), target) as tap:
                moment = _moment(random, variant, sandbox, target)
                while not moment() and tap.read(0.001):
                    pass
                tap.read(random.uniform(0, 0.01))
                endings.append(ending)
                tap.check(ending, tap.stop(ending))
            if _is_done(target.state):
                break
        else:
            with _start(variant, sandbox, Path(folder), target) as tap:
                tap.check(None, tap.end())
        assert _is_done(target.state)
        expected = sorted(truth(sandbox), key=lambda record: str(record["id"]))
        assert target.records == expected, "the destination is not what LeadLex holds"
        assert len(set(target.activated)) == variant.refresh, "a refresh activates one version"
        extra = len(sandbox.exports) - exports
        # A target that dies takes along what lies in the pipe: the end of the window before, too.
        allowed = len(endings) + endings.count(Ending.GONE)
        if variant.list_refused and variant.reading.order in {Order.SHUFFLED, Order.BY_ID}:
            # Rows in no order are a sample, and one of 50 says little: its windows come back full.
            allowed += 3 * len(endings)
        assert extra <= allowed, f"{extra} exports more: {endings}"
        return Trial(endings, extra, list_refused=variant.list_refused)


@functools.cache
def _undisturbed(number: int) -> int:
    """Sync a variant without stopping; give the exports that it takes."""
    variant, target = Variant.draw(number), Target()
    with variant.sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        with _start(variant, sandbox, Path(folder), target) as tap:
            tap.check(None, tap.end())
        return len(sandbox.exports)


def _moment(
    random: Random, variant: Variant, sandbox: Sandbox, target: Target
) -> Callable[[], bool]:
    """Choose when to stop a tap: as some call comes in, or as some contact arrives."""
    left = variant.contacts - len(target.kept)
    if random.random() < 1 / 2:
        calls = len(sandbox.calls) + random.randint(1, 2 + 2 * left // LIMIT)
        return lambda: len(sandbox.calls) >= calls
    contacts = len(target.kept) + random.randint(1, max(left, 1))
    return lambda: len(target.kept) + len(target.pending) >= contacts


def _start(variant: Variant, sandbox: Sandbox, folder: Path, target: Target) -> Tap:
    target.restart()
    limits: dict[str, object] = {"export_limit": LIMIT}
    if not variant.refresh:
        limits["end_date"] = END
    return Tap(
        folder,
        target,
        settings_for(sandbox, **limits),
        catalog=FULL_TABLE if variant.refresh else None,
        pace=variant.pace,
    )


def _position(state: Json | None) -> str | None:
    """Give how far a state says that the sync is, to the second; `None` for not at all."""
    contacts = (state or {}).get("bookmarks", {}).get("contacts", {})
    sweep = contacts.get("refresh") or {"until": contacts.get("replication_key_value")}
    end: str | None = sweep.get("until")
    return end and end.replace(".000000Z", "Z")


def _is_done(state: Json | None) -> bool:
    """Tell whether a state is that of a finished sync."""
    contacts = (state or {}).get("bookmarks", {}).get("contacts", {})
    return "version" in contacts or contacts.get("replication_key_value", "") >= END[:-1]


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


def _tried(seed: int) -> Trial | str:
    try:
        return attempt(seed)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return f"seed {seed}: {error}"


def main() -> Iterator[str]:
    """Make the trials of many seeds, two at a time.

    Yields:
        What to tell.
    """
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.kill")
    parser.add_argument("--seeds", type=int, default=500, help="how many trials")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    endings: Counter[str] = Counter()
    extra: dict[bool, Counter[int]] = {False: Counter(), True: Counter()}
    failures = 0
    with ThreadPoolExecutor(2) as pool:
        seeds = range(given.first, given.first + given.seeds)
        for trial in pool.map(_tried, seeds):
            if isinstance(trial, str):
                failures += 1
                yield trial
                continue
            endings.update(trial.endings)
            extra[trial.list_refused][trial.extra - len(trial.endings)] += 1
    told = ", ".join(f"{name} {count}" for name, count in sorted(endings.items()))
    yield f"{given.seeds} seeds, {endings.total()} taps stopped ({told})."
    yield "Trials by exports above the undisturbed sync, less one for each tap stopped:"
    yield f"  with the contact list: {sorted(extra[False].items())}"
    yield f"  without it: {sorted(extra[True].items())}"
    yield f"{failures} seeds failed."
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    for text in main():
        print(text, flush=True)  # noqa: T201 - a command
