"""The catalog: refused where it asks for what cannot be, and otherwise SCHEMA and RECORD agree."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tap_leadlex.catalog import CatalogReader
from tap_leadlex.errors import SettingsError
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import Quotas, Sandbox
from tap_leadlex.scope import Scope
from tests.support import FIELDS, Json, assert_refused, config_for, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXTRA = "updated_date"
OTHER = "created_by"


def discovered(*extra: str) -> Json:
    """Return what --discover prints. It has not changed since the first version."""
    catalog: Json = json.loads(run({"extra_fields": list(extra)}, "--discover").out)
    return catalog


CATALOG = discovered()
OLDER = discovered(EXTRA)
REFRESHES: Json = {
    "tap_stream_id": "refreshes",
    "stream": "refreshes",
    "schema": {"properties": {}},
    "metadata": [{"breadcrumb": [], "metadata": {"selected": False}}],
}


def edited(edit: Callable[[Json], object], catalog: Json = CATALOG) -> Json:
    """Return a catalog whose only stream is edited."""
    catalog = copy.deepcopy(catalog)
    edit(catalog["streams"][0])
    return catalog


def metadata(stream: Json, *breadcrumb: str) -> Json:
    """Return the metadata at a breadcrumb."""
    values: Json
    (values,) = (
        entry["metadata"] for entry in stream["metadata"] if entry["breadcrumb"] == [*breadcrumb]
    )
    return values


def root(**values: Any) -> Json:  # noqa: ANN401 - any JSON
    """Return the catalog with other metadata of its stream."""
    names = {name.replace("_", "-"): value for name, value in values.items()}
    return edited(lambda stream: metadata(stream).update(names))


def entry(**values: Any) -> Json:  # noqa: ANN401 - any JSON
    """Return the catalog with other keys of its stream."""
    return edited(lambda stream: stream.update(values))


def of_email(**values: Any) -> Json:  # noqa: ANN401 - any JSON
    """Return the catalog with other metadata of `email`."""
    return edited(lambda stream: metadata(stream, "properties", "email").update(values))


def typed(name: str, **rule: Any) -> Json:  # noqa: ANN401 - any JSON
    """Return the catalog with another schema of a property."""
    return edited(lambda stream: stream["schema"]["properties"].update({name: rule}))


def misspelt(stream: Json) -> None:
    """Deselect a property that does not exist."""
    stream["metadata"].append(
        {"breadcrumb": ["properties", "emial"], "metadata": {"selected": False}}
    )


REFUSED = {
    "method INCREMENTEL": (root(replication_method="INCREMENTEL"), "replication-method"),
    "method LOG_BASED": (root(replication_method="LOG_BASED"), "replication-method"),
    "method empty": (root(replication_method=""), "replication-method"),
    "method 5": (root(replication_method=5), "replication-method"),
    "forced method": (root(forced_replication_method="LOG"), "forced-replication-method"),
    "methods differ": (
        root(replication_method="FULL_TABLE", forced_replication_method="INCREMENTAL"),
        "forced-replication-method",
    ),
    "method of the stream": (entry(replication_method="LOG_BASED"), "replication_method"),
    "method with an underscore": (
        edited(lambda stream: metadata(stream).update(replication_method="FULL_TABLE")),
        "replication-method",
    ),
    "replication key": (entry(replication_key="updated_date"), "replication_key"),
    "replication key in metadata": (root(replication_key="updated_date"), "replication-key"),
    "valid keys": (root(valid_replication_keys=["updated_date"]), "valid-replication-keys"),
    "key properties": (entry(key_properties=["email"]), "key_properties"),
    "key properties in metadata": (root(table_key_properties=[]), "table-key-properties"),
    "another name": (entry(stream="people"), "stream"),
    "Contacts": (entry(tap_stream_id="Contacts"), "contacts"),
    "another tap's": (entry(tap_stream_id="orders", stream="orders"), "orders"),
    "twice": ({"streams": CATALOG["streams"] * 2}, "twice"),
    "refreshes twice": ({"streams": [*CATALOG["streams"], *[REFRESHES] * 2]}, "listed twice"),
    "tags are a string": (typed("tags", type=["string", "null"]), "tags"),
    "tags are numbers": (typed("tags", type=["array", "null"], items={"type": "number"}), "tags"),
    "tags are anything": (typed("tags"), "tags"),
    "email is never null": (typed("email", type="string"), "email"),
    "email is short": (typed("email", type=["string", "null"], maxLength=5), "email"),
    "created_at is a date": (typed("created_at", type="string", format="date"), "created_at"),
    "a misspelt property": (edited(misspelt), "emial"),
    "selected is a text": (of_email(selected="false"), "selected"),
    "selected is a number": (of_email(selected=0), "selected"),
    "inclusion": (of_email(inclusion="never"), "inclusion"),
}


@pytest.mark.parametrize(("catalog", "name"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_is_refused_before_any_call(
    untouched: Sandbox, catalog: Json, name: str
) -> None:
    line = assert_refused(run(config_for(untouched), catalog=catalog), untouched)

    assert line.startswith("Catalog, stream ")
    assert name in line


@pytest.mark.parametrize(
    "catalog",
    [
        {},
        {"streams": None},
        {"streams": "x"},
        {"streams": [1]},
        {"streams": [{}]},
        entry(tap_stream_id=None),
        entry(tap_stream_id=["contacts"]),
        entry(schema="x"),
        entry(schema={"properties": []}),
        entry(schema={"properties": {"email": 5}}),
        entry(metadata=None),
        entry(metadata=[{"breadcrumb": []}]),
        entry(metadata=[{"breadcrumb": [[]], "metadata": {}}]),
        entry(metadata=[{"breadcrumb": [], "metadata": 5}]),
    ],
)
def test_what_is_no_catalog_is_refused(catalog: Json) -> None:
    with pytest.raises(SettingsError, match=r"^This file is not a Singer catalog\. "):
        CatalogReader({"contacts": scope()}).read(catalog)


@pytest.mark.parametrize(
    ("catalog", "method"),
    [
        (root(replication_method="full_table"), "FULL_TABLE"),
        (root(replication_method="Incremental"), "INCREMENTAL"),
        (root(forced_replication_method="full_table"), "FULL_TABLE"),
        (entry(replication_method="full_table"), "FULL_TABLE"),
        (entry(replication_method=None), "INCREMENTAL"),
        (entry(replication_method=None, replication_key=None), "INCREMENTAL"),
        (edited(lambda stream: stream.pop("replication_method")), "INCREMENTAL"),
    ],
)
def test_the_method_in_any_case(catalog: Json, method: str) -> None:
    read = CatalogReader({"contacts": scope()}).read(catalog)

    assert read["contacts"].replication_method == method
    assert read["contacts"].replication_key == "created_at"


def test_a_full_table_in_small_letters_is_a_full_refresh(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)
    first = run(config_for(sandbox))

    again = run(
        config_for(sandbox), state=first.state, catalog=root(replication_method="full_table")
    )

    assert len(again.records) == 20
    assert again.of_type("ACTIVATE_VERSION")


@pytest.mark.parametrize(
    "catalog",
    [
        {"streams": []},
        root(selected=False),
        edited(lambda stream: metadata(stream).clear()),
    ],
)
def test_nothing_selected_is_a_warning(untouched: Sandbox, catalog: Json) -> None:
    done = run(config_for(untouched), catalog=catalog)

    assert done.exit_code == 0
    assert done.records == []
    (line,) = done.warnings
    assert line.startswith("No stream is selected")


def test_a_column_that_is_no_longer_exported_is_a_warning(serve: Callable[..., Sandbox]) -> None:
    done = run(config_for(serve(contacts=5)), catalog=OLDER)

    assert done.exit_code == 0
    assert fields(done.messages) == {frozenset(FIELDS)}
    (line,) = done.warnings
    assert f'selects "{EXTRA}"' in line


def test_a_column_that_the_catalog_lacks_is_a_warning(serve: Callable[..., Sandbox]) -> None:
    done = run(config_for(serve(contacts=5), extra_fields=[EXTRA]), catalog=CATALOG)

    assert done.exit_code == 0
    assert fields(done.messages) == {frozenset(FIELDS)}
    (line,) = done.warnings
    assert f'does not contain "{EXTRA}"' in line


def test_without_a_schema_the_stream_is_what_discovery_says(serve: Callable[..., Sandbox]) -> None:
    catalog = edited(lambda stream: stream.pop("schema"))

    done = run(config_for(serve(contacts=5)), catalog=catalog)

    assert fields(done.messages) == {frozenset(FIELDS)}
    assert done.warnings == []


def scope(*extra: str) -> Scope:
    """Return what a run asks of contacts."""
    return Scope(CONTACTS, {"extra_fields": list(extra), "list_id": None, "tags": []})


def fields(messages: list[Json]) -> set[frozenset[str]]:
    """Return the sets of fields that SCHEMA and RECORD messages have; they must agree."""
    schemas = [message["schema"]["properties"] for message in messages if "schema" in message]
    records = [message["record"] for message in messages if "record" in message]
    assert schemas
    assert records
    return {frozenset(each) for each in (*schemas, *records)}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=3, quotas=Quotas(exports=None)) as sandbox:
        yield sandbox


NAMES = [*FIELDS, EXTRA]


@settings(max_examples=60)
@given(
    columns=st.tuples(st.sets(st.sampled_from([EXTRA, OTHER])), st.sets(st.just(EXTRA))),
    missing=st.sets(st.sampled_from(NAMES)),
    without_metadata=st.sets(st.sampled_from(NAMES)),
    selected=st.dictionaries(st.sampled_from(NAMES), st.sampled_from([True, False, None])),
    drawn=st.tuples(st.sampled_from(["FULL_TABLE", "INCREMENTAL"]), st.booleans()),
)
def test_every_record_has_the_fields_of_its_schema(
    sandbox: Sandbox,
    columns: tuple[set[str], set[str]],
    missing: set[str],
    without_metadata: set[str],
    selected: dict[str, bool | None],
    drawn: tuple[str, bool],
) -> None:
    """Over every catalog that --discover gave or gives, with what people do to it."""
    (before, now), (method, bare) = columns, drawn
    catalog = discovered(*sorted(before))
    stream = catalog["streams"][0]
    for name in missing:
        stream["schema"]["properties"].pop(name, None)
    stream["schema"]["required"] = [
        name for name in stream["schema"]["required"] if name not in missing
    ]
    stream["metadata"] = [
        each
        for each in stream["metadata"]
        if not each["breadcrumb"] or each["breadcrumb"][1] not in missing | without_metadata
    ]
    for each in stream["metadata"]:
        if each["breadcrumb"] and each["breadcrumb"][1] in selected:
            each["metadata"]["selected"] = selected[each["breadcrumb"][1]]
    metadata(stream)["replication-method"] = method
    if bare:
        del stream["schema"]

    done = run(config_for(sandbox, extra_fields=sorted(now)), catalog=catalog)

    assert done.exit_code == 0, done.log
    (found,) = fields(done.messages)
    assert {"id", "created_at"} <= found
    held = {*FIELDS, *now} if bare else {*FIELDS, *before} - missing
    described = {each["breadcrumb"][1] for each in stream["metadata"] if each["breadcrumb"]}
    deselected = {name for name in described if selected.get(name) is False}
    assert found == {"id", "created_at"} | ({*FIELDS, *now} & held - deselected)
    (schema,) = (message["schema"] for message in done.of_type("SCHEMA"))
    validator = Draft202012Validator(schema)
    assert all(validator.is_valid(record) for record in done.records)
