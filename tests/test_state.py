"""What a state vouches for: filters, where the sync began, and where the next run continues."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from tap_leadlex import timestamps
from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.readings import Order, Presence
from tests.support import (
    FULL_TABLE,
    FakeClock,
    Json,
    Run,
    bookmark,
    by_id,
    catalog_without,
    config_for,
    run,
    said,
    state_at,
    truth,
    written_before,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = FakeClock().at
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
WAYS = ("Restore the setting", "full refresh", "separate state")


def create(sandbox: Sandbox, instant: datetime) -> str:
    """Create a contact as of an instant; give its id."""
    contact_id: str = sandbox.store.create(from_datetime(instant)).contact.id
    return contact_id


def of_stream(state: Json) -> Json:
    """Give the stream's part of a state."""
    contacts: Json = state["bookmarks"]["contacts"]
    return contacts


# States of the previous release, each as it wrote it.

UNLIMITED = Quotas(exports=None)
DAY_OF_STATES = "2026-07-01T12:00:00.000000Z"
PLANNED = "2022-10-02T20:09:38Z"
"""The nearest boundary of the saved plans."""
CLOSED = "2024-04-25T10:27:38Z"
"""The lower bound that asks from the last closed window of the interrupted syncs on."""
BOOKMARKED = "2026-07-01T11:59:59Z"
"""The lower bound that asks from the bookmark of the finished syncs on."""
UNDER_WAY_VERSION, PLAN_VERSION = 1795570439684, 1795570439822


def with_changes(name: str, **changes: object) -> Json:
    """Return the same state with some keys changed."""
    return {"bookmarks": {"contacts": of_stream(written_before(name)) | changes}}


def bounds(sandbox: Sandbox) -> list[tuple[str | None, str]]:
    """Return the time bounds of each export so far."""
    queries = [parse_qs(call.query) for call in sandbox.exports]
    return [
        (query.get("created_after", [None])[0], query["created_before"][0]) for query in queries
    ]


def versions(done: Run) -> set[int | None]:
    """Return the versions of the records of a run."""
    return {message.get("version") for message in done.of_type("RECORD")}


def activated(done: Run) -> list[int]:
    """Return the versions that a run activates."""
    return [message["version"] for message in done.of_type("ACTIVATE_VERSION")]


@pytest.fixture
def leadlex(serve: Callable[..., Sandbox], clock: FakeClock) -> Sandbox:
    """Return LeadLex as it was when the states were written."""
    return serve(contacts=500, clock=clock, quotas=UNLIMITED)


@pytest.fixture
def without_list(serve: Callable[..., Sandbox], clock: FakeClock) -> Sandbox:
    """Return LeadLex as it was when the plans were written."""
    return serve(
        contacts=500,
        clock=clock,
        quotas=UNLIMITED,
        reading=Reading(order=Order.DESCENDING),
        list_faults=dict.fromkeys(range(1, 200), ListFault.FORBIDDEN),
    )


def test_a_finished_sync_continues_at_its_bookmark(leadlex: Sandbox, clock: FakeClock) -> None:
    clock.at += HOUR
    new = [create(leadlex, NOW + minutes * 60 * SECOND) for minutes in (0, 20, 59)]

    done = clock.run(config_for(leadlex), state=written_before("finished"))

    assert (done.exit_code, done.warnings) == (0, [])
    assert sorted(done.ids) == sorted(new)
    assert versions(done) == {None}
    assert bounds(leadlex) == [(BOOKMARKED, "2026-07-01T13:00:00Z")]
    assert len(leadlex.list_calls) == 1  # neither for a plan nor, within a day, for drift
    assert said(done.state) == said(
        with_changes("finished", replication_key_value="2026-07-01T13:00:00.000000Z", delivered=503)
    )


def test_a_finished_sync_is_compared_again_after_a_day(leadlex: Sandbox, clock: FakeClock) -> None:
    clock.at += DAY
    create(leadlex, NOW + HOUR)
    create(leadlex, datetime(2025, 1, 1, tzinfo=UTC))

    done = clock.run(config_for(leadlex), state=written_before("finished"))

    later = "2026-07-02T12:00:00.000000Z"
    (warning,) = done.warnings
    assert warning.startswith("LeadLex counts 1 more contacts")
    assert said(done.state) == said(
        with_changes("finished", replication_key_value=later, delivered=501, drift_checked=later)
    )


def test_a_finished_sync_with_nothing_new_stays_as_it_is(
    leadlex: Sandbox, clock: FakeClock
) -> None:
    done = clock.run(config_for(leadlex), state=written_before("finished"))

    assert (done.exit_code, done.records, leadlex.calls) == (0, [], [])
    assert said(done.state) == said(written_before("finished"))


def test_an_interrupted_sync_continues_after_its_last_window(
    leadlex: Sandbox, clock: FakeClock
) -> None:
    done = clock.run(config_for(leadlex, export_limit=100), state=written_before("under-way"))

    assert (done.exit_code, done.warnings) == (0, [])
    after, before = bounds(leadlex)[0]
    assert after == CLOSED
    assert before < BOOKMARKED  # the list chose a window; the whole range was not tried first
    assert not leadlex.calls[0].is_export
    assert len(done.ids) == 500 - 192
    assert said(done.state) == said(written_before("finished"))


def test_a_saved_plan_is_followed(without_list: Sandbox, clock: FakeClock) -> None:
    done = clock.run(config_for(without_list, export_limit=100), state=written_before("plan"))

    assert (done.exit_code, done.warnings) == (0, [])
    assert bounds(without_list)[0] == (None, PLANNED)
    assert by_id(done.records) == by_id(truth(without_list))
    assert said(done.state) == said(written_before("finished"))


def test_filters_of_a_state_hold(leadlex: Sandbox, clock: FakeClock) -> None:
    clock.at += HOUR
    filters: Json = {"tags": ["lead", "client"], "list_id": "list-half"}

    done = clock.run(
        config_for(leadlex, start_date="2024-01-01", **filters), state=written_before("filters")
    )
    other = clock.run(config_for(leadlex, start_date="2024-01-01"), state=written_before("filters"))

    assert (done.exit_code, done.warnings, done.records) == (0, [], [])
    assert bounds(leadlex) == [(BOOKMARKED, "2026-07-01T13:00:00Z")]
    assert said(done.state) == said(
        with_changes("filters", replication_key_value="2026-07-01T13:00:00.000000Z")
    )
    assert other.exit_code == 1
    assert "list_id or tags" in other.failures[0]


def test_an_interrupted_refresh_continues_under_its_version(
    leadlex: Sandbox, clock: FakeClock
) -> None:
    config = config_for(leadlex, export_limit=100)

    done = clock.run(config, state=written_before("refresh-under-way"), catalog=FULL_TABLE)

    assert (done.exit_code, done.warnings) == (0, [])
    after, before = bounds(leadlex)[0]
    assert after == CLOSED
    assert before < BOOKMARKED
    assert len(done.ids) == 500 - 192
    assert versions(done) == {UNDER_WAY_VERSION}
    assert activated(done) == [UNDER_WAY_VERSION]
    assert said(done.state) == said(written_before("refresh-finished"))


def test_an_incremental_run_between_the_parts_of_a_refresh_writes_its_version(
    leadlex: Sandbox, clock: FakeClock
) -> None:
    clock.at += HOUR
    create(leadlex, NOW + 60 * SECOND)

    done = clock.run(config_for(leadlex), state=written_before("refresh-under-way"))

    assert (done.exit_code, len(done.ids)) == (0, 1)
    assert (versions(done), activated(done)) == ({UNDER_WAY_VERSION}, [])
    assert bounds(leadlex) == [(BOOKMARKED, "2026-07-01T13:00:00Z")]
    assert said(done.state) == said(
        with_changes(
            "refresh-under-way", replication_key_value="2026-07-01T13:00:00.000000Z", delivered=501
        )
    )


def test_the_plan_of_a_refresh_is_followed(without_list: Sandbox, clock: FakeClock) -> None:
    config = config_for(without_list, export_limit=100)

    done = clock.run(config, state=written_before("refresh-plan"), catalog=FULL_TABLE)

    assert (done.exit_code, done.warnings) == (0, [])
    assert bounds(without_list)[0] == (None, PLANNED)
    assert by_id(done.records) == by_id(truth(without_list))
    assert versions(done) == {PLAN_VERSION}
    assert activated(done) == [PLAN_VERSION]
    assert said(done.state) == {
        "version": PLAN_VERSION,
        "replication_key": "created_at",
        "replication_key_value": DAY_OF_STATES,
        "filters": {"tags": []},
        "delivered": 500,
        "withheld": 0,
    }


def test_after_a_finished_refresh_new_records_have_no_version(
    leadlex: Sandbox, clock: FakeClock
) -> None:
    clock.at += HOUR
    create(leadlex, NOW + 60 * SECOND)

    news = clock.run(config_for(leadlex), state=written_before("refresh-finished"))
    again = clock.run(
        config_for(leadlex), state=written_before("refresh-finished"), catalog=FULL_TABLE
    )

    assert (len(news.ids), versions(news)) == (1, {None})
    assert said(news.state) == said(
        with_changes(
            "refresh-finished", replication_key_value="2026-07-01T13:00:00.000000Z", delivered=501
        )
    )
    (version,) = activated(again)
    assert version > UNDER_WAY_VERSION
    assert versions(again) == {version}
    assert len(again.ids) == 501


# Full refreshes.


@pytest.mark.parametrize(
    ("settings", "filters", "since"),
    [
        ({"list_id": "list-half"}, {"list_id": "list-half", "tags": []}, None),
        ({"tags": ["client"]}, {"list_id": None, "tags": ["client"]}, None),
        (
            {"start_date": "2024-01-01"},
            {"list_id": None, "tags": []},
            "2024-01-01T00:00:00.000000Z",
        ),
    ],
)
def test_a_refresh_under_other_filters_starts_over(
    leadlex: Sandbox, clock: FakeClock, settings: Json, filters: Json, since: str | None
) -> None:
    """Its records so far were selected by other filters: to activate them would delete the rest."""
    config = config_for(leadlex, **settings)
    fresh = clock.run(config)

    done = clock.run(config, state=written_before("refresh-under-way"), catalog=FULL_TABLE)

    assert (done.exit_code, done.warnings) == (0, [])
    assert by_id(done.records) == by_id(fresh.records)
    assert 0 < len(done.ids) < 500
    (version,) = activated(done)
    assert version != UNDER_WAY_VERSION
    contacts = of_stream(done.state)
    assert (contacts["filters"], contacts["since"]) == (filters, since)
    assert (
        said(done.state).items()
        >= {
            "version": version,
            "replication_key": "created_at",
            "replication_key_value": DAY_OF_STATES,
            "delivered": len(done.ids),
            "drift_checked": DAY_OF_STATES,
        }.items()
    )
    assert contacts["refresh"] is None


# Filters and the beginning.

LISTED: Json = {"list_id": "list-half"}
TAGGED: Json = {"tags": ["client", "lead"]}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, LISTED),
        ({}, TAGGED),
        (LISTED, {}),
        (LISTED, {"list_id": "list-tenth"}),
        (LISTED, LISTED | TAGGED),
        (TAGGED, {}),
        (TAGGED, {"tags": ["client"]}),
        ({"start_date": "2024-01-01"}, {}),
        ({"start_date": "2024-01-01"}, {"start_date": "2023-12-31T23:59:59Z"}),
    ],
)
def test_what_the_bookmark_was_not_earned_under_ends_before_any_call(
    serve: Callable[..., Sandbox], clock: FakeClock, before: Json, now: Json
) -> None:
    sandbox = serve(contacts=50, clock=clock)
    state = clock.run(config_for(sandbox, **before)).state
    calls = len(sandbox.calls)

    done = clock.run(config_for(sandbox, **now), state=state)

    assert done.exit_code == 1
    assert len(sandbox.calls) == calls
    assert done.records == []
    (failure,) = done.failures
    for way in WAYS:
        assert way in failure
    assert "2024-01-01" in failure or "start_date" not in before
    assert not any(value in failure for value in ("list-half", "client", "lead,"))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ({}, {}),
        (LISTED, LISTED),
        (TAGGED, {"tags": ["lead", "client"]}),
        ({}, {"export_limit": 7}),
        ({}, {"start_date": "2024-01-01"}),
        ({"start_date": "2024-01-01"}, {"start_date": "2024-06-01"}),
        ({"start_date": "2024-01-01"}, {"start_date": "2024-01-01T01:00:00+01:00"}),
        ({}, {"extra_fields": ["updated_date"]}),
        ({}, {"settle_seconds": 5, "lookback_seconds": 5, "max_exports": 9}),
    ],
)
def test_what_changes_nothing_goes_on(
    serve: Callable[..., Sandbox], clock: FakeClock, before: Json, now: Json
) -> None:
    sandbox = serve(contacts=50, clock=clock)
    state = clock.run(config_for(sandbox, **before)).state
    clock.at += DAY

    done = clock.run(config_for(sandbox, **now), state=state)

    assert (done.exit_code, done.failures, done.warnings) == (0, [], [])
    assert done.ids == []
    assert str(done.bookmark) > str(bookmark(state))


def test_another_selection_and_another_url_go_on(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=50, clock=clock)
    config = config_for(sandbox)
    state = clock.run(config).state
    elsewhere = config | {"api_url": sandbox.url.replace("127.0.0.1", "localhost")}
    clock.at += DAY
    create(sandbox, NOW + HOUR)

    done = clock.run(elsewhere, state=state, catalog=catalog_without(config, "email", "tags"))

    assert (done.exit_code, len(done.ids)) == (0, 1)


def test_a_state_without_filters_counts_as_unfiltered(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=50, clock=clock)
    old = state_at("2026-06-30T00:00:00.000000Z")

    filtered = clock.run(config_for(sandbox, **LISTED), state=old)
    calls = len(sandbox.calls)
    unfiltered = clock.run(config_for(sandbox), state=old)

    assert (filtered.exit_code, calls) == (1, 0)
    assert WAYS[0] in filtered.failures[0]
    assert (unfiltered.exit_code, unfiltered.ids) == (0, [])


def test_the_filters_stand_beside_what_the_sdk_owns(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=50, clock=clock)
    config = config_for(sandbox, tags=["lead", "client"], list_id="list-half")

    state = of_stream(clock.run(config | {"start_date": "2024-01-01"}).state)

    assert state["filters"] == {"list_id": "list-half", "tags": ["client", "lead"]}
    assert state["since"] == "2024-01-01T00:00:00.000000Z"
    assert state["replication_key"] == "created_at"
    assert state["replication_key_value"] == "2026-07-01T12:00:00.000000Z"


@pytest.mark.parametrize("without", ["a state", "the bookmark"])
def test_a_full_refresh_may_change_the_filters(
    serve: Callable[..., Sandbox], clock: FakeClock, without: str
) -> None:
    sandbox = serve(contacts=50, clock=clock)
    state: Json | None = clock.run(config_for(sandbox)).state
    if without == "a state":
        state = None
    else:
        assert state is not None
        state = {"bookmarks": {"contacts": {}}}

    done = clock.run(config_for(sandbox, **LISTED), state=state)

    assert done.exit_code == 0
    assert 0 < len(done.ids) < 50


@pytest.mark.parametrize("key", ["delivered", "since", "replication_key_value"])
@pytest.mark.parametrize("value", [-1, "soon", [], {"a": 1}])
def test_a_state_that_makes_no_sense_ends_in_one_line(
    serve: Callable[..., Sandbox], clock: FakeClock, key: str, value: object
) -> None:
    sandbox = serve(contacts=5, clock=clock)
    state = deepcopy(clock.run(config_for(sandbox)).state)
    of_stream(state)[key] = value
    calls = len(sandbox.calls)

    done = clock.run(config_for(sandbox), state=state)

    assert (done.exit_code, len(sandbox.calls)) == (1, calls)
    (failure,) = done.failures
    assert f"'{key}'" in failure


@pytest.mark.parametrize(
    "value",
    ["x", "", 5, [], {}, True, "1850-01-01T00:00:00Z", "1899-12-31", "0001-01-01T00:00:00Z"],
)
def test_a_bookmark_that_the_tap_cannot_have_written_ends_in_one_line(
    leadlex: Sandbox, value: object
) -> None:
    contacts = {"replication_key": "created_at", "replication_key_value": value}
    done = run(config_for(leadlex), state={"bookmarks": {"contacts": contacts}})

    assert done.exit_code == 1
    (line,) = done.failures
    assert line.startswith(
        "The state of the stream contacts has an invalid 'replication_key_value'"
    )
    assert leadlex.calls == []


@pytest.mark.parametrize(
    "plan",
    [
        "x",
        {},
        {"export_limit": 50_000},
        {"export_limit": 50_000, "fences": [["2024-01-01T00:00:00Z"]]},
        {"export_limit": 50_000, "fences": [["x", None]]},
        {"export_limit": 50_000, "fences": [["2024-01-01T00:00:00Z", 5]]},
    ],
)
def test_a_plan_that_is_none_ends_in_one_line(leadlex: Sandbox, plan: object) -> None:
    state = state_at("2024-01-01T00:00:00Z")
    state["bookmarks"]["contacts"] |= {"under_way": True, "plan": plan}
    done = run(config_for(leadlex), state=state)

    assert done.exit_code == 1
    (line,) = done.failures
    assert line.startswith("The state of the stream contacts has an invalid 'plan'")
    assert leadlex.calls == []


@pytest.mark.parametrize(
    ("name", "catalog", "key"),
    [
        ("finished", None, "since"),
        ("finished", None, "drift_checked"),
        ("refresh-under-way", FULL_TABLE, "until"),
    ],
)
@pytest.mark.parametrize("instant", ["1850-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_no_instant_of_a_state_is_before_1900(
    leadlex: Sandbox, clock: FakeClock, name: str, catalog: Json | None, key: str, instant: str
) -> None:
    state = written_before(name)
    contacts = of_stream(state)
    (contacts["refresh"] if key == "until" else contacts)[key] = instant

    done = clock.run(config_for(leadlex), state=state, catalog=catalog)

    assert done.exit_code == 1
    (failure,) = done.failures
    assert failure.startswith(f"The state of the stream contacts has an invalid '{key}'")


@pytest.mark.parametrize("version", ["1", -1, 1.5, [], {}])
def test_no_version_of_a_refresh_is_anything_but_a_number(
    leadlex: Sandbox, clock: FakeClock, version: object
) -> None:
    state = written_before("refresh-under-way")
    of_stream(state)["refresh"]["version"] = version

    for catalog in (None, FULL_TABLE):
        done = clock.run(config_for(leadlex), state=state, catalog=catalog)
        assert (done.exit_code, leadlex.calls) == (1, [])
        assert "has an invalid 'version'" in done.failures[0]


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("catalog", [None, FULL_TABLE], ids=["incremental", "full refresh"])
@pytest.mark.parametrize("recent", [3, 8])
def test_contacts_of_other_centuries_put_no_bookmark_there(
    serve: Callable[..., Sandbox],
    clock: FakeClock,
    order: Order,
    catalog: Json | None,
    listed: bool,  # noqa: FBT001 - a parameter
    recent: int,
) -> None:
    sandbox = serve(
        contacts=0,
        clock=clock,
        quotas=UNLIMITED,
        reading=Reading(order=order),
        list_faults={} if listed else dict.fromkeys(range(1, 400), ListFault.FORBIDDEN),
    )
    ids = [
        create(sandbox, datetime(year, 2, 2, tzinfo=UTC) + number * DAY)
        for year, contacts in ((1, 8), (1850, 8), (1899, 8), (2026, recent))
        for number in range(contacts)
    ]
    config = config_for(sandbox, export_limit=10)

    done = clock.run(config, catalog=catalog)

    assert (done.exit_code, sorted(done.ids)) == (0, sorted(ids))
    for state in done.states:
        again = clock.run(config, state=state, catalog=catalog)
        assert (again.exit_code, again.failures) == (0, [])


# Looking back.


def test_a_look_back_never_moves_the_bookmark_or_the_count_back(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=400, clock=clock, quotas=Quotas(exports=None))
    config = config_for(sandbox, export_limit=50)
    first = clock.run(config)
    late = create(sandbox, NOW - 10 * DAY)
    clock.at += DAY
    create(sandbox, NOW + HOUR)
    year = config | {"lookback_seconds": 365 * 86_400}

    second = clock.run(year, state=first.state)

    marks = [str(bookmark(state)) for state in second.states]
    assert len(marks) >= 3
    assert marks == sorted(marks)
    assert marks[0] >= str(first.bookmark)
    assert late in second.ids
    assert len(second.ids) == len(set(second.ids)) > 100
    assert of_stream(second.state)["delivered"] == 402  # each contact once

    # Stopped in the middle of the look-back, nothing is lost either.
    stopped = clock.run(year | {"max_exports": 2}, state=first.state)
    assert stopped.exit_code == 0
    assert stopped.bookmark in (None, first.bookmark)


# Whose clock rules.


@pytest.mark.parametrize("skew", [HOUR, -HOUR, 90 * SECOND, -90 * SECOND])
@pytest.mark.parametrize("settle", [0, 60])
def test_a_clock_that_is_wrong_loses_and_repeats_nothing(
    serve: Callable[..., Sandbox], clock: FakeClock, skew: timedelta, settle: int
) -> None:
    sandbox = serve(contacts=300, clock=clock, quotas=Quotas(exports=None))
    config = config_for(sandbox, export_limit=100, settle_seconds=settle)
    clock.skew = skew
    ids: list[str] = []
    state: Json | None = None

    for _ in range(6):
        for ago in (0, 1, 59, 61, 600, 1_700):
            create(sandbox, clock.at - ago * SECOND + timedelta(milliseconds=1))
        done = clock.run(config, state=state)
        assert (done.exit_code, done.failures) == (0, [])
        (warning,) = done.warnings
        seconds = abs(skew).total_seconds()
        direction = "fast" if skew > timedelta(0) else "slow"
        assert f"{seconds:.0f} s {direction}" in warning
        mark = timestamps.parse(str(done.bookmark))
        assert mark <= clock.at - settle * SECOND
        ids, state = ids + done.ids, done.state
        clock.at += timedelta(minutes=30)

    clock.skew = timedelta(0)
    clock.at += DAY
    last = clock.run(config, state=state)
    assert last.warnings == []
    assert sorted(ids + last.ids) == sorted(record["id"] for record in truth(sandbox))


@pytest.mark.parametrize("skew", [timedelta(0), 4 * SECOND, -50 * SECOND])
def test_a_clock_that_is_right_within_the_settle_time_is_not_worth_a_word(
    serve: Callable[..., Sandbox], clock: FakeClock, skew: timedelta
) -> None:
    sandbox = serve(contacts=20, clock=clock)
    clock.skew = skew

    done = clock.run(config_for(sandbox, settle_seconds=60))

    assert done.warnings == []
    assert len(done.ids) == 20


def test_without_a_date_the_local_clock_rules_and_one_warning_says_so(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    reading = Reading(date_header=Presence.NO)
    sandbox = serve(contacts=300, clock=clock, reading=reading, quotas=Quotas(exports=None))

    done = clock.run(config_for(sandbox, export_limit=100, settle_seconds=60))

    assert by_id(done.records) == by_id(truth(sandbox))
    assert len(sandbox.exports) > 3
    cutoff = "2026-07-01T11:59:00Z"
    assert max(before for _, before in bounds(sandbox)) == cutoff
    (warning,) = done.warnings
    assert "no Date" in warning
    assert done.bookmark == timestamps.canonical(NOW - 60 * SECOND)

    calls = len(sandbox.calls)
    assert clock.run(config_for(sandbox, settle_seconds=60), state=done.state).exit_code == 0
    assert len(sandbox.calls) == calls, "the bookmark has reached the cut-off"
