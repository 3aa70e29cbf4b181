"""Prints rows as CSV, in the dialect of a reading."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from tap_leadlex.sandbox.defects import NO_DEFECTS, Defects
from tap_leadlex.sandbox.instants import printer
from tap_leadlex.sandbox.readings import ColumnOrder, Newline, Presence, Quoting, Reading
from tap_leadlex.sandbox.resource import Field, Kind, ServedResource
from tap_leadlex.sandbox.row import Row

_RECORDS_PER_CHUNK = 500
_needs_quotes = re.compile('[",\r\n]').search


def columns_of(resource: ServedResource, names: Sequence[str], order: ColumnOrder) -> list[Field]:
    """Return the columns with those names, or the standard columns if no name is known."""
    every = {field.name: field for field in resource.columns + resource.further_columns}
    wanted = [every[name] for name in dict.fromkeys(names) if name in every]
    if not wanted:
        return list(resource.columns)
    if order is ColumnOrder.STANDARD:
        wanted.sort(key=list(every.values()).index)
    return wanted


def records(
    rows: Iterable[Row],
    columns: Sequence[Field],
    reading: Reading,
    defects: Defects = NO_DEFECTS,
) -> Iterator[str]:
    """Yield the header line, then one record per row, each with its newline."""
    newline = "\r\n" if reading.newline is Newline.CRLF else "\n"
    mark = "\ufeff" if reading.bom is Presence.YES else ""
    quote, _ = _QUOTES[reading.quoting]
    yield mark + ",".join(quote(column.name) for column in columns) + newline
    show = printer(reading, defects)
    cells = [_cell(column, reading.quoting, show) for column in columns]
    for row in rows:
        yield ",".join([cell(row) for cell in cells]) + newline


def chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield the records encoded, several hundred at a time."""
    lines = iter(lines)
    while chunk := "".join(islice(lines, _RECORDS_PER_CHUNK)):
        yield chunk.encode()


def _cell(column: Field, quoting: Quoting, show: Callable[[int], str]) -> Callable[[Row], str]:
    """Return the function from a row to its finished cell."""
    get = column.get
    quote, quote_tags = _QUOTES[quoting]
    match column.kind:
        case Kind.TEXT:
            return lambda row: quote(get(row))
        case Kind.NUMBER:
            return lambda row: quote("" if (value := get(row)) is None else str(value))
        case Kind.TAGS:
            return lambda row: quote_tags(",".join(get(row)))
        case Kind.INSTANT:
            return lambda row: quote("" if (value := get(row)) is None else show(value))


def _always(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _if_needed(value: str) -> str:
    return _always(value) if _needs_quotes(value) else value


def _always_unless_empty(value: str) -> str:
    return _always(value) if value else value


# How to quote a cell, and how to quote the cell of the tags.
_QUOTES = {
    Quoting.TAGS: (_if_needed, _always_unless_empty),
    Quoting.MINIMAL: (_if_needed, _if_needed),
    Quoting.ALL: (_always, _always),
}
