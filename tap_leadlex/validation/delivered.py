"""The contacts that arrived, in about a hundred bytes each."""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left
from functools import cached_property
from heapq import merge
from math import inf, isnan, nan
from typing import TYPE_CHECKING

import msgspec

from tap_leadlex.validation.catalogue import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.validation.messages import Values

_PART = 50_000


class Delivered:
    """Ids that arrived, each with a digest of its content, its creation instant and its version.

    Ids are kept as 64-bit digests, keyed anew in each process; among a million contacts two share
    one with a chance of 1 to 37 million. Whole records go to a temporary file, if anything is to
    be compared with all of them.
    """

    def __init__(self, *, keep_records: bool = False) -> None:
        self.created = array("d")  # in the order of arrival; `nan` if unknown
        self.repeats = 0
        self._places: dict[int, int] = {}  # in the order of arrival, by the digest of an id
        self._contents = array("q")
        self._versions = array("I")  # each by its number in `_known_versions`
        self._known_versions: dict[int | None, int] = {None: 0}
        self._offsets = array("Q")
        self._spool = tempfile.TemporaryFile() if keep_records else None  # noqa: SIM115 - see close

    def __len__(self) -> int:
        """Return the number of distinct contacts."""
        return len(self._places)

    def add(
        self,
        identity: str,
        content: int,
        created: float | None,
        version: int | None = None,
        record: bytes | None = None,
    ) -> Kind | None:
        """Add a contact, with a digest of all its values, and its record if records are kept.

        A refresh may bring again what came before it, under a version of its own: no repeat.

        Returns:
            What is wrong if it came before; `None` for a new one.
        """
        place = self._places.setdefault(hash(identity), len(self._contents))
        number = self._known_versions.setdefault(version, len(self._known_versions))
        if place < len(self._contents):
            if version is not None and number != self._versions[place]:
                self._versions[place] = number
                self._contents[place] = content
                return None
            self.repeats += 1
            return Kind.REPEAT if self._contents[place] == content else Kind.CONFLICT
        self._contents.append(content)
        self.created.append(nan if created is None else created)
        self._versions.append(number)
        if self._spool is not None and record is not None:
            self._offsets.append(self._spool.tell())
            self._spool.write(record + b"\n")
        return None

    def place(self, identity: str) -> int | None:
        """Return a contact's place in the order of arrival, or `None` if it did not arrive."""
        return self._places.get(hash(identity))

    def record(self, place: int) -> Values:
        """Return a kept record."""
        if self._spool is None:
            msg = "records are not kept"
            raise LookupError(msg)
        self._spool.seek(self._offsets[place])
        values: Values = msgspec.json.decode(self._spool.readline())
        return values

    def under_other_versions(self, version: int) -> int:
        """Count the contacts that arrived last under another version, or without one."""
        return len(self) - self._versions.count(self._known_versions.get(version, -1))

    def between(self, start: float | None, end: float) -> int:
        """Count the contacts created in [start, end)."""
        low = 0 if start is None else bisect_left(self.sorted, start)
        return max(bisect_left(self.sorted, end) - low, 0)

    @cached_property
    def sorted(self) -> array[float]:
        """The known creation instants in order; read it once everything has arrived."""
        parts = (self.created[at : at + _PART] for at in range(0, len(self.created), _PART))
        # A list of all of them would take as much memory as all else here.
        runs = [array("d", sorted(each for each in part if not isnan(each))) for part in parts]
        return array("d", merge(*runs))

    def unseen(self, seen: bytearray, start: float | None, end: float) -> Iterator[float]:
        """Yield when those contacts of [start, end) were created that are not marked as seen."""
        low = -inf if start is None else start
        for place, created in enumerate(self.created):
            if not seen[place] and (isnan(created) or low <= created < end):
                yield created

    def close(self) -> None:
        """Delete the kept records."""
        if self._spool is not None:
            self._spool.close()
