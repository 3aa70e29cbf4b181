"""Drift."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.errors import ListError
from tap_leadlex.planning.drift import MOST_LOOK_UPS, ROTATED, changes, counted, rotated
from tap_leadlex.planning.ledger import MOST_STRETCHES, Ledger, Stretch
from tap_leadlex.planning.windows import BEGINNING, ListPage
from tap_leadlex.sandbox import Reading, Store
from tap_leadlex.sandbox.instants import from_datetime, to_datetime
from tap_leadlex.sandbox.model import Model
from tap_leadlex.sandbox.readings import Bound, ListMode, Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support import Json

SECOND = timedelta(seconds=1)

# The check itself, on a model of LeadLex.

START = datetime(2023, 1, 1, tzinfo=UTC)
TOTALS = (ListMode.OK, ListMode.WRONG_TOTAL, ListMode.NEAR_TOTAL, ListMode.NO_TOTAL)
Edit = tuple[bool, int]  # whether a record is created, and its second or its position


class Workspace:
    """A workspace whose records were delivered in stretches, and have changed since."""

    def __init__(self, seconds: Sequence[int], ends: Sequence[int], **reading: object) -> None:
        """Deliver the records of these seconds, in stretches that end there."""
        times = [from_datetime(START + second * SECOND) for second in seconds]
        self.store = Store(times, reading=Reading(**reading))  # type: ignore[arg-type]
        self.model = Model(self.store)
        self.boundaries = [START + end * SECOND for end in ends]
        self.since: datetime | None = None
        self.edits: dict[int, list[Edit]] = {}  # by the look-up before which they happen

    def counts(self) -> list[int]:
        """Return the records of each stretch now."""
        times = [to_datetime(row.created) for row in self.store.rows()]
        ranks = [bisect_left(times, each) for each in [self.since or BEGINNING, *self.boundaries]]
        return [after - before for before, after in pairwise(ranks)]

    def ledger(self) -> Ledger:
        """Return the ledger of what was delivered."""
        return Ledger(self.since, tuple(map(Stretch, self.boundaries, self.counts())))

    def edit(self, *edits: Edit) -> None:
        """Create or delete records."""
        for creates, number in edits:
            rows = list(self.store.rows())
            if creates:
                self.store.create(from_datetime(START + number * SECOND))
            elif rows:
                self.store.delete(rows[number % len(rows)].record.id)

    def read(self, start: datetime | None, number: int, size: int) -> ListPage:
        """Read the list, and let the records change before."""
        self.edit(*self.edits.get(self.model.look_ups, ()))
        return self.model.page(start, number, size)

    def found(self, ledger: Ledger, day: int = 0) -> dict[int, int]:
        """Return what a check finds."""
        return dict(changes(ledger, self.read, self.boundaries[-1], day))


HORIZON = 4_000
seconds = st.lists(st.integers(0, HORIZON + 50), max_size=400)
ends = st.sets(st.integers(1, HORIZON - 1), max_size=40).map(lambda each: [*sorted(each), HORIZON])
edits = st.lists(st.tuples(st.booleans(), st.integers(0, HORIZON + 50)), max_size=8)
readings = st.fixed_dictionaries(
    {
        "list_mode": st.sampled_from(TOTALS),
        "list_lower": st.sampled_from(Bound),
        "precision": st.sampled_from(Precision),
    }
)


@given(
    seconds=seconds.filter(len),
    ends=ends,
    edits=edits,
    reading=readings,
    since=st.none() | st.integers(0, HORIZON),
)
def test_changed_stretches_are_found_and_no_others(
    *, seconds: list[int], ends: list[int], edits: list[Edit], reading: Json, since: int | None
) -> None:
    """All of them, once every boundary was compared; what cancels out in one cannot be found."""
    if since is not None:
        ends = [each for each in ends if each > since] or [since + 1]
    workspace = Workspace(seconds, ends, **reading)
    workspace.since = None if since is None else START + since * SECOND
    ledger = workspace.ledger()
    workspace.edit(*edits)
    now = workspace.counts()
    changed = {
        at: count
        for at, (each, count) in enumerate(zip(ledger.stretches, now, strict=True))
        if each.records != count
    }

    for day in range(6):
        try:
            found = workspace.found(ledger, day)
        except ListError:  # an empty list that counts records is none
            assert sum(now) == 0
            assert reading["list_mode"] is not ListMode.OK
            return
        assert found.items() <= changed.items()
        if sum(now) != ledger.total:
            assert found or day
        ledger = ledger.marked(found)

    assert [each.records for each in ledger.stretches] == now
    assert {at for at, each in enumerate(ledger.stretches) if each.stale} == changed.keys()


@given(
    seconds=seconds.filter(len),
    ends=ends,
    race=st.dictionaries(st.integers(0, 30), edits.map(lambda each: each[:2]), max_size=4),
    earlier=edits,
    creates=st.booleans(),
)
def test_what_changes_between_look_ups_makes_no_false_alarm(
    *,
    seconds: list[int],
    ends: list[int],
    race: dict[int, list[Edit]],
    earlier: list[Edit],
    creates: bool,
) -> None:
    """And it is found by later checks."""
    workspace = Workspace(seconds, ends)
    ledger = workspace.ledger()
    workspace.edit(*earlier)
    before = workspace.counts()
    # Only one kind: a record that comes and another that goes may look like none.
    workspace.edits = {
        nth: [(creates, number) for _, number in edits] for nth, edits in race.items()
    }
    try:
        found = workspace.found(ledger)
    except ListError:
        found = {}
    after = workspace.counts()
    unchanged = {
        at for at, each in enumerate(ledger.stretches) if each.records == before[at] == after[at]
    }
    assert not unchanged & found.keys()

    workspace.edits = {}
    ledger = ledger.marked(found)
    for day in range(6):
        ledger = ledger.marked(workspace.found(ledger, day)) if len(workspace.store) else ledger

    if len(workspace.store):
        assert [each.records for each in ledger.stretches] == after


@given(last=st.integers(1, MOST_STRETCHES), first=st.integers(700_000, 760_000))
@pytest.mark.parametrize("days", [1, 2, 7])
def test_every_boundary_is_compared_in_time(last: int, first: int, days: int) -> None:
    """Even by weekly runs."""
    checks = [rotated(last, day) for day in range(first, first + days * 3 * MOST_STRETCHES, days)]

    assert all(len(each) <= ROTATED for each in checks)
    assert {boundary for each in checks for boundary in each} == set(range(1, last))


def test_daily_checks_compare_every_boundary_in_33_days() -> None:
    checks = [rotated(MOST_STRETCHES, day) for day in range(739_000, 739_033)]

    assert {boundary for each in checks for boundary in each} == set(range(1, MOST_STRETCHES))


def test_a_check_without_changes_takes_nine_look_ups() -> None:
    workspace = Workspace(range(HORIZON), range(15, HORIZON, 15))

    assert workspace.found(workspace.ledger()) == {}
    assert workspace.model.look_ups == 1 + ROTATED


@pytest.mark.parametrize("size", [1, 30, 2_000])
def test_a_changed_stretch_takes_few_look_ups(size: int) -> None:
    """Whatever its place and the number of records that came or went: twice the logarithm."""
    ends = [*range(15, HORIZON, 15)][:MOST_STRETCHES]
    for at in (0, 1, 100, len(ends) - 1):
        ledger = Workspace(range(ends[-1]), ends).ledger()
        workspace = Workspace([*range(ends[-1]), *[ends[at] - 1] * size], ends)

        assert workspace.found(ledger) == {at: 15 + size}
        assert workspace.model.look_ups <= 1 + ROTATED + 2 * log2(MOST_STRETCHES)


def test_young_stretches_are_left_to_the_look_back() -> None:
    workspace = Workspace(range(100), [25, 50, 75, 100])
    ledger = workspace.ledger()
    workspace.edit((True, 60), (True, 10))

    found = dict(changes(ledger, workspace.read, workspace.boundaries[1], 0))

    assert found == {0: 26}


# A ledger for a state that has none.


@given(seconds=seconds, reading=readings, since=st.none() | st.integers(0, HORIZON))
def test_a_ledger_can_be_counted(seconds: list[int], reading: Json, since: int | None) -> None:
    workspace = Workspace(seconds, [HORIZON], **reading)
    workspace.since = None if since is None else START + since * SECOND
    (records,) = workspace.counts()
    if not records and reading["list_mode"] is not ListMode.OK:
        return

    ledger = counted(workspace.read, workspace.since, workspace.boundaries[0], records, 50)

    workspace.boundaries = [each.end for each in ledger.stretches]
    assert ledger == workspace.ledger()
    assert ledger.total == records


def test_a_counted_ledger_has_stretches_that_fit_an_export() -> None:
    workspace = Workspace(range(HORIZON), [HORIZON])

    ledger = counted(workspace.read, None, workspace.boundaries[0], HORIZON, 100)

    assert max(each.records for each in ledger.stretches) <= 90
    assert workspace.model.look_ups <= 2 + 2 * len(ledger.stretches)


def test_a_large_workspace_is_counted_in_fewer_stretches() -> None:
    workspace = Workspace(range(HORIZON), [HORIZON])

    ledger = counted(workspace.read, None, workspace.boundaries[0], HORIZON, 10)

    assert ledger.total == HORIZON
    assert workspace.model.look_ups <= MOST_LOOK_UPS


def test_a_list_that_changes_while_it_is_counted_makes_no_ledger() -> None:
    """It would be wrong in places."""
    workspace = Workspace(range(HORIZON), [HORIZON])
    workspace.edits = {5: [(True, 5)]}

    with pytest.raises(ListError, match="contradict each other"):
        counted(workspace.read, None, workspace.boundaries[0], HORIZON, 100)
