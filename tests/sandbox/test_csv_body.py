"""The CSV dialects."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.sandbox import Reading
from tap_leadlex.sandbox.contact_resource import CONTACTS
from tap_leadlex.sandbox.contacts import Contact
from tap_leadlex.sandbox.csv_body import chunks, columns_of, records
from tap_leadlex.sandbox.readings import ColumnOrder, Newline, Presence, Quoting
from tap_leadlex.sandbox.row import Row

ANN = Contact("1", "Ann, Esq.", "a@example.com", "", "GC", "", "", ("lead", "priority"))


def body(reading: Reading, *contacts: Contact) -> str:
    rows = [Row(contact, 0, 0) for contact in contacts]
    return b"".join(chunks(records(rows, CONTACTS.columns, reading))).decode()


@pytest.mark.parametrize(
    ("quoting", "line"),
    [
        (Quoting.TAGS, '1,"Ann, Esq.",a@example.com,,GC,,,"lead,priority",1970-01-01T00:00:00Z'),
        (
            Quoting.ALL,
            '"1","Ann, Esq.","a@example.com","","GC","","","lead,priority","1970-01-01T00:00:00Z"',
        ),
    ],
)
def test_quoting(quoting: Quoting, line: str) -> None:
    assert body(Reading(quoting=quoting), ANN).splitlines()[1] == line


def test_minimal_quoting_does_not_quote_a_single_tag() -> None:
    lead = ANN._replace(tags=("lead",))
    assert ',"lead",' in body(Reading(), lead)
    assert ",lead," in body(Reading(quoting=Quoting.MINIMAL), lead)


def test_newline_and_byte_order_mark() -> None:
    text = body(Reading(newline=Newline.CRLF, bom=Presence.YES), ANN)
    assert text.startswith("\ufeffid,")
    assert text.count("\r\n") == text.count("\n") == 2


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.builds(Reading))
def test_any_value_round_trips(values: list[str], reading: Reading) -> None:
    text = body(reading, *(ANN._replace(full_name=value) for value in values))
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [row[1] for row in read[1:]] == values


def test_columns() -> None:
    def names(asked: list[str], order: ColumnOrder) -> list[str]:
        return [column.name for column in columns_of(CONTACTS, asked, order)]

    assert names([], ColumnOrder.REQUESTED) == [column.name for column in CONTACTS.columns]
    asked = ["created_at", "id", "no_such", "id"]
    assert names(asked, ColumnOrder.REQUESTED) == ["created_at", "id"]
    assert names(asked, ColumnOrder.STANDARD) == ["id", "created_at"]
