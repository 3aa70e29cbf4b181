"""The tap into the embedded destination: sandbox, tap and target as a user runs them."""

from __future__ import annotations

import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests import stream_maps
from tests.destination import RECOMMENDED, Destination, create, load, records_in, table_in
from tests.environments import ROOT
from tests.support import by_id, config_for, run, truth
from tests.support.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox
    from tests.stream_maps import Rows, Syncs
    from tests.support import Json, Run


def test_the_destination_equals_leadlex_field_by_field(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=2_000)
    config = config_for(sandbox, export_limit=700)
    destination = Destination(tmp_path)

    destination.sync(config)

    assert by_id(destination.records()) == by_id(truth(sandbox))

    exports = len(sandbox.exports)
    create(sandbox, 30)
    destination.sync(config)

    assert by_id(destination.records()) == by_id(truth(sandbox))
    assert len(sandbox.exports) == exports + 1


def test_no_batch_of_the_target_loses_a_row(serve: Callable[..., Sandbox], tmp_path: Path) -> None:
    """Holds the pin of duckdb: from 1.3 on, every batch loses its first row."""
    sandbox = serve(contacts=1_000)
    destination = Destination(tmp_path, batch_size_rows=100)

    destination.sync(config_for(sandbox))

    assert len(destination.records()) == 1_000


AWKWARD = {
    "'Quoted'",
    "'",
    "'+49 30",
    "Boys'",
    '"Quoted" Co',
    "Lee, Ann",
    "a|b",
    "#1",
    "\\",
    "\ufeffx",
}
# If all columns are text, these fail the target in a batch with a text in apostrophes.
REFUSED = {"'", "'+49 30"}


def singer(records: list[Json]) -> tuple[Json, str]:
    """Return the properties of some records, and the messages that carry them."""
    times = {"type": ["string"], "format": "date-time"}
    types: Json = {"tags": {"type": ["array"]}, "created_at": times}
    properties = {name: types.get(name, {"type": ["string", "null"]}) for name in records[0]}
    schema = {"type": "SCHEMA", "stream": "contacts", "key_properties": ["id"]}
    messages: list[Json] = [
        schema | {"schema": {"type": "object", "properties": properties}},
        *({"type": "RECORD", "stream": "contacts", "record": record} for record in records),
        {"type": "STATE", "value": {"bookmarks": {"contacts": {}}}},
    ]
    return properties, "\n".join(map(json.dumps, messages))


@pytest.mark.parametrize("name", ["all columns", "text only"])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_no_awkward_text_changes_in_a_small_batch(name: str, batch: int, tmp_path: Path) -> None:
    """Holds the pin of duckdb: from 1.2 on, apostrophes around a value are taken for quotes."""
    whole = name == "all columns"
    columns: Json = {"id": "c", "company_name": None, "email": None, "phone": None}
    if whole:
        columns |= {"tags": ["client"], "created_at": "2026-01-01T00:00:00Z"}
    cells = product(["company_name", "email", "phone"], AWKWARD if whole else AWKWARD - REFUSED)
    records = [
        columns | {"id": f"c{number:03}", column: text}
        for number, (column, text) in enumerate(sorted(cells))
    ]
    properties, messages = singer(records)
    file = tmp_path / "contacts.duckdb"

    load(file, messages, batch_size_rows=batch, **RECOMMENDED)

    held = table_in(file, "leadlex.contacts")
    assert stream_maps.in_order(stream_maps.comparable(row, properties) for row in held) == [
        stream_maps.comparable(record, properties) for record in records
    ]


@pytest.mark.parametrize("refused", ["'", "'+49 30"])
def test_a_text_that_duckdb_refuses_fails_the_target(refused: str, tmp_path: Path) -> None:
    """What docs/compatibility.md says of apostrophes in a table of texts."""
    _, messages = singer([{"id": "c1", "phone": "'Quoted'"}, {"id": "c2", "phone": refused}])

    assert load(tmp_path / "contacts.duckdb", messages, dies=True, **RECOMMENDED) == []


def test_a_contact_that_comes_again_replaces_itself(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=300)
    destination = Destination(tmp_path)
    destination.sync(config_for(sandbox))
    row = next(sandbox.store.rows())
    sandbox.store.edit(row.contact.id, {"job_title": "Judge"}, row.created)

    destination.sync(config_for(sandbox, lookback_seconds=10**9))

    assert by_id(destination.records()) == by_id(truth(sandbox))


@pytest.fixture(scope="module")
def syncs() -> dict[str, Syncs]:
    """Give two runs of the tap for each stream map on the pages."""
    return stream_maps.sync_all(contacts=300)


def upserted(old: Sequence[Json], new: Sequence[Json]) -> Sequence[Json]:
    """Return one row for each id."""
    return list({row["id"]: row for row in [*old, *new]}.values())


def text_or_null(text: str) -> str | None:
    """Return what target-duckdb stores of a text: NULL for an empty one."""
    return text or None


def after_both(syncs: Syncs, file: Path, **settings: Any) -> dict[str, Rows]:  # noqa: ANN401
    """Load both runs into target-duckdb. Return the rows of each stream."""
    load(file, syncs.first.out, **settings)
    load(file, syncs.second.out, **settings)
    rows = {}
    for message in syncs.first.of_type("SCHEMA"):
        properties = message["schema"]["properties"]
        table = table_in(file, f"leadlex.{message['stream']}")
        rows[message["stream"]] = stream_maps.in_order(
            stream_maps.comparable(row, properties) for row in table
        )
    return rows


@pytest.mark.parametrize("name", stream_maps.DOCUMENTED)
@pytest.mark.parametrize("batch", [50, 100_000])
def test_no_documented_stream_map_loses_a_row(
    name: str, batch: int, syncs: dict[str, Syncs], tmp_path: Path
) -> None:
    held = after_both(syncs[name], tmp_path / "c.duckdb", batch_size_rows=batch, **RECOMMENDED)

    assert held == stream_maps.expected(syncs[name], upserted, text_or_null)


def recommended() -> dict[str, Json]:
    """Return every config of target-duckdb in the project, by the file that holds it."""
    found = {}
    for page in PAGES:
        lines = re.findall(
            r"^echo '(\{.*\.duckdb.*\})' > \S+$", page.read_text("utf-8"), re.MULTILINE
        )
        for number, line in enumerate(lines):
            found[f"{page.relative_to(ROOT)} {number}"] = json.loads(line)
    for file in [ROOT / "meltano.yml", *sorted(ROOT.glob("examples/*/meltano.yml"))]:
        for loader in yaml.safe_load(file.read_text("utf-8"))["plugins"]["loaders"]:
            if loader["name"] == "target-duckdb":
                found[str(file.relative_to(ROOT))] = loader.get("config", {})
    return found


def test_every_config_adds_metadata_columns() -> None:
    configs = recommended()

    assert {name.split()[0] for name in configs} >= {
        "README.md",
        "meltano.yml",
        "examples/pipe/README.md",
        "examples/two-workspaces/meltano.yml",
    }
    assert [name for name, each in configs.items() if not each.get("add_metadata_columns")] == []


def test_an_existing_table_gains_the_metadata_columns(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """What docs/compatibility.md says of switching the setting on."""
    sandbox = serve(contacts=200)
    first = run(config_for(sandbox))
    create(sandbox, 1)
    second = run(config_for(sandbox), state=first.state)
    file = tmp_path / "contacts.duckdb"
    load(file, first.out)
    before = table_in(file, "leadlex.contacts")

    load(file, second.out, **RECOMMENDED)

    after = table_in(file, "leadlex.contacts")
    assert by_id(records_in(file)) == by_id(truth(sandbox))
    added = ["_sdc_batched_at", "_sdc_deleted_at", "_sdc_extracted_at"]
    assert sorted(after[0].keys() - before[0].keys()) == added
    assert list(after[0])[: len(before[0])] == list(before[0])
    (new,) = second.ids
    assert [row["id"] for row in after if row["_sdc_batched_at"]] == [new]


def test_a_run_without_a_state_brings_back_lost_rows(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """What docs/compatibility.md says of a table that has lost rows."""
    sandbox = serve(contacts=200)
    hashed = stream_maps.DOCUMENTED["docs/stream-maps.md: Hash and drop 0"]
    done = run(config_for(sandbox, **hashed))
    file = tmp_path / "contacts.duckdb"
    load(file, done.out, batch_size_rows=50)
    assert len(table_in(file, "leadlex.contacts")) < 200

    load(file, done.out, **RECOMMENDED)

    assert sorted(row["id"] for row in table_in(file, "leadlex.contacts")) == sorted(done.ids)


def test_a_split_confirms_only_what_both_tables_hold(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """Why docs/stream-maps.md asks for `flush_all_streams`."""
    sandbox = serve(contacts=300)
    split = stream_maps.DOCUMENTED["docs/stream-maps.md: Split into two tables 0"]
    done = run(config_for(sandbox, export_limit=100, **split))
    out = done.out.splitlines(keepends=True)
    # The target dies when it has a full batch of one table, and one row less of the other.
    records = [number for number, line in enumerate(out) if '"RECORD"' in line]
    cut = records[2 * 120 - 1]

    def confirmed(name: str, **settings: Any) -> tuple[list[Json], set[str]]:  # noqa: ANN401
        file = tmp_path / f"{name}.duckdb"
        states = load(file, "".join(out[:cut]) + "broken", dies=True, **RECOMMENDED, **settings)
        return states, {row["id"] for row in table_in(file, "leadlex.companies")}

    states, held = confirmed("safe", batch_size_rows=120, flush_all_streams=True)
    assert states
    assert {record["id"] for record in before(done, states[-1])} <= held

    states, held = confirmed("unsafe", batch_size_rows=120)
    assert not {record["id"] for record in before(done, states[-1])} <= held


def before(done: Run, state: Json) -> Rows:
    """Return the records that a run emitted before a state."""
    end = next(
        number
        for number, message in enumerate(done.messages)
        if message["type"] == "STATE" and message["value"] == state
    )
    return [message["record"] for message in done.messages[:end] if message["type"] == "RECORD"]
