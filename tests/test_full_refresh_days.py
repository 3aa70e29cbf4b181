"""Full refreshes that the tap makes by itself, with the catalog that every runner has."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tap_leadlex.sandbox import ListFault, Quotas, Sandbox, Store
from tap_leadlex.sandbox.instants import SECOND, from_datetime
from tap_leadlex.sandbox.views import Side
from tests.support import (
    FakeClock,
    Json,
    Run,
    by_id,
    config_for,
    merge,
    record_of,
    refresh_in,
    run,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox.columns import Columns

UNLIMITED = Quotas(exports=None)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMIT = 20


@dataclass
class Destination:
    """A database that deletes by version, and the state that it confirmed."""

    rows: dict[str, tuple[Json, int | None]] = field(default_factory=dict)
    state: Json | None = None
    activated: list[int] = field(default_factory=list)

    def load(self, messages: list[Json]) -> None:
        """Process the messages of a run, or of the part of it that arrived."""
        for message in messages:
            match message:
                case {"type": "RECORD", "record": record}:
                    self.rows[record["id"]] = record, message.get("version")
                case {"type": "STATE", "value": state}:
                    self.state = state
                case {"type": "ACTIVATE_VERSION", "version": version}:
                    self.activated.append(version)
                    self.rows = {key: row for key, row in self.rows.items() if row[1] == version}

    @property
    def records(self) -> list[Json]:
        """The contacts, by id."""
        return by_id([record for record, _ in self.rows.values()])


def sync(
    clock: FakeClock,
    sandbox: Sandbox,
    destination: Destination,
    **values: Any,  # noqa: ANN401
) -> Run:
    """Run the tap from the state of a destination, and load what it writes."""
    config = config_for(sandbox, **{"full_refresh_days": 0, "export_limit": LIMIT, **values})
    done = clock.run(config, state=destination.state)
    assert done.exit_code == 0, done.log
    destination.load(done.messages)
    return done


def create(sandbox: Sandbox, count: int, *, ago: timedelta = timedelta(seconds=30)) -> None:
    """Create contacts, each a second before the next."""
    last = from_datetime(sandbox.workspace.clock() - ago)
    for number in range(count):
        sandbox.store.create(last - number * SECOND)


def change(sandbox: Sandbox, *, delete: int = 0, edit: int = 0, seed: int = 1) -> None:
    """Delete and edit contacts anywhere."""
    rows = list(sandbox.store.rows())
    chosen = Random(seed).sample(rows, min(delete + edit, len(rows)))  # noqa: S311
    for row in chosen[:delete]:
        sandbox.store.delete(row.contact.id)
    for row in chosen[delete:]:
        sandbox.store.edit(row.contact.id, {"job_title": f"Judge {seed}"}, row.created)


def versions(done: Run) -> set[int | None]:
    """Return the versions of the records of a run."""
    return {message.get("version") for message in done.of_type("RECORD")}


def activations(done: Run) -> list[int]:
    """Return the versions that a run activates."""
    return [message["version"] for message in done.of_type("ACTIVATE_VERSION")]


# One export.


def test_with_0_a_small_workspace_is_mirrored_by_one_export_a_run(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=15, quotas=UNLIMITED, clock=clock), Destination()

    for seed in range(4):
        done = sync(clock, sandbox, destination)

        assert destination.records == by_id(truth(sandbox))
        assert len(sandbox.exports) == seed + 1
        assert done.warnings == []
        assert [*versions(done)] == activations(done)
        clock.at += HOUR
        create(sandbox, 1)
        create(sandbox, 1, ago=3 * 365 * DAY)
        change(sandbox, delete=2, edit=3, seed=seed)

    assert len(set(destination.activated)) == 4
    assert len(sandbox.calls) <= 4 * 3, "one export and at most two look-ups a run"


def test_a_refresh_of_one_export_is_made_without_the_list_too(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    faults = dict.fromkeys(range(1, 100), ListFault.FORBIDDEN)
    sandbox = serve(contacts=15, quotas=UNLIMITED, clock=clock, list_faults=faults)
    destination = Destination()
    sync(clock, sandbox, destination)
    clock.at += HOUR
    change(sandbox, delete=2)

    done = sync(clock, sandbox, destination)

    assert len(sandbox.exports) == 2
    assert destination.records == by_id(truth(sandbox))
    assert "; completeness not " in done.log


def test_tags_are_refreshed_by_one_export_too(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination, tags=["client"])
    clock.at += HOUR
    (row, *_) = [row for row in sandbox.store.rows() if row.contact.id in destination.rows]
    sandbox.store.delete(row.contact.id)
    before = len(sandbox.exports)

    sync(clock, sandbox, destination, tags=["client"])

    assert len(sandbox.exports) == before + 1
    assert row.contact.id not in destination.rows


# When.


@pytest.mark.parametrize(("hours", "refreshed"), [(19, False), (20, True), (30, True)])
def test_a_refresh_is_made_as_soon_as_the_last_one_is_old_enough(
    serve: Callable[..., Sandbox], clock: FakeClock, *, hours: int, refreshed: bool
) -> None:
    sandbox, destination = serve(contacts=15, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination, full_refresh_days=1)
    clock.at += hours * HOUR
    create(sandbox, 1)
    change(sandbox, edit=2)

    done = sync(clock, sandbox, destination, full_refresh_days=1)

    assert len(done.ids) == (16 if refreshed else 1)
    assert (destination.records == by_id(truth(sandbox))) == refreshed
    assert len(sandbox.exports) == 2


def test_a_state_from_before_the_setting_is_refreshed_by_the_first_run(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=15, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination, full_refresh_days=None)
    assert destination.activated == []
    clock.at += HOUR
    change(sandbox, delete=2)

    sync(clock, sandbox, destination, full_refresh_days=30)

    assert destination.records == by_id(truth(sandbox))


def test_a_test_of_the_connection_is_one_small_export(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    calls = len(sandbox.calls)

    done = run(config_for(sandbox, full_refresh_days=0), "--test", state=destination.state)

    assert (done.exit_code, done.of_type("ACTIVATE_VERSION")) == (0, [])
    assert len(sandbox.calls) == calls + 1


# More than one export.


def test_new_contacts_come_before_a_refresh_of_several_exports(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    clock.at += HOUR
    create(sandbox, 3)
    change(sandbox, delete=2, edit=3)
    before = len(sandbox.exports)

    done = sync(clock, sandbox, destination)

    news, *_ = sandbox.exports[before:]
    assert news.rows <= 4
    assert versions(done) == {None, *activations(done)}
    assert destination.records == by_id(truth(sandbox))
    assert len(sandbox.exports) - before <= 1 + 61 / (0.95 * LIMIT) + 2


def test_without_new_contacts_the_refresh_is_the_run(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    first = len(sandbox.exports)
    clock.at += HOUR
    change(sandbox, delete=2, edit=3)

    done = sync(clock, sandbox, destination)

    assert [*versions(done)] == activations(done)
    assert len(sandbox.exports) <= 2 * first
    assert destination.records == by_id(truth(sandbox))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_new_contacts_and_a_refresh_share_what_max_exports_leaves(
    serve: Callable[..., Sandbox], clock: FakeClock, most: int
) -> None:
    """With one export a run, every other one is the refresh's, or it would never end."""
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    held = len(destination.activated)
    deleted = [row.contact.id for row in sandbox.store.rows()][::7]
    for contact in deleted:
        sandbox.store.delete(contact)

    for runs in range(1, 20):
        clock.at += HOUR
        create(sandbox, 1)
        before = len(sandbox.exports)
        done = sync(clock, sandbox, destination, full_refresh_days=1, max_exports=most)
        assert len(sandbox.exports) - before <= most
        if runs == 1:
            assert len(done.ids) == 1, "not yet due"
            clock.at += DAY
        if len(destination.activated) > held:
            break

    parts = 4
    assert runs <= 2 + (2 * parts if most == 1 else parts)
    assert not destination.rows.keys() & set(deleted)
    assert len(destination.rows) == len(sandbox.store)


def test_a_refresh_over_several_runs_has_one_version_and_ends_once(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    quotas = Quotas(exports=3, window_seconds=3_600)
    sandbox, destination = serve(contacts=150, quotas=quotas, clock=clock), Destination()

    runs = []
    while not destination.activated:
        runs.append(sync(clock, sandbox, destination))
        assert len(runs) < 10
        clock.at += HOUR
        create(sandbox, 1)

    assert len(runs) > 2
    assert set.union(*map(versions, runs)) == set(destination.activated)
    assert len(destination.activated) == 1
    assert all(len(done.warnings) == 1 for done in runs[:-1])


def test_contacts_that_come_and_go_between_the_runs_of_a_refresh_are_gone_at_its_end(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=100, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    clock.at += HOUR
    create(sandbox, 1)
    sync(clock, sandbox, destination, max_exports=3)
    clock.at += HOUR
    row = sandbox.store.create(sandbox.workspace.now() - 30 * SECOND)
    sync(clock, sandbox, destination, max_exports=2)
    assert row.contact.id in destination.rows
    sandbox.store.delete(row.contact.id)

    sync(clock, sandbox, destination)

    assert len(destination.activated) == 2
    assert destination.records == by_id(truth(sandbox))


def test_new_contacts_begin_where_the_refresh_has_passed_the_bookmark(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=30, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    clock.at += HOUR
    create(sandbox, 150)
    sync(clock, sandbox, destination, max_exports=1)  # leaves the next export to the refresh

    refreshed = sync(clock, sandbox, destination, max_exports=5)
    rest = sync(clock, sandbox, destination)

    assert refreshed.ids
    assert not set(refreshed.ids) & set(rest.ids)
    assert destination.records == by_id(truth(sandbox))


def test_a_refresh_that_replaces_another_has_a_later_version(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    """Whatever the clock was then: records of the other one must not outlive the new one."""
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination, max_exports=1)
    given_up = refresh_in(destination.state or {})
    assert given_up
    given_up["version"] += 10**9

    done = sync(clock, sandbox, destination, list_id="list-half")

    assert activations(done) == [given_up["version"] + 1]


def test_a_clock_that_is_late_does_not_end_a_refresh_before_the_bookmark(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    leadlex = FakeClock(clock.at)
    sandbox, destination = serve(contacts=15, quotas=UNLIMITED, clock=leadlex), Destination()
    sync(clock, sandbox, destination)
    clock.at -= HOUR

    done = sync(clock, sandbox, destination)

    assert len(activations(done)) == 1
    assert destination.records == by_id(truth(sandbox))


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {"list_id": "list-half"}), ({"start_date": "2024-01-01"}, {"start_date": "2023-01-01"})],
)
def test_other_filters_start_a_refresh_under_them(
    serve: Callable[..., Sandbox], clock: FakeClock, before: Json, after: Json
) -> None:
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination, full_refresh_days=7, **before)
    clock.at += HOUR

    stopped = sync(clock, sandbox, destination, full_refresh_days=7, max_exports=1, **after)
    under_way = refresh_in(stopped.state)
    sync(clock, sandbox, destination, full_refresh_days=7, **after)

    assert under_way
    assert under_way["version"] == destination.activated[-1] > destination.activated[0]
    assert any("with other filters or another start_date" in line for line in stopped.warnings)
    fresh = Destination()
    sync(clock, sandbox, fresh, **after)
    assert destination.records == fresh.records


def test_an_end_date_switches_it_off_and_the_user_is_warned(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()

    done = sync(clock, sandbox, destination, end_date="2026-01-01")

    assert versions(done) == {None}
    (warning,) = done.warnings
    assert warning.startswith("full_refresh_days has no effect while end_date is set")


def test_contacts_accepted_as_missing_are_never_deleted(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox, destination = serve(contacts=15, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    row = sandbox.store.row(7)
    sandbox.store.hide(row.contact.id, Side.EXPORT)
    clock.at += HOUR

    done = sync(clock, sandbox, destination, accept_short_exports=True)

    assert activations(done) == []
    assert row.contact.id in destination.rows
    assert any("so deleted ones stay in the destination" in line for line in done.warnings)


class AbsentStore(Store):
    """A workspace whose contacts are counted, but neither exported nor shown, for a while."""

    absent = False

    def export(self, **query: Any) -> Columns:  # noqa: ANN401 - the query of the base class
        """Return no row while the contacts are absent."""
        found = super().export(**query)
        return found.pick([]) if self.absent else found

    def page(self, **query: Any) -> tuple[Columns, int]:  # noqa: ANN401
        """Return no entry while the contacts are absent, and their number."""
        found, total = super().page(**query)
        return (found.pick([]) if self.absent else found), total


def test_contacts_that_the_list_counts_are_never_deleted(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    begin = from_datetime(clock.at - 30 * DAY)
    store = AbsentStore(range(begin, begin + 15 * SECOND, SECOND))
    sandbox, destination = serve(store=store, quotas=UNLIMITED, clock=clock), Destination()
    sync(clock, sandbox, destination)
    clock.at += HOUR
    store.absent = True

    done = sync(clock, sandbox, destination)

    assert activations(done) == []
    assert len(destination.rows) == 15
    (warning,) = done.warnings
    assert warning.startswith("LeadLex's contact list shows more contacts than the full refresh")
    assert "; completeness not confirmed: " in done.log
    store.absent = False
    clock.at += HOUR
    assert activations(sync(clock, sandbox, destination))


# The state and the run report.


def test_meltano_can_merge_the_state_of_a_stopped_refresh(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    """With --full-refresh, a run gets no state, and its states are merged into the last one."""
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    finished = sync(clock, sandbox, destination).state
    destination.state = None
    clock.at += HOUR

    stopped = sync(clock, sandbox, destination, max_exports=2).state
    destination.state = merge(stopped, deepcopy(finished))
    begun = refresh_in(destination.state)
    sync(clock, sandbox, destination)

    assert begun
    assert destination.activated[-1] == begun["version"]
    assert destination.records == by_id(truth(sandbox))


def test_the_run_report_says_how_far_a_refresh_is(
    serve: Callable[..., Sandbox], clock: FakeClock, tmp_path: Path
) -> None:
    sandbox, destination = serve(contacts=60, quotas=UNLIMITED, clock=clock), Destination()
    report = tmp_path / "runs.jsonl"
    told = {"run_report": str(report), "full_refresh_days": 1}

    sync(clock, sandbox, destination, max_exports=2, **told)
    sync(clock, sandbox, destination, **told)
    sync(clock, sandbox, destination, **told)

    runs = [json.loads(line)["streams"][0] for line in report.read_text("utf-8").splitlines()]
    assert [stream.get("refresh") for stream in runs] == ["in progress", "finished", None]


# Any history.


@dataclass(frozen=True)
class Step:
    """What happens between two runs, and how the next one is made."""

    created: int
    back_dated: int
    edited: int
    deleted: int
    pause: int  # in minutes
    max_exports: int | None
    killed: float | None  # after this share of its messages


STEPS = st.builds(
    Step,
    created=st.sampled_from([0, 0, 1, 5, 30]),
    back_dated=st.sampled_from([0, 0, 1, 3]),
    edited=st.sampled_from([0, 2, 9]),
    deleted=st.sampled_from([0, 2, 9]),
    pause=st.integers(1, 2_000),
    max_exports=st.sampled_from([None, None, 1, 2, 3]),
    killed=st.sampled_from([None, None, None, 0.1, 0.5, 0.9, 0.99]),
)


@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    contacts=st.sampled_from([0, 10, 60, 120]),
    days=st.sampled_from([0, 1]),
    quota=st.sampled_from([2, 4, None]),
    jitter=st.lists(st.integers(-3, 3), min_size=9, max_size=9),
    steps=st.lists(STEPS, min_size=3, max_size=9),
)
def test_after_each_finished_refresh_the_destination_is_the_workspace(
    contacts: int, days: int, quota: int | None, jitter: list[int], steps: list[Step]
) -> None:
    """Exact where nothing changed since the refresh began; what changes meanwhile may be late."""
    clock, destination = FakeClock(), Destination()
    quotas = Quotas(exports=quota, window_seconds=3_600)
    with Sandbox(contacts=contacts, quotas=quotas, clock=clock) as sandbox:
        version: int | None = None
        unchanged: dict[str, Json] = {}
        deleted: set[str] = set()
        for number, step in enumerate(steps):
            clock.at += timedelta(minutes=step.pause)
            clock.skew = timedelta(seconds=jitter[number])
            there = {row.contact.id for row in sandbox.store.rows()}
            change(sandbox, delete=step.deleted, edit=step.edited, seed=number)
            create(sandbox, step.created)
            create(sandbox, step.back_dated, ago=(number + 1) * 100 * DAY)
            now = {row.contact.id: record_of(row) for row in sandbox.store.rows()}
            gone = there - now.keys()
            before = len(sandbox.exports)

            done = clock.run(
                config_for(
                    sandbox,
                    full_refresh_days=days,
                    export_limit=LIMIT,
                    max_exports=step.max_exports,
                ),
                state=destination.state,
            )

            assert done.exit_code == 0, done.log
            made = len(sandbox.exports) - before
            assert made <= (step.max_exports or made)
            # A refresh, with the news before it or not.
            assert made <= 2 * (len(now) / (0.95 * LIMIT) + 2) + 1 + step.created / LIMIT
            messages = done.messages
            if step.killed is not None:
                messages = messages[: int(step.killed * len(messages))]
            under_way = refresh_in(destination.state or {})
            if under_way is None:  # one may begin
                version, unchanged, deleted = None, now, set()
            unchanged = {key: record for key, record in unchanged.items() if now.get(key) == record}
            deleted |= gone
            found = {m["version"] for m in messages if m["type"] == "RECORD" and "version" in m}
            assert len(found | {under_way["version"] if under_way else version} - {None}) <= 1
            (version,) = found or {version}
            active = len(destination.activated)
            destination.load(messages)
            if len(destination.activated) > active:
                assert version in {None, destination.activated[-1]}
                held = {key: record for key, (record, _) in destination.rows.items()}
                assert {key: held.get(key) for key in unchanged} == unchanged
                assert held.keys() <= now.keys() | deleted
