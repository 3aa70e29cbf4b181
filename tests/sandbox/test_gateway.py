"""What all calls have in common: key, quotas, headers, envelope, log."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx
import pytest

from tap_leadlex.sandbox import Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import HeaderWindow, Presence, RetryAfter

Serve = Callable[..., Sandbox]


class Clock(Protocol):
    """The clock of the fixture."""

    now: datetime

    def advance(self, seconds: float) -> None:
        """Advance the clock."""


@pytest.mark.parametrize("header", [None, "Bearer wbk_other", "Bearer", "Basic wbk_sandbox", "ä"])
@pytest.mark.parametrize("path", ["/contacts", "/contacts/export", "/contacts/x"])
def test_wrong_key(serve: Serve, path: str, header: str | None) -> None:
    sandbox = serve()
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    response = httpx.get(sandbox.url + path, headers=headers)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_key")
    assert [call.status for call in sandbox.calls] == [401]


def test_wrong_key_uses_no_quota(serve: Serve, client: httpx.Client) -> None:
    url = serve(quotas=Quotas(exports=1)).url + "/contacts/export"
    assert httpx.get(url).status_code == 401
    assert client.get(url).status_code == 200


def test_unknown_paths_and_methods(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve()
    nowhere = client.get(sandbox.url + "/companies")
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
    assert nowhere.headers["X-Request-ID"]
    wrong = client.put(sandbox.url + "/contacts")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")


def test_rolling_hour(serve: Serve, client: httpx.Client, clock: Clock) -> None:
    url = serve(clock=clock, quotas=Quotas(exports=1)).url + "/contacts/export"
    assert client.get(url).status_code == 200
    clock.advance(3_599)
    refused = client.get(url)
    assert refused.status_code == 429
    assert int(refused.headers["X-RateLimit-Reset"]) == clock.now.timestamp() + 1
    assert "Retry-After" not in refused.headers
    clock.advance(1)
    assert client.get(url).status_code == 200


def test_headers_can_describe_the_daily_quota(
    serve: Serve, client: httpx.Client, clock: Clock
) -> None:
    reading = Reading(header_window=HeaderWindow.DAILY, retry_after=RetryAfter.SECONDS)
    sandbox = serve(clock=clock, quotas=Quotas(exports=1, daily=100), reading=reading)
    client.get(sandbox.url + "/contacts/export")
    refused = client.get(sandbox.url + "/contacts/export")
    assert refused.status_code == 429
    assert refused.headers["X-RateLimit-Limit"] == "100"
    assert refused.headers["X-RateLimit-Remaining"] == "99"
    midnight = clock.now.replace(hour=0, minute=0) + timedelta(days=1)
    assert int(refused.headers["X-RateLimit-Reset"]) == midnight.timestamp()


def test_daily_quota_refuses_every_call(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(quotas=Quotas(daily=2))
    statuses = [client.get(sandbox.url + "/contacts").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = client.get(sandbox.url + "/contacts/export")
    assert (refused.status_code, refused.headers["X-RateLimit-Limit"]) == (429, "2")


def test_date_header_follows_the_clock(serve: Serve, client: httpx.Client, clock: Clock) -> None:
    response = client.get(serve(clock=clock).url + "/contacts")
    assert response.headers.get_list("Date") == ["Mon, 15 Jun 2026 10:30:00 GMT"]
    assert parsedate_to_datetime(response.headers["Date"]) == clock.now


def test_no_date_header(serve: Serve, client: httpx.Client) -> None:
    url = serve(reading=Reading(date_header=Presence.NO)).url
    assert "Date" not in client.get(url + "/contacts").headers


def test_log_of_calls(serve: Serve, client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sandbox = serve()
    listed = client.get(sandbox.url + "/contacts?per_page=7&search=")
    exported = client.get(sandbox.url + "/contacts/export?limit=5")
    client.get(sandbox.url + "/contacts?search=secretname")
    assert [
        (call.is_list, call.is_export, call.rows, call.query) for call in sandbox.calls[:2]
    ] == [
        (True, False, 7, "per_page=7&search="),
        (False, True, 5, "limit=5"),
    ]
    assert sandbox.calls[0].request_id == listed.headers["X-Request-ID"]
    assert sandbox.exports[0].request_id == exported.headers["X-Request-ID"]
    assert len(sandbox.list_calls) == 2
    lines = [record.getMessage() for record in caplog.records if "sandbox" in record.name]
    assert '/contacts/export?limit=5" 200, 5 rows' in lines[1]
    assert "wbk_" not in caplog.text
    assert not any("secretname" in line for line in lines)


def test_latency(serve: Serve, client: httpx.Client) -> None:
    response = client.get(serve(latency=0.05).url + "/contacts")
    assert response.elapsed >= timedelta(seconds=0.05)
