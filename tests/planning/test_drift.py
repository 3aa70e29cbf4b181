"""Drift: what created_at cannot see is told by the list's count, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.planning.drift import drift
from tap_leadlex.planning.windows import ListEntry
from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox, Store
from tap_leadlex.sandbox.instants import from_datetime, to_datetime
from tap_leadlex.sandbox.readings import Bound, DateForm, ListMode, Precision
from tests.support import FakeClock, Json, Run, config_for

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = Quotas(exports=None)
BEFORE_ALL = datetime(2022, 12, 31, tzinfo=UTC)
MIDDLE = datetime(2024, 9, 15, tzinfo=UTC)
BOOKMARK = datetime(2026, 7, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that is set to the bookmark of the first run."""
    return FakeClock(BOOKMARK)


def sync(clock: FakeClock, config: Json, **options: Any) -> Run:  # noqa: ANN401 - as `run` has them
    """Run the tap by a clock. Every run must succeed."""
    done = clock.run(config, **options)
    assert done.exit_code == 0
    return done


def create(sandbox: Sandbox, instant: datetime) -> str:
    """Create a contact as of an instant; give its id."""
    contact_id: str = sandbox.store.create(from_datetime(instant)).contact.id
    return contact_id


def delete(sandbox: Sandbox, count: int) -> None:
    """Delete the oldest contacts."""
    for row in list(sandbox.store.rows())[:count]:
        assert sandbox.store.delete(row.contact.id)


def drifted(done: Run) -> list[str]:
    """Give the warnings of drift."""
    return [line for line in done.warnings if "created before" in line]


# It cries where it must.


@pytest.mark.parametrize("settings", [{}, {"start_date": "2024-01-01"}, {"list_id": "list-half"}])
@pytest.mark.parametrize("list_lower", Bound)
def test_back_dated_contacts_are_told_with_their_number(
    serve: Callable[..., Sandbox], clock: FakeClock, settings: Json, list_lower: Bound
) -> None:
    sandbox = serve(contacts=300, clock=clock, reading=Reading(list_lower=list_lower))
    config = config_for(sandbox, **settings)
    first = sync(clock, config)
    known = set(first.ids)
    for number in range(7):
        create(sandbox, MIDDLE + number * HOUR)
    fresh = {record["id"] for record in TimeMachine(clock, config).everything()} - known
    clock.at += DAY

    second = sync(clock, config, state=first.state)

    assert first.warnings == []
    assert second.ids == []
    (warning,) = second.warnings
    assert (
        f"LeadLex counts {len(fresh)} more contacts created before 2026-07-02T00:00:00Z" in warning
    )
    assert "Run a full refresh to correct this." in warning
    assert len(fresh) == 7 or "list_id" in settings


class TimeMachine:
    """Looks at all that LeadLex has, as a sync from nothing would."""

    def __init__(self, clock: FakeClock, config: Json) -> None:
        """Look at a sandbox by its config."""
        self._clock, self._config = clock, config

    def everything(self) -> list[Json]:
        """Give all records."""
        return sync(self._clock, self._config | {"check_drift": False}).records


@pytest.mark.parametrize("gone", [1, 40])
def test_deleted_contacts_are_told_with_their_number(
    serve: Callable[..., Sandbox], clock: FakeClock, gone: int
) -> None:
    sandbox = serve(contacts=300, clock=clock, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=100)
    first = sync(clock, config)
    delete(sandbox, gone)
    create(sandbox, BOOKMARK + HOUR)
    clock.at += DAY

    second = sync(clock, config, state=first.state)

    assert len(second.ids) == 1
    (warning,) = second.warnings
    assert f"LeadLex counts {gone} fewer contacts" in warning


def test_a_contact_back_dated_to_just_before_the_bookmark_is_told(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=20, clock=clock)
    config = config_for(sandbox)
    first = sync(clock, config)
    clock.at += DAY
    second = sync(clock, config, state=first.state)
    create(sandbox, clock.at - SECOND)
    create(sandbox, clock.at)
    clock.at += DAY

    third = sync(clock, config, state=second.state)

    assert len(third.ids) == 1
    (warning,) = third.warnings
    assert "LeadLex counts 1 more contacts" in warning


def test_it_is_told_once_a_day(serve: Callable[..., Sandbox], clock: FakeClock) -> None:
    sandbox = serve(contacts=20, clock=clock)
    config = config_for(sandbox)
    state = sync(clock, config).state
    create(sandbox, MIDDLE)
    told = []

    for _ in range(8):
        clock.at += timedelta(hours=8)
        before = len(sandbox.list_calls)
        done = sync(clock, config, state=state)
        told.append((len(drifted(done)), len(sandbox.list_calls) - before))
        state = done.state

    assert told == [(0, 1), (0, 1), (1, 3), (0, 1), (0, 1), (1, 3), (0, 1), (0, 1)]


def test_a_full_refresh_heals_it(serve: Callable[..., Sandbox], clock: FakeClock) -> None:
    sandbox = serve(contacts=20, clock=clock)
    config = config_for(sandbox)
    state = sync(clock, config).state
    create(sandbox, MIDDLE)
    delete(sandbox, 3)
    clock.at += DAY

    healed = sync(clock, config, state=sync(clock, config).state)

    assert drifted(sync(clock, config, state=state))
    assert drifted(healed) == []


# It does not cry wolf.


@pytest.mark.parametrize("list_mode", ListMode)
@pytest.mark.parametrize(
    ("list_lower", "precision"),
    [
        (Bound.INCLUSIVE, Precision.S),
        (Bound.EXCLUSIVE, Precision.US_SHOWN_AS_S),
        (Bound.EXCLUSIVE, Precision.US),
    ],
)
def test_no_reading_makes_it_cry_wolf(
    serve: Callable[..., Sandbox],
    clock: FakeClock,
    list_mode: ListMode,
    list_lower: Bound,
    precision: Precision,
) -> None:
    """Contacts stand exactly at each bookmark, and within its second."""
    reading = Reading(list_mode=list_mode, list_lower=list_lower, precision=precision)
    sandbox = serve(contacts=90, clock=clock, reading=reading, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=60, start_date="2023-06-01T00:00:00Z")
    create(sandbox, datetime(2023, 6, 1, tzinfo=UTC))
    create(sandbox, datetime(2023, 5, 31, 23, 59, 59, 500_000, tzinfo=UTC))
    state: Json | None = None
    ids: list[str] = []

    for _ in range(3):
        before = len(sandbox.list_calls)
        done = sync(clock, config, state=state)
        state, ids = done.state, ids + done.ids
        assert done.warnings == []
        assert len(sandbox.list_calls) - before <= 4 + 4 * (before == 0)
        for fraction in (0, 1, 500_000, 999_999):
            create(sandbox, clock.at + timedelta(microseconds=fraction))
        create(sandbox, clock.at + SECOND)
        clock.at += DAY

    assert len(ids) == len(set(ids))
    assert len(ids) > 80


@pytest.mark.parametrize("form", DateForm)
def test_no_form_of_dates_makes_it_cry_wolf(
    serve: Callable[..., Sandbox], clock: FakeClock, form: DateForm
) -> None:
    sandbox = serve(contacts=30, clock=clock, reading=Reading(date_form=form))
    state = sync(clock, config_for(sandbox)).state
    create(sandbox, clock.at)
    clock.at += DAY

    assert sync(clock, config_for(sandbox), state=state).warnings == []


def test_new_contacts_behind_an_end_date_are_no_drift(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=300, clock=clock)

    done = sync(clock, config_for(sandbox, end_date="2024-09-15", export_limit=100))

    assert 0 < len(done.ids) < 300
    assert done.warnings == []


def test_a_later_start_date_begins_the_count_anew(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=300, clock=clock)
    first = sync(clock, config_for(sandbox, end_date="2024-01-01"))

    second = sync(clock, config_for(sandbox, start_date="2025-01-01"), state=first.state)

    assert second.ids
    assert second.warnings == []


# It costs little and can be left.


def test_it_takes_two_list_calls(serve: Callable[..., Sandbox], clock: FakeClock) -> None:
    sandbox = serve(contacts=20, clock=clock)
    first = sync(clock, config_for(sandbox))
    calls = len(sandbox.list_calls)
    clock.at += 2 * DAY

    sync(clock, config_for(sandbox), state=first.state)

    assert calls == 2  # before and after the export; they compare everything there is
    assert len(sandbox.list_calls) == calls + 1 + 2
    assert len(sandbox.exports) == 2


@pytest.mark.parametrize(
    "settings", [{"check_drift": False}, {"tags": ["client"]}, {"lookback_seconds": 1}]
)
def test_it_is_left_when_told_so_with_tags_and_with_a_look_back(
    serve: Callable[..., Sandbox], clock: FakeClock, settings: Json
) -> None:
    sandbox = serve(contacts=100, clock=clock)
    config = config_for(sandbox, **settings)
    state = sync(clock, config).state
    create(sandbox, MIDDLE)
    delete(sandbox, 50)
    before = len(sandbox.list_calls)
    clock.at += DAY

    done = sync(clock, config, state=state)

    assert done.warnings == []
    # The list confirms the export, unless it cannot filter like it.
    assert len(sandbox.list_calls) == before + ("tags" not in settings)


@pytest.mark.parametrize("refusal", ListFault)
def test_a_list_that_refuses_is_passed_over_in_silence(
    serve: Callable[..., Sandbox], clock: FakeClock, refusal: ListFault
) -> None:
    faults = dict.fromkeys(range(2, 100), refusal)
    sandbox = serve(contacts=20, clock=clock, list_faults=faults)
    state = sync(clock, config_for(sandbox)).state
    create(sandbox, MIDDLE)
    clock.at += DAY

    done = sync(clock, config_for(sandbox), state=state)
    clock.at += HOUR
    before = len(sandbox.list_calls)
    again = sync(clock, config_for(sandbox), state=done.state)

    assert done.failures == done.warnings == again.warnings == []
    assert len(sandbox.list_calls) == before + 1  # only to confirm the export


def test_a_run_that_stopped_early_does_not_compare(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=300, clock=clock)
    config = config_for(sandbox, export_limit=100, max_exports=1)
    first = sync(clock, config)
    before = len(sandbox.list_calls)
    create(sandbox, BEFORE_ALL)

    second = sync(clock, config, state=first.state)

    assert len(second.ids) > 50
    assert [drifted(first), drifted(second)] == [[], []]
    # An edge and a confirmation, except that a predicted window needs no edge.
    assert len(sandbox.list_calls) <= before + 4


# The comparison itself, with contacts that come and go between its calls.


@given(
    below=st.integers(0, 40),
    above=st.integers(0, 20),
    at_bookmark=st.integers(0, 3),
    change=st.integers(-10, 10),
    came=st.integers(0, 5),
    inclusive=st.sampled_from(Bound),
    miscount=st.integers(-2, 2),
    bounded=st.booleans(),
)
def test_the_number_is_right_whoever_comes_meanwhile(
    *,
    below: int,
    above: int,
    at_bookmark: int,
    change: int,
    came: int,
    inclusive: Bound,
    miscount: int,
    bounded: bool,
) -> None:
    """As long as the list counts right; one that counts a little differently makes no noise."""
    now = BOOKMARK + 30 * DAY
    times = [BOOKMARK - (1 + i) * SECOND for i in range(below)]
    times += [BOOKMARK] * at_bookmark + [BOOKMARK + (1 + i) * SECOND for i in range(above)]
    store = Store(map(from_datetime, times), reading=Reading(list_lower=inclusive))
    delivered = max(below - change, 0)
    calls = 0

    def ask(after: datetime | None, rank: int) -> ListEntry:
        nonlocal calls
        calls += 1
        lower = None if after is None else from_datetime(after)
        rows, total = store.page(page=rank, per_page=1, after=lower)
        for _ in range(came * (calls == 1)):
            store.create(from_datetime(now + SECOND))
        found = to_datetime(rows.times[0]) if len(rows) else None
        return ListEntry(found, max(total + miscount, 0))

    since = BOOKMARK - DAY if bounded else None
    told = drift(ask, lambda: now, bookmark=BOOKMARK, since=since, delivered=delivered)

    assert calls == 2
    if below == delivered:
        assert told == 0
    elif came == miscount == 0:
        assert told == below - delivered


@pytest.mark.parametrize("silent", [1, 2])
@pytest.mark.parametrize("answer", [ListEntry(None, None), ListEntry(MIDDLE, None)])
def test_a_list_without_a_count_says_nothing(silent: int, answer: ListEntry) -> None:
    answers = [ListEntry(MIDDLE, 5), ListEntry(MIDDLE, 5)]
    given_answers = iter([answer if n == silent else one for n, one in enumerate(answers, 1)])

    told = drift(
        lambda *_: next(given_answers), lambda: BOOKMARK, bookmark=BOOKMARK, since=None, delivered=3
    )

    assert told is None


def test_a_list_that_ignores_its_bound_says_nothing() -> None:
    """Two of ten contacts are gone, but it counts all of the others as above the bookmark too."""
    contacts = [MIDDLE + number * HOUR for number in range(8)]

    def ask(_: datetime | None, rank: int) -> ListEntry:
        return ListEntry(contacts[rank - 1] if rank <= len(contacts) else None, len(contacts))

    assert drift(ask, lambda: BOOKMARK, bookmark=BOOKMARK, since=None, delivered=10) == 0
