"""Drift: what created_at cannot see is told by the list's count, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.clock import Clock
from tap_leadlex.planning.drift import drift
from tap_leadlex.planning.windows import ListEntry
from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox, Store
from tap_leadlex.sandbox.instants import from_datetime, to_datetime
from tap_leadlex.sandbox.readings import Bound, DateForm, ListMode, Precision
from tap_leadlex.tap import TapLeadLex
from tests.support import Json, Run, config_for, run

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = Quotas(exports=None)
BEFORE_ALL = datetime(2022, 12, 31, tzinfo=UTC)
MIDDLE = datetime(2024, 9, 15, tzinfo=UTC)
BOOKMARK = datetime(2026, 7, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


class FakeTime:
    """A clock for both sides."""

    def __init__(self) -> None:
        """Begin at the bookmark of the first run."""
        self.at = BOOKMARK

    def now(self) -> datetime:
        """Tell the time."""
        return self.at

    def run(self, config: Json, **options: Any) -> Run:  # noqa: ANN401 - of `run`
        """Run the tap by this clock; every run must end well."""
        clock = Clock(now=self.now, sleep=lambda _: None)

        class Tap(TapLeadLex):
            def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - of the tap
                super().__init__(clock=clock, **kwargs)

        done = run(config, tap=Tap, **options)
        assert done.exit_code == 0
        return done


@pytest.fixture
def time() -> FakeTime:
    """Give a clock."""
    return FakeTime()


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
    serve: Callable[..., Sandbox], time: FakeTime, settings: Json, list_lower: Bound
) -> None:
    sandbox = serve(contacts=300, clock=time.now, reading=Reading(list_lower=list_lower))
    config = config_for(sandbox, **settings)
    first = time.run(config)
    known = set(first.ids)
    for number in range(7):
        create(sandbox, MIDDLE + number * HOUR)
    fresh = {record["id"] for record in TimeMachine(time, config).everything()} - known
    time.at += DAY

    second = time.run(config, state=first.state)

    assert first.warnings == []
    assert second.ids == []
    (warning,) = second.warnings
    assert f"LeadLex has {len(fresh)} more contacts created before 2026-07-02T00:00:00Z" in warning
    assert "A full refresh corrects this." in warning
    assert len(fresh) == 7 or "list_id" in settings


class TimeMachine:
    """Looks at all that LeadLex has, as a sync from nothing would."""

    def __init__(self, time: FakeTime, config: Json) -> None:
        """Look at a sandbox by its config."""
        self._time, self._config = time, config

    def everything(self) -> list[Json]:
        """Give all records."""
        return self._time.run(self._config | {"check_drift": False}).records


@pytest.mark.parametrize("gone", [1, 40])
def test_deleted_contacts_are_told_with_their_number(
    serve: Callable[..., Sandbox], time: FakeTime, gone: int
) -> None:
    sandbox = serve(contacts=300, clock=time.now, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=100)
    first = time.run(config)
    delete(sandbox, gone)
    create(sandbox, BOOKMARK + HOUR)
    time.at += DAY

    second = time.run(config, state=first.state)

    assert len(second.ids) == 1
    (warning,) = second.warnings
    assert f"LeadLex has {gone} fewer contacts" in warning


def test_a_contact_back_dated_to_just_before_the_bookmark_is_told(
    serve: Callable[..., Sandbox], time: FakeTime
) -> None:
    sandbox = serve(contacts=20, clock=time.now)
    config = config_for(sandbox)
    first = time.run(config)
    time.at += DAY
    second = time.run(config, state=first.state)
    create(sandbox, time.at - SECOND)
    create(sandbox, time.at)
    time.at += DAY

    third = time.run(config, state=second.state)

    assert len(third.ids) == 1
    (warning,) = third.warnings
    assert "LeadLex has 1 more contacts" in warning


def test_it_is_told_once_a_day(serve: Callable[..., Sandbox], time: FakeTime) -> None:
    sandbox = serve(contacts=20, clock=time.now)
    config = config_for(sandbox)
    state = time.run(config).state
    create(sandbox, MIDDLE)
    told = []

    for _ in range(8):
        time.at += timedelta(hours=8)
        before = len(sandbox.list_calls)
        done = time.run(config, state=state)
        told.append((len(drifted(done)), len(sandbox.list_calls) - before))
        state = done.state

    assert told == [(0, 0), (0, 0), (1, 2), (0, 0), (0, 0), (1, 2), (0, 0), (0, 0)]


def test_a_full_refresh_heals_it(serve: Callable[..., Sandbox], time: FakeTime) -> None:
    sandbox = serve(contacts=20, clock=time.now)
    config = config_for(sandbox)
    state = time.run(config).state
    create(sandbox, MIDDLE)
    delete(sandbox, 3)
    time.at += DAY

    healed = time.run(config, state=time.run(config).state)

    assert drifted(time.run(config, state=state))
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
    time: FakeTime,
    list_mode: ListMode,
    list_lower: Bound,
    precision: Precision,
) -> None:
    """Contacts stand exactly at each bookmark, and within its second."""
    reading = Reading(list_mode=list_mode, list_lower=list_lower, precision=precision)
    sandbox = serve(contacts=90, clock=time.now, reading=reading, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=60, start_date="2023-06-01T00:00:00Z")
    create(sandbox, datetime(2023, 6, 1, tzinfo=UTC))
    create(sandbox, datetime(2023, 5, 31, 23, 59, 59, 500_000, tzinfo=UTC))
    state: Json | None = None
    ids: list[str] = []

    for _ in range(3):
        before = len(sandbox.list_calls)
        done = time.run(config, state=state)
        state, ids = done.state, ids + done.ids
        assert done.warnings == []
        assert len(sandbox.list_calls) - before <= 2 + 4 * (before == 0)
        for fraction in (0, 1, 500_000, 999_999):
            create(sandbox, time.at + timedelta(microseconds=fraction))
        create(sandbox, time.at + SECOND)
        time.at += DAY

    assert len(ids) == len(set(ids))
    assert len(ids) > 80


@pytest.mark.parametrize("form", DateForm)
def test_no_form_of_dates_makes_it_cry_wolf(
    serve: Callable[..., Sandbox], time: FakeTime, form: DateForm
) -> None:
    sandbox = serve(contacts=30, clock=time.now, reading=Reading(date_form=form))
    state = time.run(config_for(sandbox)).state
    create(sandbox, time.at)
    time.at += DAY

    assert time.run(config_for(sandbox), state=state).warnings == []


def test_new_contacts_behind_an_end_date_are_no_drift(
    serve: Callable[..., Sandbox], time: FakeTime
) -> None:
    sandbox = serve(contacts=300, clock=time.now)

    done = time.run(config_for(sandbox, end_date="2024-09-15", export_limit=100))

    assert 0 < len(done.ids) < 300
    assert done.warnings == []


def test_a_later_start_date_begins_the_count_anew(
    serve: Callable[..., Sandbox], time: FakeTime
) -> None:
    sandbox = serve(contacts=300, clock=time.now)
    first = time.run(config_for(sandbox, end_date="2024-01-01"))

    second = time.run(config_for(sandbox, start_date="2025-01-01"), state=first.state)

    assert second.ids
    assert second.warnings == []


# It costs little and can be left.


def test_two_list_calls_at_most(serve: Callable[..., Sandbox], time: FakeTime) -> None:
    sandbox = serve(contacts=20, clock=time.now)
    first = time.run(config_for(sandbox))
    calls = len(sandbox.list_calls)
    time.at += 2 * DAY

    time.run(config_for(sandbox), state=first.state)

    assert calls == 1 + 2  # one before a first sync's export
    assert len(sandbox.list_calls) == calls + 2
    assert len(sandbox.exports) == 2


@pytest.mark.parametrize("settings", [{"check_drift": False}, {"tags": ["client"]}])
def test_it_is_left_when_told_so_and_with_tags(
    serve: Callable[..., Sandbox], time: FakeTime, settings: Json
) -> None:
    sandbox = serve(contacts=100, clock=time.now)
    config = config_for(sandbox, **settings)
    state = time.run(config).state
    create(sandbox, MIDDLE)
    delete(sandbox, 50)
    before = len(sandbox.list_calls)
    time.at += DAY

    done = time.run(config, state=state)

    assert done.warnings == []
    assert len(sandbox.list_calls) == before


@pytest.mark.parametrize("refusal", ListFault)
def test_a_list_that_refuses_is_passed_over_in_silence(
    serve: Callable[..., Sandbox], time: FakeTime, refusal: ListFault
) -> None:
    faults = dict.fromkeys(range(2, 100), refusal)
    sandbox = serve(contacts=20, clock=time.now, list_faults=faults)
    state = time.run(config_for(sandbox)).state
    create(sandbox, MIDDLE)
    time.at += DAY

    done = time.run(config_for(sandbox), state=state)
    time.at += HOUR
    before = len(sandbox.list_calls)
    again = time.run(config_for(sandbox), state=done.state)

    assert done.failures == done.warnings == again.warnings == []
    assert len(sandbox.list_calls) == before  # it is not asked again on that day


def test_a_run_that_stopped_early_does_not_compare(
    serve: Callable[..., Sandbox], time: FakeTime
) -> None:
    sandbox = serve(contacts=300, clock=time.now)
    config = config_for(sandbox, export_limit=100, max_exports=1)
    first = time.run(config)
    before = len(sandbox.list_calls)
    create(sandbox, BEFORE_ALL)

    second = time.run(config, state=first.state)

    assert len(second.ids) > 50
    assert [drifted(first), drifted(second)] == [[], []]
    assert len(sandbox.list_calls) == before + 2  # for edges, the second in vain


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
