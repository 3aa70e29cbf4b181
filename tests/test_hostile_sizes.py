"""Responses without end: each ends in one line that names the limit, in little memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.support import TIMEOUT, RawServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

if not Path("/proc/self/status").exists():
    pytest.skip("memory is measured through /proc", allow_module_level=True)

MIB = 1024 * 1024
MOST_MEMORY = 250 * MIB
HEADER = b"id,full_name,email,phone,job_title,company_name,linkedin_url,tags,created_at\n"
ROW = b"7,Ann,,,,,,,2026-04-15T09:00:00Z\n"
BLOCK = b"a" * MIB
# Runs the tap with shorter hours, and says how much memory it took at most.
PROGRAM = """
import re, sys
from datetime import timedelta
from pathlib import Path
from tap_leadlex.api import watch
from tap_leadlex.tap import TapLeadLex
watch.LONGEST = timedelta(seconds=float(sys.argv.pop(1)))
try:
    TapLeadLex.cli(["--config=ENV"])
finally:
    status = Path("/proc/self/status").read_text()
    print("peak", re.search(r"VmHWM:\\s+(\\d+)", status)[1], file=sys.stderr)
"""
HTTP = b"HTTP/1.1 "
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


def chunks(*pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return pieces as chunks of a body."""
    for piece in chain(*pieces):
        yield b"%x\r\n%s\r\n" % (len(piece), piece)


def csv(*pieces: Iterable[bytes], coding: bytes = b"") -> Iterator[bytes]:
    """Return an export whose body consists of these pieces."""
    yield HTTP + b"200 OK\r\nContent-Type: text/csv\r\n" + coding + CHUNKED
    yield from chunks(*pieces)
    yield b"0\r\n\r\n"


def rows(number: int, key: bytes = b"%d", start: bytes = b"") -> Iterator[bytes]:
    """Yield rows with different keys, a thousand at a time."""
    row = start + key + b",,,,,,,,2020-04-15T09:00:00Z\n"
    for first in range(0, number, 1_000):
        yield b"".join(row % each for each in range(first, first + 1_000))


def bomb(*, megabytes: int, at_once: bool = False, header: bytes = HEADER) -> Iterator[bytes]:
    """Return an export in gzip, of one line that is a thousand times as long as what is sent."""
    packer = zlib.compressobj(1, wbits=31)
    pieces = chain(
        [packer.compress(header)],
        map(packer.compress, repeat(BLOCK, megabytes)),
        (packer.flush() for _ in range(1)),
    )
    sent = [b"".join(pieces)] if at_once else filter(None, pieces)
    return csv(sent, coding=b"Content-Encoding: gzip\r\n")


def refusal(*pieces: Iterable[bytes], coding: bytes = b"") -> Iterator[bytes]:
    """Return an error response whose body consists of these pieces."""
    yield HTTP + b"400 No\r\nContent-Type: application/json\r\n" + coding + CHUNKED
    yield from chunks(*pieces)


def page(*pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Return a page of the list whose body consists of these pieces."""
    yield HTTP + b"200 OK\r\nContent-Type: application/json\r\n" + CHUNKED
    yield from chunks(*pieces)
    yield b"0\r\n\r\n"


def slowly(piece: bytes) -> Iterator[bytes]:
    """Yield a piece for ever, before any time-out."""
    while True:
        time.sleep(0.05)
        yield piece


Sender: TypeAlias = "Callable[[], Iterable[bytes]]"


@dataclass(frozen=True)
class Outcome:
    """What became of a run: its exit code, its log, and its peak memory in bytes."""

    exit_code: int
    log: str
    peak: int

    @property
    def failure(self) -> str:
        """The only line at the level CRITICAL."""
        (line,) = [line for line in self.log.splitlines() if "| CRITICAL |" in line]
        return line.split("|", 3)[3].strip()


def attack(export: Sender, listed: Sender, longest: float = 600) -> Outcome:
    """Run the tap in a process of its own."""

    def send(connection: socket.socket) -> None:
        for piece in export() if "/export" in server.requests[-1] else listed():
            connection.sendall(piece)

    with RawServer(send) as server:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", PROGRAM, str(longest)],
            env={
                **os.environ,
                "TAP_LEADLEX_API_KEY": "wbk_live_secret",
                "TAP_LEADLEX_API_URL": server.url,
                "TAP_LEADLEX_REQUEST_TIMEOUT": "5",
                "TAP_LEADLEX_EXPORT_LIMIT": "9",
            },
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    log, _, peak = done.stderr.decode().rpartition("peak ")
    return Outcome(done.returncode, log, int(peak) * 1024)


def no_list() -> Iterable[bytes]:
    """Return a refusal of the list."""
    return [HTTP + b"403 No\r\nContent-Length: 0\r\n\r\n"]


def good() -> Iterable[bytes]:
    """Return an export of one contact."""
    return csv([HEADER + ROW])


ONE_ROW = "line 2: the row is larger than 16 MiB (8 MiB if it is not all ASCII)"
MANY_ROWS = "The export cannot be used: the table has more than 100,000 rows (request id -)."
OUTSIDE = "LeadLex sent contacts outside the requested created_before"
HEADERS = "The response of LeadLex has headers or a chunk size line of more than 100 KiB."
TOO_LARGE = "The response of LeadLex is larger than 256 MiB."
REFUSED = "LeadLex answered HTTP 400. "


@pytest.mark.parametrize(
    ("export", "limit"),
    [
        pytest.param(lambda: bomb(megabytes=4_000), TOO_LARGE, id="gzip of an endless line"),
        pytest.param(lambda: bomb(megabytes=200), ONE_ROW, id="gzip of a long line"),
        pytest.param(lambda: bomb(megabytes=200, at_once=True), ONE_ROW, id="gzip in one chunk"),
        pytest.param(
            lambda: bomb(megabytes=200, header=b""), ONE_ROW.replace("2", "1", 1), id="gzip header"
        ),
        pytest.param(lambda: csv([HEADER], repeat(BLOCK, 100)), ONE_ROW, id="a long line"),
        pytest.param(
            lambda: csv([HEADER], repeat(b'"' + b"\n" * MIB + b'",', 100)),
            "the row is larger than 16 MiB",
            id="many lines",
        ),
        pytest.param(
            lambda: csv([HEADER], repeat(b"," * MIB, 2)),
            "line 2: the row has more than 1,500,000 cells",
            id="many cells",
        ),
        pytest.param(
            lambda: csv(repeat(b"ab," * MIB, 2)),
            "line 1: the row has more than 1,500,000 cells",
            id="many columns",
        ),
        pytest.param(
            lambda: csv([HEADER + "7,🦊".encode()], repeat(BLOCK, 7), [b",,,,,,,\n"]),
            "line 2: created_at is not a date",
            id="the largest row",
        ),
        pytest.param(
            lambda: csv([HEADER + b"7,"], repeat(BLOCK, 15), [b",,,,,,,\n"]),
            "line 2: created_at is not a date",
            id="the largest row in ASCII",
        ),
        pytest.param(
            lambda: csv(
                [HEADER], repeat(b"7," + b"x" * (15 * MIB) + b",,,,,,,2026-04-15T09:00:00Z\n", 9)
            ),
            OUTSIDE,
            id="many large rows",
        ),
        pytest.param(lambda: csv([HEADER], rows(1_000_000)), MANY_ROWS, id="many small rows"),
        pytest.param(
            lambda: csv([HEADER], rows(1_000_000, b"%099d", "🦊".encode())),
            MANY_ROWS,
            id="many rows with long keys",
        ),
        pytest.param(
            lambda: csv(
                [HEADER],
                (b"7,,,,,,,%d" % n + BLOCK * 15 + b",2020-04-15T09:00:00Z\n" for n in range(16)),
            ),
            OUTSIDE,
            id="long tags",
        ),
        pytest.param(
            lambda: csv(
                [HEADER],
                (
                    b'7,,,,,,,"%d,' % n + b"y," * 700_000 + b'",2020-04-15T09:00:00Z\n'
                    for n in range(60)
                ),
            ),
            OUTSIDE,
            id="many tags",
        ),
        pytest.param(
            lambda: chain([HTTP + b"200 OK\r\n"], repeat(b"X: " + BLOCK)), HEADERS, id="a header"
        ),
        pytest.param(
            lambda: chain([HTTP + b"200 OK\r\n"], repeat(b"X: y\r\n" * 9_000)),
            HEADERS,
            id="many headers",
        ),
        pytest.param(lambda: repeat(BLOCK), HEADERS, id="a status line"),
        pytest.param(
            lambda: chain(
                [HTTP + b"200 OK\r\nContent-Type: text/csv\r\n" + CHUNKED + b"1;"], repeat(BLOCK)
            ),
            HEADERS,
            id="a chunk extension",
        ),
        pytest.param(lambda: refusal(repeat(BLOCK)), REFUSED, id="an error"),
        pytest.param(
            lambda: refusal([b'{"error":' + b"[" * 60_000]), REFUSED, id="an error of brackets"
        ),
    ],
)
def test_an_export_without_end(export: Sender, limit: str) -> None:
    done = attack(export, no_list)

    assert done.exit_code == 1
    assert limit in done.failure
    assert "Traceback" not in done.log
    assert done.peak < MOST_MEMORY


@pytest.mark.parametrize(
    "export",
    [
        pytest.param(lambda: repeat(HTTP + b"103 Early\r\n\r\n"), id="informational responses"),
        pytest.param(lambda: chain([HTTP + b"200 OK\r\n"], slowly(b"X: y\r\n")), id="headers"),
        pytest.param(lambda: chain([HTTP + b"200"], slowly(b" ")), id="a status line"),
        pytest.param(lambda: csv([HEADER], slowly(b"7")), id="a row"),
        pytest.param(lambda: csv([HEADER], slowly(ROW)), id="rows"),
        pytest.param(
            lambda: csv(slowly(zlib.compress(b"", wbits=31)), coding=b"Content-Encoding: gzip\r\n"),
            id="empty gzip members",
        ),
        pytest.param(
            lambda: chain([HTTP + b"200 OK\r\nContent-Type: text/csv\r\n" + CHUNKED], slowly(b"0")),
            id="a chunk size",
        ),
    ],
)
def test_an_export_that_never_ends_in_time(export: Sender) -> None:
    done = attack(export, no_list, longest=0.5)

    assert done.exit_code == 1
    assert "The response of LeadLex took longer than an hour." in done.failure
    assert "Retrying; this uses" not in done.log
    assert done.peak < MOST_MEMORY


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        pytest.param(
            lambda: page(repeat(BLOCK)),
            "its response is larger or slower than the tap reads",
            id="endless",
        ),
        pytest.param(
            lambda: page([b'{"data":' + b"[" * MIB]),
            "its response is not a page of contacts",
            id="deep",
        ),
        pytest.param(
            lambda: page([b"[" + b"[]," * (600 * 1024) + b"[]]"]),
            "its response is not a page of contacts",
            id="wide",
        ),
        pytest.param(
            lambda: repeat(HTTP + b"103 Early\r\n\r\n"),
            "its response is larger or slower than the tap reads",
            id="informational responses",
        ),
    ],
)
def test_a_list_without_end(listed: Sender, reason: str) -> None:
    done = attack(good, listed, longest=1)

    assert done.exit_code == 0
    assert f"list ({reason}); planning without it" in done.log
    assert done.peak < MOST_MEMORY
