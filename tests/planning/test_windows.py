"""Windows, and what is asked for to fill them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.planning.windows import ExportRequest, Window

NOON = datetime(2026, 4, 15, 12, tzinfo=UTC)
MICROSECOND, MILLISECOND, SECOND = (timedelta(microseconds=10**power) for power in (0, 3, 6))
instants = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


@given(start=st.none() | instants, end=instants, instant=instants)
def test_a_window_is_half_open(start: datetime | None, end: datetime, instant: datetime) -> None:
    window = Window(start, end)

    assert end not in window
    assert (instant in window) == (instant < end and (start is None or instant >= start))
    if start is not None:
        assert (start in window) == (start < end)
        assert window.empty == (start >= end)
    else:
        assert not window.empty
        assert end - MICROSECOND in window


@pytest.mark.parametrize(
    ("start", "end", "unit"),
    [
        (NOON, NOON + SECOND, SECOND),
        (None, NOON, SECOND),
        (NOON, NOON + MILLISECOND, MILLISECOND),
        (NOON + MILLISECOND, NOON + SECOND, MILLISECOND),
        (NOON + MICROSECOND, NOON + MILLISECOND, MICROSECOND),
        (None, NOON + MILLISECOND, MILLISECOND),
    ],
)
def test_a_request_reaches_one_unit_below_its_window(
    start: datetime | None, end: datetime, unit: timedelta
) -> None:
    request = ExportRequest(Window(start, end), 10)

    assert request.window.unit == unit
    assert request.after == (None if start is None else start - unit)
    assert request.before == end


@given(start=instants, length=st.integers(1, 10**9), inclusive=st.booleans())
def test_a_request_covers_its_window_whether_bounds_are_inclusive_or_not(
    start: datetime, length: int, *, inclusive: bool
) -> None:
    window = Window(start, start + length * MICROSECOND)
    request = ExportRequest(window, 10)
    assert request.after is not None

    for instant in (window.start, window.end - window.unit):
        assert instant is not None
        lower = request.after <= instant if inclusive else request.after < instant
        upper = instant <= request.before if inclusive else instant < request.before
        assert instant not in window or (lower and upper)


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (Window(None, NOON), "up to 2026-04-15T12:00:00Z"),
        (Window(NOON, NOON + SECOND), "2026-04-15T12:00:00Z to 2026-04-15T12:00:01Z"),
        (
            Window(NOON, NOON + MILLISECOND),
            "2026-04-15T12:00:00Z to 2026-04-15T12:00:00.001000Z",
        ),
    ],
)
def test_a_window_as_log_lines_print_it(window: Window, text: str) -> None:
    assert str(window) == text
