"""One export: what it asks for, which of its rows count, and where its window may end."""

from __future__ import annotations

import io
import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, NoReturn, Self

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tap_leadlex.api.client import Response
from tap_leadlex.api.export import Exporter
from tap_leadlex.errors import CutError, RequestError, TableError
from tap_leadlex.planning.windows import ExportRequest, Window
from tap_leadlex.progress import RunLog
from tap_leadlex.resources import CONTACTS, Column, Kind
from tap_leadlex.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_leadlex.api.client import Query
    from tap_leadlex.api.export import Export
    from tap_leadlex.resources import Resource

NOON = datetime(2026, 4, 15, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
WINDOW = Window(NOON - DAY, NOON)
COLUMNS = (Column("id"), Column("created_at", Kind.TIMESTAMP))
HEADER = "id,created_at"


class Batch:
    """A batch that keeps its records."""

    def __init__(self) -> None:
        self.kept: list[tuple[Any, ...]] = []
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def extend(self, records: Sequence[tuple[Any, ...]]) -> None:
        """Keep some records."""
        self.kept += records


class LeadLex:
    """The part of the client that makes exports: it returns a given body.

    Attributes:
        queries: What was asked for.
        calls: How many calls were counted.
        batch: The batch of the last export.
    """

    def __init__(self, *lines: str, received: datetime = NOON + DAY, **headers: str) -> None:
        self._body = "".join(f"{line}\n" for line in lines).encode()
        self._received = received
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.queries: list[Query] = []
        self.calls = 0
        self.batch = Batch()

    @contextmanager
    def export(self, resource: Resource, query: Query) -> Iterator[Response]:
        """Return the body."""
        assert resource is CONTACTS
        self.queries.append(query)
        yield Response(io.BytesIO(self._body), self._headers, self._received)

    def count(self) -> None:
        """Count a call."""
        self.calls += 1

    def exporter(self, *, settle: timedelta = timedelta(0), **settings: Any) -> Exporter:  # noqa: ANN401 - any setting
        """Return an exporter that asks here."""
        client: Any = self
        new_batch: Any = lambda _: self.batch  # noqa: E731
        return Exporter(
            client=client,
            scope=Scope(CONTACTS, {"list_id": None, "tags": [], "extra_fields": [], **settings}),
            columns=COLUMNS,
            settle=settle,
            new_batch=new_batch,
            count=self.count,
            run_log=RunLog(logging.getLogger(__name__), CONTACTS),
        )


def export(leadlex: LeadLex, window: Window = WINDOW, limit: int = 100, **options: Any) -> Export:  # noqa: ANN401 - of the exporter
    """Make one export."""
    return leadlex.exporter(**options).export(ExportRequest(window, limit))


def test_the_query_names_limit_columns_bounds_and_filters() -> None:
    leadlex = LeadLex(HEADER)

    export(leadlex, limit=7, list_id="list-1", tags=["a", "b"])

    assert leadlex.queries == [
        [
            ("limit", 7),
            ("fields", "id,created_at"),
            ("created_after", "2026-04-14T11:59:59Z"),
            ("created_before", "2026-04-15T12:00:00Z"),
            ("list_id", "list-1"),
            ("tag", "a"),
            ("tag", "b"),
        ]
    ]
    assert leadlex.calls == 1


def test_a_window_without_a_start_asks_without_a_lower_bound() -> None:
    leadlex = LeadLex(HEADER)

    export(leadlex, Window(None, NOON))

    assert [name for name, _ in leadlex.queries[0]] == ["limit", "fields", "created_before"]


@given(
    seconds=st.lists(st.integers(-5, 10), max_size=12),
    start=st.none() | st.integers(0, 4),
    length=st.integers(1, 4),
    limit=st.integers(1, 12),
)
def test_rows_inside_the_window_are_delivered_and_all_rows_make_it_full(
    seconds: list[int], start: int | None, length: int, limit: int
) -> None:
    end = (start or 0) + length
    rows = [
        f"{number},{NOON + second * SECOND:%Y-%m-%dT%H:%M:%SZ}"
        for number, second in enumerate(seconds)
    ]
    leadlex = LeadLex(HEADER, *rows)
    window = Window(None if start is None else NOON + start * SECOND, NOON + end * SECOND)

    first = -9 if start is None else start - 1  # of those within the requested bounds
    if any(second <= first - 1 or second >= end + 1 for second in seconds):
        event("outside the bounds")
        with pytest.raises(TableError, match="outside the requested created_"):
            export(leadlex, window, limit)
        assert leadlex.batch.closed
        return
    result = export(leadlex, window, limit)

    inside = [
        (number, second)
        for number, second in enumerate(seconds)
        if second < end and (start is None or second >= start)
    ]
    assert [record[0] for record in leadlex.batch.kept] == [str(number) for number, _ in inside]
    assert result.created == [NOON + second * SECOND for _, second in inside]
    assert result.beside == [
        (str(number), NOON + second * SECOND)
        for number, second in enumerate(seconds)
        if (number, second) not in inside
    ]
    assert result.full == (len(seconds) >= limit)
    assert result.window == window
    assert not leadlex.batch.closed


def test_the_finest_printed_resolution_is_reported() -> None:
    whole = export(LeadLex(HEADER, "1,2026-04-15T11:00:00Z"))
    finer = export(LeadLex(HEADER, "1,2026-04-15T11:00:00Z", "2,2026-04-15T11:00:00.001Z"))

    assert whole.resolution == SECOND
    assert finer.resolution == timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        (TableError, ["id,created_date", "1,2026-04-15T11:00:00Z"]),
        (TableError, [HEADER, "1,2026-04-15T11:00:00Z", "2,yesterday"]),
        (TableError, [HEADER, "1,2026-04-15T11:00:00Z", "2", "3,2026-04-15T11:00:00Z"]),
        (CutError, [HEADER, "1,2026-04-15T11:00:00Z", '2,"2026-']),
    ],
)
def test_a_body_that_is_no_table_is_named_by_its_request_id(
    kind: type[Exception], lines: list[str]
) -> None:
    leadlex = LeadLex(*lines, X_Request_ID="req_7")

    with pytest.raises(kind, match=r"^The export cannot be used: line .* \(request id req_7\)\.$"):
        export(leadlex)

    assert leadlex.batch.closed
    assert leadlex.calls == 1


def test_without_a_request_id_the_message_says_so() -> None:
    with pytest.raises(TableError, match=r"\(request id -\)\.$"):
        export(LeadLex("nothing"))


def test_a_refused_call_counts() -> None:
    leadlex = LeadLex()

    def refuse(*_: object) -> NoReturn:
        msg = "LeadLex answered HTTP 403."
        raise RequestError(msg, 403)

    leadlex.export = refuse  # type: ignore[assignment, method-assign]

    with pytest.raises(RequestError):
        export(leadlex)
    assert leadlex.calls == 1


# Where a window may end.

AHEAD = Window(NOON - DAY, NOON + DAY)


def dated(date: datetime, received: datetime | None = None, *rows: str) -> LeadLex:
    """Return a LeadLex whose responses show a date."""
    header = format_datetime(date, usegmt=True)
    return LeadLex(HEADER, *rows, received=received or date, Date=header)


@pytest.mark.parametrize(
    ("settle", "end"), [(0, NOON), (60, NOON - 60 * SECOND), (2 * 86_400, NOON - DAY)]
)
def test_no_window_ends_after_leadlex_s_clock_less_the_settle_time(
    settle: int, end: datetime
) -> None:
    """A record may still be committed behind it. The window never ends before it starts."""
    row = f"1,{NOON - 30 * SECOND:%Y-%m-%dT%H:%M:%SZ}"
    leadlex = dated(NOON, NOON + DAY, row)

    result = export(leadlex, AHEAD, settle=timedelta(seconds=settle))

    assert result.window == Window(AHEAD.start, end)
    assert len(leadlex.batch.kept) == (settle == 0)


def test_without_a_date_this_machine_s_clock_counts_and_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    leadlex = LeadLex(HEADER, received=NOON + timedelta(milliseconds=1))
    exporter = leadlex.exporter(settle=60 * SECOND)

    windows = [exporter.export(ExportRequest(AHEAD, 9)).window for _ in range(2)]

    assert windows == [Window(AHEAD.start, NOON - 60 * SECOND)] * 2
    (line,) = caplog.messages
    assert line.startswith("LeadLex's responses have no Date header; using this machine's clock.")


@pytest.mark.parametrize(
    ("skew", "settle", "told"),
    [
        (timedelta(seconds=5), 0, None),
        (timedelta(seconds=-5), 0, None),
        (timedelta(seconds=6), 0, "6 s fast"),
        (timedelta(seconds=-6), 0, "6 s slow"),
        (timedelta(seconds=60), 60, None),
        (timedelta(seconds=61), 60, "61 s fast"),
    ],
)
def test_a_clock_that_differs_by_more_than_the_settle_time_is_named(
    caplog: pytest.LogCaptureFixture, skew: timedelta, settle: int, told: str | None
) -> None:
    export(dated(NOON, NOON + skew), settle=timedelta(seconds=settle))

    assert caplog.messages == (
        []
        if told is None
        else [f"This machine's clock is {told}; using LeadLex's clock. Synchronize it (NTP)."]
    )


def test_nul_characters_are_counted_and_unknown_columns_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    date = format_datetime(NOON + DAY, usegmt=True)
    leadlex = LeadLex("id,created_at,vat,region", "1\0\0,2026-04-15T11:00:00Z,x,y", Date=date)
    exporter = leadlex.exporter()

    for _ in range(2):
        exporter.export(ExportRequest(WINDOW, 9))

    assert caplog.messages == [
        "Removed 2 NUL characters from contacts, because databases reject them.",
        "Ignoring columns that the tap did not request: vat, region.",
        "Removed 2 NUL characters from contacts, because databases reject them.",
    ]
    assert leadlex.batch.kept[0][0] == "1"


def test_a_repeated_record_is_delivered_once_and_fills_the_export(
    caplog: pytest.LogCaptureFixture,
) -> None:
    date = format_datetime(NOON + DAY, usegmt=True)
    rows = ["a,2026-04-15T11:00:00Z", "b,2026-04-15T11:00:00Z", "a,2026-04-15T11:00:01Z"]
    leadlex = LeadLex(HEADER, *rows, "a,2026-04-15T11:00:00Z", Date=date)

    result = export(leadlex, limit=4)

    assert leadlex.batch.kept == [
        ("a", "2026-04-15T11:00:00Z"),
        ("b", "2026-04-15T11:00:00Z"),
    ]
    assert len(result.created) == 2
    assert result.keys == ["a", "b"]
    assert result.full
    assert caplog.messages == [
        "LeadLex repeated 2 rows in one export; kept the first row of each of these contacts."
    ]


def test_a_record_that_is_repeated_outside_the_window_is_not_repeated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    date = format_datetime(NOON + DAY, usegmt=True)
    leadlex = LeadLex(HEADER, "a,2026-04-15T12:00:00Z", "a,2026-04-15T11:00:00Z", Date=date)

    assert export(leadlex).keys == ["a"]
    assert leadlex.batch.kept == [("a", "2026-04-15T11:00:00Z")]
    assert caplog.messages == []


def test_a_column_named_like_a_value_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    date = format_datetime(NOON + DAY, usegmt=True)
    leadlex = LeadLex("id,created_at,ann,region", "ann,2026-04-15T11:00:00Z,,", Date=date)

    export(leadlex)

    assert caplog.messages == ["Ignoring columns that the tap did not request: region and 1 more."]
