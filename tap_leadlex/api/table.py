"""The CSV table of an export: bytes in, typed records out. Pure."""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from tap_leadlex import timestamps
from tap_leadlex.errors import CutError, OversizedError, TableError
from tap_leadlex.resources import Column, Kind, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

Record = tuple[Any, ...]

_CHUNK = 64 * 1024
# A contact is about 400 bytes. Its row may hold megabytes, but not fill the memory: a text takes
# about 11 bytes for each byte of ASCII while it is handled, twice that for others, a cell 60 more.
LARGEST_ROW = 16 * 1024 * 1024
MOST_CELLS = 1_500_000
# LeadLex exports at most 50,000 rows a call. The keys and instants of all stay in memory.
MOST_ROWS = 100_000
LONGEST_KEY = 100
_LARGE = 4 * _CHUNK
_LONG_TAGS = 1_000
# Rows processed at a time: few enough to stay in the processor's cache.
_AT_ONCE = 100
_fraction = attrgetter("microsecond")
_MARK = b"\xef\xbb\xbf"
_CSV_ERRORS = {
    "unexpected end of data": "a quoted value has no end",
    "',' expected after '\"'": "text after a quoted value",
    "new-line character seen in unquoted field": "a line break outside quotes",
}


class Table:
    """The records of one export, read from its body in one pass.

    Iterating yields `(instants, records)`, some rows at a time and in the order of the body: the
    instants of the replication key, aware and in UTC, and the values of the records as they go
    into RECORD messages, in the order of `columns`.

    Args:
        body: The complete body, decompressed, at its beginning.
        columns: The columns that were asked for, key and replication key among them.
        resource: What was exported.

    Raises:
        TableError: If the header does not name each requested column exactly once.
    """

    def __init__(self, body: BinaryIO, columns: Sequence[Column], resource: Resource) -> None:
        self.rows = 0  # read so far
        self.nul_characters = 0  # removed so far: databases such as PostgreSQL refuse them
        self.resolution = timestamps.SECOND  # the finest of the instants so far
        self._last_character: str | None = None  # once the body has been read to its end
        # What was read for the present row, how much of it by the last line, and its commas.
        self._pending = self._tail = self._commas = self._lines_read = 0
        self._grown = False  # whether lines were read for the present row
        self._read = 0  # bytes of the body
        # A field may hold megabytes; the module's default limit is 128 KB.
        csv.field_size_limit(LARGEST_ROW)
        lines = chain.from_iterable(self._lines(body))
        self._reader = csv.reader(lines, strict=True)
        with self._own_errors():
            header = next(filter(None, self._reader), [])
        self._row_is_read()
        names = [column.name for column in columns]
        for name in names:
            if header.count(name) != 1:
                found = "missing" if name not in header else "present more than once"
                msg = f"line 1: the column '{name}' is {found}; LeadLex may have changed the export"
                raise TableError(msg)
        # Those that came without being asked for; they are not read.
        self.unknown_columns = tuple(name for name in header if name not in names)
        self._names = names
        self._tags = [column.name for column in columns if column.kind is Kind.TAGS]
        self._key = resource.key
        self._replication_key = resource.replication_key
        self._width = len(header)
        self._pick = itemgetter(*(header.index(name) for name in names))

    def __iter__(self) -> Iterator[tuple[Sequence[datetime], Sequence[Record]]]:
        """Yield the remaining records.

        Raises:
            TableError: At the first invalid row.
            OversizedError: At the first row too many.
        """
        last: list[str] = []
        with self._own_errors():
            while rows := self._next_rows():
                # csv yields an empty list for an empty line, which LeadLex may print at the end.
                not_empty = list(filter(None, rows))
                if not_empty:
                    try:
                        records = self._records(not_empty)
                    except ValueError:
                        self._refuse(rows)
                    self.rows += len(not_empty)
                    if self.rows > MOST_ROWS:
                        msg = f"the table has more than {MOST_ROWS:,} rows"
                        raise OversizedError(msg)
                    last = not_empty[-1]
                    yield records
        if self.rows and not self._ends_complete(last):
            self._fail("the body ends in the middle of a row", cut=True)

    def _next_rows(self) -> list[list[str]]:
        """Return the next rows: few enough, and none after a large one or many middling ones."""
        reader, rows, before = self._reader, [], self._read
        for row in islice(reader, _AT_ONCE):
            rows.append(row)
            if self._grown or reader.line_num == self._lines_read:
                self._row_is_read()
                if self._read - before > _LARGE:
                    break
        return rows

    def _row_is_read(self) -> None:
        """Begin to measure the next row: the last line that was read may belong to it."""
        self._pending = self._tail if self._reader.line_num < self._lines_read else 0
        self._commas = 0
        self._grown = False

    def _records(self, rows: list[list[str]]) -> tuple[Sequence[datetime], Sequence[Record]]:
        """Turn rows into records, column by column; raise `ValueError` if one is invalid."""
        if set(map(len, rows)) != {self._width}:
            raise ValueError
        picked = zip(*map(self._pick, rows), strict=True)
        columns: dict[str, Sequence[Any]] = dict(zip(self._names, picked, strict=True))
        keys = columns[self._key]
        if "" in keys or max(map(len, keys)) > LONGEST_KEY:
            raise ValueError
        created, columns[self._replication_key] = timestamps.normalize_all(
            columns[self._replication_key]
        )
        if any(map(_fraction, created)):
            self.resolution = min(self.resolution, *map(timestamps.resolution, created))
        for name in self._tags:
            columns[name] = split_tags(columns[name])
        for name, cells in columns.items():
            if "" in cells:
                columns[name] = [cell or None for cell in cells]
        return created, list(zip(*columns.values(), strict=True))

    def _problem(self, cells: list[str]) -> str | None:
        if len(cells) != self._width:
            return f"the row has {len(cells)} columns, but the header has {self._width}"
        record = dict(zip(self._names, self._pick(cells), strict=True))
        if not record[self._key]:
            return f"{self._key} is empty"
        if len(record[self._key]) > LONGEST_KEY:
            return f"{self._key} is longer than {LONGEST_KEY} characters"
        try:
            timestamps.parse(record[self._replication_key])
        except ValueError:
            return f"{self._replication_key} is not a date"
        return None

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        """Turn the errors of csv and of the decoder into ours."""
        try:
            yield
        except csv.Error as error:
            # Its words, if unknown, might quote the body.
            why = _CSV_ERRORS.get(str(error).partition(" - ")[0], "for another reason")
            self._fail(f"not valid CSV ({why})", cut=self._is_cut())
        except UnicodeDecodeError:
            self._fail("not valid UTF-8", self._reader.line_num + 1, cut=self._is_cut())

    def _lines(self, body: BinaryIO) -> Iterator[Iterable[str]]:
        """Yield the lines, some at a time, without byte order mark and NUL, noting the end."""
        last, mark = b"\n", _MARK
        while chunk := self._chunk(body):
            nul_characters = chunk.count(b"\0")
            lines = io.BytesIO(chunk).readlines()
            del chunk  # it may be large
            self._lines_read += len(lines)
            last, lines[0], mark = lines[-1], lines[0].removeprefix(mark), b""
            if nul_characters:
                self.nul_characters += nul_characters
                lines = [line.replace(b"\0", b"") for line in lines]
            yield map(bytes.decode, lines)
        self._last_character = chr(last[-1])

    def _chunk(self, body: BinaryIO) -> bytes:
        """Read some complete lines; raise `TableError` if they make a row too large."""
        chunk = body.read(_CHUNK)
        if chunk and not chunk.endswith(b"\n"):
            chunk += body.readline(LARGEST_ROW)
        self._grown = True
        self._read += len(chunk)
        weight = 1 if chunk.isascii() else 2
        self._pending += len(chunk) * weight
        self._tail = (len(chunk) - chunk.rfind(b"\n", 0, -1) - 1) * weight
        if self._pending > _LARGE:
            self._commas += chunk.count(b",")
        what = ""
        if self._commas > MOST_CELLS:
            what = f"the row has more than {MOST_CELLS:,} cells"
        elif self._pending > LARGEST_ROW:
            most = LARGEST_ROW // 1024**2
            what = f"the row is larger than {most} MiB ({most // 2} MiB if it is not all ASCII)"
        if what:
            lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
            self._fail(what, self._lines_read + lines, cut=False)
        return chunk

    def _ends_complete(self, cells: list[str]) -> bool:
        """Return whether the last row cannot have lost its end.

        A line end closes it, and so does a complete instant with its zone. A closing quote does
        not: it may be the first of a doubled one.
        """
        return self._last_character in {"\r", "\n"} or timestamps.is_complete(cells[-1])

    def _refuse(self, rows: list[list[str]]) -> NoReturn:
        """Raise for the first invalid row among those just read."""
        heights = [1 + sum(cell.count("\n") for cell in cells) for cells in rows]
        problems = (cells and self._problem(cells) for cells in rows)
        number, what = next((number, what) for number, what in enumerate(problems) if what)
        below = rows[number + 1 :]
        line = self._reader.line_num - sum(heights[number + 1 :])
        self._fail(what, line, cut=not any(below) and self._ends_open())

    def _fail(self, what: str, line: int | None = None, *, cut: bool) -> NoReturn:
        """Raise an error, without its cause, which may quote a value."""
        msg = f"line {line or self._reader.line_num}: {what}"
        raise (CutError if cut else TableError)(msg) from None

    def _is_cut(self) -> bool:
        """Return whether the body has been read to its end, or ends here in the middle of a row."""
        return self._last_character is not None or self._ends_open()

    def _ends_open(self) -> bool:
        """Return whether the body ends here, in the middle of a row."""
        if self._last_character is None:
            try:
                if next(self._reader, None) is not None:
                    return False
            except (csv.Error, UnicodeDecodeError):
                return False
        return self._last_character not in {None, "\r", "\n"}


def split_tags(cells: Sequence[str]) -> list[list[str]]:
    """Split cells of tags at their commas: LeadLex joins tags without escaping commas in them."""
    split = _known_tags if max(map(len, cells)) < _LONG_TAGS else _tags
    return list(map(list, map(split, cells)))


def _tags(cell: str) -> Iterable[str]:
    return [tag for tag in map(str.strip, cell.split(",")) if tag]


@lru_cache(maxsize=4096)  # records share few sets of tags
def _known_tags(cell: str) -> Iterable[str]:
    return tuple(_tags(cell))
