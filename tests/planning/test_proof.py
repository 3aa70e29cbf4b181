"""What is believed of an export, and what is done if something is missing."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tap_leadlex.errors import DenseInstantError, WithheldError
from tap_leadlex.planning.proof import Grade
from tap_leadlex.planning.windows import Window
from tap_leadlex.sandbox import History, Reading, Store
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import SECOND, from_datetime
from tap_leadlex.sandbox.model import Model
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Precision
from tap_leadlex.sandbox.views import Side

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
CUTOFF = datetime(2026, 7, 1, tzinfo=UTC)
EVERYTHING = Window(None, CUTOFF)
LIMIT = 500


def model(
    contacts: int = 1_200,
    order: Order = Order.SHUFFLED,
    *,
    cap: int | None = None,
    cuts: dict[int, int] | None = None,
    list_mode: ListMode = ListMode.OK,
) -> Model:
    """Return a LeadLex of some contacts."""
    reading = Reading(order=order, list_mode=list_mode)
    return Model(Store(make(History.EVEN, contacts), reading=reading), cap=cap, cuts=cuts)


def assert_everything_once(leadlex: Model) -> None:
    """Check that every contact was delivered once."""
    assert sorted(leadlex.delivered) == list(range(len(leadlex.store)))


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("list_mode", [ListMode.OK, ListMode.NO_TOTAL, ListMode.FORBIDDEN])
def test_a_cap_is_found_and_planned_with(order: Order, list_mode: ListMode) -> None:
    leadlex = model(1_200, order, cap=100, list_mode=list_mode)

    leadlex.sync(EVERYTHING, 5_000)

    assert_everything_once(leadlex)
    assert leadlex.cap_found == 100
    (warning,) = leadlex.warnings
    assert warning.startswith("LeadLex truncates exports at 100 rows")
    assert len(leadlex.requests) <= (18 if list_mode is not ListMode.FORBIDDEN else 40)


@pytest.mark.parametrize("exports", [3, 4, 5])
def test_runs_that_stop_within_and_behind_a_dense_second_get_past_it(exports: int) -> None:
    """The export of the second behind it is full of records of the dense one."""
    dense = from_datetime(datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC))
    times = [*(dense + number * SECOND // 200 for number in range(150)), dense + 1_000 * SECOND]
    leadlex = Model(Store(times, reading=Reading(precision=Precision.MS)))

    for _ in range(10):
        start = leadlex.closed[-1].end if leadlex.closed else None
        leadlex.max_exports = len(leadlex.requests) + exports
        if leadlex.sync(Window(start, CUTOFF), 100):
            break

    assert sorted(leadlex.delivered) == list(range(151))
    assert leadlex.closed[-1].end == CUTOFF


def test_a_larger_limit_is_no_way_out_where_exports_are_truncated() -> None:
    dense = from_datetime(datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC))
    before = make(History.EVEN, 300, 0, from_datetime(BEGIN), dense)
    leadlex = Model(Store([*before, *[dense] * 150, dense + 86_400 * SECOND]), cap=100)

    with pytest.raises(DenseInstantError) as raised:
        leadlex.sync(EVERYTHING, 1_000)

    assert str(raised.value).startswith("LeadLex has 100 or more contacts created within a second")
    assert "Raise" not in str(raised.value)
    assert len(leadlex.delivered) == 300


@pytest.mark.parametrize("left", [0, 1, 40, 599, 1_100, 1_199])
@pytest.mark.parametrize("order", Order)
def test_an_export_that_was_cut_once_costs_little(order: Order, left: int) -> None:
    leadlex = model(1_200, order, cuts={1: left})

    leadlex.sync(EVERYTHING, 5_000)

    assert_everything_once(leadlex)
    assert leadlex.warnings == []
    assert leadlex.proof is not None
    assert leadlex.proof.grade is Grade.CONFIRMED
    assert len(leadlex.requests) <= 5


def test_an_export_that_stays_empty_ends_the_run() -> None:
    leadlex = model(300, cuts=dict.fromkeys(range(1, 100), 0))

    with pytest.raises(WithheldError, match="empty twice, but LeadLex's contact list shows 300 "):
        leadlex.sync(EVERYTHING, 5_000)

    assert leadlex.closed == []
    assert len(leadlex.requests) == 2


@pytest.mark.parametrize("withheld", [1, 3, 100, 101, 170])
def test_contacts_that_only_the_list_shows_end_the_run_with_their_number(withheld: int) -> None:
    leadlex = model(400)
    for row in list(leadlex.store.rows())[200 : 200 + withheld]:
        leadlex.store.hide(row.record.id, Side.EXPORT)
    noun = "contact" if withheld == 1 else "contacts"

    with pytest.raises(WithheldError, match=f"list shows {withheld} {noun} that the export lacks"):
        leadlex.sync(EVERYTHING, 5_000)

    assert leadlex.closed == []
    assert len(leadlex.delivered) == 400 - withheld
    assert len(leadlex.requests) <= 3


def test_withheld_contacts_can_be_accepted() -> None:
    leadlex = model(400)
    for row in list(leadlex.store.rows())[200:203]:
        leadlex.store.hide(row.record.id, Side.EXPORT)

    leadlex.sync(EVERYTHING, 5_000, accept_short=True)

    assert len(leadlex.delivered) == 397
    (warning,) = leadlex.warnings
    assert "shows 3 contacts that the export lacks" in warning
    assert leadlex.proof is not None
    assert leadlex.proof.grade is Grade.NOT_CONFIRMED


def test_a_contact_created_between_the_calls_is_delivered_in_its_window() -> None:
    leadlex = model(400)
    leadlex.after_export[1] = lambda: leadlex.store.create(from_datetime(CUTOFF) - 5 * SECOND)

    leadlex.sync(EVERYTHING, 5_000)

    assert_everything_once(leadlex)
    assert len(leadlex.requests) == 2
    assert leadlex.closed == [EVERYTHING]
    assert leadlex.warnings == []


def test_a_contact_deleted_between_the_calls_is_no_loss() -> None:
    leadlex = model(400)
    first = next(leadlex.store.rows()).record.id
    leadlex.after_export[1] = lambda: leadlex.store.delete(first)

    leadlex.sync(EVERYTHING, 5_000)

    assert len(leadlex.requests) == 1
    assert leadlex.warnings == []
    assert leadlex.proof is not None
    assert leadlex.proof.grade is Grade.NOT_CONFIRMED


@pytest.mark.parametrize("found", [0, 1])
def test_a_contact_that_exists_only_between_two_exports_is_no_loss(found: int) -> None:
    leadlex = model(400)
    created: list[str] = []

    def create() -> None:
        for _ in range(found):
            leadlex.store.create(from_datetime(CUTOFF) - 5 * SECOND)
        created.append(leadlex.store.create(from_datetime(CUTOFF) - 5 * SECOND).record.id)
        leadlex.store.hide(created[0], Side.EXPORT)

    leadlex.after_export[1] = create
    leadlex.after_export[2] = lambda: leadlex.store.delete(created[0])

    leadlex.sync(EVERYTHING, 5_000)

    assert sorted(leadlex.delivered) == list(range(400 + found))
    assert leadlex.closed == [EVERYTHING]
    assert leadlex.warnings == []


def test_of_several_contacts_only_those_that_are_withheld_are_counted() -> None:
    leadlex = model(400)
    created: list[str] = []

    def create() -> None:
        for age in range(5):
            record = leadlex.store.create(from_datetime(CUTOFF) - (9 - age) * SECOND).record
            leadlex.store.hide(record.id, Side.EXPORT)
            created.append(record.id)

    leadlex.after_export[1] = create
    leadlex.after_export[2] = lambda: leadlex.store.delete(created[0])
    leadlex.after_export[4] = lambda: leadlex.store.delete(created[3])

    with pytest.raises(WithheldError, match="shows 3 contacts that the export lacks"):
        leadlex.sync(EVERYTHING, 5_000)


def test_many_contacts_are_sought_although_the_first_was_deleted_meanwhile() -> None:
    leadlex = model(400)
    first: list[str] = []

    def create() -> None:
        first.append(leadlex.store.create(from_datetime(CUTOFF) - 9 * SECOND).record.id)
        leadlex.store.hide(first[0], Side.EXPORT)
        for _ in range(250):
            leadlex.store.create(from_datetime(CUTOFF) - 5 * SECOND)

    leadlex.after_export[1] = create
    leadlex.after_export[2] = lambda: leadlex.store.delete(first[0])

    leadlex.sync(EVERYTHING, 5_000)

    assert len(leadlex.delivered) == 650
    assert leadlex.warnings == []


@pytest.mark.parametrize("withheld", [False, True])
def test_one_export_a_run_still_advances(*, withheld: bool) -> None:
    """Without an export left to look for a contact, the next run begins with less."""
    leadlex = model(400)
    rows = list(leadlex.store.rows())
    leadlex.store.hide(rows[200].record.id, Side.EXPORT)
    at, runs = None, 0

    while runs < 20:
        leadlex.max_exports = len(leadlex.requests) + 1
        runs += 1
        try:
            if leadlex.sync(Window(at, CUTOFF), 5_000, accept_short=not withheld):
                break
        except WithheldError:
            assert withheld
            break
        at = leadlex.closed[-1].end if leadlex.closed else None

    assert runs <= 5
    assert len(set(leadlex.delivered)) == (200 if withheld else 399)


@pytest.mark.parametrize(
    ("rows", "largest", "grade", "exports"),
    [
        (137, 0, Grade.NOT_CONFIRMED, 1),
        (137, 138, Grade.NOT_CONTRADICTED, 1),
        (150, 151, Grade.NOT_CONTRADICTED, 1),
        (150, 150, Grade.NOT_CONTRADICTED, 2),
        (128, 0, Grade.NOT_CONTRADICTED, 2),
    ],
)
def test_without_the_list_other_exports_speak(
    rows: int, largest: int, grade: Grade, exports: int
) -> None:
    leadlex = model(rows, list_mode=ListMode.FORBIDDEN)

    leadlex.sync(Window(BEGIN - timedelta(days=9_000), CUTOFF), 5_000, whole_first=True,
                 largest_recent=largest)  # fmt: skip

    assert_everything_once(leadlex)
    assert leadlex.proof is not None
    assert (leadlex.proof.grade, len(leadlex.requests)) == (grade, exports)


def test_without_an_export_left_for_the_probe_the_window_is_closed() -> None:
    leadlex = model(150, list_mode=ListMode.FORBIDDEN)
    leadlex.max_exports = 1

    assert leadlex.sync(EVERYTHING, 5_000, whole_first=True)

    assert leadlex.proof is not None
    assert leadlex.proof.grade is Grade.NOT_CONFIRMED


@st.composite
def histories(draw: st.DrawFn) -> list[int]:
    """Draw creation instants, with ties, within some minutes or within years."""
    span = draw(st.sampled_from([60, 3_600, 50_000_000]))
    seconds = draw(st.lists(st.integers(0, span - 1), max_size=300))
    repeats = draw(st.lists(st.integers(1, 6), min_size=len(seconds), max_size=len(seconds)))
    fractions = draw(st.sampled_from([0, 1, 250_000]))
    return [
        from_datetime(BEGIN) + second * SECOND + number * fractions % SECOND
        for second, times in zip(seconds, repeats, strict=True)
        for number in range(times)
    ]


@settings(max_examples=100)
@given(
    contacts=histories(),
    order=st.sampled_from(Order),
    precision=st.sampled_from([Precision.S, Precision.US, Precision.US_SHOWN_AS_S]),
    list_lower=st.sampled_from(Bound),
    limit=st.integers(40, 400),
    cap=st.none() | st.integers(30, 300),
    cuts=st.dictionaries(st.integers(1, 8), st.integers(0, 200), max_size=2),
    quota=st.none() | st.integers(1, 4),
)
@example(
    contacts=make(History.EVEN, 300),
    order=Order.DESCENDING,
    precision=Precision.S,
    list_lower=Bound.INCLUSIVE,
    limit=400,
    cap=30,
    cuts={1: 0},
    quota=1,
)
def test_whatever_an_export_loses_the_list_brings_back(
    *,
    contacts: list[int],
    order: Order,
    precision: Precision,
    list_lower: Bound,
    limit: int,
    cap: int | None,
    cuts: dict[int, int],
    quota: int | None,
) -> None:
    reading = Reading(order=order, precision=precision, list_lower=list_lower)
    leadlex = Model(Store(contacts, reading=reading), cap=cap, cuts=cuts)
    at: datetime | None = None
    most = 40 + 12 * len(contacts) // min(limit, cap or limit)
    try:
        while True:
            leadlex.max_exports = None if quota is None else len(leadlex.requests) + quota
            if leadlex.sync(Window(at, CUTOFF), limit):
                break
            at = leadlex.closed[-1].end if leadlex.closed else at
            assert len(leadlex.requests) < most * (1 if quota is None else 3), "it spins"
    except DenseInstantError:
        event("dense")
        end = leadlex.closed[-1].end if leadlex.closed else BEGIN
        columns = leadlex.store.export(limit=len(leadlex.store) + 1)
        pairs = zip(columns.times, columns.numbers, strict=True)
        expected = [number for time, number in pairs if time < from_datetime(end)]
        assert sorted(leadlex.delivered) == sorted(expected)
        return
    except WithheldError:
        event("the export that looks for records was cut, too")
        assert cuts
        return

    assert Counter(leadlex.delivered) == Counter(range(len(leadlex.store)))
    assert all(one.end == other.start for one, other in pairwise(leadlex.closed))
    event("capped" if leadlex.cap_found else "whole")
