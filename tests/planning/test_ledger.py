"""The ledger: what was delivered, within a size, and what is read again."""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex import timestamps
from tap_leadlex.planning.ledger import MOST_STRETCHES, Ledger, Stretch, fitting
from tap_leadlex.planning.windows import Window

START = datetime(2023, 1, 1, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def at(hours: float) -> datetime:
    """Return an instant some hours after the start."""
    return START + hours * HOUR


def ledger_of(*stretches: tuple[int, int], since: datetime | None = None) -> Ledger:
    """Return a ledger of stretches of an hour: their records, and when they went stale."""
    return Ledger(since, tuple(Stretch(at(hour), *each) for hour, each in enumerate(stretches, 1)))


stretches = st.tuples(st.integers(0, 120), st.sampled_from([0, 0, 0, 1, 2]))
ledgers = st.lists(stretches, min_size=1, max_size=12).map(lambda each: ledger_of(*each))


@st.composite
def long_ledgers(draw: st.DrawFn) -> Ledger:
    """Draw a ledger that may have too many stretches."""
    random = Random(draw(st.integers(0, 2**32)))  # noqa: S311 - variety, not secrecy
    hours = range(draw(st.integers(250, 350)))
    stretches = [(random.randint(0, 120), random.choice([0, 0, 0, 1, 2])) for _ in hours]
    return ledger_of(*stretches)


# What was delivered.


def test_a_window_is_a_stretch() -> None:
    ledger = Ledger(None)

    ledger = ledger.closed(Window(None, at(1)), [at(0.2), at(0.1)])
    ledger = ledger.closed(Window(at(1), at(3)), [])

    assert ledger.stretches == (Stretch(at(1), 2), Stretch(at(3), 0))
    assert ledger.total == 2


@given(ledger=ledgers, data=st.data())
def test_a_window_that_is_read_again_is_counted_anew(ledger: Ledger, data: st.DataObject) -> None:
    """Its boundaries stay, so that a look-back does not grow; other stretches stay as they are."""
    hours = len(ledger.stretches)
    first = data.draw(st.integers(0, hours - 1))
    end = data.draw(st.integers(first + 1, hours + 3))
    minutes = data.draw(st.lists(st.integers(first * 60, end * 60 - 1), max_size=30))
    created = [at(minute / 60) for minute in minutes]
    window = Window(at(first) if first else None, at(end))

    after = ledger.closed(window, created)

    ends = sorted({*(each.end for each in ledger.stretches), at(end)})
    assert [each.end for each in after.stretches] == ends
    times = sorted(created)
    for before, each in zip(after.boundaries, after.stretches, strict=False):
        if each.end <= window.end and (before or START) >= at(first):
            inside = bisect_left(times, each.end) - bisect_left(times, before or START)
            assert each[1:] == (inside, 0)
        else:
            assert each in ledger.stretches


def test_a_stale_stretch_that_is_read_in_part_stays_stale_where_it_was_not_read() -> None:
    ledger = ledger_of((10, 0), (70, 1), (10, 0))

    part = ledger.closed(Window(at(1), at(1.5)), [at(1.2)] * 30)
    rest = part.closed(Window(at(1.5), at(2)), [at(1.7)] * 45)

    assert part.stretches[1:3] == (Stretch(at(1.5), 30), Stretch(at(2), 40, 1))
    assert rest.stretches[1:3] == (Stretch(at(1.5), 30), Stretch(at(2), 45))


def test_a_window_that_starts_inside_a_stretch_splits_it() -> None:
    """As the first look-back does, and a bookmark that was moved back."""
    ledger = ledger_of((10, 0), (70, 0))

    after = ledger.closed(Window(at(1.5), at(3)), [*[at(1.7)] * 25, *[at(2.5)] * 4])

    assert after.stretches == (
        Stretch(at(1), 10),
        Stretch(at(1.5), 45),
        Stretch(at(2), 25),
        Stretch(at(3), 4),
    )


def test_the_next_look_back_starts_at_a_boundary() -> None:
    created = [at(0.5), at(1.5), at(1.7)]

    ledger = Ledger(None).closed(Window(None, at(2)), created, split=at(1))

    assert ledger.stretches == (Stretch(at(1), 1), Stretch(at(2), 2))


def test_withheld_records_count_because_the_list_shows_them() -> None:
    ledger = ledger_of((10, 0), (5, 1), (5, 1))

    after = ledger.closed(Window(at(1), at(3)), [at(1.5), at(2.5)], withheld=3)

    assert after.stretches == (Stretch(at(1), 10), Stretch(at(3), 5))


def test_what_the_list_showed_stays_if_it_hides_records() -> None:
    """Otherwise they would be read again every day."""
    after = ledger_of((10, 0), (7, 1)).closed(Window(at(1), at(2)), [at(1.5)] * 9, countable=False)

    assert after.stretches == (Stretch(at(1), 10), Stretch(at(2), 7))


# Its size.


@given(ledger=long_ledgers(), limit=st.sampled_from([20, 200, 1000, 100_000]))
def test_merging_keeps_the_records_and_invents_no_boundary(ledger: Ledger, limit: int) -> None:
    merged = ledger.merged(limit)

    assert len(merged.stretches) == min(len(ledger.stretches), MOST_STRETCHES)
    assert merged.total == ledger.total
    ranks = dict(zip(ledger.boundaries, ledger.ranks, strict=True))
    for boundary, rank in zip(merged.boundaries, merged.ranks, strict=True):
        assert ranks[boundary] == rank
    assert merged.boundaries[-1] == ledger.boundaries[-1]
    for (before, _), (end, each) in pairwise(
        zip(merged.boundaries, (None, *merged.stretches), strict=True)
    ):
        inside = [
            other for other in ledger.stretches if (before or START) < other.end <= (end or START)
        ]
        stale = [other.stale for other in inside if other.stale]
        assert each
        assert each.stale == min(stale, default=0)


@given(ledger=long_ledgers(), limit=st.sampled_from([200, 1000]))
def test_no_merged_stretch_exceeds_an_export_where_that_can_be_kept(
    ledger: Ledger, limit: int
) -> None:
    merged = ledger.merged(limit)

    too_large = [each for each in merged.stretches if each.records > fitting(limit)]
    fits = all(
        one.records + two.records > fitting(limit) for one, two in pairwise(merged.stretches)
    )
    assert fits or set(too_large) <= set(ledger.stretches)


def test_the_smallest_pair_is_merged_first_and_young_ones_last() -> None:
    records = [50, *([100] * (MOST_STRETCHES - 4)), 20, 21, 1, 2]
    ledger = ledger_of(*((each, 0) for each in records))

    old = ledger.merged(50_000, at(len(records) - 2)).stretches
    any_age = ledger.merged(50_000).stretches

    assert [each.records for each in old[-4:]] == [100, 41, 1, 2]
    assert [each.records for each in any_age[-3:]] == [20, 21, 3]


def test_young_stretches_merge_before_old_ones_exceed_an_export() -> None:
    ledger = ledger_of(*([(90, 0)] * 20), *([(1, 0)] * MOST_STRETCHES))

    merged = ledger.merged(100, at(20))

    assert len(merged.stretches) == MOST_STRETCHES
    assert max(each.records for each in merged.stretches) == 90


def written(ledger: Ledger) -> str:
    """Return a ledger as the state has it, at its longest."""
    return json.dumps(
        [[timestamps.canonical(each.end), each.records, "stale 255"] for each in ledger.stretches]
    )


def test_two_million_contacts_and_ten_thousand_runs_need_little_state() -> None:
    """Even if all of it is stale. Nothing exceeds an export then."""
    random = Random(0)  # noqa: S311 - variety, not secrecy
    ledger = Ledger(None)
    for day in range(42):
        ledger = ledger.closed(
            Window(ledger.boundaries[-1], at(24 * day)), [at(24 * day) - SECOND] * 48_749
        )
    hour = 24 * 42

    for _ in range(10_000):
        hour += 1
        news = [at(hour) - SECOND] * int(random.expovariate(1 / 40))
        ledger = ledger.closed(Window(ledger.boundaries[-1], at(hour)), news).merged(50_000)

    assert ledger.total > 2_400_000
    assert len(ledger.stretches) == MOST_STRETCHES
    assert len(written(ledger)) < 20_000
    merged = [each.records for each in ledger.stretches if each.records != 48_749]
    assert max(merged) < 5_000  # even: a change costs little to read again
    assert max(merged) <= fitting(50_000)


def test_forty_million_contacts_need_stretches_of_several_exports() -> None:
    ledger = Ledger(None)
    for day in range(821):
        window = Window(ledger.boundaries[-1], at(24 * day))
        ledger = ledger.closed(window, [at(24 * day) - SECOND] * 48_749).merged(50_000)

    assert len(ledger.stretches) == MOST_STRETCHES
    assert max(each.records for each in ledger.stretches) <= 8 * 48_749


# What is stale.


def test_stretches_keep_the_order_in_which_they_went_stale() -> None:
    ledger = ledger_of(*[(90, 0)] * 6)

    ledger = ledger.marked({4: 91})
    ledger = ledger.marked({1: 95, 4: 92, 2: 89})

    assert [each.records for each in ledger.stretches] == [90, 95, 89, 90, 92, 90]
    assert ledger.stale_windows(100) == [
        Window(at(4), at(5)),
        Window(at(1), at(2)),
        Window(at(2), at(3)),
    ]


@given(ledger=ledgers, limit=st.integers(1, 400))
def test_neighbours_that_fit_one_export_are_read_together(ledger: Ledger, limit: int) -> None:
    windows = ledger.stale_windows(limit)

    first_of = {start: at for at, start in enumerate(ledger.boundaries[:-1])}
    last_of = {each.end: at for at, each in enumerate(ledger.stretches)}
    groups = [range(first_of[each.start], last_of[each.end] + 1) for each in windows]
    stale = [position for position, each in enumerate(ledger.stretches) if each.stale]
    assert sorted(position for group in groups for position in group) == stale
    orders = [ledger.stretches[group[0]].stale for group in groups]
    assert orders == sorted(orders)
    for group in groups:
        records = sum(ledger.stretches[position].records for position in group)
        assert len(group) == 1 or records <= fitting(limit)
