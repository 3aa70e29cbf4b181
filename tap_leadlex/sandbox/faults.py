"""Faults: what goes wrong with the n-th export or list call."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from tap_leadlex.sandbox.resource import UPDATED_DATE, Field


class Fault(StrEnum):
    """What can go wrong with an export."""

    # Instead of the export
    TOO_MANY = "429"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    REDIRECT = "redirect"
    JSON_200 = "json-200"
    HTML_200 = "html-200"
    ENDLESS_HEADERS = "endless-headers"
    ENDLESS_INFORMATIONAL = "endless-informational"
    ENDLESS_LINE = "endless-line"
    ENDLESS_GZIP = "endless-gzip"
    # On the wire
    RESET = "reset"
    RESET_MIDWAY = "reset-midway"
    CUT_LENGTH = "cut-length"
    CUT_CHUNK = "cut-chunk"
    CUT_GZIP = "cut-gzip"
    CLOSE = "close"
    CUT_CLOSE = "cut-close"
    STALL = "stall"
    DRIP = "drip"
    SURPLUS = "surplus"
    # In a body that arrives complete
    CUT_IN_QUOTES = "cut-in-quotes"
    CUT_AT_LINE = "cut-at-line"
    CUT_MID_LINE = "cut-mid-line"
    CUT_IN_DATE = "cut-in-date"
    JSON_MIDWAY = "json-midway"
    RAGGED_ROW = "ragged-row"
    BAD_DATE = "bad-date"
    EMPTY_ID = "empty-id"
    REPEATED_ROW = "repeated-row"
    BAD_UTF8 = "bad-utf8"
    NUL = "nul"
    MISSING_COLUMN = "missing-column"
    RENAMED_COLUMN = "renamed-column"
    DUPLICATE_COLUMN = "duplicate-column"
    EXTRA_COLUMN = "extra-column"


class ListFault(StrEnum):
    """What can go wrong with a list call."""

    FORBIDDEN = "403"
    MISSING = "404"
    TOO_MANY = "429"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    HTML_200 = "html-200"
    RESET = "reset"
    ERROR_WITH_DATA = "error-with-data"


ON_THE_WIRE = frozenset(
    {
        Fault.RESET_MIDWAY,
        Fault.CUT_LENGTH,
        Fault.CUT_CHUNK,
        Fault.CUT_GZIP,
        Fault.CLOSE,
        Fault.CUT_CLOSE,
        Fault.STALL,
        Fault.DRIP,
        Fault.SURPLUS,
    }
)

ERROR_TEXT = '{"error": {"code": "internal_error", "message": "Something went wrong"}}'
HTML_TEXT = "<!DOCTYPE html><html><body><h1>Just a moment...</h1></body></html>"


def spoil_columns(fault: Fault, columns: Sequence[Field]) -> list[Field]:
    """Return the columns of an export with that fault."""
    match fault:
        case Fault.MISSING_COLUMN:
            return [columns[0], *columns[2:]]
        case Fault.DUPLICATE_COLUMN:
            return [*columns, columns[1]]
        case Fault.EXTRA_COLUMN:
            return [*columns, UPDATED_DATE]
        case _:
            return list(columns)


def spoil(fault: Fault, records: Sequence[str]) -> bytes:
    """Return the body of an export with that fault.

    Args:
        fault: The fault. If there is no data row, only a fault of the header has an effect.
        records: The header line and the data rows, each with its newline.
    """
    if fault is Fault.RENAMED_COLUMN:
        return "".join([records[0].replace("created_at", "created_date"), *records[1:]]).encode()
    middle = len(records) // 2
    if fault is Fault.REPEATED_ROW and middle:
        return "".join([*records[: middle + 1], *records[middle:]]).encode()
    if fault not in _SPOILERS or not middle:
        return "".join(records).encode()
    before, after = "".join(records[:middle]), "".join(records[middle + 1 :])
    row = records[middle].rstrip("\r\n")
    newline = records[middle][len(row) :]
    header = next(csv.reader([records[0].removeprefix("\ufeff")]))
    replacement, continues = _SPOILERS[fault](dict(zip(header, _cells(row), strict=True)), row)
    return before.encode() + replacement + (newline + after if continues else "").encode()


def _cells(row: str) -> list[str]:
    return next(csv.reader(io.StringIO(row, newline="")))


def _line(cells: Mapping[str, str]) -> bytes:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells.values()).encode()


# Each function takes the cells and the text of the middle row. It returns the bytes that replace
# the row, and whether the body continues after them.
_SPOILERS: Mapping[Fault, Callable[[dict[str, str], str], tuple[bytes, bool]]] = {
    Fault.CUT_IN_QUOTES: lambda cells, _: (_line(cells)[:2], False),
    Fault.CUT_AT_LINE: lambda *_: (b"", False),
    Fault.CUT_MID_LINE: lambda _, row: (row[: len(row) // 2].encode(), False),
    Fault.CUT_IN_DATE: lambda _, row: (row[:-4].encode(), False),
    Fault.JSON_MIDWAY: lambda *_: (ERROR_TEXT.encode(), False),
    Fault.RAGGED_ROW: lambda _, row: (row.encode() + b",surplus", True),
    Fault.BAD_DATE: lambda cells, _: (_line(cells | {"created_at": "yesterday"}), True),
    Fault.EMPTY_ID: lambda cells, _: (_line(cells | {"id": ""}), True),
    Fault.BAD_UTF8: lambda _, row: (row[:2].encode() + b"\xff\xfe" + row[2:].encode(), True),
    Fault.NUL: lambda _, row: ((row[:2] + "\x00" + row[2:]).encode(), True),
}
