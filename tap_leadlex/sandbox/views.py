"""What the export and the list select among the records of a store, and in which order."""

from array import array
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import islice
from random import Random
from typing import Any, TypeAlias

from tap_leadlex.sandbox.columns import Columns
from tap_leadlex.sandbox.defects import Defects, IgnoredBound
from tap_leadlex.sandbox.instants import stepped
from tap_leadlex.sandbox.readings import Bound, ListMode, Order, Reading
from tap_leadlex.sandbox.resource import NO_FILTER, Filter

SortKeys: TypeAlias = Callable[[str, Columns], list[Any]]


class Side(StrEnum):
    """Where records are visible."""

    EXPORT = "export"
    LIST = "list"


class Views:
    """The selections and sort orders of the records of a store, cached.

    Args:
        records: All records. Call `forget` after changing them.
        select: Returns the test that the numbers of the records in a filter pass.
        sort_keys: Returns the sort key of each record.
        reading: Decides about bounds and orders.
        defects: Decides about bounds.
        seed: Seeds the order `shuffled`.
    """

    def __init__(
        self,
        records: Columns,
        select: Callable[[Filter], Callable[[int], bool]],
        sort_keys: SortKeys,
        *,
        reading: Reading,
        defects: Defects,
        seed: int,
    ) -> None:
        self._records = records
        self._select = select
        self._sort_keys = sort_keys
        self._reading = reading
        self._ignored = defects.ignored_bound
        self._random = Random(seed)  # noqa: S311 - shuffles rows
        self._hidden: dict[Side, set[int]] = {side: set() for side in Side}
        self._selected: dict[tuple[Side, Filter], Columns] = {}
        self._orders: dict[tuple[Side, Filter, str], array[int]] = {}

    def exported(self, after: int | None, before: int | None, where: Filter) -> range:
        """Return the positions in `records(Side.EXPORT, where)` within the bounds."""
        if self._ignored in {IgnoredBound.CREATED_AFTER, IgnoredBound.BOTH}:
            after = None
        if self._ignored in {IgnoredBound.CREATED_BEFORE, IgnoredBound.BOTH}:
            before = None
        bounds = (self._rounded(after), self._rounded(before))
        lower, upper = self._reading.lower, self._reading.upper
        return range(*self.records(Side.EXPORT, where).between(*bounds, lower, upper))

    def cut_off(self, positions: range, limit: int, where: Filter) -> Sequence[int]:
        """Return at most `limit` positions, in the order of the export."""
        match self._reading.order:
            case Order.ASCENDING:
                return positions[:limit]
            case Order.DESCENDING:
                return positions[::-1][:limit]
            case Order.SHUFFLED:
                return self._random.sample(positions, min(limit, len(positions)))
            case Order.BY_ID:
                by_id = self._order(Side.EXPORT, where, "id")
                return list(islice((p for p in by_id if p in positions), limit))

    def listed(
        self, after: int | None, before: int | None, where: Filter, sort: str
    ) -> Sequence[int]:
        """Return the positions in `records(Side.LIST, where)` within the bounds, sorted."""
        if self._reading.list_mode is ListMode.IGNORES_CREATED_AFTER:
            after = None
        if self._reading.list_mode is ListMode.NEWEST_FIRST:
            sort = "-created_at"
        bounds = (self._rounded(after), self._rounded(before))
        lower, upper = self._reading.list_lower, Bound.INCLUSIVE
        within = range(*self.records(Side.LIST, where).between(*bounds, lower, upper))
        positions: Sequence[int] = within
        if (key := sort.removeprefix("-")) != "created_at":
            positions = [p for p in self._order(Side.LIST, where, key) if p in within]
        return positions[::-1] if sort.startswith("-") else positions

    def records(self, side: Side, where: Filter) -> Columns:
        """Return the visible records in a filter, by creation instant."""
        hidden = self._hidden[side]
        if where == NO_FILTER and not hidden:
            return self._records
        if (side, where) not in self._selected:
            selected = self._select(where)
            self._selected[side, where] = self._records.pick(
                [
                    position
                    for position, number in enumerate(self._records.numbers)
                    if number not in hidden and selected(number)
                ]
            )
        return self._selected[side, where]

    def hide(self, number: int, side: Side) -> None:
        """Hide a record from the export or from the list."""
        self._hidden[side].add(number)
        self.forget()

    def forget(self) -> None:
        """Discard what is cached."""
        self._selected.clear()
        self._orders.clear()

    def _order(self, side: Side, where: Filter, key: str) -> "array[int]":
        """Return the positions of `records(side, where)`, sorted by a key."""
        if (side, where, key) not in self._orders:
            keys = self._sort_keys(key, self.records(side, where))
            positions = sorted(range(len(keys)), key=keys.__getitem__)
            self._orders[side, where, key] = array("q", positions)
        return self._orders[side, where, key]

    def _rounded(self, bound: int | None) -> int | None:
        """Return a bound as the server compares it."""
        if bound is None:
            return None
        return stepped(bound, self._reading.bound_step, self._reading.bound_rounding)
