"""The workspace in memory: what an export or a page of the list holds, without HTTP.

Also the model server of property tests and benchmarks: two million contacts are two arrays, and
an export chooses among them without making a single value.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from threading import RLock
from typing import Any, NamedTuple

from tap_leadlex.sandbox.columns import Columns
from tap_leadlex.sandbox.contacts import Book, Contact
from tap_leadlex.sandbox.filters import EVERYONE, Filter
from tap_leadlex.sandbox.instants import stored
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Reading


class Row(NamedTuple):
    """A contact with its two instants, in microseconds since 1970 UTC."""

    contact: Contact
    created: int
    updated: int


class Store:
    """A workspace."""

    def __init__(
        self,
        times: Iterable[int],
        *,
        book: Book | None = None,
        reading: Reading | None = None,
        seed: int = 0,
    ) -> None:
        """Fill the workspace.

        Args:
            times: The creation instants, one contact each, in any order.
            book: Where the values of the contacts come from.
            reading: How the questions of the documentation are answered.
            seed: What `shuffled` draws from.
        """
        self.book = book or Book(seed)
        self.reading = reading or Reading()
        kept = array("q", sorted(stored(time, self.reading.precision) for time in times))
        self._all = Columns(kept, array("q", range(len(kept))))
        self._next_number = len(kept)
        self._changed: dict[int, Contact] = {}
        self._updated: dict[int, int] = {}
        self._random = Random(seed)  # noqa: S311 - shuffles rows
        self._filtered: dict[Filter, Columns] = {}
        self._sorted: dict[tuple[Filter, str], array[int]] = {}
        self._lock = RLock()

    def __len__(self) -> int:
        """Return how many contacts there are."""
        return len(self._all)

    # What the API asks.

    def export(
        self,
        *,
        after: int | None = None,
        before: int | None = None,
        limit: int = 10_000,
        where: Filter = EVERYONE,
    ) -> Columns:
        """Return what one export holds: at most `limit` contacts, in the reading's order.

        Args:
            after: The lower bound of the creation instant.
            before: The upper bound.
            limit: Rows at most; which rows are cut off depends on the order alone.
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
        where: Filter = EVERYONE,
    ) -> tuple[Columns, int]:
        """Return one page of the contact list, and how many contacts all pages hold."""
        if self.reading.list_mode is ListMode.IGNORES_CREATED_AFTER:
            after = None
        if self.reading.list_mode is ListMode.NEWEST_FIRST:
            sort = "-created_at"
        with self._lock:
            columns = self._where(where)
            low, high = columns.between(after, None, self.reading.list_lower, Bound.INCLUSIVE)
            positions: Sequence[int] = range(low, high)
            if (key := sort.removeprefix("-")) != "created_at":
                positions = [p for p in self._sorted_by(key, where) if p >= low]
            if sort.startswith("-"):
                positions = positions[::-1]
            first = (page - 1) * per_page
            return columns.pick(positions[first : first + per_page]), high - low

    def count(
        self, *, after: int | None = None, before: int | None = None, where: Filter = EVERYONE
    ) -> int:
        """Return how many contacts an export without limit would hold."""
        with self._lock:
            low, high = self._where(where).between(
                after, before, self.reading.lower, self.reading.upper
            )
            return high - low

    def find(self, contact_id: str) -> Row | None:
        """Return the contact with that id, None if there is none."""
        with self._lock:
            position = self._position(contact_id)
            return None if position is None else next(self.rows(self._all.pick([position])))

    def rows(self, columns: Columns | None = None) -> Iterator[Row]:
        """Yield the values of `columns`, or of everyone, oldest first."""
        if columns is None:
            with self._lock:
                columns = self._all.pick(range(len(self)))
        for time, number in zip(columns.times, columns.numbers, strict=True):
            yield Row(self._contact(number), time, self._updated.get(number, time))

    # What changes the workspace.

    def create(self, created: int, values: Mapping[str, Any] | None = None) -> Row:
        """Add a contact created at that instant; without `values` it is generated."""
        with self._lock:
            number, self._next_number = self._next_number, self._next_number + 1
            if values is not None:
                blank = Contact(self.book.contact(number).id, "", "", "", "", "", "", ())
                self._changed[number] = blank._replace(**values)
            created = stored(created, self.reading.precision)
            self._all.insert(created, number)
            self._forget()
            return Row(self._contact(number), created, created)

    def edit(self, contact_id: str, values: Mapping[str, Any], updated: int) -> Row | None:
        """Change a contact; it keeps its creation instant. None if there is none."""
        with self._lock:
            if (row := self.find(contact_id)) is None:
                return None
            number = self._number(contact_id)
            self._changed[number] = row.contact._replace(**values)
            self._updated[number] = stored(updated, self.reading.precision)
            self._forget()
            return self.find(contact_id)

    def delete(self, contact_id: str) -> bool:
        """Remove a contact for good; False if there is none."""
        with self._lock:
            if (position := self._position(contact_id)) is None:
                return False
            self._all.times.pop(position)
            self._all.numbers.pop(position)
            self._forget()
            return True

    # How.

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
        if where == EVERYONE:
            return self._all
        if where not in self._filtered:
            accepts = where.test(self._contact, self._tags)
            numbers = self._all.numbers
            self._filtered[where] = self._all.pick(
                [position for position, number in enumerate(numbers) if accepts(number)]
            )
        return self._filtered[where]

    def _contact(self, number: int) -> Contact:
        return self._changed.get(number) or self.book.contact(number)

    def _tags(self, number: int) -> tuple[str, ...]:
        changed = self._changed.get(number)
        return changed.tags if changed else self.book.tags(number)

    def _sorted_by(self, key: str, where: Filter) -> "array[int]":
        if (where, key) not in self._sorted:
            keys = self._keys(key, self._where(where))
            self._sorted[where, key] = array("q", sorted(range(len(keys)), key=keys.__getitem__))
        return self._sorted[where, key]

    def _keys(self, key: str, columns: Columns) -> list[int] | list[str]:
        match key:
            case "id":
                return [self.book.rank(number) for number in columns.numbers]
            case "full_name":
                return [row.contact.full_name for row in self.rows(columns)]
            case _:
                pairs = zip(columns.times, columns.numbers, strict=True)
                return [self._updated.get(number, time) for time, number in pairs]

    def _position(self, contact_id: str) -> int | None:
        try:
            return self._all.numbers.index(self._number(contact_id))
        except ValueError:
            return None

    def _number(self, contact_id: str) -> int:
        number = self.book.number(contact_id)
        return -1 if number is None else number

    def _forget(self) -> None:
        self._filtered.clear()
        self._sorted.clear()
