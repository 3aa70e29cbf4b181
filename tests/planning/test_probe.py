"""When an export looks truncated, and which part of its window would show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tap_leadlex.planning import probe
from tap_leadlex.planning.windows import ExportResult, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WHOLE = Window(BEGIN, BEGIN + 1_000 * SECOND)


@pytest.mark.parametrize("rows", [50, 64, 100, 128, 150, 1_000, 1_024, 4_096, 10_000, 16_384])
def test_gateways_truncate_at_round_numbers(rows: int) -> None:
    assert probe.looks_truncated(rows)


@pytest.mark.parametrize("rows", [0, 1, 2, 32, 49, 51, 99, 101, 127, 999, 1_023, 48_749])
def test_other_numbers_are_no_sign(rows: int) -> None:
    assert not probe.looks_truncated(rows)


def export(seconds: Sequence[int], window: Window = WHOLE) -> ExportResult:
    """Return an export of records created at some seconds."""
    return ExportResult(window, full=False, created=[BEGIN + each * SECOND for each in seconds])


@pytest.mark.parametrize(
    ("seconds", "start", "end"),
    [
        ([5, 7, 90], 90, 1_000),  # ascending: what is truncated is later
        ([90, 7, 5], 0, 6),  # descending: it is earlier
        ([7, 80, 5, 90, 6, 60, 8, 70], 7, 81),  # a random sample: half of it is in here
        ([999], 999, 1_000),
    ],
)
def test_the_part_is_where_records_would_be_missing(
    seconds: list[int], start: int, end: int
) -> None:
    assert probe.part(export(seconds)) == Window(BEGIN + start * SECOND, BEGIN + end * SECOND)


def test_without_a_record_there_is_no_part() -> None:
    assert probe.part(export([])) is None


@given(
    st.lists(st.integers(0, 999), min_size=2),
    st.integers(2, 100),
    st.booleans(),
)
def test_a_truncated_export_lacks_records_of_the_part(
    seconds: list[int],
    most: int,
    descending: bool,  # noqa: FBT001 - drawn
) -> None:
    """If the rows are sorted, the first one that is missing is always inside."""
    ordered = sorted(seconds, reverse=descending)
    kept, lost = ordered[:most], ordered[most:]
    assume(kept[0] != kept[-1])  # otherwise their order does not show

    part = probe.part(export(kept))

    assert part is not None
    assert all(BEGIN + each * SECOND in part for each in lost[:1])
    assert (WHOLE.start or BEGIN) <= (part.start or BEGIN) < part.end <= WHOLE.end
