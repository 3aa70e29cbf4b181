"""Histories."""

from collections import Counter
from itertools import pairwise

import pytest

from tap_leadlex.sandbox.histories import END, START, History, make
from tap_leadlex.sandbox.instants import SECOND


@pytest.mark.parametrize("history", History)
@pytest.mark.parametrize("count", [0, 1, 2, 12_345])
def test_every_history_is_sorted_sized_within_bounds_and_repeatable(
    history: History, count: int
) -> None:
    times = make(history, count, seed=2)
    assert len(times) == count
    assert all(one <= other for one, other in pairwise(times))
    assert all(START <= time < END for time in times)
    assert times == make(history, count, seed=2)


def test_growing_accelerates() -> None:
    times = make(History.GROWING, 1_000)
    assert sum(time > (START + END) // 2 for time in times) > 700


def test_bursts_consist_of_chunks_with_one_instant() -> None:
    times = make(History.BURSTS, 200_000)
    assert Counter(Counter(times).values()).most_common(2)[1][0] == 500
    assert max(Counter(time // (60 * SECOND) for time in times).values()) <= 65_000


def test_migration_is_95_percent_in_two_hours() -> None:
    times = make(History.MIGRATION, 10_000)
    busiest = max(
        sum(start <= time < start + 7_200 * SECOND for time in times) for start in times[:500:50]
    )
    assert 9_400 <= busiest <= 9_600


def test_second_and_instant() -> None:
    assert len({time // SECOND for time in make(History.SECOND, 1_000)}) == 1
    assert len(set(make(History.SECOND, 1_000))) == 1_000
    assert len(set(make(History.INSTANT, 1_000))) == 1
