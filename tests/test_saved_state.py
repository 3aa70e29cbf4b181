"""Only a state that the tap wrote is read; anything else ends in one line, before any call."""

from __future__ import annotations

import json
import subprocess
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_leadlex import timestamps
from tap_leadlex.errors import StateError
from tap_leadlex.planning.ledger import MOST_STRETCHES, Ledger, Stretch
from tap_leadlex.planning.windows import BEGINNING, Boundary
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.readings import Order
from tap_leadlex.saved_state import MAX_FENCES, SavedPlan, SavedState, written_ledger
from tests.environments import environment
from tests.support import (
    FULL_TABLE,
    FakeClock,
    Json,
    Run,
    assert_refused,
    by_id,
    config_for,
    merge,
    refresh_in,
    run,
    state_at,
    truth,
    written_before,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BOOKMARK: Json = {"replication_key": "created_at", "replication_key_value": "2026-01-01T00:00:00Z"}
NOT_OURS = "This is not a tap-leadlex state."


def with_contacts(*changes: Json, **more: object) -> Json:
    """Return a state that has a bookmark, with changes."""
    contacts = dict(BOOKMARK)
    for each in changes:
        contacts |= each
    return {"bookmarks": {"contacts": contacts | more}}


# What the tap did not write.


@pytest.mark.parametrize(
    "state",
    [
        {"contacts": {"created_at": "2026-01-01T00:00:00Z"}},
        {"contacts": "2026-01-01T00:00:00Z"},
        {"bookmarks": {}, "contacts": {"created_at": "2026-01-01T00:00:00Z"}},
        {"bookmarks": {"contacts": {"created_at": "2026-01-01T00:00:00Z"}}},
        {"bookmarks": {"contacts": "2026-01-01T00:00:00Z"}},
        {"bookmarks": []},
        {"bookmarks": None},
        {"Bookmarks": {"contacts": BOOKMARK}},
        {"type": "STATE", "value": {"bookmarks": {"contacts": BOOKMARK}}},
        {"singer_state": {"bookmarks": {"contacts": BOOKMARK}}},
        {"bookmarks": {"contacts": {**BOOKMARK, "progress_markers": 5}}},
        {"bookmarks": {"contacts": BOOKMARK, "orders": {"partitions": [5]}}},
    ],
)
def test_another_shape_is_refused(untouched: Sandbox, state: Json) -> None:
    line = assert_refused(run(config_for(untouched), state=state), untouched)

    assert line.startswith(NOT_OURS)
    assert "2026" not in line


@pytest.mark.parametrize(
    "name", ["Contacts", "CONTACTS", "contacts ", "con_tacts", "contact", "contcats", "contacts\n"]
)
def test_a_stream_in_other_letters_is_refused(untouched: Sandbox, name: str) -> None:
    line = assert_refused(
        run(config_for(untouched), state={"bookmarks": {name: BOOKMARK}}), untouched
    )

    assert line.startswith("The state has a stream whose name looks like contacts")


def test_a_stream_is_not_there_twice_in_other_letters(untouched: Sandbox) -> None:
    state = {"bookmarks": {"contacts": BOOKMARK, "Contacts": BOOKMARK}}

    line = assert_refused(run(config_for(untouched), state=state), untouched)

    assert line.startswith("The state has a stream whose name looks like contacts")


@pytest.mark.parametrize("key", ["updatedAt", "id", "Created_At", None])
def test_the_bookmark_of_another_replication_key_is_refused(
    untouched: Sandbox, key: str | None
) -> None:
    state = with_contacts(replication_key=key)

    line = assert_refused(run(config_for(untouched), state=state), untouched)

    assert line.startswith("The bookmark of the stream contacts is not one of created_at")
    assert "updatedAt" not in line


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("partitions", [{"context": {"list": "a"}, **BOOKMARK}]),
        ("replication_key", 5),
        ("replication_key_value", None),
        ("replication_key_value", "0001-01-01T00:00:00Z"),
        ("replication_key_value", "1899-12-31T23:59:59Z"),
        ("replication_key_value", "2201-01-01T00:00:00Z"),
        ("replication_key_value", "9999-12-31T00:00:00Z"),
        ("replication_key_value", 1_767_225_600),
        ("since", "9999-12-31T00:00:00Z"),
        ("drift_checked", "yesterday"),
        ("drift_checked", True),
        ("delivered", True),
        ("delivered", 5.0),
        ("delivered", 10**30),
        ("version", 10**30),
        ("version", 1.5),
        ("cap", "1000"),
        ("largest", [5]),
        ("largest", [5, "2026-01-01T00:00:00Z", 5]),
        ("largest", {"5": "2026-01-01T00:00:00Z"}),
        ("withheld", -1),
        ("unsettled", ["2026-01-01T00:00:01Z", 5]),
        ("unsettled", ["1899-12-31T00:00:00Z", 5]),
        ("unsettled", [None, True]),
        ("fields", ["id"]),
        ("filters", ["list_id"]),
        ("filters", {"tags": [5]}),
        ("filters", {"list_id": {"a": "b"}}),
        ("under_way", "yes"),
        ("refresh", [1]),
        ("refresh", "2026-01-01T00:00:00Z"),
        ("plan", [100, [["2025-01-01T00:00:00.5Z", None]]]),
        ("plan", [100, [["2025-01-01T00:00:00Z", "1850-01-01T00:00:00Z"]]]),
        ("plan", [100, [["0001-01-01T00:00:00Z", None]]]),
        ("plan", [100, "x"]),
        ("plan", [True, []]),
        ("plan", [100, [["2025-01-01T00:00:00Z", None]] * (MAX_FENCES + 1)]),
        *(
            ("ledger", ledger)
            for ledger in (
                {"2025-01-01T00:00:00Z": [5, "ok"]},
                "2025-01-01T00:00:00Z",
                [5],
                [["2025-01-01T00:00:00Z", 5]],
                [["2025-01-01T00:00:00Z", 5, "ok", 1]],
                [["tomorrow", 5, "ok"]],
                [["9999-12-31T00:00:00Z", 5, "ok"]],
                [["2025-01-01T00:00:00Z", 10**30, "ok"]],
                [["2025-01-01T00:00:00Z", True, "ok"]],
                [["2025-01-01T00:00:00Z", -5, "ok"]],
                [["2025-01-01T00:00:00Z", 5.0, "ok"]],
                [["2025-01-01T00:00:00Z", 5, None]],
                [["2025-01-01T00:00:00Z", 5, "old"]],
                [["2025-01-01T00:00:00Z", 5, "ok 2"]],
                [["2025-01-01T00:00:00Z", 5, "stale 0"]],
                [["2025-01-01T00:00:00Z", 5, "stale -1"]],
                [["2025-01-01T00:00:00Z", 5, f"stale {10**30}"]],
                [["2026-01-01T00:00:00Z", 2, "ok"], ["2025-01-01T00:00:00Z", 3, "ok"]],
                [["2025-01-01T00:00:00Z", 2, "ok"], ["2025-01-01T00:00:00Z", 3, "ok"]],
                [["2025-01-01T00:00:00Z", 0, "ok"]] * 200_000,
            )
        ),
    ],
)
def test_a_value_that_the_tap_cannot_have_written_is_refused(
    untouched: Sandbox, key: str, value: object
) -> None:
    state = with_contacts({key: value}, delivered=5 if key != "delivered" else value)

    for catalog in (None, FULL_TABLE):
        done = run(config_for(untouched), state=state, catalog=catalog)
        line = assert_refused(done, untouched)
        assert line == (
            f"The state of the stream contacts has an invalid '{key}'. Pass a state that this tap "
            "wrote, or omit --state."
        )


@pytest.mark.parametrize("key", ["until", "since", "version", "delivered", "filters", "plan"])
def test_a_value_of_a_refresh_is_checked_in_every_run(untouched: Sandbox, key: str) -> None:
    state = with_contacts(refresh={"version": 1, key: "tomorrow"})

    for catalog in (None, FULL_TABLE):
        done = run(config_for(untouched), state=state, catalog=catalog)
        assert f"has an invalid '{key}'" in assert_refused(done, untouched)


@pytest.mark.parametrize(
    "contacts",
    [
        {"replication_key": "created_at"},
        {"replication_key": "created_at", "replication_key_value": None},
        {"delivered": 500, "filters": {"list_id": None, "tags": []}},
        {"since": "2024-01-01T00:00:00Z", "replication_key_value": None},
    ],
)
def test_what_is_said_of_a_bookmark_needs_one(untouched: Sandbox, contacts: Json) -> None:
    state = {"bookmarks": {"contacts": contacts}}

    line = assert_refused(run(config_for(untouched), state=state), untouched)

    assert "has an invalid 'replication_key_value'" in line


@pytest.mark.parametrize(
    ("misspelled", "key"),
    [
        ("Replication_Key_Value", "replication_key_value"),
        ("replication_key_valeu", "replication_key_value"),
        ("filter", "filters"),
        ("delivred", "delivered"),
        ("refresh ", "refresh"),
    ],
)
def test_a_misspelled_key_is_refused(untouched: Sandbox, misspelled: str, key: str) -> None:
    state = with_contacts({misspelled: BOOKMARK["replication_key_value"]})
    state["bookmarks"]["contacts"].pop(key, None)

    line = assert_refused(run(config_for(untouched), state=state), untouched)

    assert f"has a key that looks like '{key}'" in line


@pytest.mark.parametrize("where", ["bookmark", "refresh"])
def test_a_bookmark_of_the_future_is_refused(untouched: Sandbox, where: str) -> None:
    clock = FakeClock()
    ahead = timestamps.canonical(clock.at + DAY + HOUR)
    state = state_at(ahead if where == "bookmark" else "2026-01-01T00:00:00Z")
    if where == "refresh":
        state["bookmarks"]["contacts"]["refresh"] = {"version": 1, "until": ahead}

    line = assert_refused(clock.run(config_for(untouched), state=state), untouched)

    assert "is more than a day ahead of this machine's clock" in line


def test_a_clock_that_is_hours_slow_refuses_no_bookmark(untouched: Sandbox) -> None:
    clock = FakeClock()
    state = state_at(timestamps.canonical(clock.at + 23 * HOUR))

    done = clock.run(config_for(untouched), state=state)

    assert (done.exit_code, done.failures, done.state) == (0, [], state)


# Files.


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"bookmarks": NaN}', "it is not a JSON object"),
        ('{"bookmarks": {"contacts": {"delivered": -Infinity}}}', "it is not a JSON object"),
        (
            '{"bookmarks": {"contacts": {"delivered": ' + "9" * 10_000 + "}}}",
            "it is not a JSON object",
        ),
        ('{"bookmarks": {}, "bookmarks": {}}', "an object in it has the same key twice"),
        (
            '{"bookmarks": {"contacts": {"since": null, "since": "2026-01-01"}}}',
            "an object in it has the same key twice",
        ),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "it is nested too deeply"),
        ('{"a":' * 100 + "1" + "}" * 100, "it is nested too deeply"),
        (
            '{"bookmarks": {"orders": {"a": ' + "[" * 500 + "]" * 500 + "}}}",
            "it is nested too deeply",
        ),
    ],
    ids=range(9),
)
def test_json_that_readers_take_differently_is_refused(
    untouched: Sandbox, tmp_path: Path, content: str, reason: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)

    line = assert_refused(run(config_for(untouched), "--state", str(path)), untouched)

    assert line == f"Cannot use the file passed with --state: {reason}."


def test_a_state_of_hundreds_of_megabytes_is_refused_at_once(
    untouched: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    with path.open("wb") as file:
        file.truncate(500 * 1024 * 1024)  # a file of zeros that takes no space

    line = assert_refused(run(config_for(untouched), "--state", str(path)), untouched)

    assert line == "Cannot use the file passed with --state: it is larger than 8 MB."


def test_a_byte_order_mark_is_read(untouched: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = state_at(timestamps.canonical(datetime.now(UTC) + HOUR))
    path.write_text(json.dumps(state), "utf-8-sig")

    done = run(config_for(untouched), "--state", str(path))

    assert (done.exit_code, done.state) == (0, state)


# What is harmless.


@dataclass(frozen=True)
class Truth:
    """A LeadLex that does not change, and the clock that it goes by."""

    sandbox: Sandbox
    clock: FakeClock

    def run(self, state: Json | None, catalog: Json | None = None, **more: object) -> Run:
        """Run the tap as the states were written."""
        config = config_for(self.sandbox, **more)
        return self.clock.run(config, state=state, catalog=catalog)


@pytest.fixture(scope="module")
def leadlex() -> Iterator[Truth]:
    """Return LeadLex as it was when the saved states were written, with new contacts."""
    clock = FakeClock()
    quotas = Quotas(exports=None)
    with Sandbox(contacts=500, clock=clock, quotas=quotas) as sandbox:
        clock.at += HOUR
        for minutes in (0, 20, 59):
            instant = clock.at - HOUR + timedelta(minutes=minutes)
            sandbox.store.create(from_datetime(instant))
        yield Truth(sandbox, clock)


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": {"tags": [], "list_id": None}},
        {"filters": None},
        {"filters": {}},
        {"filters": {"tags": None}},
        {"since": None, "plan": None, "under_way": None, "version": None, "refresh": None},
        {"cap": None, "largest": None, "withheld": None},
        {"cap": 1_000, "largest": [500, "2026-06-30T00:00:00Z"], "withheld": 3},
        {"partitions": []},
        {"progress_markers": {"Note": "Progress is not resumable if interrupted."}},
        {"progress_markers": {"replication_key": "updatedAt", "replication_key_value": "2030"}},
        {"replication_key_signpost": "2030-01-01T00:00:00Z"},
        {"starting_replication_value": None},
        {"pace": [["2025-10-10T04:07:08.000000Z", 812]], "deleted_by_hand": {"a": [1]}},
        {"replication_key_value": "2026-07-01T12:00:00+00:00"},
        {"replication_key_value": "2026-07-01T14:00:00+02:00"},
    ],
)
def test_what_is_harmless_changes_nothing(leadlex: Truth, changes: Json) -> None:
    state = written_before("finished")
    state["bookmarks"]["contacts"] |= changes

    done = leadlex.run(state)

    assert (done.exit_code, done.failures, done.warnings) == (0, [], [])
    assert len(done.ids) == 3
    kept = done.state["bookmarks"]["contacts"]
    for key in ("cap", "largest", "withheld", "pace"):
        if key == "largest":
            largest = "2026-06-30T00:00:00.000000Z" if changes.get(key) else kept[key][1]
            assert kept[key] == [500 if changes.get(key) else 3, largest]
        else:
            assert kept.get(key) == changes.get(key) or (key, kept[key]) == ("withheld", 0)


@pytest.mark.parametrize(
    "tags", [["client", "lead"], ["lead", "client"], ["lead", "client", "lead", "lead"]]
)
def test_the_order_of_tags_and_duplicates_mean_nothing(leadlex: Truth, tags: list[str]) -> None:
    state = written_before("filters")
    state["bookmarks"]["contacts"]["filters"]["tags"] = tags
    config: Json = {"list_id": "list-half", "start_date": "2024-01-01"}

    done = leadlex.run(state, tags=["lead", "client", "lead"], **config)
    other = leadlex.run(state, tags=["lead"], **config)

    assert (done.exit_code, done.failures) == (0, [])
    assert other.exit_code == 1


@pytest.mark.parametrize(
    "others",
    [
        {"contracts": {"replication_key": "id", "replication_key_value": 5}},
        {"orders": {"created_at": "2026-01-01"}, "contact": {"a": 1}},
        {"orders": {"partitions": [{"context": {}, "progress_markers": {}}], "x": [[]]}},
        {"contact_deletions": {"a": 1}, "": {"a": None}, "x" * 100_000: {"a": []}},
    ],
)
def test_streams_of_other_taps_stay_in_the_state(leadlex: Truth, others: Json) -> None:
    state = written_before("finished")
    state["bookmarks"] |= deepcopy(others)

    done = leadlex.run(state)

    assert (done.exit_code, done.warnings, len(done.ids)) == (0, [], 3)
    assert done.state["bookmarks"].keys() == {"contacts", *others}


def test_a_state_of_other_streams_only_is_worth_a_warning(leadlex: Truth) -> None:
    done = leadlex.run({"bookmarks": {"orders": BOOKMARK}})

    assert (done.exit_code, len(done.ids)) == (0, 503)
    (warning,) = done.warnings
    assert warning.startswith("The state has no stream of this tap")
    assert leadlex.run({"bookmarks": {"contacts": {}}}).warnings == []
    assert leadlex.run({"bookmarks": {}}).warnings == []


# Mutations.

_JUNK = st.sampled_from(
    [True, False, -1, 1.5, 10**30, -(10**30), "", "x", "\ud800", [], {}, [[]], {"": None}, [None],
     "1899-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-13-01", 1e300]
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False)
    | st.text(max_size=5) | _JUNK,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["bookmarks", "contacts", "refresh", "plan", "filters", "value", "orders"])
        | st.text(max_size=8),
        inner,
        max_size=3,
    ),
    max_leaves=8,
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A saved state, and how the tap is run from it."""

    name: str
    catalog: Json | None = None
    limit: int = 50_000
    more: Json = field(default_factory=dict)

    @property
    def state(self) -> Json:
        """The state, with more keys."""
        state = written_before(self.name)
        state["bookmarks"]["contacts"] |= deepcopy(self.more)
        return state


CASES = [
    Case("finished"),
    Case(
        "finished",
        more={
            "cap": 1_000,
            "largest": [500, "2026-06-30T00:00:00.000000Z"],
            "fields": "id,created_at",
            "unsettled": ["2026-01-01T00:00:00.000000Z", 5],
            "withheld": 0,
        },
    ),
    Case("under-way", limit=100),
    Case("plan", limit=100),
    Case("refresh-under-way"),
    Case("refresh-under-way", catalog=FULL_TABLE, limit=100),
    Case("refresh-plan", catalog=FULL_TABLE, limit=100),
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Yield the path of everything in a state."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from _places(each, (*path, key))


@st.composite
def _mutations(draw: st.DrawFn, state: Json) -> Json:
    """Draw a change that a hand or a broken tool could make, without moving a bookmark ahead."""
    state = deepcopy(state)
    path = draw(st.sampled_from(list(_places(state))))
    parent: Any = state
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    change = draw(st.sampled_from(["remove", "null", "junk", "wrap", "rename", "add"]))
    if change == "remove":
        del parent[key]
    elif change == "null":
        parent[key] = None
    elif change == "junk":
        parent[key] = draw(_JUNK | _JSON.filter(lambda each: not isinstance(each, int)))
    elif change == "wrap":
        parent[key] = draw(st.sampled_from([[parent[key]], {"value": parent[key]}]))
    elif isinstance(key, int):
        parent[key] = [parent[key]]
    elif change == "rename":
        alter = draw(st.sampled_from([str.upper, str.title, lambda name: name[:-1], "{} ".format]))
        parent[alter(key)] = parent.pop(key)
    else:
        parent[draw(st.text(max_size=8))] = draw(_JSON)
    return state


@pytest.fixture(scope="module")
def expected(leadlex: Truth) -> list[set[str]]:
    """Return what the tap reads from each saved state."""
    return [
        set(leadlex.run(each.state, each.catalog, export_limit=each.limit).ids) for each in CASES
    ]


@settings(max_examples=250)
@given(data=st.data())
def test_a_changed_state_is_refused_or_loses_nothing(
    leadlex: Truth, expected: list[set[str]], data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from(range(len(CASES))))
    case = CASES[number]
    state = data.draw(_mutations(case.state))
    calls = len(leadlex.sandbox.calls)

    done = leadlex.run(state, case.catalog, export_limit=case.limit)

    assert "Traceback" not in done.log
    assert "this is a bug" not in done.log
    if done.exit_code:
        assert len(done.failures) == 1
        assert done.records == []
        assert len(leadlex.sandbox.calls) == calls
    else:
        everything = {record["id"] for record in truth(leadlex.sandbox)}
        assert expected[number] <= set(done.ids) <= everything
        assert case.more or set(done.ids) in (expected[number], everything)
        again = leadlex.run(done.state, case.catalog, export_limit=case.limit)
        assert (again.exit_code, again.failures) == (0, [])


@settings(max_examples=150)
@given(state=_JSON | st.fixed_dictionaries({"bookmarks": _JSON}))
def test_any_json_is_refused_or_counts_as_no_state(leadlex: Truth, state: Any) -> None:  # noqa: ANN401 - JSON
    calls = len(leadlex.sandbox.calls)

    done = leadlex.run(state) if state is not None else leadlex.run({})

    assert "Traceback" not in done.log
    assert "this is a bug" not in done.log
    if done.exit_code:
        assert len(done.failures) == 1
        assert len(leadlex.sandbox.calls) == calls
    else:
        assert len(set(done.ids)) == 503


# Plans.


def test_a_plan_is_read_as_it_was_written() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    plan = SavedPlan(
        100, [Boundary(at, at - DAY), Boundary(at - DAY), Boundary(at - 2 * DAY, BEGINNING)]
    )

    assert SavedPlan.read(json.loads(json.dumps(plan.written()))) == plan


def test_a_long_plan_keeps_its_farthest_and_its_nearest_boundaries() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    plan = [Boundary(at - days * HOUR) for days in range(2 * MAX_FENCES)]

    written = SavedPlan(100, plan).written()

    boundaries = SavedPlan.read(written).boundaries
    assert len(boundaries) == MAX_FENCES
    assert [boundaries[0], *boundaries[1:]] == [plan[0], *plan[1 - MAX_FENCES :]]


@given(
    stretches=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 5)), max_size=MOST_STRETCHES)
)
def test_a_ledger_is_read_as_it_was_written(stretches: list[tuple[int, int]]) -> None:
    """Those that went stale in the same check stay together, and the first ones are plain."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    ledger = Ledger(
        None, tuple(Stretch(at + hours * HOUR, *each) for hours, each in enumerate(stretches))
    )

    written = written_ledger(ledger)
    saved = SavedState.read({**BOOKMARK, "ledger": written}, CONTACTS).ledger

    orders = sorted({each.stale for each in ledger.stretches} | {0})
    assert saved == tuple(
        each._replace(stale=orders.index(each.stale)) for each in ledger.stretches
    )
    conditions = {condition for _, _, condition in written or ()}
    assert conditions <= {"ok", "stale", *(f"stale {place}" for place in range(2, 6))}
    assert "stale" in conditions or conditions <= {"ok"}


@given(ledger=_JSON | st.lists(st.tuples(_JUNK | st.just("2025-01-01"), _JSON, _JSON).map(list)))
def test_any_ledger_is_refused_or_makes_sense(ledger: object) -> None:
    try:
        saved = SavedState.read({**BOOKMARK, "ledger": ledger}, CONTACTS).ledger
    except StateError:
        return
    ends = [each.end for each in saved or ()]
    assert ends == sorted(set(ends))


@pytest.mark.parametrize(
    "ledger",
    [
        [["2025-12-31T00:00:00Z", 5, "ok"]],  # it ends before the bookmark
        [["2026-01-01T00:00:00Z", 6, "ok"]],  # it has other records than were delivered
        [
            ["2023-01-01T00:00:00Z", 0, "ok"],
            ["2026-01-01T00:00:00Z", 5, "ok"],
        ],  # and before `since`
    ],
)
def test_a_ledger_that_other_keys_contradict_is_dropped(leadlex: Truth, ledger: object) -> None:
    state = with_contacts(
        ledger=ledger, delivered=5, since="2024-01-01", drift_checked="2026-07-01"
    )

    done = leadlex.run(state, start_date="2024-01-01", end_date="2026-01-02", max_exports=1)

    assert (done.exit_code, done.failures) == (0, [])
    contacts = done.state["bookmarks"]["contacts"]
    assert contacts["ledger"] is None
    assert contacts["delivered"] == 5 + len(done.ids)


def test_a_plan_writes_no_boundary_that_it_would_not_read() -> None:
    at, old = datetime(2026, 1, 1, tzinfo=UTC), datetime(1850, 1, 1, tzinfo=UTC)

    assert SavedPlan(100, [Boundary(old)]).written() is None
    written = SavedPlan(100, [Boundary(at, old), Boundary(old, BEGINNING)]).written()
    assert written == [100, [["2026-01-01T00:00:00.000000Z", None]]]


def test_the_keys_of_a_state_are_typed() -> None:
    saved = SavedState.read({**BOOKMARK, "largest": [5, "2026-01-02"], "cap": 5}, CONTACTS)

    assert saved.replication_key_value == datetime(2026, 1, 1, tzinfo=UTC)
    assert (saved.cap, saved.largest) == (5, (5, datetime(2026, 1, 2, tzinfo=UTC)))
    assert (saved.withheld, saved.plan, saved.refresh) == (None, None, None)


# Meltano merges the state of a run with --full-refresh into the one before.


def test_meltano_merges_like_this() -> None:
    pairs: list[tuple[Json, Json]] = [
        ({"a": {"b": 1, "c": [1]}}, {"a": {"b": {"d": 1}, "c": [2, 3]}, "e": None}),
        ({"a": None}, {"a": {"b": 1}}),
        ({"a": [1]}, {"a": None}),
        ({"a": {"b": None}}, {"a": {"b": 1, "c": 1}}),
    ]
    code = (
        "import json, sys; from meltano.core.utils import merge; "
        "print(json.dumps([merge(*pair) for pair in json.load(sys.stdin)]))"
    )
    done = subprocess.run(  # noqa: S603 - the pinned Meltano
        [environment("meltano") / "bin/python", "-c", code],
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert json.loads(done.stdout) == [merge(*pair) for pair in deepcopy(pairs)]


@pytest.mark.parametrize("order", [Order.DESCENDING, Order.SHUFFLED])
@pytest.mark.parametrize("exports", [1, 2, 3, 4])
def test_a_stopped_sync_a_full_refresh_of_meltano_and_an_incremental_run(
    serve: Callable[..., Sandbox], order: Order, exports: int
) -> None:
    sandbox = serve(
        contacts=500,
        reading=Reading(order=order),
        quotas=Quotas(exports=None),
        list_faults=dict.fromkeys(range(1, 400), ListFault.FORBIDDEN),
    )
    config = config_for(sandbox, export_limit=100)
    stopped = run(config | {"max_exports": exports})

    whole = run(config)  # as with --full-refresh: without the state
    state = merge(whole.state, deepcopy(stopped.state))
    last = run(config, state=state)

    assert by_id(whole.records) == by_id(truth(sandbox))
    contacts = state["bookmarks"]["contacts"]
    assert [contacts[key] for key in ("under_way", "plan", "refresh")] == [None] * 3
    assert contacts["delivered"] == 500
    assert (last.exit_code, last.records, last.warnings) == (0, [], [])

    # The other way round: what was finished is merged with a run that was stopped.
    state = merge(stopped.state, deepcopy(whole.state))
    rest = run(config, state=state)
    assert rest.exit_code == 0
    assert {*whole.ids, *rest.ids} == {record["id"] for record in truth(sandbox)}


@pytest.mark.parametrize("exports", [1, 2])
def test_a_refresh_that_starts_over_takes_nothing_from_the_one_before(
    serve: Callable[..., Sandbox], exports: int
) -> None:
    sandbox = serve(contacts=500, quotas=Quotas(exports=None))
    config = config_for(sandbox, export_limit=100)
    first = run(config | {"max_exports": 4}, catalog=FULL_TABLE)
    assert refresh_in(first.state)

    other = config | {"list_id": "list-half"}
    second = run(other | {"max_exports": exports}, state=first.state, catalog=FULL_TABLE)
    state = merge(second.state, deepcopy(first.state))

    assert state["bookmarks"]["contacts"] == second.state["bookmarks"]["contacts"]
    rest = run(other, state=state, catalog=FULL_TABLE)
    assert by_id(second.records + rest.records) == by_id(run(other).records)


def test_a_stopped_refresh_an_incremental_run_and_a_refresh(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=500, quotas=Quotas(exports=None))
    config = config_for(sandbox, export_limit=100)
    kept = run(config).state
    stopped = run(config | {"max_exports": 3}, state=kept, catalog=FULL_TABLE)

    between = run(config, state=stopped.state)
    state = merge(between.state, deepcopy(stopped.state))
    assert state == between.state
    rest = run(config, state=state, catalog=FULL_TABLE)
    state = merge(rest.state, state)

    assert state == rest.state
    assert state["bookmarks"]["contacts"]["refresh"] is None
    held = by_id(stopped.records + between.records + rest.records)
    assert held == by_id(truth(sandbox))
    assert len(rest.of_type("ACTIVATE_VERSION")) == 1
