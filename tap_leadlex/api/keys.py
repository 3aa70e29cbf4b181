"""The keys of one export: a record that LeadLex repeats in it counts once. Pure."""

from __future__ import annotations

from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class Keys:
    """The keys of the records that an export delivers.

    Attributes:
        found: The keys so far.
        repeated: How many rows repeated one of them.
    """

    def __init__(self, position: int) -> None:
        """Begin without keys; `position` is that of the key in a record."""
        self.found: set[str] = set()
        self.repeated = 0
        self._of = itemgetter(position)

    def once(self, records: Sequence[tuple[Any, ...]], wanted: list[bool]) -> list[bool]:
        """Return which of the wanted records are new, and remember them.

        The first row of a record is kept, as it may have been handed on before the second is read.
        """
        keys = list(map(self._of, compress(records, wanted)))
        new = set(keys)
        if len(new) == len(keys) and self.found.isdisjoint(new):
            self.found |= new
            return wanted
        return [
            want and self._is_new(self._of(record))
            for record, want in zip(records, wanted, strict=True)
        ]

    def _is_new(self, key: str) -> bool:
        new = key not in self.found
        self.repeated += not new
        self.found.add(key)
        return new
