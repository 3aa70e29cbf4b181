"""Echoes of the key, of values, and of control characters."""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tap_leadlex.sandbox import Content, Echo, Fault, Place, Sandbox

Serve = Callable[..., Sandbox]
RawGet = Callable[..., Any]
KEY = "wbk_live_0123456789"
HEADERS = {
    Place.REQUEST_ID: ["x-request-id"],
    Place.CONTENT_TYPE: ["content-type"],
    Place.CONTENT_ENCODING: ["content-encoding"],
    Place.QUOTA_HEADERS: [f"x-ratelimit-{name}" for name in ("limit", "remaining", "reset")]
    + ["retry-after"],
}


def expected(sandbox: Sandbox, content: Content) -> list[str]:
    contact = next(sandbox.store.rows()).contact
    return {
        Content.KEY: [KEY],
        Content.KEY_PART: [KEY[:-3]],
        Content.KEY_BASE64: [b64encode(KEY.encode()).decode()],
        Content.VALUES: [contact.full_name, contact.email],
        Content.CONTROL: ["\x1b[31m", "\x07", "\u202e"],
    }[content]


def places(answer: Any, place: Place) -> list[str]:  # noqa: ANN401 - the raw answer
    """Return the parts of the response that must contain the echo, in lower case."""
    if place in HEADERS:
        lines = dict(line.split(": ", 1) for line in answer.head.splitlines()[1:])
        return [lines[name] for name in HEADERS[place]]
    match place:
        case Place.REDIRECT:
            assert answer.head.startswith("http/1.1 302")
            return [line for line in answer.head.splitlines() if line.startswith("location: ")]
        case Place.COLUMN_NAME:
            return [answer.body.decode().lower().splitlines()[1]]  # after the size of the chunk
        case _:
            assert answer.head.startswith("http/1.1 500")
            error: dict[str, str] = json.loads(answer.body)["error"]
            return [error[place.removeprefix("error-")].lower()]


@pytest.mark.parametrize("content", Content)
@pytest.mark.parametrize(
    ("path", "place"),
    [
        *(("/contacts/export", place) for place in Place),
        *(("/contacts", place) for place in Place if place is not Place.COLUMN_NAME),
    ],
)
def test_every_echo(
    serve: Serve, raw_get: RawGet, path: str, place: Place, content: Content
) -> None:
    echoes = {1: Echo(place, content)}
    sandbox = serve(key=KEY, contacts=3, echoes=echoes, list_echoes=echoes)
    texts = places(raw_get(sandbox, path), place)
    parts = expected(sandbox, content)
    assert texts
    assert all(part.lower() in text for part in parts for text in texts)
    second = raw_get(sandbox, path)
    assert second.head.startswith("http/1.1 200")
    assert not any(part.lower() in second.head for part in parts)


def test_an_echo_and_a_fault(serve: Serve, client: httpx.Client) -> None:
    echoes = {1: Echo(Place.REQUEST_ID, Content.KEY)}
    sandbox = serve(faults={1: Fault.SERVER_ERROR}, echoes=echoes)
    response = client.get(sandbox.url + "/contacts/export")
    assert response.status_code == 500
    assert response.headers["X-Request-ID"] == sandbox.key


def test_values_of_an_empty_workspace(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(contacts=0, echoes={1: Echo(Place.ERROR_MESSAGE, Content.VALUES)})
    response = client.get(sandbox.url + "/contacts/export")
    assert response.json()["error"]["message"] == ""
