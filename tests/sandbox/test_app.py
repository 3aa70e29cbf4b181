"""The endpoints of single contacts, and the controls."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tap_leadlex.sandbox import Quotas, Sandbox

Serve = Callable[..., Sandbox]
Export = Callable[..., list[dict[str, str]]]
ANN = {"first_name": "Ann", "last_name": "Example", "company": "Example LLP", "tags": ["lead"]}


def test_a_single_contact_uses_different_names(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(nasty=False)
    row = next(sandbox.store.rows())
    contact = client.get(f"{sandbox.url}/contacts/{row.contact.id}").json()["data"]
    assert contact["company"] == (row.contact.company_name or None)
    assert contact["tags"] == list(row.contact.tags)
    assert contact["created_date"] == contact["updated_date"]
    assert {"company_name", "created_at"}.isdisjoint(contact)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_unknown_contact(serve: Serve, client: httpx.Client, method: str) -> None:
    response = client.request(method, serve().url + "/contacts/nobody", content=b"{}")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


def test_create_edit_delete(
    serve: Serve,
    client: httpx.Client,
    export: Export,
    clock: Any,  # noqa: ANN401
) -> None:
    sandbox = serve(contacts=3, clock=clock)
    made = client.post(sandbox.url + "/contacts", json=ANN)
    contact = made.json()["data"]
    assert (made.status_code, contact["full_name"]) == (201, "Ann Example")
    assert contact["created_date"] == "2026-06-15T10:30:00Z"
    row = export(sandbox)[-1]
    assert (row["full_name"], row["company_name"], row["tags"]) == (
        *("Ann Example", "Example LLP"),
        "lead",
    )
    clock.advance(60)
    url = f"{sandbox.url}/contacts/{contact['id']}"
    edited = client.patch(url, json={"job_title": "GC"}).json()["data"]
    assert edited == contact | {"job_title": "GC", "updated_date": "2026-06-15T10:31:00Z"}
    assert client.get(url).json()["data"] == edited
    assert client.delete(url).json() == {"data": {"deleted": True, "id": contact["id"]}}
    assert len(export(sandbox)) == 3


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2026-01-01", "2026-01-01T00:00:00Z"),
        ("2026-06-16T12:30:00+02:00", "2026-06-16T10:30:00Z"),  # 24 hours ahead
        ("2026-06-16T10:30:01Z", "2026-06-15T10:30:00Z"),
        ("2021-06-20T00:00:00Z", "2021-06-20T00:00:00Z"),
        ("2021-06-10T00:00:00Z", "2026-06-15T10:30:00Z"),
        ("soon", "2026-06-15T10:30:00Z"),
        (17, "2026-06-15T10:30:00Z"),
        (None, "2026-06-15T10:30:00Z"),
    ],
)
def test_created_date(
    serve: Serve, client: httpx.Client, clock: object, given: object, stored: str
) -> None:
    body = {"email": "ann@example.com", "created_date": given}
    made = client.post(serve(clock=clock).url + "/contacts", json=body).json()["data"]
    assert made["created_date"] == stored
    assert made["full_name"] == "ann"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"phone": "1"}', b'{"full_name": 1}', b'{"email": "a", "tags": "x"}'],
)
def test_bad_contacts(serve: Serve, client: httpx.Client, body: bytes) -> None:
    response = client.post(serve().url + "/contacts", content=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "validation_error")


def test_bulk(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(contacts=0)
    url = sandbox.url + "/contacts/bulk"
    answer = client.post(url, json={"contacts": [ANN] * 500}).json()["data"]
    assert (answer["created"], len(answer["contacts"]), len(sandbox.store)) == (500, 500, 500)
    for wrong in ([ANN] * 501, [], [ANN, {}], "ANN"):
        assert client.post(url, json={"contacts": wrong}).status_code == 400
    assert client.post(url, json=[]).status_code == 400
    assert len(sandbox.store) == 500


def test_controls(serve: Serve, client: httpx.Client, export: Export) -> None:
    sandbox = serve(contacts=10, quotas=Quotas(exports=1))
    control = sandbox.origin + "/sandbox"
    export(sandbox)
    assert client.get(sandbox.url + "/contacts/export").status_code == 429
    assert httpx.post(control + "/quota/reset").status_code == 204
    made = httpx.post(control + "/contacts?count=250")
    assert made.json() == {"created": 250, "contacts": 260}
    assert len(export(sandbox)) == 260
    assert httpx.get(control).json() == {
        "contacts": 260,
        "calls": 3,
        "exports": 3,
        "list_calls": 0,
    }
    calls = httpx.get(control + "/calls").json()
    assert [(call["status"], call["rows"]) for call in calls] == [(200, 10), (429, 0), (200, 260)]
    assert httpx.post(control + "/contacts?count=x").status_code == 400
    assert httpx.post(control + "/contacts?count=-1").status_code == 400
