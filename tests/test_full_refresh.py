"""Full refreshes: everything again under one version, and deletions reach the destination."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tap_leadlex import timestamps
from tap_leadlex.sandbox import Quotas
from tests import postgres
from tests.destination import create
from tests.support import Json, Run, by_id, catalog_without, config_for, refresh_in, run, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tap_leadlex.sandbox import Sandbox

UNLIMITED = Quotas(exports=None)
BEHIND = datetime(2026, 6, 2, tzinfo=UTC)
"""Behind all contacts that a sandbox begins with, and in the past."""


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """Give a PostgreSQL server, which runs until the test ends."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.Server() as server:
        yield server


def full_table(config: Json) -> Json:
    """Give the catalog that asks for a full refresh, as a user writes it."""
    catalog = catalog_without(config)
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] == []:
            entry["metadata"]["replication-method"] = "FULL_TABLE"
    return catalog


def refresh(config: Json, state: Json | None = None) -> Run:
    """Run the tap for a full refresh."""
    done = run(config, state=state, catalog=full_table(config))
    assert done.exit_code == 0
    return done


def versions(done: Run) -> set[int]:
    """Give the versions that the records of a run carry."""
    return {message["version"] for message in done.of_type("RECORD")}


def activated(done: Run) -> list[int]:
    """Give the versions that a run activates."""
    return [message["version"] for message in done.of_type("ACTIVATE_VERSION")]


def stream_state(done: Run) -> Json:
    """Give the stream's part of the last state."""
    state: Json = done.state["bookmarks"]["contacts"]
    return state


def refresh_of(state: Json) -> Json:
    """Give the refresh under way in a state."""
    found = refresh_in(state)
    assert found
    return found


def until_done(config: Json, state: Json | None = None) -> list[Run]:
    """Refresh in as many runs as it takes, each from the last state of the one before."""
    runs = [refresh(config, state)]
    while not activated(runs[-1]):
        assert len(runs) < 100
        runs.append(refresh(config, runs[-1].state))
    return runs


def test_the_version_is_activated_after_the_last_record(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=500, quotas=UNLIMITED)

    done = refresh(config_for(sandbox, export_limit=150))

    kinds = [message["type"] for message in done.messages]
    assert by_id(done.records) == by_id(truth(sandbox))
    assert [*versions(done)] == activated(done)
    last_record = len(kinds) - 1 - kinds[::-1].index("RECORD")
    assert "ACTIVATE_VERSION" in kinds[last_record:]
    assert kinds[-1] == "STATE"
    assert done.failures == done.warnings == []


@pytest.mark.parametrize("quotas", [UNLIMITED, Quotas(exports=2, window_seconds=1_000)])
def test_a_refresh_that_stops_early_goes_on_under_the_same_version(
    serve: Callable[..., Sandbox], quotas: Quotas
) -> None:
    sandbox = serve(contacts=500, quotas=quotas)
    config = config_for(sandbox, export_limit=100)
    if quotas == UNLIMITED:
        config["max_exports"] = 2

    runs = [refresh(config)]
    while not activated(runs[-1]):
        sandbox.workspace.quota.reset()
        runs.append(refresh(config, runs[-1].state))

    *stopped, last = runs
    assert len(stopped) >= 2
    assert all(activated(done) == [] for done in stopped)
    assert all(len(done.warnings) == 1 for done in stopped)
    assert set.union(*map(versions, runs)) == set(activated(last))
    # No contact comes twice, whatever the number of runs.
    assert by_id([record for done in runs for record in done.records]) == by_id(truth(sandbox))
    assert stream_state(last)["delivered"] == 500  # which later runs compare with LeadLex's count


def test_every_state_of_a_refresh_is_one_to_go_on_from(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=400, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=120)
    before = run(config_for(sandbox, end_date=timestamps.plain(BEHIND))).state

    whole = refresh(config, before)

    under_way = [state for state in whole.states if refresh_in(state)]
    assert len(under_way) >= 4
    left = len(whole.ids)
    for state in under_way:
        contacts = state["bookmarks"]["contacts"]
        # A standard state: its bookmark holds for incremental runs as before the refresh.
        assert contacts["replication_key"] == "created_at"
        assert contacts["replication_key_value"] == timestamps.canonical(BEHIND)
        assert run(config, state=state).records == []
        rest = refresh(config, state)
        assert activated(rest) == activated(whole) == [refresh_of(state)["version"]]
        assert set(rest.ids) < set(whole.ids)
        assert len(rest.ids) < left
        left = len(rest.ids)


def test_the_next_refresh_takes_a_new_version(serve: Callable[..., Sandbox]) -> None:
    config = config_for(serve(contacts=50, quotas=UNLIMITED))

    first = refresh(config)
    second = refresh(config, first.state)
    future = json.loads(json.dumps(second.state))
    future["bookmarks"]["contacts"]["version"] = 10**14  # of a machine whose clock was fast
    third = refresh(config, future)

    assert second.ids == first.ids
    assert activated(second)[0] > activated(first)[0]
    assert activated(third) == [10**14 + 1]


def test_a_refresh_with_an_end_date_activates_nothing_and_says_so(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=200, quotas=UNLIMITED)
    config = config_for(sandbox, end_date="2025-01-01T00:00:00Z")

    done = refresh(config)

    assert 0 < len(done.ids) < 200
    assert activated(done) == []
    (warning,) = done.warnings
    assert "end_date" in warning
    assert "replication_key_value" not in stream_state(done)


def test_an_incremental_run_goes_on_where_the_refresh_ended(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=300, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=100)
    last = until_done(config | {"max_exports": 2})[-1]
    exports = len(sandbox.exports)
    create(sandbox, 20)

    news = run(config, state=last.state)

    assert len(news.ids) == 20
    assert all("version" not in message for message in news.of_type("RECORD"))
    assert activated(news) == []
    assert len(sandbox.exports) == exports + 1


def test_incremental_runs_between_the_parts_of_a_refresh_lose_nothing_to_it(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=500, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=100)
    before = run(config | {"end_date": "2024-06-01T00:00:00Z"})
    part = refresh(config | {"max_exports": 4}, before.state)
    assert str(before.bookmark) < refresh_of(part.state)["until"]

    between = run(config, state=part.state)
    rest = until_done(config | {"max_exports": 1}, between.state)

    held = {
        message["record"]["id"]: message.get("version")
        for done in (before, part, between, *rest)
        for message in done.of_type("RECORD")
    }
    assert set(between.ids) & set(part.ids)
    assert len(held) == 500
    assert set(held.values()) == set(activated(rest[-1]))


@pytest.mark.parametrize("from_the_start", [run, refresh])
def test_a_run_from_the_start_ends_a_refresh_even_where_states_are_merged(
    serve: Callable[..., Sandbox], from_the_start: Callable[[Json], Run]
) -> None:
    """As `meltano run --full-refresh` does: the run gets no state, and the old one stays below."""
    sandbox = serve(contacts=500, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=100)
    part = refresh(config | {"max_exports": 4}, run(config).state)
    again = from_the_start(config)

    merged = {"bookmarks": {"contacts": stream_state(part) | stream_state(again)}}
    done = refresh(config, merged)

    assert by_id(done.records) == by_id(truth(sandbox))
    assert activated(done) > [*versions(part)]


def test_contacts_deleted_and_edited_are_gone_and_changed_in_a_database(
    serve: Callable[..., Sandbox], server: postgres.Server
) -> None:
    sandbox = serve(contacts=400, quotas=UNLIMITED)
    config = config_for(sandbox, export_limit=100)
    state, _ = server.load(config)
    assert server.records() == by_id(truth(sandbox))

    rows = list(sandbox.store.rows())
    for row in rows[::10]:
        sandbox.store.delete(row.contact.id)
    for row in rows[1::7]:
        sandbox.store.edit(row.contact.id, {"job_title": "Judge"}, row.created)
    staying = ", ".join(f"('{row.contact.id}')" for row in sandbox.store.rows())
    server.run(f"CREATE TABLE staying (id) AS VALUES {staying}")
    at_hand = f"SELECT count(*) FROM staying JOIN {postgres.TABLE} USING (id)"  # noqa: S608 - a constant

    stopped = 0
    with server.watched(at_hand) as counts:
        while True:
            state, tap = server.load(
                config | {"max_exports": 2}, state=state, catalog=full_table(config)
            )
            assert tap.exit_code == 0, tap.log
            if not tap.warnings:
                break
            stopped += 1
            assert server.count() == 400

    assert stopped >= 1
    assert server.records() == by_id(truth(sandbox))
    assert len(counts) > stopped
    assert set(counts) == {len(sandbox.store)}

    # And so the next time: what comes under no version meanwhile is not lost, what goes is.
    sandbox.store.delete(rows[1].contact.id)
    state, _ = server.load(config, state=state)
    server.load(config, state=state, catalog=full_table(config))
    assert server.records() == by_id(truth(sandbox))
