"""Syncs into a DuckDB file and compares the number of contacts with LeadLex: `make demo`.

Without TAP_LEADLEX_API_KEY, the demo syncs a sandbox, creates contacts in it and syncs again. It
fails unless the file contains each contact of the sandbox exactly once. With the variable set, it
syncs that workspace and creates nothing. The next run continues from there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from tap_leadlex.api_url import DEFAULT_API_URL
from tap_leadlex.sandbox import Sandbox

TAP = str(Path(sys.executable).with_name("tap-leadlex"))

_EXPORT_CALLS = re.compile(r"(\d+) export calls?\b")


class DemoError(Exception):
    """The demo failed. The message is one line."""


@dataclass(frozen=True, slots=True)
class Sync:
    """What one sync took: seconds, and the export calls that the tap reports."""

    seconds: float
    exports: int


@dataclass(frozen=True, slots=True)
class Count:
    """What the destination holds: contacts and distinct ids."""

    contacts: int
    ids: int


class Pipeline:
    """tap-leadlex piped into target-duckdb, with the files of both in one folder."""

    def __init__(self, folder: Path, tap_config: Path | str, targets: Path) -> None:
        """Write the target's config.

        Args:
            folder: An existing folder for the DuckDB file, the state and the logs.
            tap_config: The value of `tap-leadlex --config`.
            targets: The virtual environment of target-duckdb.
        """
        self._file = folder / "contacts.duckdb"
        self._python = str(targets / "bin/python")
        self._opened = f"import duckdb; db = duckdb.connect('{self._file}')"
        self._confirmed = folder / "confirmed.jsonl"
        self._state = folder / "state.json"
        self._log = folder / "target.log"
        target_config = folder / "target.json"
        target_config.write_text(
            json.dumps(
                {
                    "filepath": str(self._file),
                    "default_target_schema": "leadlex",
                    # Without a timestamp column, the target loses the first row of every batch.
                    "add_metadata_columns": True,
                }
            )
        )
        self._tap = [TAP, f"--config={tap_config}"]
        self._target = [str(targets / "bin/target-duckdb"), f"--config={target_config}"]

    def sync(self) -> Sync:
        """Run tap and target once, from the last state that the target confirmed.

        Raises:
            DemoError: If either failed.
        """
        self._keep_state()
        state = [f"--state={self._state}"] if self._state.exists() else []
        exports, started = 0, time.monotonic()
        with (
            self._confirmed.open("wb") as confirmed,
            self._log.open("wb") as log,
            subprocess.Popen(  # noqa: S603 - our own programs
                [*self._tap, *state], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as tap,
            subprocess.Popen(  # noqa: S603
                self._target, stdin=tap.stdout, stdout=confirmed, stderr=log
            ) as target,
        ):
            assert tap.stdout is not None  # noqa: S101 - for the type checker
            assert tap.stderr is not None  # noqa: S101
            tap.stdout.close()  # otherwise the tap would not notice that the target died
            for line in map(bytes.decode, tap.stderr):
                if "| INFO" not in line or "| tap-leadlex.contacts" in line:
                    say(f"  {line.rpartition('| ')[2].rstrip()}")
                if used := _EXPORT_CALLS.search(line):
                    exports = int(used[1])
        if target.returncode:
            msg = f"target-duckdb failed; see {self._log}."
            raise DemoError(msg)
        if tap.returncode:
            msg = "tap-leadlex failed; see its last line."
            raise DemoError(msg)
        return Sync(time.monotonic() - started, exports)

    def _keep_state(self) -> None:
        """Keep the last complete state that the target printed in its last run."""
        self._confirmed.touch()
        lines = self._confirmed.read_bytes().splitlines(keepends=True)
        if whole := [line for line in lines if line.endswith(b"\n")]:
            self._state.write_bytes(whole[-1])

    def count(self) -> Count:
        """Count the contacts in the destination."""
        query = "db.table('leadlex.contacts').aggregate('count(*), count(DISTINCT id)')"
        program = f"{self._opened}; print(*{query}.fetchall()[0])"
        answer = subprocess.check_output([self._python, "-c", program])  # noqa: S603
        return Count(*map(int, answer.split()))

    def report(self, there: str, here: Count, exports: str, seconds: str) -> None:
        """Print the table that ends the demo."""
        table = "db.table('leadlex.contacts')"
        count = f"print(*{table}.count('*').fetchone(), 'contacts')"
        look = f"{self._opened}; {table}.limit(10).show(); {count}"
        say()
        say(f"contacts in LeadLex          {there}")
        say(f"contacts in the destination  {here.contacts:,}")
        say(f"export calls used            {exports}")
        say(f"seconds                      {seconds}")
        say(f"file                         {self._file}")
        say(f'look into it                 {self._python} -c "{look}"')
        if here.ids != here.contacts:
            msg = f"The destination holds {here.contacts - here.ids:,} duplicates."
            raise DemoError(msg)


def sync_sandbox(folder: Path, targets: Path, contacts: int, created: int) -> None:
    """Sync a new sandbox twice, with new contacts in between.

    Raises:
        DemoError: If the destination does not hold each contact exactly once.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["NO_PROXY"] = "127.0.0.1"
    with Sandbox(contacts=contacts) as sandbox:
        quota = sandbox.workspace.quota.exports.size
        tap_config = folder / "tap.json"
        # Nothing commits late in a sandbox, so it needs no settle time.
        tap_config.write_text(
            json.dumps({"api_key": sandbox.key, "api_url": sandbox.url, "settle_seconds": 0})
        )
        pipeline = Pipeline(folder, tap_config, targets)
        say(f"A LeadLex sandbox: {contacts:,} contacts, {quota} exports an hour. First sync:")
        first = pipeline.sync()
        httpx.post(f"{sandbox.origin}/sandbox/contacts?count={created}").raise_for_status()
        _await_next_second()
        say(f"{created} contacts were created. Second sync:")
        second = pipeline.sync()
        there, here = len(sandbox.store), pipeline.count()
    pipeline.report(
        f"{there:,}",
        here,
        f"{first.exports} + {second.exports} of {quota} an hour",
        f"{first.seconds:.1f} + {second.seconds:.1f}",
    )
    if here.contacts != there:
        msg = f"{here.contacts:,} contacts arrived, but LeadLex has {there:,}."
        raise DemoError(msg)


def sync_workspace(folder: Path, targets: Path, key: str) -> None:
    """Sync a real workspace once, from where the last run ended.

    Raises:
        DemoError: If the destination holds a contact twice.
    """
    url = os.environ.get("TAP_LEADLEX_API_URL", DEFAULT_API_URL)
    # One folder for each workspace: a state is valid for one workspace only.
    folder /= hashlib.sha256(f"{url} {key}".encode()).hexdigest()[:8]
    folder.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline(folder, "ENV", targets)
    say("The workspace of TAP_LEADLEX_API_KEY. Sync:")
    sync = pipeline.sync()
    pipeline.report(
        _contacts_of(url, key), pipeline.count(), str(sync.exports), f"{sync.seconds:.1f}"
    )
    say("LeadLex's count is the current one. The next run syncs the contacts of the last minute.")


def say(text: str = "") -> None:
    """Print a line immediately."""
    print(text, flush=True)


def _contacts_of(url: str, key: str) -> str:
    """Ask LeadLex for the number of contacts. This is not an export call."""
    try:
        answer = httpx.get(
            f"{url}/contacts?per_page=1", headers={"Authorization": f"Bearer {key}"}, timeout=60
        )
        return f"{answer.raise_for_status().json()['meta']['total']:,}"
    except (httpx.HTTPError, KeyError, ValueError):
        return "unknown"


def _await_next_second() -> None:
    """Wait for the next whole second, since the tap's cut-off is a whole second."""
    over = int(time.time()) + 1
    while (left := over - time.time()) > 0:
        time.sleep(left)


def main() -> int:
    """Run the demo. Return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=120_000, help="of the sandbox")
    parser.add_argument("--created", type=int, default=250, help="between the sandbox's two syncs")
    parser.add_argument("--folder", type=Path, default=Path(".demo"))
    parser.add_argument("--targets", type=Path, default=Path(".venv-targets"))
    options = parser.parse_args()
    try:
        if key := os.environ.get("TAP_LEADLEX_API_KEY"):
            sync_workspace(options.folder / "workspaces", options.targets, key)
        else:
            sandbox = options.folder / "sandbox"
            sync_sandbox(sandbox, options.targets, options.contacts, options.created)
    except DemoError as error:
        say(f"The demo failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
