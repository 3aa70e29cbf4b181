"""Runs of the tap, in this process or in one of its own, with everything they print."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from tap_leadlex.clock import Clock
from tap_leadlex.tap import TapLeadLex
from tests.support.common import PROGRAM, TIMEOUT, Json
from tests.support.states import bookmark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_sdk import Tap

    from tap_leadlex.sandbox import Sandbox

WITHOUT_WAITS = Clock(sleep=lambda _: None)
"""The machine's clock, with waits that take no time."""


@dataclass(frozen=True)
class Run:
    """What one run of the tap did.

    Attributes:
        exit_code: As the shell would see it.
        out: Standard output.
        log: Standard error: every log line as a user reads it.
    """

    exit_code: int
    out: str
    log: str

    @property
    def messages(self) -> list[Json]:
        """The Singer messages."""
        return [json.loads(line) for line in self.out.split("\n") if line]

    def of_type(self, kind: str) -> list[Json]:
        """Return the messages of one type."""
        return [message for message in self.messages if message["type"] == kind]

    @property
    def records(self) -> list[Json]:
        """The records, in the order of their messages."""
        return [message["record"] for message in self.of_type("RECORD")]

    @property
    def ids(self) -> list[str]:
        """The ids of the records, in the order of their messages."""
        return [record["id"] for record in self.records]

    @property
    def states(self) -> list[Json]:
        """The values of the STATE messages."""
        return [message["value"] for message in self.of_type("STATE")]

    @property
    def state(self) -> Json:
        """The last state, which the next run starts from."""
        return self.states[-1]

    @property
    def bookmark(self) -> str | None:
        """The bookmark of the last state."""
        return bookmark(self.state) if self.states else None

    def lines(self, *levels: str) -> list[str]:
        """Return the text of the log lines of some levels."""
        split = [line.split("|", 3) for line in self.log.split("\n")]
        return [
            parts[3].strip() for parts in split if len(parts) == 4 and parts[1].strip() in levels
        ]

    @property
    def failures(self) -> list[str]:
        """The errors that a user reads."""
        return self.lines("ERROR", "CRITICAL")

    @property
    def warnings(self) -> list[str]:
        """The warnings that a user reads."""
        return self.lines("WARNING")


def config_for(sandbox: Sandbox, **settings: Any) -> Json:  # noqa: ANN401 - any setting
    """Return a config for a sandbox, with no settle time: nothing in a sandbox commits late."""
    return {"api_key": sandbox.key, "api_url": sandbox.url, "settle_seconds": 0, **settings}


def env_for(sandbox: Sandbox, **settings: object) -> dict[str, str]:
    """Return the same config as environment variables."""
    config = config_for(sandbox, **settings)
    return {f"TAP_LEADLEX_{name.upper()}": str(value) for name, value in config.items()}


def run(
    config: Json,
    *arguments: str,
    state: Json | None = None,
    catalog: Json | None = None,
    log_level: str = "INFO",
    clock: Clock = WITHOUT_WAITS,
    tap: type[Tap] = TapLeadLex,
) -> Run:
    """Run the command in this process and undo what it changes in the process.

    Args:
        config: The config.
        *arguments: Further arguments.
        state: The state, if any.
        catalog: The catalog, if any.
        log_level: The lowest level to log.
        clock: The clock of our tap.
        tap: The tap to run.
    """
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    err = io.StringIO()
    with ExitStack() as stack:
        given = stack.enter_context(_files(config, state, catalog))
        stack.enter_context(_unchanged_process())
        stack.enter_context(mock.patch.dict(os.environ, TAP_LEADLEX_LOGLEVEL=log_level))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        exit_code = _exit_code(_by_clock(tap, clock), [*given, *arguments])
    out.flush()
    return Run(exit_code, out.buffer.getvalue().decode(), err.getvalue())


def run_process(
    config: Json,
    *arguments: str,
    state: Json | None = None,
    catalog: Json | None = None,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Run the installed program, as a user does. The arguments are those of `run`."""
    with _files(config, state, catalog) as given:
        return run_program(*given, *arguments, env=env)


def run_program(*arguments: str, env: Mapping[str, str] | None = None) -> Run:
    """Run the installed program with only these arguments."""
    done = subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, *arguments],
        capture_output=True,
        check=False,
        timeout=TIMEOUT,
        env={**os.environ, **(env or {})},
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def catalog_without(config: Json, *properties: str) -> Json:
    """Return the tap's catalog with some properties deselected."""
    catalog: Json = json.loads(run(config, "--discover").out)
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] == []:
            entry["metadata"]["selected"] = True
        elif entry["breadcrumb"][1] in properties:
            entry["metadata"]["selected"] = False
    return catalog


def assert_refused(done: Run, sandbox: Sandbox) -> str:
    """Check that a run failed in one line, before any call and any message; return the line."""
    assert done.exit_code == 1
    assert done.out == ""
    (line,) = done.failures
    assert "Traceback" not in done.log
    assert sandbox.calls == []
    return line


@contextmanager
def _files(config: Json, state: Json | None, catalog: Json | None) -> Iterator[list[str]]:
    """Write config, state and catalog to files. Yield the arguments that name them."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        given = {"config": config, "state": state, "catalog": catalog}
        for option, content in given.items():
            if content is not None:
                path = Path(folder, f"{option}.json")
                path.write_text(json.dumps(content))
                arguments += [f"--{option}", str(path)]
        yield arguments


def _by_clock(tap: type[Tap], clock: Clock) -> type[Tap]:
    """Return the tap with another clock, if it is ours."""
    if not issubclass(tap, TapLeadLex):
        return tap

    class ClockedTap(tap):  # type: ignore[misc, valid-type]
        def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - as the tap has them
            super().__init__(clock=clock, **kwargs)

    return ClockedTap


def _exit_code(tap: type[Tap], arguments: Sequence[str]) -> int:
    try:
        tap.cli(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """Restore what the SDK's command line changes in its process."""
    root, sandbox = logging.getLogger(), logging.getLogger("tap_leadlex.sandbox")
    level, handlers = root.level, root.handlers[:]
    excepthook = sys.excepthook
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root.handlers.clear()
    sandbox.propagate = False  # the log of the real LeadLex is elsewhere, too
    try:
        with warnings.catch_warnings():
            yield
    finally:
        logging.captureWarnings(capture=False)
        sandbox.propagate = True
        root.setLevel(level)
        root.handlers[:] = handlers
        sys.excepthook = excepthook
        for number, handler in signals.items():
            signal.signal(number, handler)
