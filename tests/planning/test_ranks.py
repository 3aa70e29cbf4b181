"""Counting in the list by rank: exact under every reading, or an error, in few look-ups."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.errors import ListError
from tap_leadlex.planning.ranks import LookUpsUsedError, Ranks
from tap_leadlex.planning.windows import Listed, ListPage
from tap_leadlex.sandbox import Reading, Store
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.model import Model
from tap_leadlex.sandbox.readings import Bound, ListMode, Precision

START = datetime(2025, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TOTALS = (ListMode.OK, ListMode.WRONG_TOTAL, ListMode.NEAR_TOTAL, ListMode.NO_TOTAL)


def at(seconds: float) -> datetime:
    """Return an instant some seconds after the start."""
    return START + seconds * SECOND


def model_of(seconds: list[int], **reading: object) -> Model:
    """Return a workspace with contacts of these seconds."""
    times = [from_datetime(at(second)) for second in seconds]
    return Model(Store(times, reading=Reading(**reading)))  # type: ignore[arg-type]


seconds = st.lists(st.integers(0, 2_000), max_size=900)


@given(
    seconds=seconds,
    instant=st.integers(0, 2_100),
    guesses=st.lists(st.integers(0, 1_000), min_size=1, max_size=3),
    mode=st.sampled_from(TOTALS),
    clamp=st.sampled_from([100, 100, 50, 7]),
)
def test_it_counts_what_comes_before_an_instant(
    *, seconds: list[int], instant: int, guesses: list[int], mode: ListMode, clamp: int
) -> None:
    """Whatever the total is, and although the server may send smaller pages than requested."""
    model = model_of(seconds, list_mode=mode)

    def read(start: datetime | None, number: int, size: int) -> ListPage:
        return model.page(start, number, min(size, clamp))

    if seconds or mode in {ListMode.OK, ListMode.WRONG_TOTAL}:
        found = Ranks(read, None, 100).before(at(instant), guesses)

        assert found == bisect_left(sorted(seconds), instant)


@given(
    seconds=seconds,
    since=st.integers(0, 2_000),
    instant=st.integers(0, 2_000),
    lower=st.sampled_from(Bound),
    precision=st.sampled_from(Precision),
)
def test_it_counts_from_a_start_on(
    *, seconds: list[int], since: int, instant: int, lower: Bound, precision: Precision
) -> None:
    """Records of the second before the start count, if the list shows them."""
    model = model_of(seconds, list_lower=lower, precision=precision)
    ranks = Ranks(model.page, at(since), 100)

    found = ranks.before(at(max(since, instant)), [500]) - ranks.before(at(since), [0])

    assert found == sum(since <= each < instant for each in seconds)


@pytest.mark.parametrize("shift", range(-24, 25, 8))
def test_one_look_up_settles_a_close_guess(shift: int) -> None:
    model = model_of(list(range(2_000)))

    for instant in (25, 51, 99, 700, 1_404):
        before = model.look_ups
        assert Ranks(model.page, None, 100).before(at(instant), [instant + shift]) == instant
        assert model.look_ups == before + 1


def test_a_far_guess_takes_few_look_ups() -> None:
    model = model_of(list(range(20_000)))
    for shift in (-5_000, 5_000, 19_000, -19_000):
        instant = 19_500 if shift < 0 else 500
        before = model.look_ups
        assert Ranks(model.page, None, 100).before(at(instant), [instant + shift]) == instant
        assert model.look_ups <= before + 16


def test_it_stops_at_the_most_look_ups() -> None:
    model = model_of(list(range(20_000)))

    with pytest.raises(LookUpsUsedError):
        Ranks(model.page, None, 3).before(at(100), [19_000])

    assert model.look_ups == 3


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (ListMode.SHALLOW, "contradict each other"),
        (ListMode.EMPTY, "counts records that it does not show"),
        (ListMode.NEWEST_FIRST, "not sorted"),
        (ListMode.FORBIDDEN, "HTTP 403"),
    ],
)
def test_a_list_that_contradicts_itself_counts_nothing(mode: ListMode, reason: str) -> None:
    model = model_of(list(range(0, 36_000, 2)), list_mode=mode)

    with pytest.raises(ListError, match=reason):
        Ranks(model.page, None, 100).before(at(32_000), [17_000])


@pytest.mark.parametrize("mode", [ListMode.IGNORES_CREATED_AFTER, ListMode.DATE_BEFORE_WINDOW])
def test_a_list_that_ignores_its_bound_counts_nothing(mode: ListMode) -> None:
    model = model_of(list(range(2_000)), list_mode=mode)

    with pytest.raises(ListError, match="ignores created_after"):
        Ranks(model.page, at(1_000), 100).before(at(1_000), [0])


def test_an_edge_is_the_second_of_a_rank() -> None:
    model = model_of([0, 5, 9])
    ranks = Ranks(model.page, None, 10)

    assert ranks.edge(2) == at(5)
    with pytest.raises(ListError, match="fewer entries"):
        ranks.edge(4)


def test_an_edge_has_no_fraction() -> None:
    entry = Listed(at(5.25), "a")

    assert Ranks(lambda *_: ListPage([entry], 1), None, 10).edge(1) == at(5)
