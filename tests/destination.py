"""The embedded destination behind the tap, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import yaml

from tests.environments import ROOT, environment
from tests.support import FIELDS, PROGRAM, TIMEOUT, Json

if TYPE_CHECKING:
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox

MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))
(RECOMMENDED,) = (
    each.get("config", {})
    for each in MELTANO["plugins"]["loaders"]
    if each["name"] == "target-duckdb"
)
"""The settings of target-duckdb that the project recommends, without those that name a place."""

# Runs in the target's environment: DuckDB is no business of the tap's.
_READER = """
import duckdb, json, sys
db = duckdb.connect(sys.argv[1])
json.dump(db.sql(f"SELECT {sys.argv[2]} FROM {sys.argv[3]}").fetchall(), sys.stdout)
"""
_TABLE_READER = """
import duckdb, json, sys
db = duckdb.connect(sys.argv[1])
table = db.table(sys.argv[2])
rows = [dict(zip(table.columns, row)) for row in table.fetchall()]
json.dump(rows, sys.stdout, default=str)
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
        config = {
            "filepath": str(self._file),
            "default_target_schema": "leadlex",
            **RECOMMENDED,
            **settings,
        }
        program = environment("targets") / "bin/target-duckdb"
        self._target = [str(program), "--config", self._write("target", config)]
        self._state: list[str] = []

    def sync(self, config: Json, catalog: Json | None = None) -> None:
        """Run tap and target, from the last state that the target confirmed."""
        command = [str(PROGRAM), "--config", self._write("tap", config), *self._state]
        if catalog is not None:
            command += ["--catalog", self._write("catalog", catalog)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as tap:  # noqa: S603
            target = subprocess.run(  # noqa: S603
                self._target, stdin=tap.stdout, capture_output=True, timeout=TIMEOUT, check=False
            )
        assert target.returncode == 0, target.stderr.decode()
        assert tap.returncode == 0
        confirmed = json.loads(target.stdout.splitlines()[-1])
        self._state = ["--state", self._write("state", confirmed)]

    def records(self, table: str = "leadlex.contacts") -> list[Json]:
        """Give the contacts in a table or view of the file."""
        return records_in(self._file, table)

    def execute(self, statement: str) -> None:
        """Run a statement of SQL."""
        program = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute(sys.argv[2])"
        python = f"{environment('targets')}/bin/python"
        command = [python, "-c", program, str(self._file), statement]
        subprocess.run(command, check=True, timeout=TIMEOUT)  # noqa: S603

    def _write(self, name: str, content: Json) -> str:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)


def records_in(file: Path, table: str = "leadlex.contacts") -> list[Json]:
    """Give the rows of a DuckDB file as the records that they were."""
    columns = ", ".join(expression or name for name, expression in _COLUMNS.items())
    command = [f"{environment('targets')}/bin/python", "-c", _READER, str(file), columns, table]
    rows = json.loads(subprocess.check_output(command, timeout=TIMEOUT))  # noqa: S603
    records = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    return [record | {"tags": json.loads(record["tags"])} for record in records]


def table_in(file: Path, table: str) -> list[Json]:
    """Return the rows of any table of a DuckDB file, with its own columns."""
    command = [f"{environment('targets')}/bin/python", "-c", _TABLE_READER, str(file), table]
    rows: list[Json] = json.loads(subprocess.check_output(command, timeout=TIMEOUT))  # noqa: S603
    return rows


def load(
    file: Path,
    messages: str,
    *,
    dies: bool = False,
    **settings: Any,  # noqa: ANN401 - any setting
) -> list[Json]:
    """Load Singer messages into a DuckDB file. Return the states that the target confirmed.

    Args:
        file: The DuckDB file.
        messages: The messages of a run.
        dies: Whether the target must fail.
        **settings: Further settings of target-duckdb.
    """
    config = file.with_suffix(".json")
    given = {"filepath": str(file), "default_target_schema": "leadlex", **settings}
    config.write_text(json.dumps(given))
    done = subprocess.run(  # noqa: S603
        [environment("targets") / "bin/target-duckdb", "--config", config],
        input=messages.encode(),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode != 0) is dies, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def create(sandbox: Sandbox, count: int) -> None:
    """Let contacts be created now, and let their second pass: a cut-off is a whole second."""
    for _ in range(count):
        sandbox.store.create(sandbox.workspace.now())
    await_next_second()


def await_next_second() -> None:
    """Wait until the current second has passed, since a cut-off is a whole second."""
    passed = int(time.time()) + 1
    while (left := passed - time.time()) > 0:
        time.sleep(left)
