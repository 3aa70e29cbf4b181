"""What differs between the resources that the sandbox serves, as data.

To serve another resource, define a `ServedResource` and a `RecordBook`, and pass
`Store(times, resource=...)` to `Sandbox(stores=[...])`. `contact_resource.py` defines the contacts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tap_leadlex.sandbox.record_book import RecordBook
    from tap_leadlex.sandbox.row import Row

Filter: TypeAlias = frozenset[tuple[str, str]]
"""Pairs of a query parameter and its value; a record must satisfy all of them."""

NO_FILTER: Filter = frozenset()

ValueOf: TypeAlias = Callable[[int, str], Any]
"""Returns a value of a record, given the record's number and the value's name."""


def matching(**parameters: str | Iterable[str]) -> Filter:
    """Return a filter, for example `matching(list_id="list-half", tag=["client", "lead"])`."""
    return frozenset(
        (name, value)
        for name, values in parameters.items()
        for value in ([values] if isinstance(values, str) else values)
    )


class Kind(StrEnum):
    """The type of a field, which decides how CSV and JSON print it."""

    TEXT = "text"
    NUMBER = "number"
    TAGS = "tags"
    INSTANT = "instant"


@dataclass(frozen=True)
class Field:
    """A column of the export or a field of the list.

    Attributes:
        name: Its name, as printed.
        get: Returns its value. An absent value is "" in a text and None in a number or instant.
        kind: Its type.
    """

    name: str
    get: "Callable[[Row], Any]"
    kind: Kind = Kind.TEXT


def field(name: str, kind: Kind = Kind.TEXT) -> Field:
    """Return the field that prints the record's attribute of the same name."""
    return Field(name, attrgetter(f"record.{name}"), kind)


CREATED_AT = Field("created_at", attrgetter("created"), Kind.INSTANT)
UPDATED_DATE = Field("updated_date", attrgetter("updated"), Kind.INSTANT)


@dataclass(frozen=True, kw_only=True)
class FilterParameter:
    """A query parameter that selects records.

    Attributes:
        name: Its name in the query. If it is repeated, a record must satisfy every value.
        test: Returns, for one value, the test that the numbers of the selected records pass.
        known: The values that exist; None if every value is accepted.
        in_export: Whether the export knows this parameter.
        in_list: Whether the list knows it.
    """

    name: str
    test: Callable[[str, ValueOf], Callable[[int], bool]]
    known: frozenset[str] | None = None
    in_export: bool = True
    in_list: bool = True


def equals(name: str) -> Callable[[str, ValueOf], Callable[[int], bool]]:
    """Return the test of a filter that compares the record's value `name` with the parameter."""

    def test(wanted: str, value_of: ValueOf) -> Callable[[int], bool]:
        return lambda number: bool(value_of(number, name) == wanted)

    return test


@dataclass(frozen=True, kw_only=True)
class ServedResource:
    """A resource with an export and a list.

    Attributes:
        name: Its plural name, in lower case.
        export_path: The path of the export, below the prefix of the API.
        list_path: The path of the list.
        list_key: The key of the records in the JSON of the list.
        book: Creates the generated records of a seed.
        columns: The columns of the export, in their standard order.
        further_columns: Columns that the export contains only if `fields` names them.
        listed: The fields of a record in the list.
        filters: The query parameters that select records.
        list_bounds: Which of `created_after` and `created_before` the list knows.
        sorts: The sort keys of the list, the default first. A list without sort keys ignores
            `sort` and orders records by id.
    """

    name: str
    export_path: str
    list_path: str
    list_key: str
    book: "Callable[[int], RecordBook]"
    columns: tuple[Field, ...]
    further_columns: tuple[Field, ...] = ()
    listed: tuple[Field, ...]
    filters: tuple[FilterParameter, ...] = ()
    list_bounds: tuple[str, ...] = ("created_after",)
    sorts: tuple[str, ...] = ()

    def select(self, where: Filter, value_of: ValueOf) -> Callable[[int], bool]:
        """Return the test that the numbers of the records in `where` pass."""
        parameters = {parameter.name: parameter for parameter in self.filters}
        tests = [parameters[name].test(value, value_of) for name, value in where]
        return lambda number: all(test(number) for test in tests)
