"""Calls of the API: patient, bounded, and silent about the key."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import Presence, ResetStyle, RetryAfter
from tap_leadlex.sandbox.workspace import PREFIX, utc_now
from tap_leadlex.validation import api as api_module
from tap_leadlex.validation.api import LeadLex
from tap_leadlex.validation.errors import ApiError, BudgetSpentError, UnreliableListError
from tests.support import RawServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable


ELSEWHEN = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
"""A time that no clock of this machine shows."""


def connect(sandbox: Sandbox, pauses: list[float], budget: int = 100) -> LeadLex:
    return LeadLex(sandbox.url, sandbox.key, budget=budget, sleep=pauses.append)


@pytest.mark.parametrize(
    "fault", [ListFault.SERVER_ERROR, ListFault.UNAVAILABLE, ListFault.RESET, ListFault.TOO_MANY]
)
def test_a_passing_fault_is_survived(serve: Callable[..., Sandbox], fault: ListFault) -> None:
    pauses: list[float] = []
    with connect(serve(contacts=5, list_faults={1: fault}), pauses) as api:
        assert api.page().total == 5
    assert api.made == 2
    assert len(pauses) == 1


@pytest.mark.parametrize("fault", list(ListFault))
def test_a_lasting_fault_is_told_in_a_line(serve: Callable[..., Sandbox], fault: ListFault) -> None:
    faults = dict.fromkeys(range(1, 9), fault)
    sandbox = serve(contacts=5, list_faults=faults)
    with connect(sandbox, []) as api, pytest.raises(ApiError) as told:
        api.page()
    assert api.made <= 3
    assert "\n" not in str(told.value)
    assert sandbox.key not in str(told.value)


@pytest.mark.parametrize("reset", list(ResetStyle))
@pytest.mark.parametrize("retry_after", [RetryAfter.NONE, RetryAfter.SECONDS])
def test_it_waits_out_the_minute(
    serve: Callable[..., Sandbox], reset: ResetStyle, retry_after: RetryAfter
) -> None:
    reading = Reading(reset=reset, retry_after=retry_after)
    pauses: list[float] = []
    sandbox = serve(
        contacts=5,
        quotas=Quotas(minute=1),
        reading=reading,
        clock=lambda: utc_now() + timedelta(seconds=sum(pauses)),
    )
    with connect(sandbox, pauses) as api:
        api.page()
        api.page()
    assert api.made == 3
    assert len(pauses) == 1
    assert pauses[0] <= 61


@pytest.mark.parametrize(
    "reading",
    [
        Reading(reset=ResetStyle.SECONDS_LEFT),
        Reading(reset=ResetStyle.NONE, retry_after=RetryAfter.SECONDS),
        # Instants of LeadLex's clock, which is years ahead of this machine's.
        Reading(reset=ResetStyle.EPOCH_S),
        Reading(reset=ResetStyle.EPOCH_MS),
        Reading(reset=ResetStyle.ISO),
        Reading(reset=ResetStyle.NONE, retry_after=RetryAfter.DATE),
    ],
)
def test_it_waits_no_longer_than_leadlex_says(
    serve: Callable[..., Sandbox], reading: Reading
) -> None:
    now = ELSEWHEN
    sandbox = serve(contacts=5, quotas=Quotas(minute=1), reading=reading, clock=lambda: now)
    pauses: list[float] = []
    with connect(sandbox, pauses) as api:
        api.page()
        now += timedelta(seconds=40)
        with pytest.raises(ApiError):
            api.page()
    assert pauses == [21, 21]


def test_a_quota_that_does_not_reopen_is_an_error(serve: Callable[..., Sandbox]) -> None:
    pauses: list[float] = []
    with connect(serve(contacts=5, quotas=Quotas(minute=1)), pauses) as api:
        api.page()
        with pytest.raises(ApiError, match="quota"):
            api.page()
    assert len(pauses) == 2


def test_no_call_is_made_beyond_the_budget(serve: Callable[..., Sandbox]) -> None:
    with connect(serve(contacts=5), [], budget=2) as api:
        api.page()
        api.page()
        with pytest.raises(BudgetSpentError):
            api.page()
    assert api.made == 2


def test_it_does_not_follow_a_redirect_with_the_key() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    with RawServer(answer) as server, LeadLex(server.url, "wbk_x") as api:
        with pytest.raises(ApiError, match="302"):
            api.page()
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"data": {"contacts": 5}, "meta": {"total": 1}}',
        b'{"data": {"contacts": ["x"]}, "meta": {"total": 1}}',
        b'{"data": {"contacts": [{"id": 1}]}, "meta": {"total": 1}}',
        b'{"data": {"contacts": [{"id": "a", "created_at": "soon"}]}, "meta": {"total": 1}}',
        b'{"data": {"contacts": []}, "meta": {"total": "1"}}',
        b'{"data": {"contacts": []}, "meta": {"total": true}}',
    ],
)
def test_another_form_of_list_is_refused(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with (
        RawServer(answer) as server,
        LeadLex(server.url, "wbk_x") as api,
        pytest.raises(UnreliableListError),
    ):
        api.page()


def test_leadlex_s_clock_is_known_after_a_call(serve: Callable[..., Sandbox]) -> None:
    with connect(serve(contacts=1, clock=lambda: ELSEWHEN), []) as api:
        api.page()
        assert api.now == ELSEWHEN.timestamp()


def test_this_machine_s_clock_is_used_without_a_date_header(serve: Callable[..., Sandbox]) -> None:
    reading = Reading(date_header=Presence.NO)
    with connect(serve(contacts=1, clock=lambda: ELSEWHEN, reading=reading), []) as api:
        before = time.time()
        api.page()
        assert before <= api.now <= time.time()


def test_a_contact_is_read_by_an_id_of_any_form(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=3)
    identity = next(iter(sandbox.store.rows())).contact.id
    with connect(sandbox, []) as api:
        contact = api.contact(identity)
        assert contact is not None
        assert contact["id"] == identity
        odd = "export/../../?x=#ü"
        assert api.contact(odd) is None
        assert sandbox.calls[-1].path == f"{PREFIX}/contacts/{odd}"


def of_length(head: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    """Return what sends a head, and then pieces for as long as the other side reads."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while not Event().wait(pause):
            connection.sendall(piece)

    return answer


CSV = b"200 OK\r\nContent-Type: text/csv"
ZIPPED = CSV + b"\r\nContent-Encoding: gzip"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
ROWS = b"id,created_at\n" + b"a,2026-01-01T00:00:00Z\n" * 999


HOSTILE = {
    "endless chunks": (endless(CHUNKED, b"10000\r\n%b\r\n" % bytes(0x10000)), "larger than 1 MiB"),
    "large": (of_length(CSV, bytes(2 << 20)), "larger than 1 MiB"),
    "bomb": (of_length(ZIPPED, gzip.compress(bytes(2 << 20))), "larger than 1 MiB"),
    "two codings": (
        of_length(ZIPPED + b", gzip", gzip.compress(gzip.compress(ROWS))),
        "not requested",
    ),
    "no gzip": (of_length(ZIPPED, b"\x1f\x8bno gzip"), "damaged or truncated"),
    "cut gzip": (of_length(ZIPPED, gzip.compress(ROWS)[:-9]), "damaged or truncated"),
    "damaged gzip": (
        of_length(ZIPPED, gzip.compress(ROWS)[:-8] + bytes(8)),
        "damaged or truncated",
    ),
    "data after gzip": (of_length(ZIPPED, gzip.compress(ROWS) + ROWS), "damaged or truncated"),
    "cut": (of_length(CSV, ROWS)[:-9], "did not answer completely"),
    "slow body": (endless(CHUNKED, b"1\r\n \r\n", 0.01), "longer than 0.2 seconds"),
    "slow header": (endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.01), "longer than 0.2 seconds"),
    "endless hints": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), "longer than 0.2 seconds"),
    "long header": (
        endless(b"HTTP/1.1 200 OK\r\nX-Long: ", bytes(0x10000)),
        "did not answer completely",
    ),
    "error that never ends": (
        endless(b"HTTP/1.1 400 No\r\nContent-Length: 9999999\r\n\r\n", b" "),
        "HTTP 400",
    ),
    "endless error": (endless(b"HTTP/1.1 500 No\r\n\r\n", bytes(0x10000)), "HTTP 500"),
    "no HTTP": (endless(b"no HTTP", b"\r\n"), "did not answer completely"),
    "nothing": (b"", "did not answer completely"),
}


@pytest.mark.parametrize(("answer", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_answer_ends_in_a_line(
    answer: bytes | Callable[[socket.socket], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is asked for: reading is bounded in size and time."""
    for largest in ("LARGEST_ANSWER", "LARGEST_EXPORT"):
        monkeypatch.setattr(api_module, largest, 1 << 20)

    for ask in (LeadLex.page, lambda api: api.contact("a"), lambda api: api.export({}).__enter__()):
        with (
            RawServer(answer) as server,
            LeadLex(server.url, "wbk_x", longest=0.2, sleep=lambda _: None) as api,
            pytest.raises(ApiError, match=words) as told,
        ):
            ask(api)
        assert "\n" not in str(told.value)
        assert len(str(told.value)) < 120


def test_surplus_data_does_not_pass_for_the_next_answer() -> None:
    first = of_length(b"200 OK", b'{"data": {"id": "a"}}')
    surplus = of_length(b"404 Not Found", b"")
    with RawServer(first + surplus) as server, LeadLex(server.url, "wbk_x") as api:
        assert api.contact("a") == api.contact("b") == {"id": "a"}


def test_an_export_without_an_end_is_refused() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n" + ROWS
    with (
        RawServer(answer) as server,
        LeadLex(server.url, "wbk_x") as api,
        pytest.raises(ApiError, match="neither a length nor chunks"),
        api.export({}),
    ):
        pass


def test_an_id_that_is_too_long_for_a_url_is_told_in_a_line(serve: Callable[..., Sandbox]) -> None:
    with connect(serve(contacts=1), []) as api, pytest.raises(ApiError, match="InvalidURL"):
        api.contact("x" * 70_000)


@pytest.mark.parametrize(
    "date", ["x", "Mon, 41 Jan 2026 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +99999999999999"]
)
def test_an_odd_date_header_is_ignored(date: str) -> None:
    head = b"200 OK\r\nDate: " + date.encode()
    body = b'{"data": {"contacts": []}, "meta": {"total": 0}}'
    with RawServer(of_length(head, body)) as server, LeadLex(server.url, "wbk_x") as api:
        before = time.time()
        api.page()
        assert before <= api.now <= time.time()
