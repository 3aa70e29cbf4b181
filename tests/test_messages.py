"""The same CSV through a plain SDK tap and through ours: the same messages come out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests_mock

from tap_leadlex.sandbox import Reading, Sandbox
from tap_leadlex.sandbox.readings import (
    Compression,
    DateForm,
    Newline,
    Order,
    Precision,
    Presence,
    Quoting,
)
from tests.reference_tap import ReferenceTap
from tests.support import Json, Run, catalog_without, config_for, run, truth

if TYPE_CHECKING:
    from collections.abc import Callable

PRECISIONS = list(Precision)


def export(sandbox: Sandbox) -> bytes:
    """Give the body of the export of everything."""
    response = httpx.get(
        f"{sandbox.url}/contacts/export?limit=50000",
        headers={"Authorization": f"Bearer {sandbox.key}"},
    )
    return response.raise_for_status().content


def through_reference(sandbox: Sandbox, settings: Json, catalog: Json | None) -> Run:
    """Run the plain tap on what the sandbox exports."""
    body = export(sandbox)
    with requests_mock.Mocker() as server:
        server.get(f"{sandbox.url}/contacts/export", content=body)
        config = {"api_key": sandbox.key, "api_url": sandbox.url, **settings}
        done = run(config, catalog=catalog, tap=ReferenceTap)
    assert done.exit_code == 0
    assert server.call_count == 1
    return done


def through_ours(sandbox: Sandbox, settings: Json, catalog: Json | None) -> Run:
    """Run our tap on the sandbox."""
    before = len(sandbox.exports)
    done = run(config_for(sandbox, **settings), catalog=catalog)
    assert done.exit_code == 0
    assert len(sandbox.exports) == before + 1
    return done


def comparable(done: Run) -> list[Any]:
    """Give the messages but STATEs, without descriptions and with times of extraction checked."""
    messages = [message for message in done.messages if message["type"] != "STATE"]
    for message in messages:
        if message["type"] == "RECORD":
            assert datetime.fromisoformat(message.pop("time_extracted")).utcoffset() is not None
    return [_without_descriptions(message) for message in messages]


def _without_descriptions(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {
            name: _without_descriptions(inner)
            for name, inner in value.items()
            if not (name == "description" and isinstance(inner, str) and "type" in value)
        }
    return value


def assert_equal(
    sandbox: Sandbox, settings: Json | None = None, catalog: Json | None = None
) -> Run:
    """Make sure that both taps write the same; give what ours did."""
    ours = through_ours(sandbox, settings or {}, catalog)
    reference = through_reference(sandbox, settings or {}, catalog)
    expected = comparable(reference)
    for number, message in enumerate(comparable(ours)):
        assert message == expected[number]
    assert len(comparable(ours)) == len(expected)
    return ours


@pytest.mark.parametrize(
    "reading",
    [
        Reading(),
        Reading(newline=Newline.CRLF, bom=Presence.YES, quoting=Quoting.ALL),
        Reading(quoting=Quoting.MINIMAL, compression=Compression.NONE),
        Reading(order=Order.DESCENDING, date_form=DateForm.OFFSET),
        *(Reading(order=Order.BY_ID, precision=precision) for precision in PRECISIONS),
    ],
)
def test_every_dialect(serve: Callable[..., Sandbox], reading: Reading) -> None:
    sandbox = serve(contacts=1_500, reading=reading)

    ours = assert_equal(sandbox)

    assert len(ours.records) == 1_500


def test_the_reference_is_right(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=1_500)

    assert through_reference(sandbox, {}, None).records == truth(sandbox)
    assert len(sandbox.exports) == 1


PARSE = "datetime.datetime.fromisoformat(created_at)"
MAPS: dict[str, Json] = {
    "rename and drop": {"contacts": {"mail": "email", "email": None, "phone": None}},
    "hash": {"contacts": {"email": "md5(email or '')", "full_name": "sha256(full_name or '')"}},
    "filter": {"contacts": {"__filter__": "bool('client' in tags and email)"}},
    "filter all": {"contacts": {"__filter__": "False"}},
    "alias": {"contacts": {"__alias__": "people"}},
    "only some": {"contacts": {"id": "id", "created_at": "created_at", "__else__": None}},
    "another key": {"contacts": {"key": "id", "id": None, "__key_properties__": ["key"]}},
    "copy": {"copy": {"__source__": "contacts", "phone": None}, "contacts": {"email": None}},
    "copy beside what stays as it is": {"copy": {"__source__": "contacts", "phone": None}},
    "numbers": {
        "contacts": {
            "whole": "int('12')",
            "share": "float('1') / 3",
            "round": "float('3')",
            "endless": "float('inf')",
            "none": "float('nan')",
            "wide": "10 ** 30",
            "flag": "bool(email)",
        }
    },
    "array to text": {"contacts": {"tags": "json.dumps(tags)"}},
    "dates": {
        "contacts": {
            "day": f"{PARSE}.date()",
            "moment": PARSE,
            "midnight": f"{PARSE}.replace(tzinfo=None)",
            "age": f"{PARSE} - {PARSE}",
        }
    },
    "config": {"contacts": {"workspace": "config['name']"}},
    "drop the stream": {"contacts": None},
}


@pytest.mark.parametrize("name", MAPS)
def test_stream_maps(serve: Callable[..., Sandbox], name: str) -> None:
    sandbox = serve(contacts=300)

    settings = {"stream_maps": MAPS[name], "stream_map_config": {"name": "a law firm"}}
    assert_equal(sandbox, settings)


@pytest.mark.parametrize("depth", [0, 1, 5])
@pytest.mark.parametrize(
    "maps", [None, {"contacts": {"nested": 'json.loads(\'{"a": {"b": 1}}\')'}}]
)
def test_flattening(serve: Callable[..., Sandbox], depth: int, maps: Json | None) -> None:
    sandbox = serve(contacts=100)

    settings = {"flattening_enabled": True, "flattening_max_depth": depth}
    assert_equal(sandbox, settings | ({"stream_maps": maps} if maps else {}))


@pytest.mark.parametrize("dropped", [["email"], ["tags", "phone"], ["created_at", "full_name"]])
def test_deselected_properties(serve: Callable[..., Sandbox], dropped: list[str]) -> None:
    sandbox = serve(contacts=100)

    catalog = catalog_without(config_for(sandbox), *dropped)
    ours = assert_equal(sandbox, catalog=catalog)

    assert ours.records
    assert len(sandbox.exports) == 2
