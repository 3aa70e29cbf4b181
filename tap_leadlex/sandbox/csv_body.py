"""Rows to CSV, in the dialect of a reading."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from tap_leadlex.sandbox.instants import show
from tap_leadlex.sandbox.readings import ColumnOrder, Newline, Presence, Quoting, Reading
from tap_leadlex.sandbox.store import Row

STANDARD = (
    *("id", "full_name", "email", "phone", "job_title", "company_name", "linkedin_url"),
    *("tags", "created_at"),
)
FURTHER = ("updated_date", "first_name", "last_name")
KNOWN = frozenset(STANDARD + FURTHER)

_RECORDS_A_CHUNK = 500
_needs_quotes = re.compile('[",\r\n]').search


def columns_of(fields: Sequence[str], order: ColumnOrder) -> list[str]:
    """Return the columns that `fields` asks for; nothing asked means the standard ones."""
    known = [name for name in dict.fromkeys(fields) if name in KNOWN] or list(STANDARD)
    if order is ColumnOrder.REQUESTED:
        return known
    return sorted(known, key=(STANDARD + FURTHER).index)


def records(rows: Iterable[Row], columns: Sequence[str], reading: Reading) -> Iterator[str]:
    """Yield the header line, then one record a row, each with its newline."""
    newline = "\r\n" if reading.newline is Newline.CRLF else "\n"
    mark = "\ufeff" if reading.bom is Presence.YES else ""
    quote, _ = _QUOTES[reading.quoting]
    yield mark + ",".join(map(quote, columns)) + newline
    cells = _cells(reading)
    getters = [cells[name] for name in columns]
    for row in rows:
        yield ",".join([get(row) for get in getters]) + newline


def chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield the records encoded, some hundred at a time."""
    lines = iter(lines)
    while chunk := "".join(islice(lines, _RECORDS_A_CHUNK)):
        yield chunk.encode()


def _cells(reading: Reading) -> Mapping[str, Callable[[Row], str]]:
    """Return for each column the function from a row to its finished cell."""
    quote, quote_tags = _QUOTES[reading.quoting]
    precision, form = reading.precision, reading.date_form
    return {
        "id": lambda row: quote(row.contact.id),
        "full_name": lambda row: quote(row.contact.full_name),
        "email": lambda row: quote(row.contact.email),
        "phone": lambda row: quote(row.contact.phone),
        "job_title": lambda row: quote(row.contact.job_title),
        "company_name": lambda row: quote(row.contact.company_name),
        "linkedin_url": lambda row: quote(row.contact.linkedin_url),
        "tags": lambda row: quote_tags(",".join(row.contact.tags)),
        "created_at": lambda row: quote(show(row.created, precision, form)),
        "updated_date": lambda row: quote(show(row.updated, precision, form)),
        "first_name": lambda row: quote(row.contact.full_name.partition(" ")[0]),
        "last_name": lambda row: quote(row.contact.full_name.partition(" ")[2]),
    }


def _always(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _if_needed(value: str) -> str:
    return _always(value) if _needs_quotes(value) else value


def _always_unless_empty(value: str) -> str:
    return _always(value) if value else value


# How cells are quoted, and how the cell of the tags is.
_QUOTES = {
    Quoting.TAGS: (_if_needed, _always_unless_empty),
    Quoting.MINIMAL: (_if_needed, _if_needed),
    Quoting.ALL: (_always, _always),
}
