"""A made-up resource, served in addition to the contacts."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tap_leadlex.sandbox import Fault, ListFault, Quotas, Reading, Sandbox, Store, matching
from tap_leadlex.sandbox.instants import SECOND, parse
from tap_leadlex.sandbox.readings import ListMode, Order, Precision, Unknown
from tests.sandbox.matters import MATTERS

Serve = Callable[..., Sandbox]
START = parse("2026-01-01")
COUNT = 30


def matters(count: int = COUNT, **options: Any) -> Store:  # noqa: ANN401 - whatever Store takes
    """Return a store with one matter per second."""
    options = {"resource": MATTERS, **options}
    return Store((START + i * SECOND for i in range(count)), **options)


@pytest.fixture
def sandbox(serve: Serve) -> Sandbox:
    """Return a sandbox with 30 matters and 10 contacts."""
    return serve(contacts=10, stores=[matters()])


def exported(client: httpx.Client, sandbox: Sandbox, **query: Any) -> list[dict[str, str]]:  # noqa: ANN401
    response = client.get(sandbox.url + "/matters/export", params=query)
    response.raise_for_status()
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


def listed(client: httpx.Client, sandbox: Sandbox, **query: Any) -> Any:  # noqa: ANN401
    response = client.get(sandbox.url + "/matters", params=query)
    response.raise_for_status()
    return response.json()


def test_export(client: httpx.Client, sandbox: Sandbox) -> None:
    response = client.get(sandbox.url + "/matters/export?limit=2")
    assert response.text == (
        "id,title,fee,status,opened_by,created_at\n"
        f'{next(sandbox.stores["matters"].rows()).record.id},"Matter 0, Hale v. Hale",,open,,'
        "2026-01-01T00:00:00Z\n"
        f'{list(sandbox.stores["matters"].rows())[1].record.id},"Matter 1, Hale v. Hale",250.5,'
        "settled,partner1@example.com,2026-01-01T00:00:01Z\n"
    )
    assert "matters-export.csv" in response.headers["Content-Disposition"]


def test_columns_on_request(client: httpx.Client, sandbox: Sandbox) -> None:
    assert list(exported(client, sandbox, fields="updated_date,fee")[0]) == ["updated_date", "fee"]
    refused = client.get(sandbox.url + "/matters/export?fields=email")
    assert refused.status_code == 400


def test_list(client: httpx.Client, sandbox: Sandbox) -> None:
    answer = listed(client, sandbox, per_page=2, page=2)
    assert answer["meta"] == {"page": 2, "per_page": 2, "total": COUNT}
    assert [matter["fee"] for matter in answer["data"]["matters"]] == [501.0, 751.5]
    assert answer["data"]["matters"][0] == {
        "id": list(sandbox.stores["matters"].rows())[2].record.id,
        "title": "Matter 2, Hale v. Hale",
        "fee": 501.0,
        "status": "lost",
        "opened_by": "partner2@example.com",
        "created_at": "2026-01-01T00:00:02Z",
    }


def test_absent_values_are_empty_in_csv_and_null_in_json(
    client: httpx.Client, sandbox: Sandbox
) -> None:
    first = exported(client, sandbox)[0]
    assert (first["fee"], first["opened_by"]) == ("", "")
    first = listed(client, sandbox)["data"]["matters"][0]
    assert (first["fee"], first["opened_by"]) == (None, None)


def test_filter(client: httpx.Client, sandbox: Sandbox) -> None:
    rows = exported(client, sandbox, status="settled")
    assert {row["status"] for row in rows} == {"settled"}
    assert len(rows) == listed(client, sandbox, status="settled")["meta"]["total"] == 10
    assert exported(client, sandbox, status="unheard-of") == []


def test_filters_of_contacts_are_ignored(client: httpx.Client, sandbox: Sandbox) -> None:
    assert len(exported(client, sandbox, list_id="list-rare", tag="board")) == COUNT


def test_unknown_value_of_a_filter_refused(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(stores=[matters(reading=Reading(unknown_list=Unknown.REFUSED))])
    response = client.get(sandbox.url + "/matters/export?status=unheard-of")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "status_not_found")


def test_bounds(client: httpx.Client, sandbox: Sandbox) -> None:
    bounds = {
        "created_after": "2026-01-01T00:00:10Z",
        "created_before": "2026-01-01T00:00:20Z",
    }
    created = [row["created_at"] for row in exported(client, sandbox, **bounds)]
    assert (created[0], created[-1]) == ("2026-01-01T00:00:10Z", "2026-01-01T00:00:19Z")
    created = [row["created_at"] for row in listed(client, sandbox, **bounds)["data"]["matters"]]
    assert (created[0], created[-1]) == ("2026-01-01T00:00:10Z", "2026-01-01T00:00:20Z")
    assert client.get(sandbox.url + "/matters/export?created_after=?").status_code == 400


def test_a_list_ignores_bounds_it_does_not_know(client: httpx.Client, sandbox: Sandbox) -> None:
    answer = client.get(sandbox.url + "/contacts?created_before=1999-01-01").json()
    assert answer["meta"]["total"] == 10


def test_sort(serve: Serve, client: httpx.Client, sandbox: Sandbox) -> None:
    titles = [
        matter["title"] for matter in listed(client, sandbox, sort="title")["data"]["matters"]
    ]
    assert titles == sorted(titles)
    assert client.get(sandbox.url + "/matters?sort=full_name").status_code == 400
    unsorted = replace(MATTERS, sorts=())
    sandbox = serve(stores=[matters(resource=unsorted)])
    ids = [matter["id"] for matter in listed(client, sandbox, sort="title")["data"]["matters"]]
    assert ids == sorted(ids)


def test_one_log_of_calls(client: httpx.Client, sandbox: Sandbox) -> None:
    for path in ("/matters/export", "/matters", "/contacts/export", "/contacts", "/matters/x"):
        client.get(sandbox.url + path)
    assert [
        (call.resource, call.is_export, call.is_list, call.nth, call.rows) for call in sandbox.calls
    ] == [
        ("matters", True, False, 1, COUNT),
        ("matters", False, True, 1, COUNT),
        ("contacts", True, False, 2, 10),
        ("contacts", False, True, 2, 10),
        ("", False, False, 0, 0),
    ]
    assert sandbox.exports == sandbox.calls[::2][:2]
    assert sandbox.list_calls == sandbox.calls[1:4:2]
    assert httpx.get(sandbox.origin + "/sandbox").json() == {
        "contacts": 10,
        "matters": COUNT,
        "calls": 5,
        "exports": 2,
        "list_calls": 2,
    }
    assert [call["resource"] for call in httpx.get(sandbox.origin + "/sandbox/calls").json()] == [
        *("matters", "matters", "contacts", "contacts"),
        "",
    ]


@pytest.mark.parametrize("path", ["/matters/x", "/matter", "/matters/", "/matters/export/x"])
def test_unknown_paths(client: httpx.Client, sandbox: Sandbox, path: str) -> None:
    response = client.get(sandbox.url + path)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_matters_cannot_be_written(client: httpx.Client, sandbox: Sandbox) -> None:
    assert client.post(sandbox.url + "/matters", json={}).status_code == 405
    assert not sandbox.exports


def test_every_resource_requires_the_key(sandbox: Sandbox) -> None:
    assert httpx.get(sandbox.url + "/matters/export").status_code == 401


@pytest.mark.parametrize(("separate", "statuses"), [(False, [200, 429]), (True, [200, 200])])
def test_export_quota(
    serve: Serve, client: httpx.Client, *, separate: bool, statuses: list[int]
) -> None:
    quotas = Quotas(exports=1, separate=separate)
    sandbox = serve(stores=[matters()], quotas=quotas)
    paths = ("/matters/export", "/contacts/export")
    responses = [client.get(sandbox.url + path) for path in paths]
    assert [response.status_code for response in responses] == statuses
    assert responses[-1].headers["X-RateLimit-Remaining"] == "0"
    assert client.get(sandbox.url + "/matters/export").status_code == 429
    sandbox.workspace.quota.reset()
    assert client.get(sandbox.url + "/matters/export").status_code == 200


def test_faults_are_numbered_over_all_resources(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(
        stores=[matters()],
        faults={2: Fault.SERVER_ERROR, 3: Fault.EXTRA_COLUMN},
        list_faults={2: ListFault.MISSING},
    )
    paths = ["/contacts/export", "/matters/export", "/matters/export", "/contacts", "/matters"]
    responses = [client.get(sandbox.url + path) for path in paths]
    assert [response.status_code for response in responses] == [200, 500, 200, 200, 404]
    assert responses[2].text.startswith("id,title,fee,status,opened_by,created_at,updated_date\n")


def test_each_store_has_its_own_reading(serve: Serve, client: httpx.Client) -> None:
    reading = Reading(order=Order.DESCENDING, precision=Precision.MS, list_mode=ListMode.FORBIDDEN)
    sandbox = serve(stores=[matters(reading=reading)])
    created = [row["created_at"] for row in exported(client, sandbox)]
    assert (created[0], created[-1]) == ("2026-01-01T00:00:29.000Z", "2026-01-01T00:00:00.000Z")
    assert client.get(sandbox.url + "/matters").status_code == 403
    assert client.get(sandbox.url + "/contacts").status_code == 200


def test_a_store_of_any_resource_can_change() -> None:
    store = matters()
    made = store.create(START + COUNT * SECOND, {"title": "Ours", "status": "settled"})
    assert made.record._replace(id="") == ("", "Ours", None, "settled", "")
    assert store.count(where=matching(status="settled")) == 11
    store.edit(made.record.id, {"status": "lost"}, START + 60 * SECOND)
    assert store.count(where=matching(status="settled")) == 10
    assert store.delete(made.record.id)
    assert len(store) == COUNT
    assert store.create(START).record.title == f"Matter {COUNT + 1}, Hale v. Hale"
