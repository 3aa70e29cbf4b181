"""The stream maps that the pages document, and what a target must store under each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tap_leadlex.sandbox import Quotas, Sandbox
from tests.destination import await_next_second
from tests.environments import ROOT
from tests.support import Json, Run, config_for, run
from tests.support.pages import PAGES, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Rows = list[Json]

_SETTINGS = {"stream_maps", "flattening_enabled"}
# Every filter on the pages must let it through.
_NEW = {
    "full_name": "Ada Lovelace",
    "email": "ada@example.org",
    "company_name": "Engines, Inc.",
    "tags": ("client", "m&a"),
}


def _documented() -> Iterator[tuple[str, Json]]:
    for page in PAGES:
        for section in page.read_text("utf-8").split("\n## "):
            heading = section.partition("\n")[0]
            found = [json.loads(block) for block in blocks(section, "json")]
            for number, config in enumerate(each for each in found if _SETTINGS & each.keys()):
                yield f"{page.relative_to(ROOT)}: {heading} {number}", config


DOCUMENTED: dict[str, Json] = {}
"""Each config on a page that changes what the tap emits, by page and heading."""
for _name, _config in _documented():
    if _config not in DOCUMENTED.values():
        DOCUMENTED[_name] = _config


@dataclass(frozen=True)
class Syncs:
    """Two runs of the tap under one config.

    Attributes:
        first: A first sync.
        second: The next run, with one contact that was created since.
    """

    first: Run
    second: Run


def sync_all(contacts: int) -> dict[str, Syncs]:
    """Run the tap twice under each documented config."""
    with Sandbox(contacts=contacts, quotas=Quotas(exports=None)) as sandbox:
        configs = {name: config_for(sandbox, **config) for name, config in DOCUMENTED.items()}
        first = {name: run(config) for name, config in configs.items()}
        sandbox.store.create(sandbox.workspace.now(), _NEW)
        await_next_second()
        second = {name: run(configs[name], state=first[name].state) for name in configs}
    for name, done in second.items():
        per_stream = [message["stream"] for message in done.of_type("RECORD")]
        assert per_stream, f"{name} drops the new contact"
        assert len(set(per_stream)) == len(per_stream)
    return {name: Syncs(first[name], second[name]) for name in configs}


def emitted(done: Run) -> dict[str, Rows]:
    """Return the records of a run, by stream, with every property of their schema."""
    schemas = {each["stream"]: each["schema"]["properties"] for each in done.of_type("SCHEMA")}
    records: dict[str, Rows] = {stream: [] for stream in schemas}
    for message in done.of_type("RECORD"):
        properties = schemas[message["stream"]]
        record = {name: message["record"].get(name) for name in properties}
        records[message["stream"]].append(comparable(record, properties))
    return records


def comparable(row: Json, properties: Json) -> Json:
    """Return a row whose arrays and times look the same whatever target stored it.

    Args:
        row: A record, or a row that a target stored. Columns of the target are dropped.
        properties: The properties of the stream's schema.
    """
    assert row.keys() >= properties.keys()
    return {name: _plain(row[name], rule) for name, rule in properties.items()}


def _plain(value: Any, rule: Json) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        if "array" in rule["type"]:
            return json.loads(value)
        if rule.get("format") == "date-time":
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=moment.tzinfo or UTC).isoformat()
    return value


def in_order(rows: Iterable[Json]) -> Rows:
    """Sort rows by id, and rows of the same id by their content."""
    return sorted(rows, key=lambda row: (row["id"], json.dumps(row, sort_keys=True)))


def expected(
    syncs: Syncs,
    again: Callable[[Sequence[Json], Sequence[Json]], Sequence[Json]],
    stored: Callable[[str], str | None],
) -> dict[str, Rows]:
    """Return what a target must hold after both runs, by stream.

    Args:
        syncs: The runs.
        again: What the target keeps of old rows and new ones.
        stored: What the target makes of a text.
    """
    first, second = emitted(syncs.first), emitted(syncs.second)
    return {
        stream: in_order(
            {
                name: stored(value) if isinstance(value, str) else value
                for name, value in row.items()
            }
            for row in again(rows, second[stream])
        )
        for stream, rows in first.items()
    }
