"""Every stream map on the pages into every target that docs/compatibility.md lists."""

from __future__ import annotations

import ast
import csv
import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import postgres, stream_maps
from tests.destination import table_in
from tests.environments import environment
from tests.support import TIMEOUT, by_id, config_for, run, truth
from tests.support.pages import blocks

from .test_compatibility import PAGE, TARGETS, Target, installed, json_rows, upserts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox
    from tests.stream_maps import Rows, Syncs
    from tests.support import Json, Run

__all__ = ["installed"]  # a fixture

# Runs in the environment of a current DuckDB.
QUERY = """
import duckdb, json, sys
answer = duckdb.sql("SET TimeZone = 'UTC'; " + sys.argv[1])
print(json.dumps([dict(zip(answer.columns, row)) for row in answer.fetchall()], default=str))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server | None]:
    """Give a PostgreSQL server, if there can be one."""
    if postgres.missing():
        yield None
    else:
        with postgres.Server() as server:
            yield server


@pytest.fixture(scope="module")
def syncs() -> dict[str, Syncs]:
    """Give two runs of the tap for each stream map on the pages."""
    return stream_maps.sync_all(contacts=300)


def load(programs: Path, target: Target, config: Path, done: Run) -> None:
    """Load a run into a target."""
    loaded = subprocess.run(  # noqa: S603 - the target
        [programs / target.program, "--config", config],
        input=done.out.encode(),
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr.decode()
    assert json.loads(loaded.stdout.splitlines()[-1]) in done.states


def table(target: Target, folder: Path, server: postgres.Server | None, stream: str) -> Rows:
    """Return the rows that a target stored for a stream."""
    if target.program == "target-postgres":
        assert server
        name = f'leadlex."{stream}"'
        rows: Rows = server.value(f"SELECT coalesce(json_agg(t), '[]') FROM {name} t")  # noqa: S608
        return rows
    if target.name == "target-duckdb":
        return table_in(folder / "contacts.duckdb", f"leadlex.{stream}")
    if target.name == "target-jsonl":
        lines = (folder / f"{stream}.jsonl").read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line]
    with (folder / f"{stream}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def as_emitted(target: Target, row: Json, properties: Json) -> Json:
    """Return a stored row in the form of the record that it was."""
    if target.name == "meltanolabs-target-csv":
        return {
            name: json.dumps(ast.literal_eval(cell))
            if "array" in properties[name]["type"]
            else cell or None
            for name, cell in row.items()
        }
    return row


def stored(target: Target) -> Callable[[str], str | None]:
    """Return what a target makes of a text."""
    nothing = "" if target.name in {"meltanolabs-target-postgres", "target-jsonl"} else None
    return lambda text: target.stored(text) or nothing


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("batch", [1, 70])
def test_every_stream_map_arrives_whole(
    target: Target,
    batch: int,
    syncs: dict[str, Syncs],
    installed: Callable[[Target], Path],
    server: postgres.Server | None,
    tmp_path: Path,
) -> None:
    if target.program == "target-postgres" and not server:
        pytest.skip(postgres.missing() or "")
    if target.name == "target-jsonl" and batch != 1:
        pytest.skip("target-jsonl has no batches")
    wrong = []
    for number, (name, both) in enumerate(syncs.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        settings = target.settings(folder, server.port if server else 0)
        config = folder / "config.json"
        config.write_text(json.dumps(settings | {"batch_size_rows": batch}))
        if server:
            server.run("DROP SCHEMA IF EXISTS leadlex CASCADE")
        for done in (both.first, both.second):
            load(installed(target), target, config, done)
        for stream, rows in stream_maps.expected(both, target.again, stored(target)).items():
            (schema,) = (
                each["schema"]["properties"]
                for each in both.first.of_type("SCHEMA")
                if each["stream"] == stream
            )
            held = stream_maps.in_order(
                stream_maps.comparable(as_emitted(target, row, schema), schema)
                for row in table(target, folder, server, stream)
            )
            assert rows
            if held != rows:
                differing = [pair for pair in zip(held, rows, strict=False) if pair[0] != pair[1]]
                wrong.append((name, stream, len(held), len(rows), differing[:1]))
    assert wrong == []


def test_the_maps_are_of_every_kind() -> None:
    """Fails if a page loses the example of a kind."""
    texts = json.dumps(list(stream_maps.DOCUMENTED.values()))

    for kind in (
        "md5(",
        "__alias__",
        "__filter__",
        "__source__",
        "__else__",
        "flattening_",
        "join(",
    ):
        assert kind in texts


def test_a_current_duckdb_reads_json_lines(
    installed: Callable[[Target], Path], serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """What docs/compatibility.md recommends for Python 3.14."""
    (query,) = blocks(PAGE, "sql")
    (target,) = (each for each in TARGETS if each.name == "target-jsonl")
    folder = tmp_path / "output"
    config = tmp_path / "config.json"
    config.write_text(json.dumps(target.settings(folder, 0)))
    sandbox = serve(contacts=1_500)
    first = run(config_for(sandbox))
    row = next(sandbox.store.rows())
    sandbox.store.edit(row.contact.id, {"job_title": "'Judge'"}, row.created)
    again = run(config_for(sandbox))
    for done in (first, again):
        load(installed(target), target, config, done)
    assert len(json_rows(folder, None)) == 3_000

    command = [str(environment("duckdb") / "bin/python"), "-c", QUERY, query]
    answer = json.loads(subprocess.check_output(command, cwd=tmp_path, timeout=TIMEOUT))  # noqa: S603

    properties = first.of_type("SCHEMA")[0]["schema"]["properties"]
    expected = [stream_maps.comparable(each, properties) for each in by_id(truth(sandbox))]
    held = [each | {"tags": json.dumps(each["tags"])} for each in by_id(answer)]
    assert [stream_maps.comparable(each, properties) for each in held] == expected
    assert upserts(first.records, again.records) != first.records


def test_the_page_names_the_duckdb_that_is_tried() -> None:
    command = [
        str(environment("duckdb") / "bin/python"),
        "-c",
        "print(__import__('duckdb').__version__)",
    ]
    version = subprocess.check_output(command, text=True, timeout=TIMEOUT).strip()  # noqa: S603

    assert re.findall(r"using duckdb ([\d.]+\d)", PAGE) == [version]
