"""The model of LeadLex without HTTP."""

from itertools import pairwise
from sys import getsizeof

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.sandbox import History, Reading, Store, matching
from tap_leadlex.sandbox.columns import Columns
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import SECOND
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Precision, Rounding, Step


def ids(store: Store, columns: Columns) -> list[str]:
    return [row.contact.id for row in store.rows(columns)]


def times(*seconds: float) -> list[int]:
    return [int(second * SECOND) for second in seconds]


@pytest.mark.parametrize(
    ("lower", "upper", "inside"),
    [
        (Bound.INCLUSIVE, Bound.EXCLUSIVE, (2, 2, 3)),
        (Bound.INCLUSIVE, Bound.INCLUSIVE, (2, 2, 3, 4)),
        (Bound.EXCLUSIVE, Bound.EXCLUSIVE, (3,)),
        (Bound.EXCLUSIVE, Bound.INCLUSIVE, (3, 4)),
    ],
)
def test_bounds(lower: Bound, upper: Bound, inside: tuple[int, ...]) -> None:
    store = Store(times(1, 2, 2, 3, 4, 5), reading=Reading(lower=lower, upper=upper))
    chosen = store.export(after=2 * SECOND, before=4 * SECOND)
    assert list(chosen.times) == times(*inside)
    assert store.count(after=2 * SECOND, before=4 * SECOND) == len(inside)


@pytest.mark.parametrize(
    ("step", "rounding", "exported", "listed"),
    [
        (Step.US, Rounding.DOWN, [1.6], [1.6, 2.2]),
        (Step.S, Rounding.DOWN, [1.2, 1.6], [1.2, 1.6, 2.2]),
        (Step.S, Rounding.UP, [2.2], [2.2]),
        (Step.S, Rounding.NEAREST, [], [2.2]),
    ],
)
def test_rounded_bounds(
    step: Step, rounding: Rounding, exported: list[float], listed: list[float]
) -> None:
    reading = Reading(precision=Precision.US, bound_step=step, bound_rounding=rounding)
    store = Store(times(1.2, 1.6, 2.2), reading=reading)
    [after, before] = times(1.5, 2.2)
    assert list(store.export(after=after, before=before).times) == times(*exported)
    assert list(store.page(after=after)[0].times) == times(*listed)


def test_crossed_bounds_select_nothing() -> None:
    assert len(Store(times(1, 2, 3)).export(after=3 * SECOND, before=1 * SECOND)) == 0


@pytest.mark.parametrize(
    ("precision", "kept"),
    [
        (Precision.S, 1_000_000),
        (Precision.MS, 1_234_000),
        (Precision.US, 1_234_567),
        (Precision.US_SHOWN_AS_S, 1_234_567),
    ],
)
def test_dates_are_stored_with_the_precision(precision: Precision, kept: int) -> None:
    store = Store([1_234_567], reading=Reading(precision=precision))
    assert list(store.export(after=kept).times) == [kept]
    assert len(store.export(after=kept + 1)) == 0


def test_the_order_decides_which_rows_are_cut_off() -> None:
    def export(order: Order) -> Columns:
        return Store(times(*range(100)), reading=Reading(order=order)).export(limit=10)

    assert list(export(Order.ASCENDING).times) == times(*range(10))
    assert list(export(Order.DESCENDING).times) == times(*range(99, 89, -1))
    everyone = Store(times(*range(100)))
    assert ids(everyone, export(Order.BY_ID)) == sorted(ids(everyone, everyone.export()))[:10]


def test_shuffled_changes_with_every_call_but_is_repeatable() -> None:
    reading = Reading(order=Order.SHUFFLED)
    store, again = (Store(times(*range(100)), reading=reading, seed=4) for _ in range(2))
    first, second = store.export(limit=50), store.export(limit=50)
    assert set(first.numbers) != set(second.numbers)
    assert first == again.export(limit=50)
    assert sorted(store.export().numbers) == list(range(100))


@given(
    st.lists(st.integers(0, 30)),
    st.sampled_from(Order),
    st.integers(1, 20),
    st.integers(-1, 31),
    st.integers(-1, 31),
)
def test_an_export_contains_only_rows_within_the_bounds(
    seconds: list[int], order: Order, limit: int, after: int, before: int
) -> None:
    store = Store(times(*seconds), reading=Reading(order=order))
    chosen = store.export(after=after * SECOND, before=before * SECOND, limit=limit)
    inside = [second for second in seconds if after <= second < before]
    assert len(chosen) == min(limit, len(inside)) == len(set(chosen.numbers))
    assert all(after * SECOND <= time < before * SECOND for time in chosen.times)


def test_list_and_tag_filters() -> None:
    store = Store(make(History.EVEN, 10_000))
    half = store.export(where=matching(list_id="list-half"))
    assert 4_800 < len(half) < 5_200
    assert half == store.export(where=matching(list_id="list-half"))
    assert len(store.export(where=matching(list_id="nobody's"))) == 0
    tags = {"client", "board"}
    both = matching(tag=tags)
    tagged = list(store.rows(store.export(where=both)))
    assert tagged
    assert all(tags <= set(row.contact.tags) for row in tagged)
    assert len(tagged) == sum(tags <= set(row.contact.tags) for row in store.rows())
    assert store.count(where=both | matching(list_id="list-half")) < len(tagged)


def test_pages() -> None:
    store = Store(times(*range(10)))
    page, total = store.page(page=2, per_page=4)
    assert (list(page.times), total) == (times(4, 5, 6, 7), 10)
    page, _ = store.page(per_page=3, sort="-created_at")
    assert list(page.times) == times(9, 8, 7)
    page, total = store.page(page=3, per_page=1, after=4 * SECOND)
    assert (list(page.times), total) == (times(6), 6)
    page, total = store.page(page=4, per_page=4)
    assert (len(page), total) == (0, 10)


def test_pages_sorted_by_other_keys() -> None:
    store = Store(times(*range(50)))
    names = [row.contact.full_name for row in store.rows(store.page(sort="full_name")[0])]
    assert names == sorted(names)
    [oldest] = store.rows(store.page(per_page=1)[0])
    store.edit(oldest.contact.id, {"full_name": "Zed"}, 100 * SECOND)
    [newest] = store.rows(store.page(per_page=1, sort="-updated_date")[0])
    assert (newest.contact.id, newest.updated) == (oldest.contact.id, 100 * SECOND)
    assert newest.created == oldest.created
    by_name, total = store.page(sort="full_name", after=10 * SECOND)
    assert total == len(by_name) == 40
    assert all(time >= 10 * SECOND for time in by_name.times)


def test_search_matches_names_and_emails() -> None:
    store = Store(times(1, 2))
    made = store.create(3 * SECOND, {"full_name": "Ann Example", "email": "boss@example.com"})
    for part in ("ann ex", "BOSS@"):
        page, total = store.page(where=matching(search=part))
        assert (ids(store, page), total) == ([made.contact.id], 1)


def test_list_readings() -> None:
    def first(**reading: object) -> tuple[int, int]:
        store = Store(times(1, 2, 3), reading=Reading(**reading))  # type: ignore[arg-type]
        page, total = store.page(per_page=1, after=2 * SECOND)
        return page.times[0] // SECOND, total

    assert first() == (2, 2)
    assert first(list_lower=Bound.EXCLUSIVE) == (3, 1)
    assert first(list_mode=ListMode.NEWEST_FIRST) == (3, 2)
    assert first(list_mode=ListMode.IGNORES_CREATED_AFTER) == (1, 3)


def test_create_edit_delete() -> None:
    store = Store(times(1, 3))
    made = store.create(2 * SECOND, {"full_name": "Ann", "tags": ("x",)})
    generated = store.create(2 * SECOND)
    assert [time // SECOND for time in store.export().times] == [1, 2, 2, 3]
    assert ids(store, store.export())[1:3] == [made.contact.id, generated.contact.id]
    assert store.count(where=matching(tag="x")) == 1
    edited = store.edit(made.contact.id, {"tags": ()}, 9 * SECOND)
    assert edited == store.find(made.contact.id)
    assert store.count(where=matching(tag="x")) == 0
    assert store.delete(made.contact.id)
    assert not store.delete(made.contact.id)
    assert store.find(made.contact.id) is None
    assert store.edit(made.contact.id, {}, 0) is None
    assert len(store) == 3


@pytest.mark.parametrize("sort", ["id", "full_name", "-updated_date"])
def test_sorted_pages_are_never_stale(sort: str) -> None:
    def listed() -> list[str]:
        return ids(store, store.page(sort=sort)[0])

    store = Store(times(*range(10)))
    before = listed()
    made = store.create(10 * SECOND, {"full_name": "Aaron"})
    assert sorted(listed()) == sorted([*before, made.contact.id])
    store.edit(before[0], {"full_name": "\U0010ffff"}, -SECOND)
    if sort != "id":
        assert listed()[-1] == before[0]
    store.delete(before[4])
    assert sorted(listed()) == sorted({*before, made.contact.id} - {before[4]})


def test_exports_by_id_are_never_stale() -> None:
    store = Store(times(*range(10)), reading=Reading(order=Order.BY_ID))
    before = ids(store, store.export())
    made = store.create(10 * SECOND)
    assert ids(store, store.export()) == sorted([*before, made.contact.id])
    store.delete(before[4])
    assert ids(store, store.export()) == sorted({*before, made.contact.id} - {before[4]})


def test_ids_of_deleted_records_are_not_reused() -> None:
    store = Store(times(1))
    made = store.create(SECOND)
    store.delete(made.contact.id)
    assert store.create(SECOND).contact.id != made.contact.id


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_every_record_is_found_by_its_id(seconds: list[int], later: list[int]) -> None:
    store = Store(times(*seconds))
    for second in later:
        store.create(second * SECOND)
    rows = list(store.rows())
    assert [store.find(row.contact.id) for row in rows] == rows
    assert [store.row(position) for position in range(len(rows))] == rows
    for row in rows[::2]:
        store.delete(row.contact.id)
    assert [row for row in rows if store.find(row.contact.id)] == rows[1::2]
    assert store.find(store.book.record(len(rows)).id) is None


def test_an_export_is_a_snapshot() -> None:
    store = Store(times(1, 2, 3))
    chosen = store.export()
    store.create(0)
    assert list(chosen.times) == times(1, 2, 3)


def test_rows_of_an_empty_selection() -> None:
    store = Store(times(1))
    assert list(store.rows(store.export(after=2 * SECOND))) == []


def test_a_million_contacts_are_16_bytes_each() -> None:
    store = Store(make(History.MIGRATION, 1_000_000))
    chosen = store.export(limit=1_000_000)
    assert getsizeof(chosen.times) + getsizeof(chosen.numbers) < 16_100_000
    assert all(one <= other for one, other in pairwise(chosen.times))
    assert [row.created for row in store.rows(store.page(page=990_000, per_page=1)[0])] == [
        chosen.times[989_999]
    ]
