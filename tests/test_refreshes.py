"""The stream of full refreshes, and the view of current contacts that is made of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Quotas
from tests import postgres
from tests.destination import Destination
from tests.environments import ROOT
from tests.support import by_id, config_for, run, truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox
    from tests.support import FakeClock, Json

UNLIMITED = Quotas(exports=None)
VIEW = "leadlex.contacts_current"
(STATEMENT,) = re.findall(
    r"```sql\n(CREATE VIEW .*?)```", (ROOT / "docs/full-refresh.md").read_text("utf-8"), re.DOTALL
)


def catalog_of(config: Json, *, selected: bool = True) -> Json:
    """Return what --discover prints, with both streams selected, or only contacts."""
    catalog: Json = json.loads(run(config, "--discover").out)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"] == []:
                entry["metadata"]["selected"] = selected or stream["stream"] == "contacts"
    return catalog


def change(sandbox: Sandbox, first: int) -> None:
    """Delete some contacts, the oldest and the newest among them, and edit others."""
    rows = list(sandbox.store.rows())
    for row in {rows[0], rows[-1], *rows[first::20]}:
        sandbox.store.delete(row.contact.id)
    for row in rows[first + 1 :: 20]:
        sandbox.store.edit(row.contact.id, {"job_title": f"Judge {first}"}, row.created)


def test_it_is_there_with_the_setting_only_and_must_be_selected(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=10, clock=clock, quotas=UNLIMITED)
    with_setting = config_for(sandbox, full_refresh_days=0)

    without = json.loads(run(config_for(sandbox), "--discover").out)["streams"]
    done = clock.run(with_setting)
    deselected = clock.run(with_setting, catalog=catalog_of(with_setting, selected=False))

    assert [stream["stream"] for stream in without] == ["contacts"]
    for each in (done, deselected):
        assert {message["stream"] for message in each.of_type("RECORD")} == {"contacts"}
        assert "refreshes" not in each.log


def test_its_record_is_the_last_refresh_that_was_activated(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=50, clock=clock, quotas=UNLIMITED)
    config = config_for(sandbox, full_refresh_days=1, export_limit=20)
    catalog = catalog_of(config)

    stopped = clock.run(config | {"max_exports": 1}, catalog=catalog)
    done = clock.run(config, state=stopped.state, catalog=catalog)
    again = clock.run(config, state=done.state, catalog=catalog)

    (activation,) = done.of_type("ACTIVATE_VERSION")
    assert [record for record in stopped.records if "began_at" in record] == []
    expected = {
        "stream": "contacts",
        "version": activation["version"],
        "began_at": "2026-07-01T12:00:00.000000Z",
    }
    assert done.records[-1] == expected
    assert again.records == [expected]  # in case the target lost the one before
    assert (done.exit_code, done.failures, again.warnings) == (0, [], [])


def test_selected_without_the_setting_it_is_refused(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=10, clock=clock, quotas=UNLIMITED)
    catalog = catalog_of(config_for(sandbox, full_refresh_days=0))
    deselected = catalog_of(config_for(sandbox, full_refresh_days=0), selected=False)

    refused = clock.run(config_for(sandbox), catalog=catalog)
    done = clock.run(config_for(sandbox), catalog=deselected)

    assert (refused.exit_code, done.exit_code) == (1, 0)
    assert "it has records only with full_refresh_days" in refused.failures[0]


def test_a_test_of_the_connection_is_one_call(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    sandbox = serve(contacts=10, clock=clock, quotas=UNLIMITED)

    tested = run(config_for(sandbox, full_refresh_days=0), "--test")
    calls = len(sandbox.calls)
    checked = run(config_for(sandbox, full_refresh_days=0), "--check")

    assert (tested.exit_code, checked.exit_code) == (0, 0)
    assert (calls, len(sandbox.calls)) == (1, 2)


def test_in_duckdb_the_view_shows_the_workspace(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=400, quotas=UNLIMITED)
    config = config_for(sandbox, full_refresh_days=0, export_limit=150)
    catalog, destination = catalog_of(config), Destination(tmp_path)
    destination.sync(config, catalog)
    destination.execute(STATEMENT)
    assert by_id(destination.records(VIEW)) == by_id(truth(sandbox))

    for first in (3, 5):
        before = by_id(destination.records(VIEW))
        change(sandbox, first)
        destination.sync(config | {"max_exports": 2}, catalog)
        under_way = {record["id"] for record in destination.records(VIEW)}
        assert under_way == {record["id"] for record in before}
        destination.sync(config, catalog)
        assert by_id(destination.records(VIEW)) == by_id(truth(sandbox))

    assert len(destination.records()) == 400


def test_in_postgresql_the_view_shows_the_workspace(serve: Callable[..., Sandbox]) -> None:
    if reason := postgres.missing():
        pytest.skip(reason)
    sandbox = serve(contacts=400, quotas=UNLIMITED)
    config = config_for(sandbox, full_refresh_days=0, export_limit=150)
    catalog = catalog_of(config)
    with postgres.Server() as server:
        state, _ = server.load(config, catalog=catalog, hard_delete=False)
        server.run(STATEMENT)
        for first in (3, 5):
            change(sandbox, first)
            state, _ = server.load(config, state=state, catalog=catalog, hard_delete=False)
            assert server.records(VIEW) == by_id(truth(sandbox))

        assert server.count() == 400
