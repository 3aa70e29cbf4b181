"""The embedded destination behind the tap, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

from tests.environments import environment
from tests.support import FIELDS, PROGRAM, TIMEOUT, Json

if TYPE_CHECKING:
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox

# Runs in the target's environment: DuckDB is no business of the tap's.
_READER = """
import duckdb, json, sys
db = duckdb.connect(sys.argv[1])
json.dump(db.table("leadlex.contacts").project(sys.argv[2]).fetchall(), sys.stdout)
"""
_COLUMNS = {
    **dict.fromkeys(FIELDS),
    "created_at": "strftime(created_at, '%Y-%m-%dT%H:%M:%SZ')",
}


class Destination:
    """A DuckDB file that the tap is synced into."""

    def __init__(self, folder: Path, **settings: Any) -> None:  # noqa: ANN401 - any setting
        """Begin with nothing.

        Args:
            folder: Where all files go.
            **settings: Settings of target-duckdb.
        """
        self._folder = folder
        self._file = folder / "contacts.duckdb"
        config = {"filepath": str(self._file), "default_target_schema": "leadlex", **settings}
        program = environment("targets") / "bin/target-duckdb"
        self._target = [str(program), "--config", self._write("target", config)]
        self._state: list[str] = []

    def sync(self, config: Json) -> None:
        """Run tap and target, from the last state that the target confirmed."""
        command = [str(PROGRAM), "--config", self._write("tap", config), *self._state]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as tap:  # noqa: S603
            target = subprocess.run(  # noqa: S603
                self._target, stdin=tap.stdout, capture_output=True, timeout=TIMEOUT, check=False
            )
        assert target.returncode == 0, target.stderr.decode()
        assert tap.returncode == 0
        confirmed = json.loads(target.stdout.splitlines()[-1])
        self._state = ["--state", self._write("state", confirmed)]

    def records(self) -> list[Json]:
        """Give the contacts in the file."""
        return records_in(self._file)

    def _write(self, name: str, content: Json) -> str:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)


def records_in(file: Path) -> list[Json]:
    """Give the rows of a DuckDB file as the records that they were."""
    columns = ", ".join(expression or name for name, expression in _COLUMNS.items())
    command = [f"{environment('targets')}/bin/python", "-c", _READER, str(file), columns]
    rows = json.loads(subprocess.check_output(command, timeout=TIMEOUT))  # noqa: S603
    records = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    return [record | {"tags": json.loads(record["tags"])} for record in records]


def create(sandbox: Sandbox, count: int) -> None:
    """Let contacts be created now, and let their second pass: a cut-off is a whole second."""
    for _ in range(count):
        sandbox.store.create(sandbox.workspace.now())
    passed = int(time.time()) + 1
    while (left := passed - time.time()) > 0:
        time.sleep(left)
