"""What exports may cost: the quota, waits, retries, smaller exports; each call counted."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from tap_leadlex import timestamps
from tap_leadlex.api import client
from tap_leadlex.sandbox import Fault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import HeaderWindow, ListMode, ResetStyle, RetryAfter
from tests.support import FakeClock, Json, by_id, config_for, state_at, truth

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 100
HOUR = 3_600


def limits(sandbox: Sandbox) -> list[int]:
    """Give the limits that the exports asked for."""
    return [int(dict(parse_qsl(call.query))["limit"]) for call in sandbox.exports]


def statuses(sandbox: Sandbox) -> list[int]:
    """Give how the exports were answered."""
    return [call.status for call in sandbox.exports]


def small(sandbox: Sandbox, **settings: Any) -> Json:  # noqa: ANN401 - any setting
    """Give a config whose exports are small."""
    return config_for(sandbox, export_limit=LIMIT, check_drift=False, **settings)


# The quota.


def test_a_run_stops_in_good_order_when_the_quota_ends(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=1_000, quotas=Quotas(exports=4), clock=clock)

    first = clock.run(small(sandbox))

    assert first.exit_code == 0
    assert first.failures == []
    assert statuses(sandbox) == [200, 200, 200, 200, 429]
    assert clock.slept == []
    (warning,) = first.warnings
    assert f"{len(first.ids)} contacts synced" in warning
    assert f"about {1_000 - len(first.ids)} left" in warning
    assert "reopens at 2026-07-01T13:00:00Z" in warning
    assert "quota_wait_seconds to at least 3600" in warning
    bookmark = str(first.bookmark)
    early = [record for record in truth(sandbox) if canonical(record["created_at"]) < bookmark]
    assert by_id(first.records) == by_id(early)
    assert 300 < len(early) < 400

    # The next runs, each after an hour, take nothing twice.
    ids, state = first.ids, first.state
    while len(ids) < 1_000:
        clock.sleep(HOUR)
        done = clock.run(small(sandbox), state=state)
        assert done.exit_code == 0
        assert done.ids
        ids, state = ids + done.ids, done.state
    assert sorted(ids) == sorted(record["id"] for record in truth(sandbox))


def canonical(printed: str) -> str:
    """Give a printed instant as bookmarks have it."""
    return timestamps.canonical(timestamps.parse(printed))


def test_a_quota_that_is_used_up_from_the_beginning(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=50, quotas=Quotas(exports=0), clock=clock)

    done = clock.run(small(sandbox), state=state_at("2024-01-01T00:00:00.000000Z"))

    assert done.exit_code == 0
    assert len(done.warnings) == 1
    assert done.records == []
    assert not done.states or done.bookmark == "2024-01-01T00:00:00.000000Z"
    assert len(sandbox.calls) == 1


def test_without_the_list_the_warning_does_not_guess_what_is_left(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    reading = Reading(list_mode=ListMode.FORBIDDEN)
    sandbox = serve(contacts=1_000, quotas=Quotas(exports=3), clock=clock, reading=reading)

    (warning,) = clock.run(small(sandbox)).warnings

    assert " contacts synced. " in warning
    assert "left" not in warning


@pytest.mark.parametrize("reset", ResetStyle)
@pytest.mark.parametrize("retry_after", RetryAfter)
@pytest.mark.parametrize("aligned", [True, False])
def test_a_run_that_may_wait_goes_on_when_the_quota_opens(
    *,
    serve: Callable[..., Sandbox],
    clock: FakeClock,
    reset: ResetStyle,
    retry_after: RetryAfter,
    aligned: bool,
) -> None:
    clock.at += timedelta(minutes=20)
    sandbox = serve(
        contacts=700,
        quotas=Quotas(exports=4, aligned=aligned),
        clock=clock,
        reading=Reading(reset=reset, retry_after=retry_after),
    )

    done = clock.run(small(sandbox, quota_wait_seconds=3 * HOUR))

    assert done.exit_code == 0
    assert done.failures == done.warnings == []
    assert by_id(done.records) == by_id(truth(sandbox))
    assert statuses(sandbox).count(200) == 8
    assert statuses(sandbox).count(429) == 1
    told = reset is not ResetStyle.NONE or retry_after is not RetryAfter.NONE
    assert sum(clock.slept) == (40 * 60 if aligned and told else HOUR)
    waiting = [line for line in done.lines("INFO") if line.startswith("Waiting for the export")]
    assert len(waiting) == len(clock.slept) == (40 if aligned and told else 60)
    assert max(clock.slept) <= 60


def test_the_waits_of_a_run_add_up_and_one_too_many_is_not_begun(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=1_000, quotas=Quotas(exports=2), clock=clock)

    done = clock.run(small(sandbox, quota_wait_seconds=2 * HOUR + HOUR // 2))

    assert done.exit_code == 0
    assert sum(clock.slept) == 2 * HOUR
    assert statuses(sandbox) == [200, 200, 429, 200, 200, 429, 200, 200, 429]
    (warning,) = done.warnings
    assert "quota_wait_seconds" in warning


@pytest.mark.parametrize("allowed", [0, 1, HOUR - 1])
def test_a_wait_longer_than_allowed_is_not_begun(
    serve: Callable[..., Sandbox], clock: FakeClock, allowed: int
) -> None:
    sandbox = serve(contacts=500, quotas=Quotas(exports=2), clock=clock)

    done = clock.run(small(sandbox, quota_wait_seconds=allowed))

    assert (done.exit_code, len(done.warnings), clock.slept) == (0, 1, [])
    assert statuses(sandbox) == [200, 200, 429]


def test_the_quota_of_the_day_ends_a_run_that_may_wait_an_hour(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    reading = Reading(header_window=HeaderWindow.DAILY, list_mode=ListMode.FORBIDDEN)
    sandbox = serve(
        contacts=900, quotas=Quotas(exports=None, daily=5), clock=clock, reading=reading
    )

    done = clock.run(small(sandbox, quota_wait_seconds=HOUR))

    assert done.exit_code == 0
    assert clock.slept == []
    (warning,) = done.warnings
    assert "reopens at 2026-07-02T00:00:00Z" in warning


def test_the_quota_of_the_minute_is_waited_for(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    reading = Reading(list_mode=ListMode.FORBIDDEN, retry_after=RetryAfter.SECONDS)
    sandbox = serve(
        contacts=900, quotas=Quotas(exports=None, minute=6), clock=clock, reading=reading
    )

    done = clock.run(small(sandbox, quota_wait_seconds=HOUR))

    assert done.exit_code == 0
    assert by_id(done.records) == by_id(truth(sandbox))
    assert 0 < sum(clock.slept) <= 10 * 60


def test_headers_before_a_refusal_do_not_make_a_run_wait(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=150, quotas=Quotas(exports=2), clock=clock)

    done = clock.run(small(sandbox, quota_wait_seconds=HOUR))

    assert statuses(sandbox) == [200, 200]
    assert clock.slept == []
    assert "LeadLex says 0 of 2 calls are left." in done.log


def test_max_exports_stops_a_run_before_the_next_call(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=1_000, quotas=Quotas(exports=None), clock=clock)

    first = clock.run(small(sandbox, max_exports=3))

    assert (first.exit_code, len(sandbox.exports)) == (0, 3)
    (warning,) = first.warnings
    assert "max_exports is reached (3 export calls)" in warning
    assert f"{len(first.ids)} contacts synced" in warning
    rest = clock.run(small(sandbox), state=first.state)
    assert by_id(first.records + rest.records) == by_id(truth(sandbox))


def test_max_exports_that_suffices_is_not_felt(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=50, clock=clock)

    done = clock.run(small(sandbox, max_exports=1))

    assert (done.exit_code, done.warnings, len(done.ids)) == (0, [], 50)


def test_retries_count_towards_max_exports(serve: Callable[..., Sandbox], clock: FakeClock) -> None:
    sandbox = serve(contacts=50, faults={1: Fault.UNAVAILABLE}, clock=clock)

    done = clock.run(small(sandbox, max_exports=1))

    assert (done.exit_code, done.records, len(sandbox.exports)) == (0, [], 1)


# Broken exports.

BROKEN = [
    Fault.SERVER_ERROR,
    Fault.BAD_GATEWAY,
    Fault.UNAVAILABLE,
    Fault.GATEWAY_TIMEOUT,
    Fault.RESET,
    Fault.RESET_MIDWAY,
    Fault.CUT_LENGTH,
    Fault.CUT_CHUNK,
    Fault.CUT_GZIP,
    Fault.CLOSE,
    Fault.CUT_CLOSE,
    Fault.CUT_IN_QUOTES,
    Fault.CUT_MID_LINE,
    Fault.CUT_IN_DATE,
]
NEVER_RETRIED = [
    Fault.REDIRECT,
    Fault.JSON_200,
    Fault.HTML_200,
    Fault.BAD_DATE,
    Fault.EMPTY_ID,
    Fault.BAD_UTF8,
    Fault.RAGGED_ROW,
    Fault.MISSING_COLUMN,
]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_export_is_tried_again(
    serve: Callable[..., Sandbox], clock: FakeClock, fault: Fault
) -> None:
    sandbox = serve(contacts=50, faults={1: fault}, clock=clock)

    done = clock.run(small(sandbox))

    assert done.exit_code == 0
    assert by_id(done.records) == by_id(truth(sandbox))
    assert limits(sandbox) == [LIMIT, LIMIT]
    assert len(clock.slept) == 1
    assert clock.slept[0] > 0
    (warning,) = done.warnings
    assert "Retrying" in warning


@pytest.mark.parametrize("fault", BROKEN)
def test_exports_that_stay_broken_end_the_run_after_few_calls(
    serve: Callable[..., Sandbox], clock: FakeClock, fault: Fault
) -> None:
    faults = dict.fromkeys(range(1, 100), fault)
    sandbox = serve(contacts=50, faults=faults, clock=clock, quotas=Quotas(exports=None))

    done = clock.run(small(sandbox))

    assert done.exit_code == 1
    assert done.records == []
    (failure,) = done.failures
    assert "Run again" in failure
    # Twice at each size, thrice at the last one.
    per_size = [limits(sandbox).count(limit) for limit in sorted(set(limits(sandbox)))]
    assert max(per_size) <= 3
    assert len(sandbox.exports) <= 7


def test_the_waits_before_retries_grow(serve: Callable[..., Sandbox], clock: FakeClock) -> None:
    faults = dict.fromkeys(range(1, 100), Fault.UNAVAILABLE)
    sandbox = serve(contacts=5, faults=faults, clock=clock, quotas=Quotas(exports=None))

    clock.run(config_for(sandbox, export_limit=1))

    assert len(sandbox.exports) == 3
    assert len(clock.slept) == 2
    assert 2 <= clock.slept[0] < 4 <= clock.slept[1] <= 60


def test_a_server_that_is_not_there_is_tried_three_times(clock: FakeClock) -> None:
    """Less at once would not bring it back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    done = clock.run({"api_key": "wbk_any", "api_url": f"http://127.0.0.1:{port}/v1"})

    assert done.exit_code == 1
    assert len(done.failures) == 1
    assert len(done.warnings) == len(clock.slept) == 2


@pytest.mark.parametrize("fault", NEVER_RETRIED)
def test_what_would_be_the_same_again_is_not_tried_again(
    serve: Callable[..., Sandbox], clock: FakeClock, fault: Fault
) -> None:
    sandbox = serve(contacts=50, faults={1: fault}, clock=clock)

    done = clock.run(small(sandbox))

    assert done.exit_code == 1
    assert len(done.failures) == 1
    assert done.records == []
    assert (len(sandbox.exports), clock.slept) == (1, [])


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"api_key": "wbk_another"}, 401),
        ({"extra_fields": ["no_such_column"]}, 400),
    ],
)
def test_a_refusal_is_never_repeated(
    serve: Callable[..., Sandbox], clock: FakeClock, settings: Json, status: int
) -> None:
    sandbox = serve(contacts=50, clock=clock)

    done = clock.run(small(sandbox) | settings)

    assert done.exit_code == 1
    assert len(done.failures) == 1
    assert statuses(sandbox) == [status]
    assert clock.slept == []


def test_a_fault_in_a_later_window_keeps_what_is_closed(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=500, faults={4: Fault.JSON_200}, clock=clock)

    broken = clock.run(small(sandbox))
    rest = clock.run(small(sandbox), state=broken.state)

    assert broken.exit_code == 1
    assert rest.exit_code == 0
    assert by_id(broken.records + rest.records) == by_id(truth(sandbox))
    assert (len(broken.ids) > 200, len(rest.ids) > 100) == (True, True)


# Exports too big for the gateway.


def test_what_the_gateway_cannot_stream_is_asked_for_in_smaller_exports(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=500, max_export_rows=60, clock=clock, quotas=Quotas(exports=None))

    done = clock.run(small(sandbox))

    assert done.exit_code == 0
    assert by_id(done.records) == by_id(truth(sandbox))
    # Two tries at full size; then half of it, for good.
    assert limits(sandbox)[:3] == [100, 100, 50]
    assert set(limits(sandbox)[2:]) == {50}
    assert len(sandbox.exports) <= 2 + 500 / (0.9 * 50) + 2
    assert re.search(r"Window up to .*Retrying with half as many rows", done.log)


def test_a_gateway_that_streams_nothing_ends_the_run(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=500, max_export_rows=0, clock=clock, quotas=Quotas(exports=None))

    done = clock.run(small(sandbox))

    assert done.exit_code == 1
    assert limits(sandbox) == [100, 100, 50, 50, 25, 25, 25]
    (failure,) = done.failures
    assert failure.startswith("Window ")


# Nobody there.


def test_a_server_that_is_not_there_costs_no_export(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"

    # The first run asks the list first; the second, which has a bookmark, the export.
    for state in (None, state_at("2026-04-15T09:00:00Z")):
        done = clock.run(
            {"api_key": "wbk_any", "api_url": url, "max_exports": 1, "check_drift": False},
            state=state,
        )

        line = (
            "LeadLex cannot be reached at 127.0.0.1: the connection was refused; check the "
            "network, the proxy and api_url."
        )
        assert done.exit_code == 1
        assert done.failures == [line]
        assert done.warnings == [f"{line} Retrying."] * 2
        assert "export call" not in done.log
        assert "list" not in done.log.replace("listener", "")
        assert done.records == []


def test_a_connection_that_comes_about_later_uses_one_export(
    serve: Callable[..., Sandbox], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = serve(contacts=50, clock=clock)
    connect, failing = socket.create_connection, iter([True, True])

    def flaky(*args: Any, **options: Any) -> socket.socket:  # noqa: ANN401 - of the original
        if next(failing, False):
            raise ConnectionRefusedError
        return connect(*args, **options)

    monkeypatch.setattr(socket, "create_connection", flaky)
    done = clock.run(config_for(sandbox, max_exports=1))

    assert done.exit_code == 0
    assert by_id(done.records) == by_id(truth(sandbox))
    assert len(done.warnings) == len(clock.slept) == 2
    assert len(sandbox.exports) == 1
    assert "1 export call used" in done.log


def test_a_response_that_is_too_large_is_asked_for_in_halves_at_once(
    serve: Callable[..., Sandbox], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "LARGEST_EXPORT", 22_000)
    reading = Reading(list_mode=ListMode.FORBIDDEN)
    sandbox = serve(contacts=100, clock=clock, reading=reading, quotas=Quotas(exports=None))

    done = clock.run(config_for(sandbox, export_limit=200, check_drift=False))

    assert done.exit_code == 0
    assert by_id(done.records) == by_id(truth(sandbox))
    assert "is larger than 0 MiB" in done.log
    assert limits(sandbox)[:2] == [200, 100]
    assert clock.slept == []
