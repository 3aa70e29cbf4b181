"""The sample guide: where full exports and closed windows say that the next window ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.planning.sample_guide import RowOrder, SampleGuide, is_smooth, row_order
from tap_leadlex.planning.windows import Boundary, ExportResult, Window

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
WHOLE = Window(START, END)
LIMIT = 100
EVEN = [START + number * HOUR for number in range(LIMIT)]


def full(created: list[datetime], window: Window = WHOLE) -> ExportResult:
    """Return a full export that showed these records."""
    return ExportResult(window, full=True, created=created)


@given(st.lists(st.integers(0, 5)))
def test_the_order_of_rows(hours: list[int]) -> None:
    order = row_order([START + hour * HOUR for hour in hours])

    if hours == sorted(hours):
        assert order is RowOrder.ASCENDING
    elif hours == sorted(hours, reverse=True):
        assert order is RowOrder.DESCENDING
    else:
        assert order is RowOrder.NONE


def test_even_dates_are_smooth_and_a_burst_is_not() -> None:
    late = [EVEN[0], *[EVEN[-1] - number * SECOND for number in range(LIMIT, 0, -1)]]

    assert is_smooth(EVEN)
    assert not is_smooth(late)
    assert not is_smooth([])
    assert not is_smooth([START] * 9)


def test_without_knowledge_a_window_ends_with_the_range() -> None:
    guide = SampleGuide(WHOLE)

    assert guide.boundary(START) == (END, False)
    assert guide.end(START, LIMIT) == END
    assert guide.plan(START, LIMIT, predict=True) == ()


def test_ascending_rows_end_the_next_window_just_before_the_last_row() -> None:
    guide = SampleGuide(WHOLE)

    guide.full(full(EVEN))

    assert guide.boundary(START) == (EVEN[97], True)
    assert guide.end(START, LIMIT) == EVEN[97]


def test_descending_rows_mark_where_the_last_window_begins() -> None:
    guide = SampleGuide(WHOLE)
    rows = [END - HOUR * number for number in range(1, LIMIT + 1)]

    guide.full(full(rows))

    edge = rows[97] + SECOND
    assert guide.boundary(START) == (edge, False)
    assert guide.boundary(edge) == (END, True)


def test_rows_in_no_order_split_a_window_at_their_middle() -> None:
    guide = SampleGuide(WHOLE)
    rows = list(EVEN)
    Random(1).shuffle(rows)  # noqa: S311 - variety, not secrecy

    guide.full(full(rows))

    assert guide.end(START, LIMIT) == EVEN[50]


def sampled() -> tuple[SampleGuide, datetime]:
    """Return a guide, and where its next window begins.

    A full export showed every tenth record. In truth one was created each hour.
    """
    guide = SampleGuide(WHOLE)
    rows = [START + number * 10 * HOUR for number in range(LIMIT)]
    shuffled = list(rows)
    Random(1).shuffle(shuffled)  # noqa: S311 - variety, not secrecy
    guide.full(full(shuffled))
    guide.closed(Window(START, rows[8]), EVEN[:80], LIMIT)
    return guide, rows[8]


def test_a_sample_predicts_the_windows_after_the_first() -> None:
    guide, start = sampled()

    records = (guide.end(start, LIMIT) - start) / HOUR

    assert LIMIT / 3 < records < LIMIT  # ten rows say little, so it stays on the safe side


def test_a_plan_holds_the_windows_that_a_sample_predicts() -> None:
    guide, start = sampled()

    resumed = SampleGuide(WHOLE, guide.plan(start, LIMIT, predict=True))

    for _ in range(5):
        end, fits = resumed.boundary(start)
        assert fits
        assert LIMIT / 3 < (end - start) / HOUR < LIMIT
        start = end


@pytest.mark.parametrize("records", [0, 9])
def test_a_window_that_fills_little_of_an_export_predicts_nothing(records: int) -> None:
    guide = SampleGuide(WHOLE)
    guide.closed(Window(START, EVEN[-1]), EVEN[:records], LIMIT)

    assert guide.end(EVEN[-1], LIMIT) == END


def test_an_even_window_predicts_the_width_of_the_next() -> None:
    """It held half of what an export carries, in 50 hours; aim at four fifths of an export."""
    guide = SampleGuide(WHOLE)
    guide.closed(Window(START, START + 50 * HOUR), EVEN[:50], LIMIT)

    assert guide.end(START + 50 * HOUR, LIMIT) == START + 130 * HOUR


# Saved plans.

seconds = st.integers(1, 1_000)
boundaries = st.lists(
    st.builds(
        lambda end, before: Boundary(
            START + end * SECOND, None if before is None else START + max(end - before, 0) * SECOND
        ),
        seconds,
        st.none() | seconds,
    ),
    max_size=6,
)


@given(plan=boundaries, length=seconds, starts=st.lists(st.integers(0, 999), max_size=4))
def test_a_saved_plan_is_used_as_far_as_the_range_goes(
    plan: list[Boundary], length: int, starts: list[int]
) -> None:
    """The next boundary is the nearest one after the start; the end replaces the farthest."""
    whole = Window(START, START + length * SECOND)
    guide = SampleGuide(whole, plan)
    nearer = sorted(each.end for each in plan)[:-1]

    for second in sorted(starts):
        start = START + second * SECOND
        if start < whole.end:
            known = [end for end in nearer if start < end < whole.end]
            assert guide.boundary(start)[0] == min(known, default=whole.end)


@given(
    hours=st.lists(st.integers(0, 700 * 24), min_size=1, max_size=40),
    limit=st.integers(1, 40),
    start=st.none() | st.integers(0, 700 * 24 - 1),
)
def test_after_a_full_window_the_next_is_shorter_and_not_empty(
    hours: list[int], limit: int, start: int | None
) -> None:
    window = Window(None if start is None else START + start * HOUR, END)
    created = [START + hour * HOUR for hour in hours if start is None or hour >= start]
    guide = SampleGuide(window)

    guide.full(full(created, window))
    end = guide.end(window.start, limit)

    assert end < END
    assert window.start is None or window.start < end
    assert end.microsecond == 0


@given(hours=st.lists(st.integers(0, 700 * 24), min_size=1, max_size=40), limit=st.integers(1, 40))
def test_a_plan_leads_the_next_run_to_the_same_window(hours: list[int], limit: int) -> None:
    created = [START + hour * HOUR for hour in hours]
    guide = SampleGuide(WHOLE)
    guide.full(full(created))
    plan = guide.plan(START, limit, predict=False)

    assert SampleGuide(WHOLE, plan).boundary(START) == guide.boundary(START)


def test_predicted_windows_that_turn_out_narrow_are_read_together() -> None:
    """A sample of a few contacts predicts windows of a few: each would cost an export."""
    days = [START + number * 24 * HOUR for number in range(21)]
    plan = [Boundary(END)]
    plan += [Boundary(later, earlier) for earlier, later in reversed(list(pairwise(days)))]
    guide = SampleGuide(Window(START, END), plan)
    first = Window(START, days[1])

    guide.widen(first, 5, 100)

    assert guide.boundary(days[1]) == (days[17], True)  # 16 days more, for 80 of 100 contacts
    assert guide.boundary(days[17]) == (days[18], True)


@pytest.mark.parametrize("records", [10, 60])
def test_predicted_windows_of_a_fair_yield_stay(records: int) -> None:
    days = [START + number * 24 * HOUR for number in range(4)]
    plan = [Boundary(END), *(Boundary(b, a) for a, b in reversed(list(pairwise(days))))]
    guide = SampleGuide(Window(START, END), plan)

    guide.widen(Window(START, days[1]), records, 100)

    assert guide.boundary(days[1]) == (days[2], True)
