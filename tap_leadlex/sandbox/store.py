"""The records of one resource, in memory: what an export or a page of the list contains.

`Store` knows no HTTP; property tests and benchmarks use it as their model of LeadLex. Two million
records are two arrays, and an export selects among them without creating a single value.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from threading import RLock
from typing import Any, NamedTuple, cast

from tap_leadlex.sandbox.columns import Columns
from tap_leadlex.sandbox.contact_resource import CONTACTS
from tap_leadlex.sandbox.contacts import Contact
from tap_leadlex.sandbox.instants import stored
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Reading
from tap_leadlex.sandbox.record_book import RecordBook
from tap_leadlex.sandbox.resource import NO_FILTER, Filter, ServedResource


class Row(NamedTuple):
    """A record and its two instants, in microseconds since 1970 UTC."""

    record: Any
    created: int
    updated: int

    @property
    def contact(self) -> Contact:
        """The record of a row of contacts."""
        return cast("Contact", self.record)


class Store:
    """The records of one resource.

    Args:
        times: The creation instant of each record, in any order.
        resource: The resource; contacts by default.
        book: Where the values of the records come from; the resource's own book by default.
        reading: The answers to the questions that the documentation leaves open.
        seed: Seeds the default book and the order `shuffled`.
    """

    def __init__(
        self,
        times: Iterable[int],
        *,
        resource: ServedResource = CONTACTS,
        book: RecordBook | None = None,
        reading: Reading | None = None,
        seed: int = 0,
    ) -> None:
        self.resource = resource
        self.book = book or resource.book(seed)
        self.reading = reading or Reading()
        kept = array("q", sorted(stored(time, self.reading.precision) for time in times))
        self._all = Columns(kept, array("q", range(len(kept))))
        self._next_number = len(kept)
        self._changed: dict[int, Any] = {}
        self._updated: dict[int, int] = {}
        self._random = Random(seed)  # noqa: S311 - shuffles rows
        self._filtered: dict[Filter, Columns] = {}
        self._sorted: dict[tuple[Filter, str], array[int]] = {}
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._all)

    # Reading the store.

    def export(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int = 10_000,
        where: Filter = NO_FILTER,
    ) -> Columns:
        """Return the content of one export, in the reading's order.

        Args:
            after: The lower bound of the creation instant.
            before: The upper bound.
            limit: The maximum number of rows. The order decides which rows are cut off.
            where: The other filters.
        """
        with self._lock:
            columns = self._where(where)
            low, high = columns.between(after, before, self.reading.lower, self.reading.upper)
            return columns.pick(self._in_order(range(low, high), limit, where))

    def page(
        self,
        *,
        page: int = 1,
        per_page: int = 50,
        sort: str = "created_at",
        after: int | None = None,
        before: int | None = None,
        where: Filter = NO_FILTER,
    ) -> tuple[Columns, int]:
        """Return one page of the list, and the number of records on all pages."""
        if self.reading.list_mode is ListMode.IGNORES_CREATED_AFTER:
            after = None
        if self.reading.list_mode is ListMode.NEWEST_FIRST:
            sort = "-created_at"
        with self._lock:
            columns = self._where(where)
            low, high = columns.between(after, before, self.reading.list_lower, Bound.INCLUSIVE)
            positions: Sequence[int] = range(low, high)
            if (key := sort.removeprefix("-")) != "created_at":
                positions = [p for p in self._sorted_by(key, where) if low <= p < high]
            if sort.startswith("-"):
                positions = positions[::-1]
            first = (page - 1) * per_page
            return columns.pick(positions[first : first + per_page]), high - low

    def count(
        self, *, after: int | None = None, before: int | None = None, where: Filter = NO_FILTER
    ) -> int:
        """Return the number of records that an export without limit would contain."""
        with self._lock:
            low, high = self._where(where).between(
                after, before, self.reading.lower, self.reading.upper
            )
            return high - low

    def find(self, record_id: str) -> Row | None:
        """Return the record with that id, or None if it does not exist."""
        with self._lock:
            position = self._position(record_id)
            return None if position is None else next(self.rows(self._all.pick([position])))

    def rows(self, columns: Columns | None = None) -> Iterator[Row]:
        """Yield the rows of `columns`, or of all records, oldest first."""
        if columns is None:
            with self._lock:
                columns = self._all.pick(range(len(self)))
        for time, number in zip(columns.times, columns.numbers, strict=True):
            yield Row(self._record(number), time, self._updated.get(number, time))

    # Changing the store.

    def create(self, created: int, values: Mapping[str, Any] | None = None) -> Row:
        """Add a record created at that instant; without `values` it is generated."""
        with self._lock:
            number, self._next_number = self._next_number, self._next_number + 1
            if values is not None:
                generated = self.book.record(number)
                self._changed[number] = type(generated)(generated.id)._replace(**values)
            created = stored(created, self.reading.precision)
            self._all.insert(created, number)
            self._forget()
            return Row(self._record(number), created, created)

    def edit(self, record_id: str, values: Mapping[str, Any], updated: int) -> Row | None:
        """Change a record, but not its creation instant; None if it does not exist."""
        with self._lock:
            if (row := self.find(record_id)) is None:
                return None
            number = self._number(record_id)
            self._changed[number] = row.record._replace(**values)
            self._updated[number] = stored(updated, self.reading.precision)
            self._forget()
            return self.find(record_id)

    def delete(self, record_id: str) -> bool:
        """Delete a record permanently; False if it does not exist."""
        with self._lock:
            if (position := self._position(record_id)) is None:
                return False
            self._all.times.pop(position)
            self._all.numbers.pop(position)
            self._forget()
            return True

    # Helpers.

    def _in_order(self, positions: range, limit: int, where: Filter) -> Sequence[int]:
        match self.reading.order:
            case Order.ASCENDING:
                return positions[:limit]
            case Order.DESCENDING:
                return positions[::-1][:limit]
            case Order.SHUFFLED:
                return self._random.sample(positions, min(limit, len(positions)))
            case Order.BY_ID:
                within = (p for p in self._sorted_by("id", where) if p in positions)
                return list(islice(within, limit))

    def _where(self, where: Filter) -> Columns:
        if where == NO_FILTER:
            return self._all
        if where not in self._filtered:
            selected = self.resource.select(where, self._value)
            numbers = self._all.numbers
            self._filtered[where] = self._all.pick(
                [position for position, number in enumerate(numbers) if selected(number)]
            )
        return self._filtered[where]

    def _record(self, number: int) -> Any:  # noqa: ANN401 - the book knows
        return self._changed.get(number) or self.book.record(number)

    def _value(self, number: int, name: str) -> Any:  # noqa: ANN401 - the book knows
        changed = self._changed.get(number)
        return getattr(changed, name) if changed else self.book.value(number, name)

    def _sorted_by(self, key: str, where: Filter) -> "array[int]":
        if (where, key) not in self._sorted:
            keys = self._keys(key, self._where(where))
            self._sorted[where, key] = array("q", sorted(range(len(keys)), key=keys.__getitem__))
        return self._sorted[where, key]

    def _keys(self, key: str, columns: Columns) -> list[Any]:
        match key:
            case "id":
                return [self.book.rank(number) for number in columns.numbers]
            case "updated_date":
                pairs = zip(columns.times, columns.numbers, strict=True)
                return [self._updated.get(number, time) for time, number in pairs]
            case _:
                return [self._value(number, key) for number in columns.numbers]

    def _position(self, record_id: str) -> int | None:
        try:
            return self._all.numbers.index(self._number(record_id))
        except ValueError:
            return None

    def _number(self, record_id: str) -> int:
        number = self.book.number(record_id)
        return -1 if number is None else number

    def _forget(self) -> None:
        self._filtered.clear()
        self._sorted.clear()
