"""Instants as the validator reads and writes them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tap_leadlex.validation.instants import (
    is_fixed_width,
    next_month,
    plain,
    seconds,
)

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("printed", "instant"),
    [
        ("2026-01-31T12:00:00Z", NOON),
        ("2026-01-31T12:00:00.250000+00:00", NOON + 0.25),
        ("2026-01-31T14:00:00+02:00", NOON),
        ("2026-01-31T12:00:00", NOON),
        ("2026-01-31", NOON - 12 * 3600),
        ("1970-01-01T00:00:00Z", 0.0),
        ("1969-12-31T23:59:59Z", -1.0),
        ("soon", None),
        ("", None),
        (None, None),
        (1_769_860_800, None),
    ],
)
def test_a_date_is_read_as_seconds_since_1970(printed: object, instant: float | None) -> None:
    assert seconds(printed) == instant


@pytest.mark.parametrize(
    ("instant", "printed"),
    [
        (NOON, "2026-01-31T12:00:00Z"),
        (NOON + 0.25, "2026-01-31T12:00:00.250000Z"),
    ],
)
def test_an_instant_is_written_with_a_fraction_only_if_it_has_one(
    instant: float, printed: str
) -> None:
    assert plain(instant) == printed


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("2026-01-31T12:00:00.000000Z", True),
        ("2026-01-31T12:00:00Z", False),
        ("2026-01-31T12:00:00.000000+00:00", False),
        ("2026-01-31T12:00:00.000000Z\n", False),
    ],
)
def test_only_the_form_of_fixed_width_sorts_as_text(text: str, *, fixed: bool) -> None:
    assert is_fixed_width(text) is fixed


def test_months_have_their_own_lengths() -> None:
    january, february, march = (
        datetime(2026, month, 1, tzinfo=UTC).timestamp() for month in (1, 2, 3)
    )
    assert next_month(january) == february
    assert next_month(NOON) == february
    assert next_month(february) == march
    assert (
        next_month(datetime(2026, 12, 31, tzinfo=UTC).timestamp())
        == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    )
