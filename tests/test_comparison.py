"""Contacts that appear or disappear below the bookmark: found once a day, and exported again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.planning.ledger import MOST_STRETCHES
from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.defects import Defects, ListShows
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.readings import Bound, DateForm, ListMode, Order, Precision
from tests.support import FULL_TABLE, FakeClock, Json, Run, by_id, config_for, truth

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = Quotas(exports=None)
BEFORE_ALL = datetime(2022, 12, 31, tzinfo=UTC)
MIDDLE = datetime(2024, 9, 15, tzinfo=UTC)
BOOKMARK = datetime(2026, 7, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)
CONTACTS, LIMIT = 2_200, 400


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that is set to the bookmark of the first run."""
    return FakeClock(BOOKMARK)


class Destination:
    """A table that a tap fills, run by run."""

    def __init__(self, clock: FakeClock, sandbox: Sandbox, **settings: Any) -> None:  # noqa: ANN401
        """Create the table."""
        self._clock = clock
        self.sandbox = sandbox
        self.config = config_for(sandbox, **settings)
        self.state: Json | None = None
        self.rows: dict[str, Json] = {}

    def sync(self, after: timedelta = DAY, catalog: Json | None = None, **settings: object) -> Run:
        """Run the tap some time after the last run. Every run must succeed."""
        if self.state:
            self._clock.at += after
        config = self.config | settings
        done = self._clock.run(config, state=self.state, catalog=catalog)
        assert done.exit_code == 0, done.log
        self.rows |= {record["id"]: record for record in done.records}
        self.state = done.state
        return done

    @property
    def ledger(self) -> list[Any]:
        """The ledger in the state."""
        assert self.state
        contacts = self.state["bookmarks"]["contacts"]
        ledger: list[Any] = contacts["ledger"]
        assert sum(each[1] for each in ledger) == contacts["delivered"] + contacts["withheld"]
        return ledger

    @property
    def stale(self) -> list[str]:
        """Where the stale stretches end."""
        return [end for end, _, condition in self.ledger if condition != "ok"]


@pytest.fixture
def fill(serve: Callable[..., Sandbox], clock: FakeClock) -> Callable[..., Destination]:
    """Return a function that fills a table from a sandbox, in six stretches."""

    def fill(options: Json | None = None, **settings: object) -> Destination:
        sandbox = serve(
            **{"contacts": CONTACTS, "clock": clock, "quotas": UNLIMITED, **(options or {})}
        )
        destination = Destination(clock, sandbox, **{"export_limit": LIMIT, **settings})
        destination.sync()
        return destination

    return fill


def create(sandbox: Sandbox, instant: datetime) -> str:
    """Create a contact as of an instant; give its id."""
    contact_id: str = sandbox.store.create(from_datetime(instant)).contact.id
    return contact_id


def delete(sandbox: Sandbox, count: int, first: int = 0) -> None:
    """Delete the oldest contacts, or those after a number of them."""
    for row in list(sandbox.store.rows())[first : first + count]:
        assert sandbox.store.delete(row.contact.id)


# Contacts that were back-dated arrive.


@pytest.mark.parametrize("settings", [{}, {"start_date": "2024-01-01"}, {"list_id": "list-half"}])
@pytest.mark.parametrize("list_lower", Bound)
@pytest.mark.parametrize("limit", [LIMIT, 50_000])
def test_back_dated_contacts_arrive(
    fill: Callable[..., Destination], settings: Json, list_lower: Bound, limit: int
) -> None:
    destination = fill({"reading": Reading(list_lower=list_lower)}, export_limit=limit, **settings)
    sandbox, before = destination.sandbox, set(destination.rows)
    late = {create(sandbox, MIDDLE + number * HOUR) for number in range(7)}
    exports = len(sandbox.exports)

    second = destination.sync()
    third = destination.sync()

    arrived = set(destination.rows) - before
    assert arrived == late if "list_id" not in settings else arrived < late
    assert len(sandbox.exports) - exports == 3  # news twice, and one range
    assert f"LeadLex lists {len(arrived)} more contacts than the tap delivered, in 1 range" in (
        second.log
    )
    assert "contacts (1 range again); completeness confirmed" in second.log
    assert second.warnings == third.warnings == third.ids == []
    assert destination.stale == []


def test_contacts_that_join_a_list_arrive(fill: Callable[..., Destination]) -> None:
    """A list holds contacts of every age: here one that is created late stands for them."""
    destination = fill(list_id="list-half")
    late = [create(destination.sandbox, BEFORE_ALL + number * SECOND) for number in range(20)]

    destination.sync()

    assert set(late) & set(destination.rows)
    assert len(destination.rows) == destination.state["bookmarks"]["contacts"]["delivered"]  # type: ignore[index]


def test_the_rest_of_the_destination_stays_as_it_is(fill: Callable[..., Destination]) -> None:
    """Only the range is exported again; nothing else is repeated."""
    destination = fill()
    before = destination.ledger
    late = create(destination.sandbox, MIDDLE)

    done = destination.sync()

    (at,) = [at for at, (one, two) in enumerate(zip(before, destination.ledger)) if one != two]  # noqa: B905
    assert destination.ledger[at][1] == before[at][1] + 1 == len(done.ids)
    assert late in done.ids
    assert by_id([*destination.rows.values()]) == by_id(truth(destination.sandbox))


def test_a_contact_back_dated_to_just_before_the_bookmark_arrives(
    fill: Callable[..., Destination], clock: FakeClock
) -> None:
    destination = fill()
    destination.sync()
    late = create(destination.sandbox, clock.at - SECOND), create(destination.sandbox, clock.at)

    destination.sync()

    assert set(late) <= set(destination.rows)


def test_the_bookmark_does_not_move_for_it(fill: Callable[..., Destination]) -> None:
    destination = fill()
    create(destination.sandbox, MIDDLE)

    done = destination.sync()

    marks = [state["bookmarks"]["contacts"]["replication_key_value"] for state in done.states]
    assert marks == sorted(marks)
    assert set(marks[-2:]) == {"2026-07-02T00:00:00.000000Z"}


# What is gone.


def test_deleted_contacts_are_told_with_their_number(fill: Callable[..., Destination]) -> None:
    destination = fill()
    delete(destination.sandbox, 3, first=500)

    done = destination.sync()

    assert done.warnings == []
    assert "LeadLex lists 3 fewer contacts than the tap delivered" in done.log
    assert "LeadLex no longer has 3 contacts that the tap delivered." in done.log
    assert len(destination.rows) == CONTACTS
    assert sum(each[1] for each in destination.ledger) == CONTACTS - 3
    assert destination.sync().ids == []


def test_many_deleted_contacts_deserve_a_warning(fill: Callable[..., Destination]) -> None:
    destination = fill()
    delete(destination.sandbox, 40, first=380)

    done = destination.sync()

    (warning,) = done.warnings
    assert warning.startswith("LeadLex no longer has 40 contacts that the tap delivered.")
    assert "full refresh" in warning


def test_all_contacts_may_be_gone(fill: Callable[..., Destination]) -> None:
    destination = fill()
    delete(destination.sandbox, CONTACTS)

    destination.sync()

    assert {each[1] for each in destination.ledger} == {0}
    assert destination.sync().warnings == []


# As far as the budget goes.


def late_everywhere(destination: Destination) -> set[str]:
    """Back-date a contact into each stretch, and return their ids."""
    ends = [datetime.fromisoformat(each[0]) for each in destination.ledger]
    return {create(destination.sandbox, end - SECOND) for end in ends}


@pytest.mark.parametrize("most", [2, 3, 4])
def test_as_many_ranges_are_exported_again_as_the_budget_allows(
    fill: Callable[..., Destination], most: int
) -> None:
    destination = fill()
    late = late_everywhere(destination)
    stretches = len(late)
    runs = ceil(stretches / (most - 1))

    for number in range(1, runs + 1):
        done = destination.sync(HOUR if number > 1 else DAY, max_exports=most)
        left = max(stretches - number * (most - 1), 0)
        assert len(destination.stale) == left
        assert ("left to export again" in done.log) == (left > 0)

    assert late <= set(destination.rows)
    assert len(destination.sandbox.exports) == stretches + runs + stretches


def test_the_oldest_change_comes_first(fill: Callable[..., Destination]) -> None:
    destination = fill()
    ends = [datetime.fromisoformat(each[0]) for each in destination.ledger]
    late = [create(destination.sandbox, ends[4] - SECOND)]
    destination.sync(max_exports=1)
    late += [create(destination.sandbox, ends[1] - SECOND)]
    destination.sync(max_exports=1)
    assert [each[2] for each in destination.ledger[:6]] == [
        "ok", "stale 2", "ok", "ok", "stale", "ok",
    ]  # fmt: skip

    first = destination.sync(HOUR, max_exports=2)
    second = destination.sync(HOUR, max_exports=2)

    assert late[0] in first.ids
    assert late[1] not in first.ids
    assert late[1] in second.ids


def test_a_quota_that_is_used_up_ends_the_run_as_ever(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=4_000, clock=clock, quotas=Quotas(exports=10))
    destination = Destination(clock, sandbox, export_limit=LIMIT)
    while len(destination.rows) < 4_000:
        destination.sync(HOUR)
    late = late_everywhere(destination)

    done = destination.sync()

    (warning,) = done.warnings
    assert warning.startswith("Stopped: the export quota is used up")
    assert f"{len(destination.stale)} ranges left to export again. Run again then" in warning
    destination.sync(HOUR)
    assert destination.stale == []
    assert late <= set(destination.rows)


def test_neighbours_are_exported_together(fill: Callable[..., Destination]) -> None:
    """Two windows of an hour each, with few contacts, fit one export."""
    destination = fill()
    for _ in range(3):
        create(destination.sandbox, destination._clock.at + SECOND)  # noqa: SLF001
        destination.sync(HOUR)
    ends = [datetime.fromisoformat(each[0]) for each in destination.ledger[-3:]]
    late = {create(destination.sandbox, end - 2 * SECOND) for end in ends}
    exports = len(destination.sandbox.exports)

    destination.sync()

    assert late <= set(destination.rows)
    assert len(destination.sandbox.exports) == exports + 2
    assert [each[1:] for each in destination.ledger[-4:-1]] == [[2, "ok"]] * 3


def test_a_range_that_has_outgrown_an_export_is_split(fill: Callable[..., Destination]) -> None:
    destination = fill()
    late = {create(destination.sandbox, MIDDLE + number * SECOND) for number in range(500)}

    done = destination.sync()

    assert late <= set(destination.rows)
    assert done.warnings == destination.stale == []
    assert len(destination.ledger) > 8


# If it is only to be told.


def test_a_range_whose_export_its_neighbours_fill_is_repaired_by_one_export_a_run(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    """Exports reach a second beyond their range, where an import may have left many contacts."""
    reading = Reading(upper=Bound.INCLUSIVE)
    sandbox = serve(contacts=0, clock=clock, quotas=UNLIMITED, reading=reading)
    for number in range(45):
        create(sandbox, MIDDLE - number * HOUR - SECOND)
    destination = Destination(clock, sandbox, export_limit=50)
    destination.sync(end_date=MIDDLE.isoformat())
    for _ in range(10):
        create(sandbox, MIDDLE)
    destination.sync()
    late = create(sandbox, MIDDLE - 3 * DAY)

    for _ in range(3):
        destination.sync(max_exports=2)

    assert late in destination.rows
    assert destination.stale == []


def test_without_repair_each_change_is_a_warning_once(fill: Callable[..., Destination]) -> None:
    destination = fill(repair_drift=False)
    late = {create(destination.sandbox, MIDDLE)}

    first, quiet = destination.sync(), destination.sync()
    late |= {create(destination.sandbox, MIDDLE + SECOND) for _ in range(2)}
    again = destination.sync()

    assert first.ids == quiet.ids == again.ids == quiet.warnings == []
    (warning,) = first.warnings
    assert warning.startswith("LeadLex lists 1 more contacts than the tap delivered, in 1 range (")
    assert "Set repair_drift to true" in warning
    assert "LeadLex lists 2 more contacts" in again.warnings[0]
    repaired = destination.sync(HOUR, repair_drift=True)
    assert late <= set(repaired.ids)


# When it is checked.


def test_it_is_checked_once_a_day(fill: Callable[..., Destination]) -> None:
    destination = fill()
    stretches = len(destination.ledger)
    looked = []

    for hours in (19, 1, 19, 1):
        before = len(destination.sandbox.list_calls)
        destination.sync(timedelta(hours=hours))
        looked.append(len(destination.sandbox.list_calls) - before)

    # The list confirms each export in one look-up.
    assert looked == [1, 1 + 1 + (stretches + 1), 1, 1 + 1 + 8]


def test_a_full_refresh_heals_it(fill: Callable[..., Destination]) -> None:
    destination = fill(repair_drift=False)
    create(destination.sandbox, MIDDLE)
    delete(destination.sandbox, 3)

    assert len(destination.sync().warnings) == 1
    refresh = destination.sync(catalog=FULL_TABLE)

    assert len(refresh.ids) == CONTACTS - 2
    assert destination.stale == []
    assert destination.sync().warnings == []


@pytest.mark.parametrize("settings", [{"check_drift": False}, {"tags": ["client"]}])
def test_it_is_left_when_told_so_and_with_tags(
    fill: Callable[..., Destination], settings: Json
) -> None:
    destination = fill(**settings)
    create(destination.sandbox, MIDDLE)
    delete(destination.sandbox, 50)
    before = len(destination.sandbox.list_calls)

    done = destination.sync()

    assert done.warnings == []
    assert (destination.state["bookmarks"]["contacts"]["ledger"] is None) == ("tags" in settings)  # type: ignore[index]
    # The list confirms the export, unless it cannot filter like it.
    assert len(destination.sandbox.list_calls) == before + ("tags" not in settings)


def test_what_the_look_back_delivers_is_not_exported_twice(
    fill: Callable[..., Destination], clock: FakeClock
) -> None:
    destination = fill(lookback_seconds=86_400)
    assert [end for end, _, _ in destination.ledger[-2:]] == [
        "2026-06-30T00:00:00.000000Z",
        "2026-07-01T00:00:00.000000Z",
    ]
    young = create(destination.sandbox, clock.at - HOUR)
    old = create(destination.sandbox, MIDDLE)

    done = destination.sync(timedelta(hours=21))
    more = destination.sync(timedelta(hours=1))

    assert done.ids.count(young) == done.ids.count(old) == 1
    assert destination.stale == []
    # The look-back stays a day, whatever the ledger has.
    assert len(more.ids) == len(
        [1 for row in destination.rows.values() if row["created_at"] >= "2026-06-30T21"]
    )


@pytest.mark.parametrize("refusal", ListFault)
def test_a_list_that_refuses_is_passed_over_in_silence(
    serve: Callable[..., Sandbox], clock: FakeClock, refusal: ListFault
) -> None:
    faults = dict.fromkeys(range(2, 100), refusal)
    sandbox = serve(contacts=20, clock=clock, list_faults=faults)
    destination = Destination(clock, sandbox)
    destination.sync()
    create(sandbox, MIDDLE)

    done = destination.sync()
    before = len(sandbox.list_calls)
    again = destination.sync(HOUR)

    assert done.failures == done.warnings == again.warnings == []
    assert len(sandbox.list_calls) == before + 1  # only to confirm the export


def test_a_run_that_stopped_early_does_not_compare(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=300, clock=clock)
    destination = Destination(clock, sandbox, export_limit=100, max_exports=1)
    destination.sync()
    before = len(sandbox.list_calls)
    create(sandbox, BEFORE_ALL)

    second = destination.sync()

    assert len(second.ids) > 50
    # An edge and a confirmation, except that a predicted window needs no edge.
    assert len(sandbox.list_calls) <= before + 4


# Nothing is exported again without need.


@pytest.mark.parametrize("list_mode", ListMode)
@pytest.mark.parametrize(
    ("list_lower", "precision"),
    [
        (Bound.INCLUSIVE, Precision.S),
        (Bound.EXCLUSIVE, Precision.US_SHOWN_AS_S),
        (Bound.EXCLUSIVE, Precision.US),
    ],
)
def test_no_reading_makes_a_false_alarm(
    serve: Callable[..., Sandbox],
    clock: FakeClock,
    list_mode: ListMode,
    list_lower: Bound,
    precision: Precision,
) -> None:
    """Contacts stand exactly at each bookmark, and within its second."""
    reading = Reading(list_mode=list_mode, list_lower=list_lower, precision=precision)
    sandbox = serve(contacts=90, clock=clock, reading=reading, quotas=UNLIMITED)
    destination = Destination(clock, sandbox, export_limit=60, start_date="2023-06-01T00:00:00Z")
    create(sandbox, datetime(2023, 6, 1, tzinfo=UTC))
    create(sandbox, datetime(2023, 5, 31, 23, 59, 59, 500_000, tzinfo=UTC))
    ids: list[str] = []

    for _ in range(3):
        done = destination.sync()
        ids += done.ids
        assert done.warnings == []
        for fraction in (0, 1, 500_000, 999_999):
            create(sandbox, clock.at + timedelta(microseconds=fraction))
        create(sandbox, clock.at + SECOND)

    assert len(ids) == len(set(ids))
    assert len(ids) > 80


@pytest.mark.parametrize("form", DateForm)
def test_no_form_of_dates_makes_a_false_alarm(
    serve: Callable[..., Sandbox], clock: FakeClock, form: DateForm
) -> None:
    sandbox = serve(contacts=30, clock=clock, reading=Reading(date_form=form))
    destination = Destination(clock, sandbox)
    destination.sync()
    create(sandbox, clock.at)

    assert destination.sync().warnings == []
    assert destination.sync().ids == []


def test_a_list_that_hides_contacts_costs_one_export_for_each_range(
    fill: Callable[..., Destination],
) -> None:
    """What it shows then is what later lists are compared with."""
    destination = fill({"defects": Defects(list_shows=ListShows.FEWER)}, export_limit=50_000)
    late = create(destination.sandbox, MIDDLE)

    for _ in range(2):
        destination.sync()
    exports = len(destination.sandbox.exports)
    for _ in range(3):
        assert destination.sync().ids == []

    assert len(destination.sandbox.exports) == exports + 3
    assert late in destination.rows


def test_contacts_that_are_withheld_make_nothing_stale(fill: Callable[..., Destination]) -> None:
    options = {"contacts": 300, "defects": Defects(list_shows=ListShows.MORE)}
    destination = fill(options, accept_short_exports=True)

    for _ in range(3):
        done = destination.sync()
        assert done.ids == done.warnings == []

    late = create(destination.sandbox, MIDDLE)
    destination.sync()
    assert destination.sync().ids == []
    assert destination.stale == []
    assert late in destination.rows


def test_new_contacts_behind_an_end_date_are_no_drift(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=300, clock=clock)
    destination = Destination(clock, sandbox, end_date="2024-09-15", export_limit=100)

    done = destination.sync()

    assert 0 < len(done.ids) < 300
    assert done.warnings == []
    assert destination.sync().ids == []


def test_a_later_start_date_begins_the_ledger_anew(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    destination = Destination(clock, serve(contacts=300, clock=clock), end_date="2024-01-01")
    destination.sync()

    second = destination.sync(start_date="2025-01-01", end_date=None)

    assert second.ids
    assert second.warnings == []
    assert sum(each[1] for each in destination.ledger) == len(second.ids)


def test_a_bookmark_that_is_moved_back_makes_no_false_alarm(
    fill: Callable[..., Destination],
) -> None:
    destination = fill()
    destination.state["bookmarks"]["contacts"]["replication_key_value"] = "2025-01-01T00:00:00Z"  # type: ignore[index]

    again = destination.sync()

    assert 0 < len(again.ids) < CONTACTS
    assert again.warnings == destination.sync().ids == destination.stale == []
    assert sum(each[1] for each in destination.ledger) == CONTACTS


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_every_contact_is_in_the_destination(
    serve: Callable[..., Sandbox], clock: FakeClock, seed: int
) -> None:
    """Contacts come, are back-dated by up to five years, and go; runs stop at `max_exports`."""
    random = Random(seed)  # noqa: S311 - variety, not secrecy
    reading = Reading(
        list_lower=random.choice([*Bound]),
        lower=random.choice([*Bound]),
        upper=random.choice([*Bound]),
        order=random.choice([*Order]),
        precision=random.choice([*Precision]),
        list_mode=random.choice([ListMode.OK, ListMode.NEAR_TOTAL, ListMode.NO_TOTAL]),
    )
    sandbox = serve(contacts=300, clock=clock, reading=reading, quotas=UNLIMITED)
    destination = Destination(
        clock, sandbox, export_limit=50, lookback_seconds=random.choice([0, 0, 3 * 86_400])
    )
    destination.sync()

    for day in range(16):
        for _ in range(random.randint(0, 6)):
            create(sandbox, clock.at + random.randint(1, 86_000) * SECOND)
        if day % 2:  # what comes and goes in one range at once is not promised
            delete(sandbox, random.randint(0, 5), first=random.randint(0, 250))
        else:
            for _ in range(random.randint(0, 5)):
                create(sandbox, clock.at - random.randint(1, 5 * 365 * 86_400) * SECOND)
        destination.sync(max_exports=random.randint(1, 4))
        if random.random() < 1 / 2:
            destination.sync(HOUR, max_exports=random.randint(2, 4))
    destination.sync()
    destination.sync()

    assert destination.stale == []
    expected = {row["id"]: row for row in truth(sandbox)}
    assert expected.keys() <= destination.rows.keys()
    assert len(destination.ledger) <= MOST_STRETCHES


# States of earlier releases.


def without_ledger(destination: Destination, **changes: object) -> None:
    """Make the state one that has no ledger."""
    assert destination.state
    contacts = destination.state["bookmarks"]["contacts"]
    contacts |= {"ledger": None, "drift_checked": None, **changes}


def test_a_state_without_a_ledger_gets_one(fill: Callable[..., Destination]) -> None:
    destination = fill()
    without_ledger(destination)

    counted = destination.sync()
    late = create(destination.sandbox, MIDDLE)
    destination.sync()

    assert counted.ids == counted.warnings == []
    assert late in destination.rows
    assert max(each[1] for each in destination.ledger) <= 0.9 * LIMIT


def test_a_ledger_that_cannot_be_counted_names_the_refresh(
    fill: Callable[..., Destination],
) -> None:
    destination = fill()
    without_ledger(destination)
    create(destination.sandbox, MIDDLE)

    (warning,) = destination.sync().warnings

    assert warning.startswith("LeadLex counts 1 more contacts created before 2026-07-02T00:00:00Z")
    assert "Run a full refresh to correct this." in warning
    assert destination.state["bookmarks"]["contacts"]["ledger"] is None  # type: ignore[index]
    destination.sync(catalog=FULL_TABLE)
    assert destination.sync().warnings == []


def test_a_ledger_that_other_entries_contradict_is_counted_anew(
    fill: Callable[..., Destination],
) -> None:
    destination = fill()
    destination.ledger[2][1] += 1

    destination.sync(HOUR)
    done = destination.sync()

    assert done.ids == done.warnings == []
    assert sum(each[1] for each in destination.ledger) == CONTACTS
