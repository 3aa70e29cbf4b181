"""The list as a witness: it names what an export lacks, and never cries wolf."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tap_leadlex import timestamps
from tap_leadlex.planning import witness
from tap_leadlex.planning.windows import ExportResult, Listed, ListPage, Window
from tap_leadlex.planning.witness import Witness
from tap_leadlex.sandbox import Reading, Store
from tap_leadlex.sandbox.instants import SECOND, from_datetime, to_datetime
from tap_leadlex.sandbox.readings import Bound, Precision

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
SPAN = 60  # seconds


class Workspace:
    """A workspace, with the look-ups that were made."""

    def __init__(self, seconds: Sequence[float], reading: Reading) -> None:
        times = [from_datetime(BEGIN) + int(second * SECOND) for second in seconds]
        self.store = Store(times, reading=reading)
        self.calls = 0

    @property
    def records(self) -> list[Listed]:
        """All records, by their printed times, oldest first."""
        shown = self.store.reading.precision
        unit = SECOND if shown is Precision.US_SHOWN_AS_S else 1
        return [
            Listed(to_datetime(row.created - row.created % unit), row.record.id)
            for row in self.store.rows()
        ]

    def page(self, start: datetime | None, number: int, per_page: int) -> ListPage:
        """Read the list as the tap does, from a second before the start."""
        self.calls += 1
        after = None if start is None else from_datetime(start - timestamps.SECOND)
        columns, total = self.store.page(page=number, per_page=per_page, after=after)
        shown = {record.key: record for record in self.records}
        entries = [shown[row.record.id] for row in self.store.rows(columns)]
        return ListPage(entries, total)


readings = st.builds(
    Reading,
    list_lower=st.sampled_from(Bound),
    precision=st.sampled_from([Precision.S, Precision.US, Precision.US_SHOWN_AS_S]),
)
seconds = st.one_of(st.integers(0, SPAN - 1).map(float), st.floats(0, SPAN - 0.001))
windows = st.tuples(st.none() | st.integers(0, SPAN), st.integers(1, SPAN)).map(
    lambda bounds: Window(
        None if bounds[0] is None else BEGIN + bounds[0] * timestamps.SECOND,
        BEGIN + ((bounds[0] or 0) + bounds[1]) * timestamps.SECOND,
    )
)


@settings(max_examples=300)
@given(
    times=st.lists(seconds, max_size=60),
    reading=readings,
    window=windows,
    page_size=st.integers(7, 12),
    data=st.data(),
)
def test_it_names_what_is_missing_and_only_that(
    times: list[float], reading: Reading, window: Window, page_size: int, data: st.DataObject
) -> None:
    workspace = Workspace(times, reading)
    inside = [record for record in workspace.records if record.created_at in window]
    lost = data.draw(st.lists(st.sampled_from(inside), max_size=4, unique=True)) if inside else []
    exported = [record for record in inside if record not in lost]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(witness, "PAGE", page_size)
        patch.setattr(witness, "_MOST_PAGES", 60)
        rows = data.draw(st.permutations(exported))
        result = ExportResult(
            window,
            full=False,
            created=[row.created_at for row in rows],
            keys=[row.key for row in rows],
        )
        before: list[datetime] | None = [
            record.created_at
            for record in workspace.records
            if window.start and window.start - timestamps.SECOND <= record.created_at < window.start
        ]
        before = data.draw(st.sampled_from([None, before]))
        found = Witness(workspace.page).examine(result, before)

    assert (found.many, found.doubt) == (False, None)
    if not lost:
        assert workspace.calls <= (3 if before is not None or not window.start else 12)
    assert sorted(found.missing) == sorted(lost)
    event("lost" if lost else "nothing lost")
