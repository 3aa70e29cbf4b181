"""Contacts as two parallel arrays: when each was created, and its number."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tap_leadlex.sandbox.readings import Bound


@dataclass(frozen=True, slots=True)
class Columns:
    """Creation instants and contact numbers, side by side; 16 bytes a contact."""

    times: "array[int]"
    numbers: "array[int]"

    def __len__(self) -> int:
        """Return the number of contacts."""
        return len(self.times)

    def between(
        self, after: int | None, before: int | None, lower: Bound, upper: Bound
    ) -> tuple[int, int]:
        """Return the positions [low, high) within the bounds; needs `times` ascending."""
        low, high = 0, len(self.times)
        if after is not None:
            low = (bisect_left if lower is Bound.INCLUSIVE else bisect_right)(self.times, after)
        if before is not None:
            high = (bisect_right if upper is Bound.INCLUSIVE else bisect_left)(self.times, before)
        return low, max(low, high)

    def pick(self, positions: Sequence[int]) -> "Columns":
        """Return the contacts at `positions`, in that order, as a copy."""
        if isinstance(positions, range) and positions.step == 1:
            part = slice(positions.start, positions.stop)
            return Columns(self.times[part], self.numbers[part])
        return Columns(
            array("q", map(self.times.__getitem__, positions)),
            array("q", map(self.numbers.__getitem__, positions)),
        )

    def insert(self, time: int, number: int) -> None:
        """Put one contact in its place, after those of the same instant."""
        position = bisect_right(self.times, time)
        self.times.insert(position, time)
        self.numbers.insert(position, number)
