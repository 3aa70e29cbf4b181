"""`GET /v1/contacts` over HTTP."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tap_leadlex.sandbox import ListFault, Reading, Sandbox
from tap_leadlex.sandbox.readings import ListMode, PerPage

Serve = Callable[..., Sandbox]
FIELDS = [
    *("id", "full_name", "email", "phone", "job_title", "company_name", "linkedin_url"),
    *("created_at", "updated_date"),
]


def listed(client: httpx.Client, sandbox: Sandbox, **parameters: Any) -> Any:  # noqa: ANN401
    response = client.get(sandbox.url + "/contacts", params=parameters)
    response.raise_for_status()
    return response.json()


def test_envelope_and_fields(serve: Serve, client: httpx.Client) -> None:
    answer = listed(client, serve(contacts=60))
    assert answer["meta"] == {"page": 1, "per_page": 50, "total": 60}
    assert len(answer["data"]["contacts"]) == 50
    assert list(answer["data"]["contacts"][0]) == FIELDS


def test_one_call_returns_the_kth_contact(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(contacts=60_000)
    answer = listed(client, sandbox, per_page=1, page=49_000)
    [contact] = answer["data"]["contacts"]
    expected = list(sandbox.store.rows())[48_999].contact
    assert contact["id"] == expected.id


def test_pages_and_filters(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(contacts=500)
    everyone = listed(client, sandbox, per_page=100)["data"]["contacts"]
    after = everyone[40]["created_at"]
    answer = listed(client, sandbox, created_after=after, list_id="list-half", per_page=100)
    assert 0 < answer["meta"]["total"] < 460
    assert all(contact["created_at"] >= after for contact in answer["data"]["contacts"])
    newest = listed(client, sandbox, sort="-created_at", per_page=1)["data"]["contacts"][0]
    assert newest["created_at"] > everyone[-1]["created_at"]
    named = listed(client, sandbox, sort="full_name")["data"]["contacts"]
    assert named == sorted(named, key=lambda contact: contact["full_name"] or "")
    assert listed(client, sandbox, page=6, per_page=100)["data"]["contacts"] == []


def test_per_page_above_100(serve: Serve, client: httpx.Client) -> None:
    assert listed(client, serve(), per_page=101)["meta"]["per_page"] == 100
    strict = serve(reading=Reading(per_page=PerPage.REFUSED))
    assert client.get(strict.url + "/contacts?per_page=101").status_code == 400


@pytest.mark.parametrize("query", ["page=0", "per_page=x", "sort=email", "created_after=?"])
def test_bad_parameters(serve: Serve, client: httpx.Client, query: str) -> None:
    response = client.get(f"{serve().url}/contacts?{query}")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "validation_error")


@pytest.mark.parametrize(
    ("mode", "status"),
    [(ListMode.FORBIDDEN, 403), (ListMode.MISSING, 404), (ListMode.LIMITED, 429)],
)
def test_refusing_modes(serve: Serve, client: httpx.Client, mode: ListMode, status: int) -> None:
    sandbox = serve(reading=Reading(list_mode=mode))
    response = client.get(sandbox.url + "/contacts")
    assert response.status_code == status
    assert response.json()["error"]["code"]
    assert client.get(sandbox.url + "/contacts/export").status_code == 200


@pytest.mark.parametrize(
    ("mode", "rows", "total"),
    [
        (ListMode.OK, 1, 1_000),
        (ListMode.EMPTY, 0, 1_000),
        (ListMode.WRONG_TOTAL, 1, 500),
        (ListMode.NEAR_TOTAL, 1, 1_003),
        (ListMode.NO_TOTAL, 1, None),
    ],
)
def test_misleading_modes(
    serve: Serve, client: httpx.Client, mode: ListMode, rows: int, total: int | None
) -> None:
    answer = listed(client, serve(reading=Reading(list_mode=mode)), per_page=1)
    assert len(answer["data"]["contacts"]) == rows
    assert answer["meta"].get("total") == total


def test_shallow_mode(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(contacts=11_000, reading=Reading(list_mode=ListMode.SHALLOW))
    assert listed(client, sandbox, per_page=1, page=10_000)["data"]["contacts"]
    deep = listed(client, sandbox, per_page=1, page=10_001)
    assert (deep["data"]["contacts"], deep["meta"]["total"]) == ([], 11_000)


def test_date_before_window_mode(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(reading=Reading(list_mode=ListMode.DATE_BEFORE_WINDOW))
    after = "2025-01-01T00:00:00Z"
    answer = listed(client, sandbox, created_after=after, per_page=1)
    assert answer["data"]["contacts"][0]["created_at"] == "2024-12-31T00:00:00Z"


@pytest.mark.parametrize(
    "fault",
    [fault for fault in ListFault if fault not in {ListFault.RESET, ListFault.ERROR_WITH_DATA}],
)
def test_faults_by_number(serve: Serve, client: httpx.Client, fault: ListFault) -> None:
    url = serve(list_faults={2: fault}).url + "/contacts"
    first, second, third = (client.get(url) for _ in range(3))
    assert first.status_code == third.status_code == 200
    if fault is ListFault.HTML_200:
        assert second.headers["Content-Type"].startswith("text/html")
    else:
        assert second.status_code == int(fault)


def test_reset(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(list_faults={1: ListFault.RESET})
    with pytest.raises(httpx.ReadError):
        client.get(sandbox.url + "/contacts")
    assert sandbox.list_calls[0].status == 0


def test_error_with_data(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(list_faults={2: ListFault.ERROR_WITH_DATA})
    whole, spoiled = (listed(client, sandbox) for _ in range(2))
    assert spoiled.pop("error")["code"] == "internal_error"
    assert spoiled == whole
