"""Measures the time and memory of `leadlex-validate --tee` on a stream of many contacts.

    python benchmarks/validate.py --contacts 1000000
    python benchmarks/validate.py --contacts 1000000 --content all

With `--content all`, a sandbox in its own process exports the same contacts again, and the
validator compares every value. The stream is written once to a file, as the tap would write it,
and read through a pipe. The output is compared with it byte for byte.
"""  # noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from tap_leadlex.sandbox import History, Store
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).with_name("leadlex-validate")
WINDOW = 47_500
FIELDS = ("id", "full_name", "email", "phone", "job_title", "company_name", "linkedin_url")


def main() -> None:
    """Write the stream, validate it several times, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--content", choices=["none", "all"], default="none")
    given = parser.parse_args()
    asks = given.content == "all"
    with tempfile.TemporaryFile() as stream, served(given.contacts if asks else 0) as url:
        digest = write(stream, given.contacts)
        size = stream.tell()
        say(f"{given.contacts:,} contacts, {size / 1e6:,.0f} MB")
        for _ in range(given.runs):
            stream.seek(0)
            seconds, peak = validate(stream, digest, url)
            say(
                f"{seconds:.2f} s, {given.contacts / seconds:,.0f} contacts/s, "
                f"peak memory {peak:,.0f} MB"
            )


@contextmanager
def served(contacts: int) -> Iterator[str | None]:
    """Serve contacts in a separate process and yield the address, or `None` for no contacts."""
    if not contacts:
        yield None
        return
    script = (
        "import sys; from tap_leadlex.sandbox import *; "
        "from tap_leadlex.sandbox.histories import make\n"
        f"with Sandbox(store=Store(make(History.EVEN, {contacts})), key='wbk_sandbox', "
        "quotas=Quotas(exports=None)) as s: print(s.url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603 - our own sandbox
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        yield sandbox.stdout.readline().strip()  # type: ignore[union-attr]
        sandbox.stdin.close()  # type: ignore[union-attr]


def say(line: str) -> None:
    """Print a figure immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def write(stream: IO[bytes], contacts: int) -> str:
    """Write a sync as the tap would; give the digest of its bytes."""
    encode = msgspec.json.encode
    digest = hashlib.blake2b()

    def put(message: object) -> None:
        line = encode(message) + b"\n"
        digest.update(line)
        stream.write(line)

    text = {"type": ["string", "null"]}
    date = {"type": ["string"], "format": "date-time"}
    tags = {"type": ["array", "null"], "items": {"type": ["string"]}}
    put(
        {
            "type": "SCHEMA",
            "stream": "contacts",
            "schema": {
                "type": "object",
                "properties": dict.fromkeys(FIELDS, text)
                | {"id": {"type": ["string"]}, "tags": tags, "created_at": date},
                "required": ["id", "created_at"],
            },
            "key_properties": ["id"],
            "bookmark_properties": ["created_at"],
        }
    )
    rows = Store(make(History.EVEN, contacts)).rows()
    bookmark = ""
    for number, row in enumerate(rows, start=1):
        created = f"{to_datetime(row.created):%Y-%m-%dT%H:%M:%S}"
        if number % WINDOW == 0 and created > bookmark:
            put(state(created))
        bookmark = max(bookmark, created)
        record = {name: getattr(row.contact, name) or None for name in FIELDS}
        record |= {"tags": row.contact.tags, "created_at": f"{created}Z"}
        put(
            {
                "type": "RECORD",
                "stream": "contacts",
                "record": record,
                "time_extracted": f"2026-11-01T00:00:{number // WINDOW % 60:02}.000000+00:00",
            }
        )
    put(state("2026-11-01T00:00:00"))
    return digest.hexdigest()


def state(bookmark: str) -> object:
    """Return a STATE."""
    entry = {"replication_key": "created_at", "replication_key_value": f"{bookmark}.000000Z"}
    return {"type": "STATE", "value": {"bookmarks": {"contacts": entry}}}


def validate(stream: IO[bytes], digest: str, url: str | None) -> tuple[float, float]:
    """Validate the stream once; give the seconds that it took and its peak memory in MB."""
    begun = time.perf_counter()
    passed_on = hashlib.blake2b()
    asking = ["--content", "all", "--max-exports", "100", "--api-url", str(url), "--first-sync"]
    with (
        subprocess.Popen(["/bin/cat"], stdin=stream, stdout=subprocess.PIPE) as source,
        subprocess.Popen(  # noqa: S603 - our own program
            [PROGRAM, "--tee", *(asking if url else ["--offline"])],
            stdin=source.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LEADLEX_VALIDATE_API_KEY": "wbk_sandbox"},
        ) as tee,
    ):
        while chunk := tee.stdout.read(1 << 20):  # type: ignore[union-attr]
            passed_on.update(chunk)
        said = tee.stderr.read()  # type: ignore[union-attr]
        _, status, used = os.wait4(tee.pid, 0)
        tee.returncode = os.waitstatus_to_exitcode(status)
    if tee.returncode or passed_on.hexdigest() != digest:
        sys.exit(f"the stream was changed, or something was found in it: {said.decode()}")
    return time.perf_counter() - begun, used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
