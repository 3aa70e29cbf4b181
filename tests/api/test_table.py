"""Rows: any table of any text survives CSV, and whatever is not whole and sound is refused."""

from __future__ import annotations

import io
import traceback
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_leadlex.api import table as table_module
from tap_leadlex.api.table import Table, split_tags
from tap_leadlex.errors import BrokenExportError, CutError, OversizedError, TableError
from tap_leadlex.resources import CONTACTS
from tap_leadlex.scope import Scope
from tests.support import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

DATE = "2026-04-15T09:00:00Z"
INSTANT = datetime(2026, 4, 15, 9, tzinfo=UTC)
SECRET = "ann@example.com"  # noqa: S105 - a contact's value, which no error may hold

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
extra_names = st.lists(
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True).filter(lambda n: n not in FIELDS),
    unique=True,
    max_size=3,
)


@dataclass(frozen=True)
class Dialect:
    """One way to write CSV, in RFC 4180's terms: what must be quoted is, always or when needed."""

    line_end: str = "\n"
    quote_all: bool = False
    mark: str = ""

    def write(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
        """Write a table."""
        lines = (",".join(map(self._cell, cells)) + self.line_end for cells in (header, *rows))
        return (self.mark + "".join(lines)).encode()

    def _cell(self, text: str) -> str:
        if self.quote_all or any(character in text for character in '",\r\n'):
            return '"' + text.replace('"', '""') + '"'
        return text


dialects = st.builds(
    Dialect, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from(["", "\ufeff"])
)


def table_of(body: bytes, fields: Sequence[str]) -> Table:
    """Open a body."""
    columns = Scope(CONTACTS, {"extra_fields": list(fields)}).columns
    selected = [column for name in fields for column in columns if column.name == name]
    return Table(io.BytesIO(body), selected, CONTACTS)


def read(body: bytes, fields: Sequence[str] = FIELDS) -> list[dict[str, Any]]:
    """Give the records of a body."""
    return [contact for _, contact in pairs(table_of(body, fields), fields)]


def pairs(table: Table, fields: Sequence[str] = FIELDS) -> list[tuple[datetime, dict[str, Any]]]:
    """Give the rest of a table, row by row: instants and records."""
    return [
        (instant, dict(zip(fields, values, strict=True)))
        for group in table
        for instant, values in zip(*group, strict=True)
    ]


def row(**cells: str) -> list[str]:
    """Give a row of the standard columns."""
    return [
        cells.get(field, {"id": "1", "created_at": DATE}.get(field, SECRET)) for field in FIELDS
    ]


def body(*rows: Sequence[str], header: Sequence[str] = FIELDS) -> bytes:
    """Give a table in the plainest dialect."""
    return Dialect().write(header, rows)


@given(st.data(), dialects, extra_names)
def test_any_table_of_any_text_survives(
    data: st.DataObject, dialect: Dialect, extra: list[str]
) -> None:
    fields = (*FIELDS, *extra)
    cells = st.fixed_dictionaries(
        dict.fromkeys(fields, texts)
        | {"id": texts.filter(bool), "tags": st.just(""), "created_at": st.just(DATE)}
    )
    rows = data.draw(st.lists(cells, max_size=8))
    header = data.draw(st.permutations(fields))
    written = dialect.write(header, [[cells[name] for name in header] for cells in rows])

    table = table_of(written, fields)
    contacts = pairs(table, fields)

    assert [instant for instant, _ in contacts] == [INSTANT] * len(rows)
    assert [contact for _, contact in contacts] == [
        {name: cell or None for name, cell in cells.items()} | {"tags": []} for cells in rows
    ]
    assert all(list(contact) == list(fields) for _, contact in contacts)
    assert table.rows == len(rows)
    assert table.nul_characters == 0
    assert table.unknown_columns == ()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=6, max_size=6))
def test_nul_characters_are_removed_and_counted(values: list[str]) -> None:
    row_ = ["1", *values, "", DATE]
    table = table_of(body(row_), FIELDS)

    ((_, contact),) = pairs(table)

    assert list(contact.values()) == [
        "1",
        *(value.replace("\0", "") or None for value in values),
        [],
        DATE,
    ]
    assert table.nul_characters == sum(value.count("\0") for value in values)


@given(st.binary())
@example(b"\xff\xfe")
@example(b'id,created_at\n"')
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    for start in (b"", b"id,created_at\n", b"id,created_at\n1," + DATE.encode() + b"\n"):
        try:
            read(start + content, ("id", "created_at"))
        except BrokenExportError:
            continue


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=",")), max_size=6)
)
def test_tags_are_split_at_commas_and_trimmed(tags: list[str]) -> None:
    trimmed = [tag.strip() for tag in tags if tag.strip()]

    assert split_tags([",".join(tags), " , ".join(tags)]) == [trimmed, trimmed]


def test_no_tags_are_an_empty_array() -> None:
    first, second = split_tags(["", " , ,"])

    assert first == second == []
    assert first is not second


@pytest.mark.parametrize(
    ("printed", "written"),
    [
        (DATE, DATE),
        ("2026-04-15T09:00:00.000Z", "2026-04-15T09:00:00.000Z"),
        ("2026-04-15T09:00:00+00:00", "2026-04-15T09:00:00+00:00"),
        ("2026-04-15T11:00:00+02:00", DATE),
        ("2026-04-15 09:00:00", DATE),
    ],
)
def test_every_form_of_a_date_is_the_same_instant(printed: str, written: str) -> None:
    table = table_of(body(row(created_at=printed)), FIELDS)
    ((instant, contact),) = pairs(table)

    assert instant == INSTANT
    assert contact["created_at"] == written


@pytest.mark.parametrize("size", [200_000, 5_000_000])
def test_a_field_may_hold_megabytes(size: int) -> None:
    text = "é\n" * (size // 2)

    (contact,) = read(body(row(full_name=text)))

    assert contact["full_name"] == text


def test_a_large_table_comes_in_small_parts() -> None:
    sizes = [len(records) for _, records in table_of(body(*[row()] * 5_000), FIELDS)]

    assert sum(sizes) == 5_000
    assert max(sizes) <= 500


def test_a_deselected_column_need_not_be_there() -> None:
    content = body(["1", DATE], header=("id", "created_at"))

    assert read(content, ("created_at", "id")) == [{"created_at": DATE, "id": "1"}]


def test_an_unknown_column_is_named_and_not_read() -> None:
    content = body([*row(), SECRET], header=(*FIELDS, "updated_date"))
    table = table_of(content, FIELDS)

    ((_, contact),) = pairs(table)

    assert table.unknown_columns == ("updated_date",)
    assert "updated_date" not in contact


def test_a_table_without_contacts() -> None:
    assert read(body()) == []
    assert read(body().rstrip()) == []


def test_an_empty_line_at_the_end_is_no_contact() -> None:
    assert len(read(body(row()) + b"\n")) == 1


@pytest.mark.parametrize(
    ("printed", "microseconds"),
    [(DATE, 1_000_000), ("2026-04-15T09:00:00.5Z", 1_000), ("2026-04-15T09:00:00.000001Z", 1)],
)
def test_resolution_is_the_finest_seen(printed: str, microseconds: int) -> None:
    table = table_of(body(row(), row(created_at=printed), row()), FIELDS)
    list(table)

    assert table.resolution.total_seconds() * 1_000_000 == microseconds


SOUND = [row(id=f"{number}\nx", job_title="a\nb") for number in range(3)]
"""Three sound rows of three lines each: the next row begins in line 11."""


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ([*row(), SECRET], "line 11: the row has 10 columns, but the header has 9"),
        (row()[:-1], "line 11: the row has 8 columns, but the header has 9"),
        ([SECRET], "line 11: the row has 1 columns, but the header has 9"),
        (row(id=""), "line 11: id is empty"),
        (row(created_at=""), "line 11: created_at is not a date"),
        (row(created_at=SECRET), "line 11: created_at is not a date"),
        (row(job_title="one\ntwo", created_at="2026-02-30"), "line 12: created_at is not a date"),
    ],
)
def test_a_row_that_is_not_sound_is_refused_by_its_line(bad: list[str], complaint: str) -> None:
    with pytest.raises(TableError) as caught:
        read(body(*SOUND, bad, row()))

    assert str(caught.value) == complaint
    assert_discreet(caught.value)


heights = st.lists(st.integers(0, 3), max_size=120)


@given(before=heights, after=heights, closed=st.booleans())
@example(before=[1] * 49, after=[1] * 60, closed=False)
@example(before=[1] * 49, after=[], closed=False)
@example(before=[1] * 50, after=[], closed=False)
def test_a_row_is_refused_by_its_line_wherever_it_stands(
    before: list[int], after: list[int], *, closed: bool
) -> None:
    """Among rows of so many lines, of none where the line is empty, at the end of a body or not."""

    def lines(high: int) -> bytes:
        written = body(row(full_name="\n" * (high - 1)) if high else [], header=["id"])
        return written.removeprefix(b"id\n")

    bad = b"1,2\n" if closed or after else b"1,2"
    content = body() + b"".join([*map(lines, before), bad, *map(lines, after)])
    complaint = rf"^line {2 + sum(max(1, high) for high in before)}: the row has 2 columns"

    with pytest.raises(BrokenExportError, match=complaint) as caught:
        read(content)

    assert isinstance(caught.value, CutError) == (not (closed or after))


@pytest.mark.parametrize("line", [2, 3, 500, 5_000, 5_999])
def test_an_undecodable_byte_is_refused_by_its_line(line: int) -> None:
    rows = [row(id=str(number)) for number in range(2, 6_000)]
    lines = body(*rows).splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b"@", b"\xff", 1)

    with pytest.raises(TableError) as caught:
        read(b"".join(lines))

    assert str(caught.value) == f"line {line}: not valid UTF-8"
    assert_discreet(caught.value)


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_renamed_or_duplicate_column_is_refused(field: str) -> None:
    others = [name for name in FIELDS if name != field]
    for header in (others, [*others, field.title()], [*others, f" {field}"]):
        with pytest.raises(TableError, match=rf"^line 1: the column '{field}' is missing"):
            read(body(row()[: len(header)], header=header))
    with pytest.raises(
        TableError, match=rf"^line 1: the column '{field}' is present more than once"
    ):
        read(body([*row(), SECRET], header=[*FIELDS, field]))


def test_a_body_without_even_a_header_is_refused() -> None:
    for content in (b"", b"\n", b"\xef\xbb\xbf"):
        with pytest.raises(TableError, match=r"^line 1: the column 'id' is missing"):
            read(content)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote_all", [False, True])
@pytest.mark.parametrize("last", ["created_at", "full_name", "tags"])
def test_a_cut_anywhere_within_a_row_is_refused(
    *, line_end: str, quote_all: bool, last: str
) -> None:
    """However many bytes the last row lost, unless all that it lost is the end of its line."""
    header = [*(field for field in FIELDS if field != last), last]
    cells = dict(zip(FIELDS, row(full_name='A "B", C', tags='x,"y"'), strict=True))
    values = [cells[name] for name in header]
    dialect = Dialect(line_end=line_end, quote_all=quote_all)
    start = len(dialect.write(header, [values]))
    whole = dialect.write(header, [values, values])
    expected = read(whole)
    end = len(whole) - len(line_end)

    for length in range(start + 1, end):
        with pytest.raises(CutError) as caught:
            read(whole[:length])
        assert_discreet(caught.value)
    assert read(whole[: end + 1]) == expected


def test_no_line_end_after_the_last_row_is_accepted_when_a_whole_date_ends_it() -> None:
    for quote_all in (False, True):
        content = Dialect(quote_all=quote_all).write(FIELDS, [row()])

        assert len(read(content.rstrip(b"\n"))) == 1


@pytest.mark.parametrize("date", ["2026-04-15", "2026-04-15T09:00", "2026-04-15T09:00:00"])
def test_no_line_end_after_a_date_that_may_go_on_is_refused(date: str) -> None:
    with pytest.raises(CutError, match=r"^line 2: the body ends in the middle of a row$"):
        read(body(row(created_at=date)).rstrip(b"\n"))


def test_a_quote_that_is_never_closed_is_refused() -> None:
    content = body(*SOUND) + b'4,"' + SECRET.encode() + b"\n" + body(row())

    with pytest.raises(CutError, match=r"^line \d+: not valid CSV \(.*\)$") as caught:
        read(content)

    assert_discreet(caught.value)


def test_what_follows_a_closing_quote_is_refused() -> None:
    content = body(*SOUND) + b'"4"' + SECRET.encode() + b",\n"

    with pytest.raises(TableError, match=r"^line 11: not valid CSV") as caught:
        read(content)

    assert_discreet(caught.value)


def assert_discreet(error: BaseException) -> None:
    """Make sure that not even a traceback shows a contact's value."""
    assert SECRET not in "".join(traceback.format_exception(error))
    assert "2026-" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("x" * 1_100_000, "is larger than 1 MiB"),
        ('"' + "x\n" * 600_000 + '"', "is larger than 1 MiB"),
        ('"' + "x" * 900_000 + "\n" + "x" * 900_000 + '"', "is larger than 1 MiB"),
        ("é" * 300_000, "is larger than 1 MiB"),
        ("," * 500_001, "has more than 500,000 cells"),
    ],
)
def test_a_row_that_would_fill_the_memory_is_refused_by_its_line(
    monkeypatch: pytest.MonkeyPatch, cells: str, problem: str
) -> None:
    monkeypatch.setattr(table_module, "LARGEST_ROW", 1024**2)
    monkeypatch.setattr(table_module, "MOST_CELLS", 500_000)

    with pytest.raises(TableError, match=rf"^line \d+: the row {problem}"):
        read(body(row()) + f"{cells}\n".encode())
    assert len(read(body(row(), row(full_name="x" * 1_000_000), row()))) == 3


def test_a_table_of_too_many_rows_is_worth_asking_for_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_module, "MOST_ROWS", 120)

    assert len(read(body(*[row()] * 120))) == 120
    with pytest.raises(OversizedError, match=r"^the table has more than 120 rows$"):
        read(body(*[row()] * 121))


def test_a_key_has_at_most_100_characters() -> None:
    assert len(read(body(row(id="🦊" * 100)))) == 1
    with pytest.raises(TableError, match=r"^line 3: id is longer than 100 characters$") as caught:
        read(body(row(), row(id=SECRET * 100)))
    assert_discreet(caught.value)


def test_tags_of_megabytes_are_not_kept() -> None:
    tags = ["x" * 10_000, "y"]
    tracemalloc.start()
    try:
        for number in range(500):
            cell = f"{number}, {', '.join(tags)}"
            assert split_tags([cell]) == [[str(number), *tags]]
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 1_000_000


def test_rows_of_many_kilobytes_are_read_a_few_at_a_time() -> None:
    middling = row(full_name="x" * 100_000)

    groups = [len(records) for _, records in table_of(body(*[middling] * 40), FIELDS)]

    assert sum(groups) == 40
    assert max(groups) <= 5


def test_rows_of_megabytes_are_read_one_at_a_time() -> None:
    large = row(full_name="x" * 1_000_000)

    groups = [len(records) for _, records in table_of(body(*[large] * 5, *[row()] * 160), FIELDS)]

    assert sum(groups) == 165
    assert max(groups[1:4]) == 1
    assert max(groups) == 100


@pytest.mark.parametrize("size", [*range(65_400, 65_700, 7), 131_072, 300_000])
def test_lines_survive_wherever_the_body_is_divided(size: int) -> None:
    first = row(full_name="é" * (size // 2))
    rows = [first, *[row(id=str(number), full_name="a\r\nb") for number in range(3)]]

    for line_end in ("\n", "\r\n"):
        written = Dialect(line_end).write(FIELDS, rows)
        assert [record["full_name"] for record in read(written)] == [cells[1] for cells in rows]
