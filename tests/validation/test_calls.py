"""Calls of the API: patient, bounded, and silent about the key."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import Presence, ResetStyle, RetryAfter
from tap_leadlex.sandbox.workspace import PREFIX, utc_now
from tap_leadlex.validation.api import LeadLex
from tap_leadlex.validation.errors import ApiError, BudgetSpentError, UnreliableListError
from tests.support import RawServer

if TYPE_CHECKING:
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
