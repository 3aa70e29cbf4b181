"""Whatever is handed in: the run ends with a line for the user, or its records fit their SCHEMA."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tap_leadlex.sandbox import Quotas, Sandbox
from tests.support import FIELDS, Json, Run, config_for, run, state_at

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRA = "updated_date"
CATALOG: Json = json.loads(run({"extra_fields": [EXTRA]}, "--discover").out)

names = st.sampled_from([*FIELDS, EXTRA, "emial", "Tags", "__else__", "x"])
atoms = st.sampled_from(
    [None, True, False, 0, -1, 1.5, "", "x", "id", "created_at", "contacts", "FULL_TABLE", "null"]
)
junk = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=4,
)
KEYS = [
    "tap_stream_id",
    "stream",
    "schema",
    "metadata",
    "key_properties",
    "replication_key",
    "replication_method",
]
ROOT_KEYS = [
    "selected",
    "inclusion",
    "replication-method",
    "forced-replication-method",
    "replication-key",
    "valid-replication-keys",
    "table-key-properties",
]


@st.composite
def catalogs(draw: st.DrawFn) -> Json:
    """Draw what --discover prints, with some of it removed or replaced."""
    catalog = copy.deepcopy(CATALOG)
    (stream,) = catalog["streams"]
    parts: list[tuple[Any, list[Any]]] = [
        (stream["schema"]["properties"], [*FIELDS, EXTRA, "emial"]),
        (stream["schema"]["properties"]["tags"], ["type", "items", "format", "description"]),
        *((each["metadata"], ROOT_KEYS) for each in stream["metadata"]),
        (stream["metadata"][0], ["breadcrumb", "metadata"]),
        (stream["schema"], ["type", "properties", "required"]),
        (stream, KEYS),
        (catalog, ["streams"]),
    ]
    for part, keys in parts:
        if draw(st.integers(0, 6)) == 0:
            key = draw(st.sampled_from(keys))
            if draw(st.booleans()):
                part.pop(key, None)
            else:
                part[key] = draw(junk)
    return catalog


expressions = st.sampled_from(
    [
        None,
        "__NULL__",
        "email",
        "emial",
        "md5(email)",
        "md5(email) if email else None",
        "email.lower()",
        "full_name.split()[1]",
        "int(id)",
        "int('12')",
        "float('nan')",
        "10 ** 30",
        "tags",
        "tags[0]",
        "json.dumps(tags)",
        "record",
        "fake.name()",
        "fake",
        "md5",
        "config['seed']",
        "datetime.datetime.now()",
        "created_at[:10]",
        "datetime.date.fromisoformat(created_at[:10])",
        "self",
        "1 / 0",
        "x y",
        "lambda: 1",
        "",
    ]
)
OPTIONS = ["__else__", "__filter__", "__alias__", "__source__", "__key_properties__", "__other__"]
options = expressions | st.sampled_from([None, "contacts", "people", "bool(email)", [], ["id"], 5])
definitions = (
    st.dictionaries(names, expressions | junk, max_size=3).flatmap(
        lambda properties: st.dictionaries(st.sampled_from(OPTIONS), options, max_size=2).map(
            lambda given: properties | given
        )
    )
    | expressions
    | junk
)
maps = st.dictionaries(
    st.sampled_from(["contacts", "contact", "*", "people", "__else__", ""]), definitions, max_size=2
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "stream_maps": maps | junk,
        "stream_map_config": st.sampled_from([None, {"seed": "s"}]) | junk,
        "faker_config": st.sampled_from([{"seed": 1}, {"locale": "de_DE"}, {"locale": "x"}]) | junk,
        "flattening_enabled": st.booleans() | junk,
        "flattening_max_depth": st.integers(-2, 2) | junk,
        "flattening_max_key_length": st.integers(-1, 9) | junk,
        "flattening_separator": st.sampled_from(["", ".", "__"]) | junk,
        "extra_fields": st.sampled_from([[], [EXTRA]]) | junk,
        "tags": st.sampled_from([["client"], ["client "]]) | junk,
        "list_id": st.sampled_from(["list-half"]) | junk,
        "start_date": st.sampled_from(["2026-01-01", "2200-01-01"]) | junk,
        "strat_date": junk,
    },
)
variables = st.dictionaries(
    st.sampled_from(
        [
            "START_DATE",
            "STRAT_DATE",
            "CHECK_DRIFT",
            "TAGS",
            "STREAM_MAPS",
            "EXPORT_LIMIT",
            "FLATTENING_ENABLED",
            "BATCH_CONFIG",
            "EMIT_ACTIVATE_VERSION_MESSAGES",
            "_SELECT",
        ]
    ).map("TAP_LEADLEX_{}".format),
    st.sampled_from(["", "true", "maybe", "1", "x", "[]", "{}", '["client"]', "[" * 9_999]),
    max_size=2,
)


@st.composite
def states(draw: st.DrawFn) -> Json:
    """Draw a state that the tap could have written, with some of it replaced."""
    state = state_at("2026-01-01T00:00:00.000000Z")
    bookmark = state["bookmarks"]["contacts"]
    for part, keys in ((bookmark, [*bookmark, "plan", "refresh"]), (state, ["bookmarks"])):
        if draw(st.integers(0, 2)) == 0:
            part[draw(st.sampled_from(keys))] = draw(junk)
    return state


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=6, quotas=Quotas(exports=None)) as sandbox:
        yield sandbox


@settings(max_examples=150)
@given(
    config=st.just({}) | configs,
    catalog=st.none() | catalogs(),
    state=st.none() | states(),
    environment=st.just({}) | variables,
)
def test_a_run_ends_with_a_line_or_with_records_that_fit(
    sandbox: Sandbox, config: Json, catalog: Json | None, state: Json | None, environment: Json
) -> None:
    arguments = ["--config=ENV"] if environment else []
    calls = len(sandbox.calls)

    with mock.patch.dict("os.environ", environment):
        done = run(config_for(sandbox, **config), *arguments, catalog=catalog, state=state)

    event(f"exit code {done.exit_code}")
    assert "Traceback" not in done.log
    assert "this is a bug" not in done.log
    if done.exit_code == 0:
        assert_fitting(done)
        assert done.failures == []
    else:
        (line,) = done.failures
        assert done.exit_code == 1
        assert line
        assert line in done.log.rstrip("\n").split("\n")[-1]
        if "on a record" not in line and "LeadLex answered" not in line:
            assert len(sandbox.calls) == calls


def assert_fitting(done: Run) -> None:
    """Check that each record fits the SCHEMA before it, unless a warning says that it may not."""
    schemas: dict[str, Json] = {}
    validators = {}
    for message in done.messages:
        if message["type"] == "SCHEMA":
            Draft202012Validator.check_schema(message["schema"])
            assert isinstance(message["key_properties"], list)
            known = message["schema"]["properties"].keys()
            assert known >= {*message["key_properties"], *message.get("bookmark_properties", ())}
            schemas[message["stream"]] = message["schema"]["properties"]
            validators[message["stream"]] = Draft202012Validator(message["schema"])
        elif message["type"] == "RECORD" and not any("SCHEMA" in line for line in done.warnings):
            assert validators[message["stream"]].is_valid(message["record"]), message["stream"]
            assert message["record"].keys() <= (schemas[message["stream"]].keys())
