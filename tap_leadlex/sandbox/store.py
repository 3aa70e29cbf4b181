"""The records of one resource, in memory: what an export or a page of the list contains.

`Store` knows no HTTP; property tests and benchmarks use it as their model of LeadLex. Two million
records are three arrays, and an export selects among them without creating a single value.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from threading import RLock
from typing import Any

from tap_leadlex.sandbox.columns import Columns
from tap_leadlex.sandbox.contact_resource import CONTACTS
from tap_leadlex.sandbox.defects import NO_DEFECTS, Defects, ListShows
from tap_leadlex.sandbox.instants import stored
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.record_book import RecordBook, scramble
from tap_leadlex.sandbox.resource import NO_FILTER, Filter, ServedResource
from tap_leadlex.sandbox.row import Row
from tap_leadlex.sandbox.views import Side, Views

_HIDDEN_SHARE = 10


class Store:
    """The records of one resource.

    Args:
        times: The creation instant of each record, in any order.
        resource: The resource; contacts by default.
        book: Where the values of the records come from; the resource's own book by default.
        reading: The answers to the questions that the documentation leaves open.
        defects: How the store contradicts the documentation or itself.
        seed: Seeds the default book and the order `shuffled`.
    """

    def __init__(
        self,
        times: Iterable[int],
        *,
        resource: ServedResource = CONTACTS,
        book: RecordBook | None = None,
        reading: Reading | None = None,
        defects: Defects = NO_DEFECTS,
        seed: int = 0,
    ) -> None:
        self.resource = resource
        self.book = book or resource.book(seed)
        self.reading = reading or Reading()
        self.defects = defects
        kept = array("q", sorted(stored(time, self.reading.precision) for time in times))
        self._all = Columns(kept, array("q", range(len(kept))))
        self._created = kept[:]  # by the number of the record
        self._changed: dict[int, Any] = {}
        self._updated: dict[int, int] = {}
        self._views = Views(
            self._all,
            lambda where: resource.select(where, self._value),
            self._keys,
            reading=self.reading,
            defects=defects,
            seed=seed,
        )
        self._lock = RLock()
        if defects.list_shows is not ListShows.SAME:
            for number in self._all.numbers:
                self._hide_some(number)

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
            within = self._views.exported(after, before, where)
            columns = self._views.records(Side.EXPORT, where)
            return columns.pick(self._views.cut_off(within, limit, where))

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
        with self._lock:
            positions = self._views.listed(after, before, where, sort)
            first = (page - 1) * per_page
            columns = self._views.records(Side.LIST, where)
            return columns.pick(positions[first : first + per_page]), len(positions)

    def count(
        self, *, after: int | None = None, before: int | None = None, where: Filter = NO_FILTER
    ) -> int:
        """Return the number of records that an export without limit would contain."""
        with self._lock:
            return len(self._views.exported(after, before, where))

    def find(self, record_id: str) -> Row | None:
        """Return the record with that id, or None if it does not exist."""
        with self._lock:
            position = self._position(record_id)
            return None if position is None else self.row(position)

    def row(self, position: int) -> Row:
        """Return the record at a position, counted from 0 for the oldest."""
        with self._lock:
            return next(self.rows(self._all.pick([position])))

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
            number = len(self._created)
            if values is not None:
                generated = self.book.record(number)
                self._changed[number] = type(generated)(generated.id)._replace(**values)
            created = stored(created, self.reading.precision)
            self._created.append(created)
            self._all.insert(created, number)
            self._hide_some(number)
            self._views.forget()
            return Row(self._record(number), created, created)

    def edit(self, record_id: str, values: Mapping[str, Any], updated: int) -> Row | None:
        """Change a record, but not its creation instant; None if it does not exist."""
        with self._lock:
            if (row := self.find(record_id)) is None:
                return None
            number = self._number(record_id)
            self._changed[number] = row.record._replace(**values)
            self._updated[number] = stored(updated, self.reading.precision)
            self._views.forget()
            return self.find(record_id)

    def delete(self, record_id: str) -> bool:
        """Delete a record permanently; False if it does not exist."""
        with self._lock:
            if (position := self._position(record_id)) is None:
                return False
            self._all.times.pop(position)
            self._all.numbers.pop(position)
            self._views.forget()
            return True

    def hide(self, record_id: str, side: Side) -> None:
        """Hide a record from the export or from the list."""
        with self._lock:
            self._views.hide(self._number(record_id), side)

    # Helpers.

    def _hide_some(self, number: int) -> None:
        shows = self.defects.list_shows
        if shows is not ListShows.SAME and scramble(number) % _HIDDEN_SHARE == 0:
            self._views.hide(number, Side.LIST if shows is ListShows.FEWER else Side.EXPORT)

    def _record(self, number: int) -> Any:  # noqa: ANN401 - the book knows
        return self._changed.get(number) or self.book.record(number)

    def _value(self, number: int, name: str) -> Any:  # noqa: ANN401 - the book knows
        changed = self._changed.get(number)
        return getattr(changed, name) if changed else self.book.value(number, name)

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
        number = self._number(record_id)
        if not 0 <= number < len(self._created):
            return None
        return self._all.position(self._created[number], number)

    def _number(self, record_id: str) -> int:
        number = self.book.number(record_id)
        return -1 if number is None else number
