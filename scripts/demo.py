"""Syncs into a DuckDB file and compares it with LeadLex: `make demo`.

Without TAP_LEADLEX_API_KEY, the demo syncs a sandbox, creates, edits and deletes contacts in it and
syncs again. It fails unless the view of current contacts equals the sandbox value by value. With
the variable set, it syncs that workspace and changes nothing. The next run continues from there.
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
from typing import TYPE_CHECKING, Any

import httpx

from tap_leadlex import refreshes
from tap_leadlex.api_url import DEFAULT_API_URL
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import Sandbox
from tap_leadlex.sandbox.instants import to_datetime

if TYPE_CHECKING:
    from collections.abc import Mapping

VIEW = """\
CREATE VIEW leadlex.contacts_current AS
SELECT * FROM leadlex.contacts AS contact
WHERE NOT EXISTS (
  SELECT 1 FROM leadlex.refreshes AS refresh
  WHERE refresh.stream = 'contacts' AND refresh.began_at > contact._sdc_extracted_at
)
"""
"""The view of docs/full-refresh.md."""

# In this order, so that a contact is deleted or edited only after its first sync.
CHANGES = {"delete": 40, "edit": 100, "back-date": 50, "create": 200}
_DONE = {"delete": "deleted", "edit": "edited", "back-date": "back-dated", "create": "created"}
TAP = str(Path(sys.executable).with_name("tap-leadlex"))

_COLUMNS = [column.name for column in CONTACTS.columns]
# Runs in the target's environment.
_READER = """
import duckdb, json, sys
names = sys.argv[2].replace("created_at", "strftime(created_at, '%Y-%m-%dT%H:%M:%SZ')")
db = duckdb.connect(sys.argv[1])
json.dump(db.sql(f"SELECT {names} FROM leadlex.contacts_current").fetchall(), sys.stdout)
"""
_EXPORT_CALLS = re.compile(r"(\d+) export calls?\b")


class DemoError(Exception):
    """The demo failed. The message is one line."""


@dataclass(frozen=True, slots=True)
class Sync:
    """What one sync took: seconds, and the export calls that the tap reports."""

    seconds: float
    exports: int


class Pipeline:
    """tap-leadlex piped into target-duckdb, with the files of both in one folder."""

    def __init__(self, folder: Path, tap_config: Path | str, targets: Path) -> None:
        """Write the target's config.

        Args:
            folder: An existing folder for the DuckDB file, the state and the logs.
            tap_config: The value of `tap-leadlex --config`.
            targets: The virtual environment of target-duckdb.
        """
        self.file = folder / "contacts.duckdb"
        self._python = str(targets / "bin/python")
        self._opened = f"import duckdb; db = duckdb.connect('{self.file}')"
        self._confirmed = folder / "confirmed.jsonl"
        self._state = folder / "state.json"
        self._catalog = folder / "catalog.json"
        self._log = folder / "target.log"
        target_config = folder / "target.json"
        target_config.write_text(
            json.dumps(
                {
                    "filepath": str(self.file),
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

    def select(self, stream: str) -> None:
        """Select a stream that is not selected by default, and contacts."""
        catalog = json.loads(subprocess.check_output([*self._tap, "--discover"]))  # noqa: S603
        for entry in catalog["streams"]:
            for part in entry["metadata"]:
                if not part["breadcrumb"]:
                    part["metadata"]["selected"] = entry["stream"] in {stream, CONTACTS.name}
        self._catalog.write_text(json.dumps(catalog))
        self._tap.append(f"--catalog={self._catalog}")

    def count(self, what: str = "*", table: str = "contacts") -> int:
        """Count the rows of a table or view, or what is in them."""
        return int(self._run(f"print(db.sql('{_count(what, table)}').fetchone()[0])"))

    def execute(self, statement: str) -> None:
        """Run a statement of SQL."""
        self._run(f"db.execute({statement!r})")

    def current(self) -> dict[str, dict[str, Any]]:
        """Return the contacts in the view of current contacts, by id."""
        command = [self._python, "-c", _READER, str(self.file), ", ".join(_COLUMNS)]
        rows = json.loads(subprocess.check_output(command))  # noqa: S603
        records = [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
        return {each["id"]: {**each, "tags": json.loads(each["tags"])} for each in records}

    def look(self, table: str) -> str:
        """Return a command that shows some rows of a table or view, and their number."""
        show = f"db.sql('FROM leadlex.{table} LIMIT 10').show()"
        count = f"print(*db.sql('{_count('*', table)}').fetchone(), 'contacts')"
        return f'{self._python} -c "{self._opened}; {show}; {count}"'

    def _run(self, program: str) -> bytes:
        return subprocess.check_output([self._python, "-c", f"{self._opened}; {program}"])  # noqa: S603


def sync_sandbox(folder: Path, targets: Path, contacts: int, changes: Mapping[str, int]) -> None:
    """Sync a new sandbox twice, with changes in between.

    Raises:
        DemoError: If the view of current contacts differs from the sandbox.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["NO_PROXY"] = "127.0.0.1"
    with Sandbox(contacts=contacts) as sandbox:
        quota = sandbox.workspace.quota.exports.size
        tap_config = folder / "tap.json"
        settings = {
            "api_key": sandbox.key,
            "api_url": sandbox.url,
            "settle_seconds": 0,  # nothing commits late in a sandbox
            "full_refresh_days": 0,
        }
        tap_config.write_text(json.dumps(settings))
        pipeline = Pipeline(folder, tap_config, targets)
        pipeline.select(refreshes.NAME)
        say(f"A LeadLex sandbox: {contacts:,} contacts, {quota} exports an hour. First sync:")
        first = pipeline.sync()
        pipeline.execute(VIEW)
        wanted = {kind: count for kind, count in changes.items() if count}
        httpx.post(f"{sandbox.origin}/sandbox/changes", params=wanted).raise_for_status()
        _await_next_second()
        made = ", ".join(f"{count} {_DONE[kind]}" for kind, count in wanted.items())
        say(f"{made}. Second sync:")
        second = pipeline.sync()
        there, here = _records_of(sandbox), pipeline.current()
    report(
        {
            "contacts in LeadLex": f"{len(there):,}",
            "rows in the table contacts": f"{pipeline.count():,}",
            "rows in the view contacts_current": f"{len(here):,}",
            "export calls used": f"{first.exports} + {second.exports} of {quota} an hour",
            "seconds": f"{first.seconds:.1f} + {second.seconds:.1f}",
            "file": str(pipeline.file),
            "look into it": pipeline.look("contacts_current"),
        }
    )
    if here != there:
        changed = sum(there[key] != here[key] for key in there.keys() & here.keys())
        msg = (
            f"contacts_current lacks {len(there.keys() - here.keys()):,} contacts of LeadLex, has "
            f"{len(here.keys() - there.keys()):,} that LeadLex does not have, and {changed:,} with "
            "other values."
        )
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
    contacts = pipeline.count()
    report(
        {
            "contacts in LeadLex": _contacts_of(url, key),
            "contacts in the destination": f"{contacts:,}",
            "export calls used": str(sync.exports),
            "seconds": f"{sync.seconds:.1f}",
            "file": str(pipeline.file),
            "look into it": pipeline.look("contacts"),
        }
    )
    if duplicates := contacts - pipeline.count("DISTINCT id"):
        msg = f"The destination holds {duplicates:,} duplicates."
        raise DemoError(msg)
    say("LeadLex's count is the current one. The next run syncs the contacts of the last minute.")


def report(lines: Mapping[str, str]) -> None:
    """Print the table that ends the demo."""
    width = max(map(len, lines))
    say()
    for label, text in lines.items():
        say(f"{label:{width}}  {text}")


def say(text: str = "") -> None:
    """Print a line immediately."""
    print(text, flush=True)


def _count(what: str, table: str) -> str:
    return f"SELECT count({what}) FROM leadlex.{table}"  # noqa: S608 - our own names


def _records_of(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """Return the contacts of a sandbox as records, by id."""
    records = {}
    for row in sandbox.store.rows():
        values = row.contact._asdict()
        records[values["id"]] = {
            **{name: values.get(name) or None for name in _COLUMNS},
            "tags": list(values["tags"]),
            "created_at": to_datetime(row.created).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    return records


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
    for kind, count in CHANGES.items():
        parser.add_argument(f"--{kind}", type=int, default=count, help=f"{_DONE[kind]} in between")
    parser.add_argument("--folder", type=Path, default=Path(".demo"))
    parser.add_argument("--targets", type=Path, default=Path(".venv-targets"))
    options = parser.parse_args()
    try:
        if key := os.environ.get("TAP_LEADLEX_API_KEY"):
            sync_workspace(options.folder / "workspaces", options.targets, key)
        else:
            sandbox = options.folder / "sandbox"
            changes = {kind: getattr(options, kind.replace("-", "_")) for kind in CHANGES}
            sync_sandbox(sandbox, options.targets, options.contacts, changes)
    except DemoError as error:
        say(f"The demo failed: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
