"""`GET /v1/contacts/export` over HTTP, without faults."""

import csv
import io
from collections.abc import Callable

import httpx
import pytest

from tap_leadlex.sandbox import Quotas, Reading, Sandbox
from tap_leadlex.sandbox.contact_resource import CONTACTS
from tap_leadlex.sandbox.readings import (
    Bound,
    ColumnOrder,
    Compression,
    Framing,
    Precision,
    Unknown,
)

STANDARD = [column.name for column in CONTACTS.columns]
Serve = Callable[..., Sandbox]
Export = Callable[..., list[dict[str, str]]]


def test_headers_and_standard_columns(serve: Serve, client: httpx.Client) -> None:
    response = client.get(serve().url + "/contacts/export")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "contacts-export.csv" in response.headers["Content-Disposition"]
    assert response.headers["X-Request-ID"].startswith("req_")
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert response.text.partition("\n")[0] == ",".join(STANDARD)


def test_rows_match_the_store(serve: Serve, export: Export) -> None:
    sandbox = serve(contacts=3_000)
    rows = export(sandbox, limit=50_000)
    expected = [row.contact for row in sandbox.store.rows()]
    assert [tuple(row.values())[:7] for row in rows] == [tuple(contact[:7]) for contact in expected]
    assert [row["tags"] for row in rows] == [",".join(contact.tags) for contact in expected]
    assert [call.rows for call in sandbox.exports] == [3_000]


def test_default_limit_is_10_000(serve: Serve, export: Export) -> None:
    assert len(export(serve(contacts=10_001))) == 10_000


def test_full_export_of_50_000(serve: Serve, export: Export) -> None:
    assert len(export(serve(contacts=50_001), limit=50_000)) == 50_000


@pytest.mark.parametrize(
    "query",
    [
        "limit=50001",
        "limit=0",
        "limit=-1",
        "limit=many",
        "created_after=yesterday",
        "created_before=2026-04-15T09:00:00+00:00",  # the bare + is a space
        "fields=id,shoe_size",
    ],
)
def test_bad_parameters(serve: Serve, client: httpx.Client, query: str) -> None:
    response = client.get(f"{serve().url}/contacts/export?{query}")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, "validation_error")
    assert list(error["details"]["fields"]) == [query.partition("=")[0]]
    assert error["message"]


@pytest.mark.parametrize("lower", Bound)
@pytest.mark.parametrize("upper", Bound)
@pytest.mark.parametrize("precision", Precision)
def test_bounds_are_compared_with_the_stored_value(
    serve: Serve, export: Export, lower: Bound, upper: Bound, precision: Precision
) -> None:
    reading = Reading(lower=lower, upper=upper, precision=precision)
    sandbox = serve(contacts=30, reading=reading)
    printed = [row["created_at"] for row in export(sandbox)]
    rows = export(sandbox, created_after=printed[10], created_before=printed[20])
    first = 10 if lower is Bound.INCLUSIVE or precision is Precision.US_SHOWN_AS_S else 11
    last = 20 if upper is Bound.INCLUSIVE and precision is not Precision.US_SHOWN_AS_S else 19
    assert [row["created_at"] for row in rows] == printed[first : last + 1]


def test_filters(serve: Serve, export: Export) -> None:
    sandbox = serve(contacts=2_000)
    listed = export(sandbox, list_id="list-tenth")
    assert 150 < len(listed) < 250
    tagged = export(sandbox, tag=["client", "lead"])
    assert tagged
    assert all({"client", "lead"} <= set(row["tags"].split(",")) for row in tagged)
    assert export(sandbox, list_id="nobody's") == []


def test_unknown_list_refused(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(reading=Reading(unknown_list=Unknown.REFUSED))
    response = client.get(sandbox.url + "/contacts/export?list_id=nobodys")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "list_not_found")


def test_fields(serve: Serve, export: Export) -> None:
    asked = "created_at,id,first_name,last_name,updated_date"
    rows = export(serve(), fields=asked)
    assert ",".join(rows[0]) == asked
    lax = Reading(unknown_field=Unknown.IGNORED, column_order=ColumnOrder.STANDARD)
    rows = export(serve(reading=lax), fields="created_at,shoe_size,id")
    assert list(rows[0]) == ["id", "created_at"]


def test_compression_depends_on_accept_encoding(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(contacts=2_000)
    url = sandbox.url + "/contacts/export"
    packed = client.get(url)
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.content == plain.content
    never = serve(reading=Reading(compression=Compression.NONE))
    assert "Content-Encoding" not in client.get(never.url + "/contacts/export").headers


def test_content_length_instead_of_chunks(serve: Serve, client: httpx.Client) -> None:
    url = serve(reading=Reading(framing=Framing.LENGTH)).url + "/contacts/export"
    for encoding in ("gzip", "identity"):
        response = client.get(url, headers={"Accept-Encoding": encoding})
        assert int(response.headers["Content-Length"]) == response.num_bytes_downloaded
        assert "Transfer-Encoding" not in response.headers


def test_ten_exports_an_hour(
    serve: Serve, client: httpx.Client, clock: Callable[[], object]
) -> None:
    sandbox = serve(clock=clock)
    url = sandbox.url + "/contacts/export"
    responses = [client.get(url) for _ in range(11)]
    assert [response.status_code for response in responses] == [200] * 10 + [429]
    assert [response.headers["X-RateLimit-Remaining"] for response in responses] == [
        *map(str, range(9, -1, -1)),
        "0",
    ]
    assert responses[-1].json()["error"]["code"] == "rate_limited"
    assert [call.status for call in sandbox.exports] == [200] * 10 + [429]


def test_unlimited_quota(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(quotas=Quotas(exports=None))
    url = sandbox.url + "/contacts/export"
    assert all(client.get(url).status_code == 200 for _ in range(12))


def test_max_export_rows(serve: Serve, client: httpx.Client) -> None:
    url = serve(max_export_rows=500).url + "/contacts/export"
    assert client.get(url, params={"limit": 501}).status_code == 504
    assert client.get(url, params={"limit": 500}).status_code == 200


def test_the_same_seed_exports_the_same_bytes(serve: Serve, client: httpx.Client) -> None:
    one, same, other = (
        client.get(serve(seed=seed).url + "/contacts/export").content for seed in (1, 1, 2)
    )
    assert one == same != other


def test_nul_characters_are_an_option(serve: Serve, client: httpx.Client) -> None:
    text = client.get(serve(contacts=3_000, nul=True).url + "/contacts/export").text
    assert "\x00" in text
    assert len(list(csv.reader(io.StringIO(text, newline="")))) == 3_001
