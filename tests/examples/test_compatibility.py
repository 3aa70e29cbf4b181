"""What docs/compatibility.md says of targets, tried with each that it names."""

from __future__ import annotations

import ast
import csv
import json
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Sandbox
from tests import postgres
from tests.destination import RECOMMENDED, records_in
from tests.environments import INSTALLING, ROOT, environment, machine_for_uv
from tests.support import TIMEOUT, Run, by_id, catalog_without, config_for, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.support import Json

    Rows = Sequence[Json]

PAGE = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8")
BATCH = 70  # not a divisor of the contacts: the last batch is not full


def replaces(_: Rows, new: Rows) -> Rows:
    """Keep what came last."""
    return new


def upserts(old: Rows, new: Rows) -> Rows:
    """Keep one row for each id."""
    return list({row["id"]: row for row in [*old, *new]}.values())


def appends(old: Rows, new: Rows) -> Rows:
    """Keep every row."""
    return [*old, *new]


def as_it_is(text: str) -> str:
    """Store a text as it is."""
    return text


def escaped(text: str) -> str:
    """Store backslashes and letters for line ends and tabs."""
    return text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


@dataclass(frozen=True)
class Target:
    """A target, and what the page says of it.

    Attributes:
        name: Its package.
        version: That package's version.
        program: Its program.
        again: What it keeps of old rows when contacts come again.
        refreshed: The same after a full refresh, which ends in ACTIVATE_VERSION.
        confirms_batches: Whether it prints a state behind each batch, not only at the end.
        settings: Gives its settings, for a folder and the port of a database.
        rows: Reads its rows back, from that folder or database.
        stored: What becomes of a text.
    """

    name: str
    version: str
    program: str
    again: Callable[[Rows, Rows], Rows]
    refreshed: Callable[[Rows, Rows], Rows]
    confirms_batches: bool
    settings: Callable[[Path, int], Json]
    rows: Callable[[Path, postgres.Server | None], Rows]
    stored: Callable[[str], str] = as_it_is

    def stores(self, records: Rows) -> Rows:
        """Give the rows that records become, by id."""
        return by_id(
            [
                {
                    name: self.stored(value) if isinstance(value, str) else value
                    for name, value in record.items()
                }
                for record in records
            ]
        )


def in_postgres(_: Path, port: int) -> Json:
    """Give what both PostgreSQL targets need."""
    schema = postgres.TABLE.partition(".")[0]
    where = {"host": "127.0.0.1", "port": port, "user": "postgres", "password": "none"}
    return {**where, "default_target_schema": schema, "batch_size_rows": BATCH}


def postgres_rows(_: Path, server: postgres.Server | None) -> Rows:
    """Read the table."""
    assert server
    return server.records()


def csv_rows(folder: Path, _: postgres.Server | None) -> Rows:
    """Read a CSV file, whose cells are all text."""
    with (folder / "contacts.csv").open(newline="", encoding="utf-8") as file:
        return [
            {
                **{name: cell or None for name, cell in row.items()},
                "tags": ast.literal_eval(row["tags"]),
                "created_at": row["created_at"].replace(" ", "T").replace("+00:00", "Z"),
            }
            for row in csv.DictReader(file)
        ]


def json_rows(folder: Path, _: postgres.Server | None) -> Rows:
    """Read a file of JSON lines."""
    lines = (folder / "contacts.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


TARGETS = [
    Target(
        "meltanolabs-target-postgres",
        "0.8.1",
        "target-postgres",
        again=upserts,
        refreshed=replaces,
        confirms_batches=False,
        settings=lambda folder, port: {
            **in_postgres(folder, port),
            "database": "postgres",
            "hard_delete": True,
        },
        rows=postgres_rows,
    ),
    Target(
        "pipelinewise-target-postgres",
        "2.1.2",
        "target-postgres",
        again=upserts,
        refreshed=upserts,
        confirms_batches=True,
        settings=lambda folder, port: {**in_postgres(folder, port), "dbname": "postgres"},
        rows=postgres_rows,
        stored=escaped,
    ),
    Target(
        "target-duckdb",
        "0.8.0",
        "target-duckdb",
        again=upserts,
        refreshed=upserts,
        confirms_batches=True,
        settings=lambda folder, _: {
            "filepath": str(folder / "contacts.duckdb"),
            "default_target_schema": "leadlex",
            "batch_size_rows": BATCH,
            **RECOMMENDED,
        },
        rows=lambda folder, _: records_in(folder / "contacts.duckdb"),
    ),
    Target(
        "meltanolabs-target-csv",
        "0.5.0",
        "target-csv",
        again=replaces,
        refreshed=replaces,
        confirms_batches=False,
        settings=lambda folder, _: {"output_path": str(folder), "batch_size_rows": BATCH},
        rows=csv_rows,
    ),
    Target(
        "target-jsonl",
        "0.1.4",
        "target-jsonl",
        again=appends,
        refreshed=appends,
        confirms_batches=False,
        settings=lambda folder, _: {"destination_path": str(folder), "do_timestamp_file": False},
        rows=json_rows,
    ),
]
# Those that have an environment with pins already.
PINNED = {"meltanolabs-target-postgres": "postgres", "target-duckdb": "targets"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Target], Path]:
    """Give a function that installs a target, and gives the folder of its programs."""

    @cache
    def install(target: Target) -> Path:
        if pinned := PINNED.get(target.name):
            return environment(pinned) / "bin"
        folder = tmp_path_factory.mktemp(target.name)
        for arguments in (
            ("venv", "--clear", folder),
            ("pip", "install", f"--python={folder}", f"{target.name}=={target.version}"),
        ):
            subprocess.run(  # noqa: S603 - a development tool of ours
                [ROOT / ".venv/bin/uv", *arguments, "--quiet"],
                env=machine_for_uv(),
                check=True,
                timeout=INSTALLING,
            )
        return folder / "bin"

    return install


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """Give a PostgreSQL server."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.Server() as server:
        yield server


@pytest.fixture
def load(
    installed: Callable[[Target], Path],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Callable[[Target, Run], tuple[Rows, list[Json]]]:
    """Give a function that loads a run, and gives all rows and the states that came out."""

    def load(target: Target, what: Run) -> tuple[Rows, list[Json]]:
        needs_server = target.program == "target-postgres"
        server = request.getfixturevalue("server") if needs_server else None
        config = tmp_path / "config.json"
        config.write_text(json.dumps(target.settings(tmp_path, server.port if server else 0)))
        done = subprocess.run(  # noqa: S603 - the target
            [installed(target) / target.program, "--config", config],
            input=what.out,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        states = [json.loads(line) for line in done.stdout.splitlines()]
        return target.rows(tmp_path, server), states

    return load


def refresh(config: Json) -> Json:
    """Give the catalog of a full refresh."""
    catalog = catalog_without(config)
    catalog["streams"][0]["replication_method"] = "FULL_TABLE"
    for entry in catalog["streams"][0]["metadata"]:
        if not entry["breadcrumb"]:
            entry["metadata"]["replication-method"] = "FULL_TABLE"
    return catalog


@pytest.fixture(scope="module")
def runs() -> tuple[Run, Run, Run]:
    """Give a first sync, one more after an edit, and a full refresh after a deletion."""
    with Sandbox(contacts=300, nul=True) as sandbox:
        config = config_for(sandbox, export_limit=110)
        first = run(config)
        edited, deleted, *_ = sandbox.store.rows()
        sandbox.store.edit(edited.contact.id, {"job_title": "Judge"}, edited.created)
        again = run(config)
        sandbox.store.delete(deleted.contact.id)
        full = run(config, state=again.state, catalog=refresh(config))
    assert len(first.records) == len(again.records) == 300
    assert len(full.records) == 299
    assert len(full.of_type("ACTIVATE_VERSION")) == 1
    return first, again, full


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_target_does_what_the_page_says(
    target: Target,
    runs: tuple[Run, Run, Run],
    load: Callable[[Target, Run], tuple[Rows, list[Json]]],
) -> None:
    first, again, full = runs

    rows, states = load(target, first)
    assert by_id(rows) == target.stores(first.records)
    assert states[-1] == first.state
    assert (len(states) > 1) is target.confirms_batches

    expected = target.again(first.records, again.records)
    rows, _ = load(target, again)
    assert by_id(rows) == target.stores(expected)

    rows, _ = load(target, full)
    assert by_id(rows) == target.stores(target.refreshed(expected, full.records))


def test_the_page_names_what_is_tried_here() -> None:
    section = PAGE.split("\n## Targets\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| `([\w-]+)` ([\d.]+)", section, re.MULTILINE)

    assert named == [(target.name, target.version) for target in TARGETS]
