"""The list guide: it asks at the rank that fills an export, and learns when the list misleads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.errors import ListError
from tap_leadlex.planning.list_guide import ListGuide
from tap_leadlex.planning.windows import ListEntry, Window

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LIMIT = 1_000
RANK = 975
"""The rank that leaves two and a half per cent of an export for its neighbours."""


def ignore(_: str) -> None:
    """Ignore what the user is told."""


class List:
    """A list with one record each hour.

    Attributes:
        ranks: What was asked for.
        notices: What the user was told.
    """

    def __init__(
        self, records: int, total: Callable[[int], int | None] = lambda left: left
    ) -> None:
        self._records = records
        self._total = total
        self.ranks: list[int] = []
        self.notices: list[str] = []
        self.guide = ListGuide(self.look_up, self.notices.append)

    def look_up(self, start: datetime | None, rank: int) -> ListEntry:
        """Return the entry at a rank."""
        self.ranks.append(rank)
        first = 0 if start is None else -((START - start) // HOUR)
        left = max(self._records - first, 0)
        created = START + (first + rank - 1) * HOUR if rank <= left else None
        return ListEntry(created, self._total(left))


def test_the_end_is_where_the_list_fills_an_export() -> None:
    contacts = List(5_000)

    end = contacts.guide.end(None, LIMIT, was_full=False)

    assert contacts.ranks == [RANK]
    assert end == START + (RANK - 1) * HOUR


def test_what_the_last_look_up_showed_to_fit_is_not_asked_again() -> None:
    contacts = List(RANK + 500)
    end = contacts.guide.end(None, LIMIT, was_full=False)
    assert end is not None
    contacts.guide.closed(Window(None, end), RANK - 1)

    assert contacts.guide.end(end, LIMIT, was_full=False) is None
    assert contacts.ranks == [RANK]
    assert contacts.guide.usable


@pytest.mark.parametrize(("left", "asked"), [(RANK, 1), (RANK + 1, 2)])
def test_it_asks_again_only_if_more_is_left_than_fills_an_export(left: int, asked: int) -> None:
    contacts = List(RANK - 1 + left)
    end = contacts.guide.end(None, LIMIT, was_full=False)

    contacts.guide.end(end, LIMIT, was_full=False)

    assert len(contacts.ranks) == asked


def test_where_everything_fits_there_is_no_end() -> None:
    contacts = List(RANK - 1)

    assert contacts.guide.end(None, LIMIT, was_full=False) is None
    assert contacts.ranks == [RANK]
    assert contacts.notices == []


def test_ends_are_later_than_their_start_even_in_a_dense_second() -> None:
    guide = ListGuide(lambda *_: ListEntry(START, 10_000), ignore)

    assert guide.end(START, LIMIT, was_full=False) == START + SECOND


@given(fraction=st.integers(0, 999_999))
def test_ends_are_whole_seconds(fraction: int) -> None:
    entry = ListEntry(START + HOUR + timedelta(microseconds=fraction), 10_000)
    guide = ListGuide(lambda *_: entry, ignore)

    assert guide.end(START, LIMIT, was_full=False) == START + HOUR


def test_a_share_that_the_export_filters_out_is_learnt() -> None:
    """The export held a tenth of what the list counted: ask ten times as far, more carefully."""
    contacts = List(50_000)
    end = contacts.guide.end(None, LIMIT, was_full=False)
    assert end is not None
    contacts.guide.closed(Window(None, end), RANK // 10)

    contacts.guide.end(end, LIMIT, was_full=False)

    assert contacts.ranks[1] == pytest.approx(0.8 * LIMIT * 10, rel=0.02)


def test_one_window_changes_the_estimate_tenfold_at_most() -> None:
    contacts = List(50_000)
    end = contacts.guide.end(None, LIMIT, was_full=False)
    assert end is not None
    contacts.guide.closed(Window(None, end), 0)

    contacts.guide.end(end, LIMIT, was_full=False)

    assert contacts.ranks[1] == pytest.approx(0.8 * LIMIT * 10, rel=0.02)


def test_after_a_full_window_it_asks_for_less() -> None:
    contacts = List(5_000)
    contacts.guide.end(None, LIMIT, was_full=False)
    contacts.guide.full()

    contacts.guide.end(None, LIMIT, was_full=True)
    contacts.guide.full()
    contacts.guide.end(None, LIMIT, was_full=True)

    first, second, third = contacts.ranks
    assert first > second > third > first // 3


def test_a_list_that_misjudges_three_windows_in_a_row_is_given_up() -> None:
    contacts = List(50_000)
    for number in range(3):
        assert contacts.guide.usable
        contacts.guide.end(None, LIMIT, was_full=number > 0)
        contacts.guide.full()

    assert not contacts.guide.usable
    (notice,) = contacts.notices
    assert notice == "its counts do not match the exports"


def test_a_window_that_fits_makes_up_for_those_before() -> None:
    contacts = List(50_000)
    for _ in range(4):
        for was_full in (False, True):
            end = contacts.guide.end(None, LIMIT, was_full=was_full)
            contacts.guide.full()
        assert end is not None
        contacts.guide.closed(Window(None, end), 900)

    assert contacts.guide.usable
    assert contacts.notices == []


@pytest.mark.parametrize(
    ("entry", "was_full", "reason"),
    [
        (ListEntry(None, RANK), False, "it shows fewer entries than it counts"),
        (ListEntry(None, 10), True, "it counts fewer records than an export held"),
        (ListEntry(START - 2 * SECOND, 5_000), False, "it ignores created_after"),
    ],
)
def test_a_list_that_contradicts_itself_is_given_up(
    entry: ListEntry, *, was_full: bool, reason: str
) -> None:
    notices: list[str] = []
    guide = ListGuide(lambda *_: entry, notices.append)

    assert guide.end(START, LIMIT, was_full=was_full) is None

    assert not guide.usable
    (notice,) = notices
    assert notice == reason


def test_a_list_that_cannot_be_read_is_given_up() -> None:
    notices: list[str] = []

    def refuse(*_: object) -> ListEntry:
        msg = "HTTP 403"
        raise ListError(msg)

    guide = ListGuide(refuse, notices.append)

    assert guide.end(None, LIMIT, was_full=False) is None
    assert not guide.usable
    assert notices == ["HTTP 403"]


def test_without_a_list_nothing_is_usable() -> None:
    guide = ListGuide(None, ignore)

    assert not guide.usable
    assert guide.end(None, LIMIT, was_full=False) is None
