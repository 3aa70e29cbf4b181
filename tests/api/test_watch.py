"""A watch over one request: whether it was sent, and that it ends in time."""

from __future__ import annotations

import signal
import socket
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tap_leadlex.api import watch as watch_module
from tap_leadlex.api.watch import LONGEST, Watch
from tap_leadlex.clock import Clock
from tap_leadlex.errors import OversizedError

NOON = datetime(2026, 4, 15, 12, tzinfo=UTC)


def sending(method: bytes) -> dict[str, Any]:
    """Return what httpx says of a request that goes out."""
    return {"request": SimpleNamespace(method=method)}


def test_a_request_is_sent_once_its_own_headers_go_out() -> None:
    watch = Watch(Clock())

    watch.trace("http11.send_request_headers.started", sending(b"CONNECT"))
    assert not watch.sent
    watch.trace("http11.send_request_headers.started", sending(b"GET"))
    assert watch.sent


@pytest.mark.parametrize(
    ("after", "late"), [(LONGEST - timedelta(microseconds=1), False), (LONGEST, True)]
)
def test_an_hour_by_the_clock_is_too_long(after: timedelta, late: bool) -> None:  # noqa: FBT001 - a parameter
    times = iter([NOON, NOON + after, NOON + after])
    watch = Watch(Clock(now=lambda: next(times)))

    assert watch.late is late
    if late:
        with pytest.raises(OversizedError, match=r"took longer than an hour\.$"):
            watch.check()
    else:
        watch.check()


@pytest.mark.parametrize("event", ["connection.connect_tcp.complete", "proxy.start_tls.complete"])
def test_a_connection_that_is_silent_too_long_is_closed(
    monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    monkeypatch.setattr(watch_module, "LONGEST", timedelta(milliseconds=1))
    ours, theirs = socket.socketpair()
    stream = SimpleNamespace(get_extra_info={"socket": ours}.get)

    with ours, theirs, Watch(Clock(now=lambda: NOON)) as watch:
        watch.trace(event, {"return_value": stream})
        assert ours.recv(1) == b""
        assert watch.late


def test_the_thread_of_a_request_takes_no_signal_that_the_main_thread_delays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "LONGEST", timedelta(milliseconds=1))
    blocked: list[set[int]] = []

    class Recording(socket.socket):
        """A socket that notes which signals the thread that closes it blocks."""

        def setsockopt(self, *_: object) -> None:
            blocked.append(set(signal.pthread_sigmask(signal.SIG_BLOCK, [])))

    first, theirs = socket.socketpair()
    ours = Recording(fileno=first.detach())
    stream = SimpleNamespace(get_extra_info={"socket": ours}.get)

    watch = Watch(Clock(now=lambda: NOON))
    watch.trace("connection.connect_tcp.complete", {"return_value": stream})
    with ours, theirs, watch:
        assert ours.recv(1) == b""

    assert blocked[0] >= {signal.SIGINT, signal.SIGTERM}


def test_a_connection_that_comes_too_late_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "LONGEST", timedelta(0))
    ours, theirs = socket.socketpair()
    stream = SimpleNamespace(get_extra_info={"socket": ours}.get)

    with ours, theirs, Watch(Clock(now=lambda: NOON)) as watch:
        while threading.active_count() > 1 and not watch.late:
            pass
        watch.trace("connection.connect_tcp.complete", {"return_value": stream})
        assert ours.recv(1) == b""


def test_no_thread_outlives_a_request() -> None:
    before = threading.active_count()

    with Watch(Clock()):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
