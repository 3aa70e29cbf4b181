"""Random histories of a workspace: after each run, the destination has what the docs promise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tap_leadlex.sandbox import Change, Reading
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Presence
from tests.support.histories import History, Night, Syncs

CHANGES = st.lists(st.tuples(st.sampled_from(Change), st.integers(1, 60)), max_size=4)
MEANWHILE: st.SearchStrategy[dict[int, tuple[Change, int]]] = st.just({}) | st.dictionaries(
    st.integers(1, 8),
    st.tuples(st.sampled_from(Change), st.integers(1, 5)),
    min_size=1,
    max_size=3,
)
READINGS = st.builds(
    Reading,
    order=st.sampled_from(Order),
    lower=st.sampled_from(Bound),
    upper=st.sampled_from(Bound),
    list_lower=st.sampled_from(Bound),
    tagging_updates=st.sampled_from(Presence),
    list_mode=st.sampled_from([ListMode.OK, ListMode.OK, ListMode.NO_TOTAL, ListMode.FORBIDDEN]),
)


def nights(full_table: st.SearchStrategy[bool]) -> st.SearchStrategy[Night]:
    """Draw nights, some of whose runs are stopped or killed."""
    return st.builds(
        Night,
        changes=CHANGES,
        hours=st.sampled_from([1, 2, 24, 24 * 8]),
        meanwhile=MEANWHILE,
        full_table=full_table,
        max_exports=st.sampled_from([None, None, None, 1, 2, 3]),
        killed_at=st.none() | st.none() | st.floats(0, 1),
        loses=st.booleans(),
    )


def histories(
    full_table: st.SearchStrategy[bool], **tap: st.SearchStrategy[object]
) -> st.SearchStrategy[History]:
    """Draw histories whose runs have such catalogs and settings."""
    return st.builds(
        History,
        nights=st.lists(nights(full_table), min_size=2, max_size=8),
        contacts=st.integers(0, 400),
        limit=st.sampled_from([50, 100, 1_000]),
        exports_an_hour=st.sampled_from([None, 2, 3, 10]),
        reading=READINGS,
        settings=st.fixed_dictionaries(tap),
    )


MODES = {
    "incremental": histories(st.just(value=False)),
    "full-table": histories(st.just(value=True)),
    "both": histories(st.booleans()),
    "full_refresh_days": histories(
        st.just(value=False), full_refresh_days=st.sampled_from([0, 1, 7])
    ),
    "full_refresh_days-and-full-table": histories(
        st.booleans(), full_refresh_days=st.sampled_from([0, 1, 7])
    ),
}


@pytest.mark.parametrize("mode", MODES)
@settings(derandomize=True, max_examples=settings().max_examples // 10)
@given(data=st.data())
def test_the_destination_follows_the_workspace(mode: str, data: st.DataObject) -> None:
    """`make histories` plays 500 of these in each mode."""
    history = data.draw(MODES[mode])
    syncs = Syncs(history)
    with syncs:
        for night in history.nights:
            syncs.play(night)
        if history.reading.list_mode is not ListMode.FORBIDDEN:
            syncs.settle()
