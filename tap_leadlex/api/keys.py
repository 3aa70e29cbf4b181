"""The keys of one export: a record that LeadLex repeats in it counts once. Pure."""

from __future__ import annotations

from itertools import compress, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet


class Keys:
    """The keys of the records that an export delivers.

    Attributes:
        found: The keys so far, in the order of the records.
        repeated: How many rows repeated one of them.
    """

    def __init__(self, position: int) -> None:
        """Begin without keys; `position` is that of the key in a record."""
        self.found: dict[str, None] = {}
        self.repeated = 0
        self._of = itemgetter(position)

    def once(
        self,
        records: Sequence[tuple[Any, ...]],
        wanted: list[bool],
        only: AbstractSet[str] = frozenset(),
    ) -> list[bool]:
        """Return which of the wanted records are new, and remember them.

        If `only` is not empty, records with other keys are not wanted. Of equal keys the first row
        is kept, as it may have been handed on before the second is read.
        """
        if only:
            pairs = zip(wanted, records, strict=True)
            wanted = [want and self._of(record) in only for want, record in pairs]
        keys = list(map(self._of, compress(records, wanted)))
        before = len(self.found)
        self.found |= dict.fromkeys(keys)
        added = len(self.found) - before
        if added == len(keys):
            return wanted
        self.repeated += len(keys) - added
        new = set(islice(reversed(self.found), added))
        first = []
        for record, want in zip(records, wanted, strict=True):
            key = self._of(record)
            first.append(want and key in new)
            if want:
                new.discard(key)
        return first
