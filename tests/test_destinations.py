"""The tap into the embedded destination: sandbox, tap and target as a user runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.destination import Destination, create
from tests.support import by_id, config_for, truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox


def test_the_destination_equals_leadlex_field_by_field(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=2_000)
    config = config_for(sandbox, export_limit=700)
    destination = Destination(tmp_path)

    destination.sync(config)

    assert by_id(destination.records()) == by_id(truth(sandbox))

    exports = len(sandbox.exports)
    create(sandbox, 30)
    destination.sync(config)

    assert by_id(destination.records()) == by_id(truth(sandbox))
    assert len(sandbox.exports) == exports + 1


def test_no_batch_of_the_target_loses_a_row(serve: Callable[..., Sandbox], tmp_path: Path) -> None:
    """Holds the pin of duckdb: from 1.3 on, every batch loses its first row."""
    sandbox = serve(contacts=1_000)
    destination = Destination(tmp_path, batch_size_rows=100)

    destination.sync(config_for(sandbox))

    assert len(destination.records()) == 1_000


def test_a_contact_that_comes_again_replaces_itself(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=300)
    destination = Destination(tmp_path)
    destination.sync(config_for(sandbox))
    row = next(sandbox.store.rows())
    sandbox.store.edit(row.contact.id, {"job_title": "Judge"}, row.created)

    destination.sync(config_for(sandbox, lookback_seconds=10**9))

    assert by_id(destination.records()) == by_id(truth(sandbox))
