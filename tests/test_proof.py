"""What the tap calls complete is complete, whatever the server does to an export."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Defects, Fault, History, ListFault, Quotas, Reading, Sandbox, Store
from tap_leadlex.sandbox.defects import ListedDate
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import SECOND, from_datetime
from tap_leadlex.sandbox.readings import ListMode, Order, Precision, Rounding, Step
from tap_leadlex.sandbox.views import Side
from tests.support import FakeClock, Run, config_for, truth

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = Quotas(exports=None)
LISTS = [ListMode.OK, ListMode.FORBIDDEN]
DAY = timedelta(days=1)


def ids(sandbox: Sandbox) -> list[str]:
    """Return the ids of all contacts."""
    return sorted(record["id"] for record in truth(sandbox))


def proof(done: Run) -> str:
    """Return the line that says what was proven."""
    (line,) = [line for line in done.lines("INFO") if "; completeness " in line]
    return line


@pytest.mark.parametrize("list_mode", LISTS)
@pytest.mark.parametrize("order", Order)
def test_a_cap_below_the_limit_loses_nothing(
    serve: Callable[..., Sandbox], clock: FakeClock, order: Order, list_mode: ListMode
) -> None:
    """A usual default of the stack that LeadLex runs on: 1,000 rows, whatever `limit` says."""
    reading = Reading(order=order, list_mode=list_mode)
    sandbox = serve(
        contacts=5_000, export_cap=1_000, reading=reading, quotas=UNLIMITED, clock=clock
    )

    done = clock.run(config_for(sandbox))

    assert (done.exit_code, done.failures) == (0, [])
    assert sorted(done.ids) == ids(sandbox)
    (warning,) = done.warnings
    assert "1,000 rows" in warning
    assert done.state["bookmarks"]["contacts"]["cap"] == 1_000
    calls = len(sandbox.exports)

    clock.at += DAY
    fresh = sandbox.store.create(from_datetime(clock.at - timedelta(hours=1))).record.id
    later = clock.run(config_for(sandbox), state=done.state)

    assert later.ids == [fresh]
    assert later.warnings == []
    assert len(sandbox.exports) == calls + 1
    assert calls <= (10 if list_mode is ListMode.OK else 20)


@pytest.mark.parametrize("order", Order)
def test_a_body_cut_at_a_line_end_is_noticed_by_the_list(
    serve: Callable[..., Sandbox], order: Order
) -> None:
    sandbox = serve(contacts=901, reading=Reading(order=order), faults={1: Fault.CUT_AT_LINE})

    done = FakeClock().run(config_for(sandbox))

    assert (done.exit_code, done.failures) == (0, [])
    assert sorted(done.ids) == ids(sandbox)


@pytest.mark.parametrize("step", [Step.S, Step.MS, Step.US])
@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("precision", [Precision.MS, Precision.US])
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("list_mode", LISTS)
def test_rounded_bounds_lose_nothing_of_a_split_second(
    serve: Callable[..., Sandbox],
    step: Step,
    rounding: Rounding,
    precision: Precision,
    order: Order,
    list_mode: ListMode,
) -> None:
    reading = Reading(
        order=order,
        precision=precision,
        bound_step=step,
        bound_rounding=rounding,
        list_mode=list_mode,
    )
    second = from_datetime(datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC))
    times = [second + number * SECOND // 150 for number in range(150)]
    before = make(History.EVEN, 40, 0, second - 900 * SECOND, second - 5 * SECOND)
    sandbox = serve(store=Store([*before, *times], reading=reading), quotas=UNLIMITED)

    done = FakeClock().run(config_for(sandbox, export_limit=100))

    assert len(done.ids) == len(set(done.ids))
    if done.exit_code == 0:
        assert sorted(done.ids) == ids(sandbox)
    else:
        (failure,) = done.failures
        assert "2025-03-04T05:06:07Z" in failure
        assert_true(done, sandbox)


def assert_true(done: Run, sandbox: Sandbox) -> None:
    """Check that no STATE of a run stands past a contact that came before it in no message."""
    delivered: set[str] = set()
    created = {row.record.id: row.created for row in sandbox.store.rows()}
    for message in done.messages:
        if message["type"] == "RECORD":
            delivered.add(message["record"]["id"])
        elif message["type"] == "STATE":
            mark = message["value"]["bookmarks"].get("contacts", {}).get("replication_key_value")
            if mark:
                passed = from_datetime(datetime.fromisoformat(mark))
                assert {each for each, at in created.items() if at < passed} <= delivered


@pytest.mark.parametrize("listed_date", [ListedDate.YEAR_1, ListedDate.YEAR_1899])
def test_no_date_of_the_list_reaches_the_bookmark(
    serve: Callable[..., Sandbox], clock: FakeClock, listed_date: ListedDate
) -> None:
    store = Store(make(History.EVEN, 500), defects=Defects(listed_date=listed_date))
    sandbox = serve(store=store, quotas=UNLIMITED, clock=clock)

    done = clock.run(config_for(sandbox, export_limit=200))
    again = clock.run(config_for(sandbox, export_limit=200), state=done.state)

    assert (done.exit_code, sorted(done.ids)) == (0, ids(sandbox))
    assert again.exit_code == 0
    marks = [
        state["bookmarks"]["contacts"].get("replication_key_value", "9") for state in done.states
    ]
    assert min(marks) > "1900"


@pytest.mark.parametrize("order", Order)
def test_a_repeated_row_is_delivered_once(
    serve: Callable[..., Sandbox], clock: FakeClock, order: Order
) -> None:
    reading, faults = Reading(order=order), {1: Fault.REPEATED_ROW}
    sandbox = serve(contacts=100, reading=reading, faults=faults, clock=clock)

    done = clock.run(config_for(sandbox))

    assert (done.exit_code, sorted(done.ids)) == (0, ids(sandbox))
    (warning,) = done.warnings
    assert "repeated 1 row in one export" in warning
    assert done.state["bookmarks"]["contacts"]["delivered"] == 100


@pytest.mark.parametrize("hidden", [1, 3])
def test_contacts_that_the_export_withholds_end_the_run_with_two_ways_out(
    serve: Callable[..., Sandbox], clock: FakeClock, hidden: int
) -> None:
    sandbox = serve(contacts=400, quotas=UNLIMITED, clock=clock)
    withheld = [row.record.id for row in list(sandbox.store.rows())[100 : 100 + 7 * hidden : 7]]
    for contact in withheld:
        sandbox.store.hide(contact, Side.EXPORT)

    refused = clock.run(config_for(sandbox))
    accepted = clock.run(config_for(sandbox, accept_short_exports=True))

    assert refused.exit_code == 1
    (failure,) = refused.failures
    assert f"{hidden} contact" in failure
    assert "accept_short_exports" in failure
    assert_true(refused, sandbox)
    assert accepted.exit_code == 0
    assert sorted([*accepted.ids, *withheld]) == ids(sandbox)
    (warning,) = accepted.warnings
    assert f"{hidden} contact" in warning
    assert accepted.state["bookmarks"]["contacts"]["withheld"] == hidden


@pytest.mark.parametrize("refusal", [ListFault.TOO_MANY, ListFault.MISSING, ListFault.RESET])
@pytest.mark.parametrize("lost", [True, False])
def test_what_the_list_could_not_confirm_the_next_run_settles_first(
    serve: Callable[..., Sandbox], clock: FakeClock, refusal: ListFault, *, lost: bool
) -> None:
    faults = {2: Fault.CUT_AT_LINE} if lost else {}
    list_faults = dict.fromkeys(range(3, 6), refusal)
    sandbox = serve(
        contacts=100, quotas=UNLIMITED, clock=clock, faults=faults, list_faults=list_faults
    )
    first = clock.run(config_for(sandbox, check_drift=False))
    for minutes in range(37):
        sandbox.store.create(from_datetime(clock.at + timedelta(minutes=minutes)))
    clock.at += DAY
    second = clock.run(config_for(sandbox, check_drift=False), state=first.state)
    list_faults.clear()
    clock.at += DAY
    exports = len(sandbox.exports)

    third = clock.run(config_for(sandbox, check_drift=False), state=second.state)

    assert "completeness not con" in proof(second)
    assert "completeness confirmed" in proof(third)
    assert (len(second.ids) < 37) is lost
    assert len(third.ids) == (37 if lost else 0)
    assert sorted({*first.ids, *second.ids, *third.ids}) == ids(sandbox)
    assert len(sandbox.exports) == exports + 1
    contacts = third.state["bookmarks"]["contacts"]
    assert (contacts["delivered"], contacts["unsettled"]) == (137, None)
