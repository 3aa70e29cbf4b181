"""Counts and narrowing are exact under every reading of the documentation."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import product
from math import floor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.sandbox import Quotas, Reading, Sandbox, Store
from tap_leadlex.sandbox.readings import Bound, DateForm, ListMode, Precision
from tap_leadlex.validation.api import LeadLex
from tap_leadlex.validation.counts import Counter, Gap, joined
from tap_leadlex.validation.delivered import Delivered
from tap_leadlex.validation.errors import ApiError, UnreliableListError
from tap_leadlex.validation.instants import seconds, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECOND = 1_000_000
BASE = int(datetime(2026, 1, 31, 23, 59, 50, tzinfo=UTC).timestamp())


@pytest.fixture
def api() -> Iterator[Callable[..., LeadLex]]:
    with ExitStack() as stack:

        def connect(sandbox: Sandbox, budget: int = 1000) -> LeadLex:
            stack.enter_context(sandbox)
            return stack.enter_context(
                LeadLex(sandbox.url, sandbox.key, budget=budget, sleep=lambda _: None)
            )

        yield connect


def bunched() -> list[int]:
    """Give instants in microseconds: 20 seconds, some with more contacts than a page."""
    sizes = [3, 0, 1, 130, 2, 0, 0, 250, 7, 1, 101, 1, 0, 5, 99, 100, 1, 0, 2, 1]
    return [
        (BASE + second) * SECOND + number * (SECOND // (size + 1))
        for second, size in enumerate(sizes)
        for number in range(size)
    ]


@pytest.mark.parametrize(
    ("bound", "precision", "form"),
    [*product(Bound, Precision, [DateForm.Z, DateForm.OTHER_OFFSET])],
)
def test_counts_go_by_the_printed_instant(
    api: Callable[..., LeadLex], bound: Bound, precision: Precision, form: DateForm
) -> None:
    reading = Reading(list_lower=bound, precision=precision, date_form=form)
    sandbox = Sandbox(store=Store(bunched(), reading=reading))
    counter = Counter(api(sandbox))
    unit = {Precision.MS: 1000, Precision.US: 1}.get(precision, SECOND)
    printed = [instant // unit * unit / SECOND for instant in bunched()]
    for boundary in (BASE - 5, BASE, BASE + 3, BASE + 7, BASE + 8, BASE + 11.5, BASE + 30):
        assert counter.since(boundary) == sum(instant >= boundary for instant in printed)
    assert counter.since(None) == len(printed)


@pytest.mark.parametrize("size", [99, 100, 101, 199, 200, 250])
def test_a_second_may_fill_pages_and_a_part_of_one(api: Callable[..., LeadLex], size: int) -> None:
    times = [BASE * SECOND] * size + [(BASE + 2) * SECOND] * 5
    counter = Counter(api(Sandbox(store=Store(times))))
    assert counter.since(BASE + 1) == 5
    assert counter.since(BASE) == size + 5
    assert counter.since(BASE + 3) == 0


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        (ListMode.FORBIDDEN, "HTTP 403"),
        (ListMode.MISSING, "HTTP 404"),
        (ListMode.LIMITED, "HTTP 429"),
        (ListMode.EMPTY, "do not have what its total says"),
        (ListMode.NO_TOTAL, "does not have its documented form"),
        (ListMode.NEWEST_FIRST, "does not sort by created_at"),
        (ListMode.IGNORES_CREATED_AFTER, "ignores created_after"),
        (ListMode.DATE_BEFORE_WINDOW, "ignores created_after"),
    ],
)
def test_a_list_that_cannot_be_relied_on_is_refused(
    api: Callable[..., LeadLex], mode: ListMode, problem: str
) -> None:
    sandbox = Sandbox(contacts=300, reading=Reading(list_mode=mode))
    counter = Counter(api(sandbox))
    with pytest.raises(ApiError, match=problem):
        counter.since(seconds("2025-01-01T00:00:00Z"))


@pytest.mark.parametrize("mode", [ListMode.WRONG_TOTAL, ListMode.NEAR_TOTAL])
def test_a_total_that_the_list_does_not_hold_is_refused(
    api: Callable[..., LeadLex], mode: ListMode
) -> None:
    with pytest.raises(UnreliableListError):
        Counter(api(Sandbox(contacts=300, reading=Reading(list_mode=mode)))).verify()


@pytest.mark.parametrize("contacts", [0, 1, 300])
def test_an_honest_total_is_believed(api: Callable[..., LeadLex], contacts: int) -> None:
    Counter(api(Sandbox(contacts=contacts))).verify()


INSTANTS = st.floats(0, 4e9).map(lambda instant: round(instant, 3))


@given(INSTANTS, INSTANTS)
def test_a_split_lies_strictly_between(one: float, two: float) -> None:
    start, end = sorted((one, two))
    middle = split(start, end)
    if middle is None:
        assert floor(end / 3600) - floor(start / 3600) <= 1
    else:
        assert start < middle < end
        assert middle % 3600 == 0


@pytest.mark.parametrize(
    ("contacts", "lost"),
    [
        (1000, {0}),
        (1000, {999}),
        (1000, {17, 18, 19, 500}),
        (1000, set(range(200, 460))),
        (3000, {5, 1500, 2900}),
        (12_000, {6_000}),
    ],
)
def test_the_missing_contacts_are_named_in_few_calls(
    api: Callable[..., LeadLex], contacts: int, lost: set[int]
) -> None:
    sandbox = Sandbox(contacts=contacts, quotas=Quotas(exports=None))
    rows = list(sandbox.store.rows())
    delivered, client = Delivered(), api(sandbox, budget=100)
    for number, row in enumerate(rows):
        if number not in lost:
            delivered.add(row.contact.id, 0, row.created / SECOND)
    start, end = rows[0].created / SECOND, rows[-1].created / SECOND + 1
    counter = Counter(client)
    gaps = counter.narrow(delivered, Gap(start, end, contacts, contacts - len(lost)))
    for gap in gaps:
        counter.list_missing(delivered, gap)
    named = {one.identity for gap in gaps for one in gap.missing or ()}
    assert named == {rows[number].contact.id for number in lost}
    assert not any(gap.surplus or gap.misdated for gap in gaps)
    assert client.made <= 40


def test_a_window_that_nothing_came_of_is_one_gap(api: Callable[..., LeadLex]) -> None:
    sandbox = Sandbox(contacts=5000)
    rows = list(sandbox.store.rows())
    delivered, client = Delivered(), api(sandbox, budget=100)
    for row in [*rows[:1000], *rows[4000:]]:
        delivered.add(row.contact.id, 0, row.created / SECOND)
    start, end = rows[0].created / SECOND, rows[-1].created / SECOND + 1
    gaps = joined(Counter(client).narrow(delivered, Gap(start, end, 5000, 2000)))
    assert sum(gap.short for gap in gaps) == 3000
    assert len(gaps) == 1
