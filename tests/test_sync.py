"""The side effects of a sweep: a signal never finds the state halfway between two."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import ListFault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import Order
from tests.support import FULL_TABLE, FakeClock, Json, bookmark, config_for, written_before
from tests.support.interrupted import Moment, assert_true, interrupted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WITHOUT_LIST: Json = {
    "reading": Reading(order=Order.DESCENDING),
    "list_faults": dict.fromkeys(range(1, 100_000), ListFault.FORBIDDEN),
}


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize(
    ("before", "catalog", "options", "settings"),
    [
        pytest.param("under-way", None, {}, {"export_limit": 200}, id="incremental"),
        pytest.param("refresh-under-way", FULL_TABLE, {}, {"export_limit": 200}, id="refresh"),
        pytest.param(
            "plan", None, WITHOUT_LIST, {"export_limit": 100, "max_exports": 2}, id="plan"
        ),
    ],
)
def test_a_signal_at_any_moment_leaves_a_true_state(  # noqa: PLR0913 - parameters
    serve: Callable[..., Sandbox],
    clock: FakeClock,
    tmp_path: Path,
    moment: Moment,
    before: str,
    catalog: Json | None,
    options: Json,
    settings: Json,
) -> None:
    sandbox = serve(contacts=500, clock=clock, quotas=Quotas(exports=None), **options)
    config = config_for(sandbox, **settings)
    state = written_before(before)
    undisturbed = clock.run(config, state=state, catalog=catalog)

    outputs = interrupted(moment, tmp_path, config, state, catalog)

    assert undisturbed.exit_code == 0
    assert len(outputs) >= (50 if moment is Moment.STATE else 5)
    for output in outputs:
        assert_true(output, state, undisturbed)


def test_each_state_says_whether_more_of_its_sync_is_left(
    serve: Callable[..., Sandbox], clock: FakeClock
) -> None:
    """So a kill after any of them costs no export: the next run makes those that were left."""
    sandbox = serve(contacts=500, clock=clock, quotas=Quotas(exports=None))
    config = config_for(sandbox, export_limit=100, check_drift=False)
    whole = clock.run(config)
    exports = len(sandbox.exports)
    closed = {bookmark(state): state for state in reversed(whole.states) if bookmark(state)}
    assert len(closed) == exports > 4
    clock.at += timedelta(hours=1)

    for left, state in enumerate(closed.values()):
        before = len(sandbox.calls), len(sandbox.exports)
        done = clock.run(config, state=state)
        assert done.exit_code == 0
        assert len(sandbox.exports) - before[1] == max(left, 1)
        if not left:
            assert len(sandbox.calls) - before[0] == 1, "a finished sync asks the list for nothing"
