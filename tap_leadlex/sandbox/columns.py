"""Records as two parallel arrays: the creation instant and the number of each."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from tap_leadlex.sandbox.readings import Bound


@dataclass(frozen=True, slots=True)
class Columns:
    """The creation instants and the numbers of records; 16 bytes per record."""

    times: "array[int]"
    numbers: "array[int]"

    def __len__(self) -> int:
        return len(self.times)

    def between(
        self, after: int | None, before: int | None, lower: Bound, upper: Bound
    ) -> tuple[int, int]:
        """Return the positions [low, high) within the bounds; `times` must be ascending."""
        low, high = 0, len(self.times)
        if after is not None:
            low = (bisect_left if lower is Bound.INCLUSIVE else bisect_right)(self.times, after)
        if before is not None:
            high = (bisect_right if upper is Bound.INCLUSIVE else bisect_left)(self.times, before)
        return low, max(low, high)

    def pick(self, positions: Sequence[int]) -> "Columns":
        """Return a copy of the records at `positions`, in that order."""
        if isinstance(positions, range) and positions.step == 1:
            part = slice(positions.start, positions.stop)
            return Columns(self.times[part], self.numbers[part])
        return Columns(
            array("q", map(self.times.__getitem__, positions)),
            array("q", map(self.numbers.__getitem__, positions)),
        )

    def position(self, time: int, number: int) -> int | None:
        """Return where a record is, or None if it is not here; records must be in order."""
        low, high = bisect_left(self.times, time), bisect_right(self.times, time)
        position = bisect_left(self.numbers, number, low, high)
        return position if position < high and self.numbers[position] == number else None

    def insert(self, time: int, number: int) -> None:
        """Insert one record in order, after those of the same instant."""
        position = bisect_right(self.times, time)
        self.times.insert(position, time)
        self.numbers.insert(position, number)
