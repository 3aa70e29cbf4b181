"""The side effects of a sweep: a signal never finds the state halfway between two."""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True, kw_only=True)
class Case:
    """A sync that is interrupted.

    Attributes:
        state: The state that it starts from.
        settings: Its settings.
        catalog: Its catalog, if any.
        leadlex: How LeadLex answers.
    """

    state: str
    settings: Json
    catalog: Json | None = None
    leadlex: Json = field(default_factory=dict)


CASES = {
    "incremental": Case(state="under-way", settings={"export_limit": 200}),
    "repair": Case(state="stale", settings={"export_limit": 300}),
    "refresh": Case(state="refresh-under-way", settings={"export_limit": 200}, catalog=FULL_TABLE),
    "plan": Case(
        state="plan", settings={"export_limit": 100, "max_exports": 2}, leadlex=WITHOUT_LIST
    ),
}


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("name", CASES)
def test_a_signal_at_any_moment_leaves_a_true_state(
    serve: Callable[..., Sandbox], clock: FakeClock, tmp_path: Path, moment: Moment, name: str
) -> None:
    case = CASES[name]
    sandbox = serve(contacts=500, clock=clock, quotas=Quotas(exports=None), **case.leadlex)
    config = config_for(sandbox, **case.settings)
    state = written_before(case.state)
    undisturbed = clock.run(config, state=state, catalog=case.catalog)

    outputs = interrupted(moment, tmp_path, config, state, case.catalog)

    assert undisturbed.exit_code == 0
    assert len(outputs) >= (25 if moment is Moment.STATE else 4)
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
            assert len(sandbox.calls) - before[0] == 2, "one export, and the list confirms it"
