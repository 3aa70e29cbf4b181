"""A random sample of a stream of unknown length, each contact with the same chance."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, floor, inf, log, log1p
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_leadlex.validation.messages import Values


@dataclass(frozen=True, slots=True)
class Drawn:
    """A contact of the sample.

    Attributes:
        values: Its record.
        extracted: When it was read from LeadLex, seconds since 1970; `None` where nothing says so.
    """

    values: Values
    extracted: float | None


class Sample:
    """Reservoir sampling that jumps from hit to hit (Li's algorithm L): no draw for each contact.

    Attributes:
        drawn: The sample so far.
    """

    def __init__(self, size: int, seed: int) -> None:
        """Begin empty.

        Args:
            size: How many contacts to draw.
            seed: The same seed draws the same from the same stream.
        """
        self.drawn: list[Drawn] = []
        self._size = size
        self._random = Random(seed)  # noqa: S311 - a sample, not a secret
        self._weight = 1.0
        self._seen = 0
        self._next = 1 if size else inf

    def wants_next(self) -> bool:
        """Count one more contact; tell whether it belongs into the sample."""
        self._seen += 1
        return self._seen >= self._next

    def take(self, drawn: Drawn) -> None:
        """Put the contact just counted into the sample."""
        if len(self.drawn) < self._size:
            self.drawn.append(drawn)
        else:
            self.drawn[self._random.randrange(self._size)] = drawn
        if len(self.drawn) < self._size:
            self._next = self._seen + 1
        else:
            self._weight *= exp(log(self._positive()) / self._size)
            skip = floor(log(self._positive()) / log1p(-self._weight))
            self._next = self._seen + skip + 1

    def _positive(self) -> float:
        """Draw from (0, 1)."""
        return self._random.random() or 2**-53
