"""Runs the tap, inside this process or in one of its own, and keeps all that it says."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from unittest import mock

from tap_leadlex.clock import Clock
from tap_leadlex.sandbox.instants import to_datetime
from tap_leadlex.tap import TapLeadLex

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Self

    from singer_sdk import Tap

    from tap_leadlex.sandbox import Sandbox
    from tap_leadlex.sandbox.store import Row

Json = dict[str, Any]

PROGRAM = Path(sys.executable).with_name("tap-leadlex")
TIMEOUT = 120
FIELDS = (
    "id",
    "full_name",
    "email",
    "phone",
    "job_title",
    "company_name",
    "linkedin_url",
    "tags",
    "created_at",
)


class ImpatientTap(TapLeadLex):
    """Our tap with a clock whose waits take no time."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - of the tap
        """Take the settings in."""
        super().__init__(clock=Clock(sleep=lambda _: None), **kwargs)


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
        """Give the messages of one type."""
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
        """The last state: what the next run is given."""
        return self.states[-1]

    @property
    def bookmark(self) -> str | None:
        """The bookmark of the last state."""
        return bookmark(self.state) if self.states else None

    def lines(self, *levels: str) -> list[str]:
        """Give the texts of the log lines of some levels."""
        split = [line.split("|", 3) for line in self.log.split("\n")]
        return [
            parts[3].strip() for parts in split if len(parts) == 4 and parts[1].strip() in levels
        ]

    @property
    def failures(self) -> list[str]:
        """What a user reads of a failure."""
        return self.lines("ERROR", "CRITICAL")

    @property
    def warnings(self) -> list[str]:
        """What a user is warned of."""
        return self.lines("WARNING")


class RawServer:
    """A server on loopback that answers each connection with the bytes that it was given.

    Attributes:
        requests: The heads of the requests so far.
    """

    def __init__(
        self,
        answer: bytes | Callable[[socket.socket], None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen.

        Args:
            answer: The answer to every request, or a function that sends it.
            context: For TLS, the server's side of it.
        """
        self.requests: list[str] = []
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve)

    @property
    def port(self) -> int:
        """The port."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The `api_url` for a tap."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with suppress(OSError):
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                with connection:
                    self._answer_one(connection)

    def _answer_one(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
            head += piece
        self.requests.append(head.decode("latin-1"))
        if callable(self._answer):
            self._answer(connection)
        else:
            connection.sendall(self._answer)


def bookmark(state: Json) -> str | None:
    """Give the bookmark in a state, `None` where there is none."""
    value: str | None = state.get("bookmarks", {}).get("contacts", {}).get("replication_key_value")
    return value


def state_at(instant: str) -> Json:
    """Give the state whose bookmark is that instant."""
    contacts = {"replication_key": "created_at", "replication_key_value": instant}
    return {"bookmarks": {"contacts": contacts}}


def config_for(sandbox: Sandbox, **settings: Any) -> Json:  # noqa: ANN401 - any setting
    """Give a config for a sandbox, in which nothing commits late."""
    return {"api_key": sandbox.key, "api_url": sandbox.url, "settle_seconds": 0, **settings}


def run(
    config: Json,
    *arguments: str,
    state: Json | None = None,
    catalog: Json | None = None,
    log_level: str = "INFO",
    tap: type[Tap] = ImpatientTap,
) -> Run:
    """Run the command line in this process, which leaves no trace in it, without waits.

    Args:
        config: The config.
        *arguments: Further arguments.
        state: The state, if any.
        catalog: The catalog, if any.
        log_level: From which level on to log.
        tap: The tap, if it is another one.
    """
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    err = io.StringIO()
    with ExitStack() as stack:
        given = stack.enter_context(_files(config, state, catalog))
        stack.enter_context(_unchanged_process())
        stack.enter_context(mock.patch.dict(os.environ, TAP_LEADLEX_LOGLEVEL=log_level))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        exit_code = _exit_code(tap, [*given, *arguments])
    out.flush()
    return Run(exit_code, out.buffer.getvalue().decode(), err.getvalue())


def run_process(
    config: Json,
    *arguments: str,
    state: Json | None = None,
    catalog: Json | None = None,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Run the installed program, as a user does; the arguments are those of `run`."""
    with _files(config, state, catalog) as given:
        return run_program(*given, *arguments, env=env)


def run_program(*arguments: str, env: Mapping[str, str] | None = None) -> Run:
    """Run the installed program with these arguments alone."""
    done = subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, *arguments],
        capture_output=True,
        check=False,
        timeout=TIMEOUT,
        env={**os.environ, **(env or {})},
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def catalog_without(config: Json, *properties: str) -> Json:
    """Give the tap's catalog with some properties deselected."""
    catalog: Json = json.loads(run(config, "--discover").out)
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] == []:
            entry["metadata"]["selected"] = True
        elif entry["breadcrumb"][1] in properties:
            entry["metadata"]["selected"] = False
    return catalog


def truth(sandbox: Sandbox, printed: str = "%Y-%m-%dT%H:%M:%SZ") -> list[Json]:
    """Give the records of all contacts of a sandbox, oldest first.

    Args:
        sandbox: The sandbox.
        printed: The form of `created_at`.
    """
    return [record_of(row, printed) for row in sandbox.store.rows()]


def record_of(row: Row, printed: str = "%Y-%m-%dT%H:%M:%SZ") -> Json:
    """Give the record that a contact of the sandbox must become."""
    contact = row.contact._asdict()
    tags = list(contact.pop("tags"))
    created_at = to_datetime(row.created).strftime(printed)
    return {
        **{name: value or None for name, value in contact.items()},
        "tags": tags,
        "created_at": created_at,
    }


def by_id(records: Sequence[Json]) -> list[Json]:
    """Sort records, for a comparison that counts duplicates but not order."""
    return sorted(records, key=lambda record: str(record["id"]))


@contextmanager
def _files(config: Json, state: Json | None, catalog: Json | None) -> Iterator[list[str]]:
    """Write what the tap is given to files, and give the arguments that name them."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        given = {"config": config, "state": state, "catalog": catalog}
        for option, content in given.items():
            if content is not None:
                path = Path(folder, f"{option}.json")
                path.write_text(json.dumps(content))
                arguments += [f"--{option}", str(path)]
        yield arguments


def _exit_code(tap: type[Tap], arguments: Sequence[str]) -> int:
    try:
        tap.cli(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """Put back what the SDK's command line changes for good in its process."""
    root, sandbox = logging.getLogger(), logging.getLogger("tap_leadlex.sandbox")
    level, handlers = root.level, root.handlers[:]
    excepthook = sys.excepthook
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    root.handlers.clear()
    sandbox.propagate = False  # a real LeadLex does not log into the tap's log
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
