"""The stream: what is selected, --test, and runs that continue where the one before ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_leadlex import timestamps
from tap_leadlex.sandbox import Call, History, Quotas, Reading, Sandbox, Store
from tap_leadlex.sandbox.faults import ListFault
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.readings import Bound, Order, Precision
from tests.support import (
    FIELDS,
    FULL_TABLE,
    FakeClock,
    Json,
    Run,
    bookmark,
    by_id,
    catalog_without,
    config_for,
    run,
    run_process,
    state_at,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = Quotas(exports=None)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
MIDDLE = datetime(2024, 9, 15, tzinfo=UTC)
BEHIND = datetime(2026, 6, 2, tzinfo=UTC)
"""Behind all contacts that a sandbox begins with, and in the past."""


def at(instant: datetime) -> int:
    """Give an instant as the sandbox counts."""
    return from_datetime(instant)


def show(instant: datetime) -> str:
    """Give an instant as settings and queries have it."""
    return timestamps.plain(instant)


def asked(call: Call) -> dict[str, str]:
    """Give what an export call asked for."""
    return dict(parse_qsl(call.query))


def sound(done: Run) -> Run:
    """Make sure that a run ended well and quietly, its STATEs never going back; give it."""
    assert done.exit_code == 0
    assert done.failures == done.warnings == []
    marks = [mark for state in done.states if (mark := bookmark(state))]
    assert marks == sorted(marks)
    assert len(done.ids) == len(set(done.ids))
    return done


def parts(done: Run) -> list[tuple[Json, list[Json]]]:
    """Give every state of a run with the records that came before it."""
    records: list[Json] = []
    found = []
    for message in done.messages:
        if message["type"] == "RECORD":
            records.append(message["record"])
        elif message["type"] == "STATE":
            found.append((message["value"], list(records)))
    return found


# Selection, and --test.


def found_by_test(done: Run) -> str:
    """Give the line in which --test says what it found."""
    (line,) = (line for line in done.lines("INFO") if line.startswith("Tested window "))
    return line


def test_test_asks_for_one_row(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)

    done = run(config_for(sandbox), "--test")

    assert done.exit_code == 0
    assert len(done.records) == 1
    assert done.bookmark is None
    (call,) = sandbox.calls
    assert call.is_export
    assert asked(call)["limit"] == "1"
    assert found_by_test(done).endswith(": the key works; received 1 of at most 1 contacts.")


def test_test_of_an_empty_workspace_passes(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=0)

    done = run(config_for(sandbox), "--test")

    assert done.exit_code == 0
    assert done.records == []
    assert len(sandbox.calls) == 1
    assert found_by_test(done).endswith(": the key works; received 0 of at most 1 contacts.")


def test_test_of_a_future_says_that_it_tested_nothing(untouched: Sandbox) -> None:
    done = run(config_for(untouched, start_date="2999-01-01"), "--test")

    assert done.exit_code == 0
    (warning,) = done.warnings
    assert warning.startswith("Nothing was tested: the bookmark or start_date is after the cut-off")
    assert untouched.calls == []


def test_test_of_the_schema_makes_no_call(untouched: Sandbox) -> None:
    done = run(config_for(untouched), "--test=schema")

    assert [message["type"] for message in done.messages] == ["SCHEMA"]
    assert untouched.calls == []


def test_test_fails_with_a_bad_key(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)

    done = run(config_for(sandbox, api_key="wbk_other"), "--test")

    assert done.exit_code == 1
    (line,) = done.failures
    assert "401" in line
    assert "api_key" in line
    assert len(sandbox.calls) == 1


def test_a_deselected_property_is_not_asked_for(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)
    config = config_for(sandbox)

    done = run(config, catalog=catalog_without(config, "email", "phone", "tags"))

    (call,) = sandbox.exports
    kept = "id,full_name,job_title,company_name,linkedin_url,created_at"
    assert asked(call)["fields"] == kept
    assert all(list(record) == kept.split(",") for record in done.records)
    assert len(done.records) == 20
    (schema,) = done.of_type("SCHEMA")
    assert list(schema["schema"]["properties"]) == kept.split(",")


def test_key_and_replication_key_are_always_asked_for(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)
    config = config_for(sandbox)

    done = run(config, catalog=catalog_without(config, *FIELDS))

    (call,) = sandbox.exports
    assert asked(call)["fields"] == "id,created_at"
    assert [sorted(record) for record in done.records] == [["created_at", "id"]] * 20


def test_a_deselected_stream_makes_no_call(untouched: Sandbox) -> None:
    catalog = catalog_without(config_for(untouched))
    catalog["streams"][0]["metadata"][0]["metadata"]["selected"] = False
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] == []:
            entry["metadata"]["selected"] = False

    done = run(config_for(untouched), catalog=catalog)

    assert done.exit_code == 0
    assert done.records == []
    assert untouched.calls == []


# Runs that follow each other.


@pytest.mark.parametrize(
    "reading",
    [
        Reading(),
        Reading(order=Order.SHUFFLED, lower=Bound.EXCLUSIVE),
        Reading(order=Order.BY_ID, upper=Bound.INCLUSIVE, precision=Precision.US),
        Reading(order=Order.DESCENDING, precision=Precision.US_SHOWN_AS_S),
        Reading(lower=Bound.EXCLUSIVE, upper=Bound.INCLUSIVE, precision=Precision.MS),
    ],
)
@pytest.mark.parametrize("history", [History.GROWING, History.MIGRATION])
def test_from_every_state_of_a_full_run_comes_the_remainder(
    serve: Callable[..., Sandbox], history: History, reading: Reading
) -> None:
    sandbox = serve(contacts=400, history=history, reading=reading, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=150)
    everything = {str(row.contact.id) for row in sandbox.store.rows()}

    full = sound(run(config | {"end_date": show(BEHIND)}))

    assert set(full.ids) == everything
    assert len(sandbox.exports) >= 3
    states = parts(full)
    assert len({bookmark(state) for state, _ in states}) >= 3
    for state, delivered in states:
        before = len(sandbox.exports)
        rest = sound(run(config, state=state))
        assert len(sandbox.exports) > before
        assert set(rest.ids) == everything - {record["id"] for record in delivered}


def test_each_record_lies_within_the_bookmarks_around_it(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=1_500, history=History.GROWING, quotas=UNLIMITED)

    full = sound(run(config_for(sandbox, export_limit=300)))

    start = "0"
    known = 0
    for state, delivered in parts(full):
        end = str(bookmark(state))
        for record in delivered[known:]:
            assert start <= timestamps.canonical(timestamps.parse(record["created_at"])) < end
        start, known = end, len(delivered)
    assert known == 1_500
    assert len(sandbox.exports) > 5


def test_new_contacts_that_fit_one_export_take_one_and_a_look_up(
    serve: Callable[..., Sandbox],
) -> None:
    """Through real processes, as a user runs them."""
    sandbox = serve(contacts=500)
    first = sound(run_process(config_for(sandbox, end_date=show(BEHIND))))
    before = len(sandbox.calls)
    news = [sandbox.store.create(at(BEHIND + DAY)).contact.id for _ in range(25)]

    second = sound(run_process(config_for(sandbox), state=first.state))

    assert first.bookmark == timestamps.canonical(BEHIND)
    assert by_id(first.records + second.records) == by_id(truth(sandbox))
    assert sorted(second.ids) == sorted(news)
    export, look_up = sandbox.calls[before:]
    assert export.is_export
    assert not look_up.is_export


def test_a_run_with_nothing_new_takes_one_export_and_a_look_up(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=50)
    first = sound(run(config_for(sandbox, end_date=show(BEHIND))))
    before = len(sandbox.calls)

    second = sound(run(config_for(sandbox, end_date=show(BEHIND + DAY)), state=first.state))

    assert second.records == []
    assert second.bookmark == timestamps.canonical(BEHIND + DAY)
    export, look_up = sandbox.calls[before:]
    assert asked(export)["created_after"] == show(BEHIND - SECOND)
    assert export.is_export
    assert asked(look_up)["created_after"] == show(BEHIND - SECOND)


def test_a_run_with_nothing_to_ask_for_makes_no_call(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=50)
    for mark in (BEHIND, BEHIND + DAY, datetime.now(UTC) + timedelta(hours=23)):
        state = state_at(timestamps.canonical(mark))
        done = sound(run(config_for(sandbox, end_date=show(BEHIND)), state=state))

        assert done.records == []
        assert done.state == state
    assert sandbox.calls == []


def test_empty_windows_advance(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=0)

    first = sound(run(config_for(sandbox, end_date=show(MIDDLE))))
    before = len(sandbox.exports)
    second = sound(run(config_for(sandbox, end_date=show(BEHIND)), state=first.state))

    assert first.records == second.records == []
    assert first.bookmark == timestamps.canonical(MIDDLE)
    assert second.bookmark == timestamps.canonical(BEHIND)
    assert before <= 1
    assert len(sandbox.exports) == before + 1


def test_a_look_back_repeats_its_contacts_and_takes_nothing_back(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=2_000)
    state = state_at(timestamps.canonical(MIDDLE))
    config = config_for(sandbox, lookback_seconds=30 * 86_400, end_date=show(BEHIND))

    done = run(config, state=state)

    assert done.exit_code == 0
    expected = [
        record
        for record in truth(sandbox)
        if timestamps.parse(record["created_at"]) >= MIDDLE - 30 * DAY
    ]
    assert by_id(done.records) == by_id(expected)
    assert all(str(bookmark(state)) >= timestamps.canonical(MIDDLE) for state in done.states)
    assert done.bookmark == timestamps.canonical(BEHIND)
    assert len(sandbox.exports) == 1


def test_a_look_back_of_many_windows_takes_nothing_back(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=2_000, quotas=UNLIMITED)
    state = state_at(timestamps.canonical(BEHIND))
    config = config_for(sandbox, lookback_seconds=2_000 * 86_400, export_limit=500)

    done = sound(run(config, state=state))

    assert len(done.records) == 2_000
    assert {str(bookmark(state)) >= timestamps.canonical(BEHIND) for state in done.states} == {True}
    assert len(sandbox.exports) > 4


def test_bounds_are_half_open(serve: Callable[..., Sandbox]) -> None:
    """Whatever the bounds of LeadLex mean, `start_date` is inside and `end_date` is not."""
    end = MIDDLE + DAY
    for lower, upper in ((low, up) for low in Bound for up in Bound):
        reading = Reading(lower=lower, upper=upper)
        sandbox = serve(contacts=0, reading=reading, quotas=UNLIMITED)
        moments = [MIDDLE - SECOND, MIDDLE, MIDDLE + SECOND, end - SECOND, end, end + SECOND]
        ids = [sandbox.store.create(at(moment)).contact.id for moment in moments]
        config = config_for(sandbox, start_date=show(MIDDLE))

        first = sound(run(config | {"end_date": show(end)}))
        second = sound(run(config, state=first.state))

        assert sorted(first.ids) == sorted(ids[1:4])
        assert sorted(second.ids) == sorted(ids[4:])
        assert len(sandbox.exports) == 2


@pytest.mark.parametrize(
    ("start", "delivered"), [(MIDDLE - 100 * DAY, MIDDLE), (MIDDLE + 100 * DAY, None)]
)
def test_the_later_of_start_date_and_bookmark_counts(
    serve: Callable[..., Sandbox], start: datetime, delivered: datetime | None
) -> None:
    sandbox = serve(contacts=1_000)
    state = state_at(timestamps.canonical(MIDDLE))

    done = sound(run(config_for(sandbox, start_date=show(start)), state=state))

    first = delivered or start
    expected = [
        record for record in truth(sandbox) if timestamps.parse(record["created_at"]) >= first
    ]
    assert by_id(done.records) == by_id(expected)
    assert len(sandbox.exports) == 1


@pytest.mark.parametrize(
    "form",
    [
        "2024-09-15T00:00:00.000000Z",
        "2024-09-15T00:00:00Z",
        "2024-09-15T02:00:00+02:00",
        "2024-09-15",
    ],
)
def test_a_bookmark_may_be_written_in_any_form(serve: Callable[..., Sandbox], form: str) -> None:
    sandbox = serve(contacts=200)

    done = sound(run(config_for(sandbox), state=state_at(form)))

    assert asked(sandbox.exports[0])["created_after"] == show(MIDDLE - SECOND)
    assert len(sandbox.exports) == 1
    assert 0 < len(done.records) < 200


def test_what_may_still_be_committed_late_is_left_for_later(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=0)
    now = datetime.now(UTC)
    ids = {
        ago: sandbox.store.create(at(now - timedelta(minutes=ago))).contact.id
        for ago in (-600, 10, 50, 70, 600)
    }

    first = sound(run(config_for(sandbox, settle_seconds=3_600)))
    second = sound(run(config_for(sandbox, settle_seconds=1_800), state=first.state))
    third = sound(run(config_for(sandbox), state=second.state))

    assert sorted(first.ids) == sorted([ids[70], ids[600]])
    assert second.ids == [ids[50]]
    assert third.ids == [ids[10]]
    assert timestamps.parse(str(third.bookmark)) <= datetime.now(UTC)
    assert len(sandbox.exports) == 3


def test_no_bookmark_stands_ahead_of_leadlex_s_own_clock(serve: Callable[..., Sandbox]) -> None:
    behind = datetime.now(UTC) - timedelta(hours=3)
    clock = FakeClock(behind)
    sandbox = serve(contacts=100, clock=clock)

    first = run(config_for(sandbox))
    late = sandbox.store.create(at(behind + timedelta(hours=1))).contact.id
    clock.at = datetime.now(UTC)
    second = run(config_for(sandbox), state=first.state)

    assert first.exit_code == second.exit_code == 0
    assert timestamps.parse(str(first.bookmark)) <= behind
    assert len(first.ids) == 100
    assert second.ids == [late]
    assert len(sandbox.exports) == 2


@given(
    contacts=st.lists(st.integers(0, 60), max_size=30),
    cuts=st.lists(st.integers(0, 70), min_size=1, max_size=5),
    order=st.sampled_from(Order),
    lower=st.sampled_from(Bound),
    upper=st.sampled_from(Bound),
    precision=st.sampled_from(Precision),
)
@settings(max_examples=30)
def test_any_row_of_runs_delivers_each_contact_once(
    contacts: list[int],
    cuts: list[int],
    order: Order,
    lower: Bound,
    upper: Bound,
    precision: Precision,
) -> None:
    """Contacts and the ends of the runs share a handful of instants, at half seconds too."""
    reading = Reading(order=order, lower=lower, upper=upper, precision=precision)
    times = [at(MIDDLE) + half_seconds * 500_000 for half_seconds in contacts]
    ends = [MIDDLE + half_seconds * SECOND / 2 for half_seconds in sorted(cuts)]
    with Sandbox(store=Store(times, reading=reading), quotas=UNLIMITED) as sandbox:
        state: Json | None = None
        ids: list[str] = []
        for end in [*ends, BEHIND]:
            before = len(sandbox.exports)
            done = sound(run(config_for(sandbox, end_date=show(end)), state=state))
            assert len(sandbox.exports) <= before + 1
            state = done.state if done.states else state
            ids += done.ids
        assert sorted(ids) == sorted(row.contact.id for row in sandbox.store.rows())


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("catalog", [None, FULL_TABLE], ids=["incremental", "full refresh"])
def test_runs_of_two_exports_get_there_without_the_list(
    serve: Callable[..., Sandbox], order: Order, catalog: Json | None
) -> None:
    """Two exports need not close a window: what they showed has to help the next run."""
    sandbox = serve(
        contacts=2_000,
        reading=Reading(order=order),
        quotas=UNLIMITED,
        list_faults=dict.fromkeys(range(1, 200), ListFault.FORBIDDEN),
    )
    config = config_for(sandbox, export_limit=100, max_exports=2, end_date=show(BEHIND))
    whole = config_for(sandbox, export_limit=100, end_date=show(BEHIND))

    undisturbed = run(whole, catalog=catalog)
    fewest = len(sandbox.exports)
    done = run(config, catalog=catalog)
    records = done.records
    while any("max_exports is reached" in warning for warning in done.warnings):
        assert done.state["bookmarks"]["contacts"]
        assert len(sandbox.exports) < 4 * fewest
        done = run(config, state=done.state, catalog=catalog)
        records += done.records

    assert by_id(records) == by_id(undisturbed.records) == by_id(truth(sandbox))
    assert done.exit_code == 0
    contacts = done.state["bookmarks"]["contacts"]
    assert [contacts.get(key) for key in ("plan", "under_way", "refresh")] == [None] * 3


def test_a_plan_is_for_its_export_limit(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(
        contacts=500,
        reading=Reading(order=Order.DESCENDING),
        list_faults=dict.fromkeys(range(1, 200), ListFault.FORBIDDEN),
    )
    first = run(config_for(sandbox, export_limit=100, max_exports=3))
    before = len(sandbox.exports)

    rest = run(config_for(sandbox, export_limit=10_000), state=first.state)

    limit, fences = first.state["bookmarks"]["contacts"]["plan"]
    assert limit == 100
    assert len(fences) > 2
    assert by_id(first.records + rest.records) == by_id(truth(sandbox))
    assert len(sandbox.exports) == before + 1


def test_what_a_filter_leaves_is_tried_whole_only_once(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=2_000, quotas=UNLIMITED)
    config = config_for(sandbox, tags=["client"], export_limit=100, end_date=show(BEHIND))

    done = run({**config, "max_exports": 3})
    while any("max_exports is reached" in warning for warning in done.warnings):
        done = run({**config, "max_exports": 3}, state=done.state)

    assert done.bookmark == timestamps.canonical(BEHIND)
    whole = asked(sandbox.exports[0])["created_before"]
    behind = [call for call in sandbox.exports if asked(call)["created_before"] == whole]
    assert len(sandbox.exports) > 6
    assert len(behind) <= 2, "the first window and the last one"
