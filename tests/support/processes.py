"""A tap in a process of its own, which a test reads from, stops and checks."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.common import PROGRAM, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from tests.support.common import Json
    from tests.support.target import Target

_SMALLEST_PIPE = 4_096
SUCCEEDED = "; completeness "
"""What the tap logs when a stream is synced. Only the end of the process is still to come."""


class Ending(StrEnum):
    """How a tap is stopped."""

    TERM = "SIGTERM"
    INT = "SIGINT"
    KILL = "SIGKILL"
    GONE = "target gone"
    FULL = "SIGTERM, pipe full"

    @property
    def is_clean(self) -> bool:
        """Whether the tap gets to write its last STATE."""
        return self in {Ending.TERM, Ending.INT, Ending.FULL}


class TapProcess:
    """One run of the installed program, connected to a target by a small pipe.

    Attributes:
        process: The process.
        log: Its standard error, complete once it has ended.
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
        """Start the tap from the last STATE that the target confirmed.

        Args:
            folder: Where its files go.
            target: What its messages go to.
            env: Its settings, as environment variables.
            catalog: Its catalog, if any.
            pace: Seconds to wait after each read.
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
        """Return the tap."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the process if it still runs."""
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
        """Its temporary files, including unlinked files that it holds open."""
        named = [str(file) for file in self._spool.iterdir()]
        if self.process.poll() is not None:
            return named
        links = [_link(file) for file in Path(f"/proc/{self.process.pid}/fd").iterdir()]
        return named + [link for link in links if link.startswith(str(self._spool))]

    def read(self, seconds: float = TIMEOUT) -> bool:
        """Pass messages to the target for that long.

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
        """Read to the end of the output. Return the exit code."""
        assert not self.read(), f"still writing after {TIMEOUT} s\n{self.log}"
        return self.wait()

    def wait(self) -> int:
        """Wait for the end without reading. Return the exit code."""
        return self.process.wait(TIMEOUT)

    def leave(self) -> None:
        """Close the reading end of the pipe."""
        if self._out >= 0:
            os.close(self._out)
            self._out = -1

    def stop(self, ending: Ending) -> int:
        """Stop the tap. Return the exit code."""
        match ending:
            case Ending.GONE:
                self.leave()
                return self.wait()
            case Ending.FULL:
                time.sleep(0.05)  # the tap fills the pipe
                self.process.send_signal(signal.SIGTERM)
                time.sleep(0.05)  # the signal arrives before anybody reads
            case _:
                self.process.send_signal(signal.Signals[ending])
        return self.end()

    def check(self, ending: Ending | None, exit_code: int) -> None:
        """Assert that the tap ended as it should.

        Args:
            ending: How it was stopped, if at all.
            exit_code: Its exit code.
        """
        what = f"{ending or 'not stopped'}, exit code {exit_code}\n{self.log}"
        expected = {Ending.KILL: -signal.SIGKILL, Ending.GONE: 1}
        codes = {expected.get(ending, 0) if ending else 0}
        if ending and SUCCEEDED in self.log:
            # It was done: Python may have ended, or have restored the default signal handlers.
            codes |= {0, -signal.SIGINT, -signal.SIGTERM}
        assert exit_code in codes, what
        assert "Traceback" not in self.log, what
        assert "Exception ignored" not in self.log, what
        assert self.spooled == []
        if ending is None or ending.is_clean:
            assert self._rest == b"", f"the last line is not whole: {what}"
            assert self._target.states, f"no STATE: {what}"


def _link(file: Path) -> str:
    try:
        return str(file.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""
