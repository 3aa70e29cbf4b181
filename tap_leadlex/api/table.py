"""CSV bytes to typed contacts. Pure: bytes in, values out."""

from __future__ import annotations

import csv
import sys
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NoReturn

from tap_leadlex import timestamps
from tap_leadlex.errors import CutError, TableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import BinaryIO

KEY = "id"
REPLICATION_KEY = "created_at"
TAGS = "tags"
STANDARD_FIELDS = (
    KEY,
    "full_name",
    "email",
    "phone",
    "job_title",
    "company_name",
    "linkedin_url",
    TAGS,
    REPLICATION_KEY,
)

Contact = tuple[Any, ...]

_CHUNK = 64 * 1024
# So many rows are read in one go: few enough to stay in the processor's cache.
_AT_ONCE = 50
_MARK = b"\xef\xbb\xbf"


class ContactTable:
    """The contacts of one export, read from its body in one pass.

    Iterating gives `(instants, contacts)`, of some rows at a time and in the order of the body: the
    instants of `created_at`, aware and in UTC, and the values of the contacts as they go into
    RECORD messages, in the order of `fields`.

    Attributes:
        rows: Rows read so far.
        nul_characters: NUL characters removed so far (databases such as PostgreSQL refuse them).
        unknown_columns: Columns that came without having been asked for; they are not read.
        resolution: The finest step in which `created_at` was printed so far: one second, one
            millisecond or one microsecond.
    """

    def __init__(self, body: BinaryIO, fields: Sequence[str]) -> None:
        """Read the header.

        Args:
            body: The whole body, decompressed, at its beginning.
            fields: The columns that were asked for, `id` and `created_at` among them.

        Raises:
            TableError: If the header does not name each asked column exactly once.
        """
        self.rows = 0
        self.nul_characters = 0
        self.resolution = timestamps.SECOND
        self._last_character: str | None = None  # once the body has been read to its end
        # A field may hold megabytes; the module's default bound of 128 KB is for hostile input.
        csv.field_size_limit(sys.maxsize)
        lines = chain.from_iterable(self._lines(body))
        self._reader = csv.reader(lines, strict=True)
        with self._in_our_words():
            header = next(filter(None, self._reader), [])
        for field in fields:
            if header.count(field) != 1:
                found = "missing" if field not in header else "there more than once"
                msg = (
                    f"line 1: the column '{field}' is {found}; LeadLex may have changed the export"
                )
                raise TableError(msg)
        self.unknown_columns = tuple(name for name in header if name not in fields)
        self._fields = tuple(fields)
        self._width = len(header)
        self._pick = itemgetter(*(header.index(field) for field in fields))

    def __iter__(self) -> Iterator[tuple[Sequence[datetime], Sequence[Contact]]]:
        """Give the contacts that are left.

        Yields:
            The instants of `created_at` and the contacts; as many of them, and never none.

        Raises:
            TableError: At the first row that is not whole and sound, naming its line.
        """
        last: list[str] = []
        with self._in_our_words():
            while rows := list(islice(self._reader, _AT_ONCE)):
                # csv gives an empty list for an empty line; LeadLex prints none, but a stray one at
                # the end is no contact.
                not_empty = list(filter(None, rows))
                if not_empty:
                    try:
                        contacts = self._contacts(not_empty)
                    except ValueError:
                        self._refuse(rows)
                    self.rows += len(not_empty)
                    last = not_empty[-1]
                    yield contacts
        if self.rows and not self._ends_whole(last):
            self._fail("the body ends in the middle of a row", cut=True)

    def _contacts(self, rows: list[list[str]]) -> tuple[Sequence[datetime], Sequence[Contact]]:
        """Turn rows into contacts, column by column.

        Raises:
            ValueError: If one is not sound.
        """
        if set(map(len, rows)) != {self._width}:
            raise ValueError
        picked = zip(*map(self._pick, rows), strict=True)
        columns: dict[str, Sequence[Any]] = dict(zip(self._fields, picked, strict=True))
        if "" in columns[KEY]:
            raise ValueError
        created, columns[REPLICATION_KEY] = timestamps.read_all(columns[REPLICATION_KEY])
        if any(instant.microsecond for instant in created):
            self.resolution = min(self.resolution, *map(timestamps.resolution, created))
        if TAGS in columns:
            columns[TAGS] = [split_tags(cell) for cell in columns[TAGS]]
        for field, cells in columns.items():
            if "" in cells:
                columns[field] = [cell or None for cell in cells]
        return created, list(zip(*columns.values(), strict=True))

    def _problem(self, cells: list[str]) -> str | None:
        """Say what is wrong with a row."""
        if len(cells) != self._width:
            return f"has {len(cells)} columns where the header has {self._width}"
        contact = dict(zip(self._fields, self._pick(cells), strict=True))
        if not contact[KEY]:
            return "the id is empty"
        try:
            timestamps.parse(contact[REPLICATION_KEY])
        except ValueError:
            return "created_at is no date"
        return None

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        """Say in our words what csv and the decoder complain of."""
        try:
            yield
        except csv.Error as error:
            self._fail(
                f"this is no CSV ({error})",
                cut=self._last_character is not None or self._ends_open(),
            )
        except UnicodeDecodeError:
            line = self._reader.line_num + 1
            self._fail(
                "this is not UTF-8", line, cut=self._last_character is not None or self._ends_open()
            )

    def _lines(self, body: BinaryIO) -> Iterator[Iterable[str]]:
        """Give the lines as they stand, some at a time, without mark and NUL, noting the end."""
        last, mark = b"\n", _MARK
        while lines := body.readlines(_CHUNK):
            last, lines[0], mark = lines[-1], lines[0].removeprefix(mark), b""
            if nul_characters := b"".join(lines).count(b"\0"):
                self.nul_characters += nul_characters
                lines = [line.replace(b"\0", b"") for line in lines]
            yield map(bytes.decode, lines)
        self._last_character = chr(last[-1])

    def _ends_whole(self, cells: list[str]) -> bool:
        """Tell whether the last row cannot have lost its end.

        A line end closes it. Where the server writes none behind the last row, a full instant with
        its zone does. A closing quote does not: it may be the first of a doubled one.
        """
        return self._last_character in {"\r", "\n"} or timestamps.is_complete(cells[-1])

    def _refuse(self, rows: list[list[str]]) -> NoReturn:
        """Refuse the table for the first row with a problem among those just read."""
        heights = [1 + sum(cell.count("\n") for cell in cells) for cells in rows]
        problems = (cells and self._problem(cells) for cells in rows)
        number, what = next((number, what) for number, what in enumerate(problems) if what)
        below = rows[number + 1 :]
        line = self._reader.line_num - sum(heights[number + 1 :])
        self._fail(what, line, cut=not any(below) and self._ends_open())

    def _fail(self, what: str, line: int | None = None, *, cut: bool) -> NoReturn:
        """Refuse the table, without the error behind it: that one may quote a value."""
        msg = f"line {line or self._reader.line_num}: {what}"
        raise (CutError if cut else TableError)(msg) from None

    def _ends_open(self) -> bool:
        """Tell whether the body ends here, in the middle of a row."""
        if self._last_character is None:
            try:
                if next(self._reader, None) is not None:
                    return False
            except (csv.Error, UnicodeDecodeError):
                return False
        return self._last_character not in {None, "\r", "\n"}


def split_tags(cell: str) -> list[str]:
    """Split a cell of tags at its commas, without white space around them and without empty ones.

    A tag that itself holds a comma cannot be told from two: LeadLex joins them without escaping.
    """
    return list(_tags(cell))


@lru_cache(maxsize=4096)  # contacts share few sets of tags
def _tags(cell: str) -> tuple[str, ...]:
    return tuple(tag for tag in map(str.strip, cell.split(",")) if tag)
