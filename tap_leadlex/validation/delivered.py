"""The contacts that arrived, in about fifty bytes each."""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left
from functools import cached_property
from math import inf, isnan, nan
from typing import TYPE_CHECKING

import msgspec

from tap_leadlex.validation.catalogue import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.validation.messages import Values

_FIRST_SLOTS = 1024


class Delivered:
    """Ids that arrived, each with a digest of its content, its creation instant and its version.

    A hash table with open addressing over flat arrays: a dict would take five times the memory.
    Ids are kept as 64-bit digests, keyed anew in each process; among a million contacts two share
    one with a chance of 1 to 37 million. Whole records go to a temporary file, if anything is to
    be compared with all of them.
    """

    def __init__(self, *, keep_records: bool = False) -> None:
        self.created = array("d")  # in the order of arrival; `nan` if unknown
        self.repeats = 0
        self._ids = array("q")
        self._contents = array("q")
        self._versions = array("B")
        self._known_versions: dict[int | None, int] = {None: 0}
        self._offsets = array("Q")
        self._spool = tempfile.TemporaryFile() if keep_records else None  # noqa: SIM115 - see close
        self._resize(_FIRST_SLOTS)

    def __len__(self) -> int:
        """Return the number of distinct contacts."""
        return len(self._ids)

    def __contains__(self, identity: str) -> bool:
        """Return whether a contact arrived."""
        return self.position(identity) is not None

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
        digest = hash(identity)
        slots, mask, ids = self._slots, self._mask, self._ids
        slot = digest & mask
        while entry := slots[slot]:
            if ids[entry - 1] == digest:
                return self._again(entry - 1, content, version)
            slot = (slot + 1) & mask
        ids.append(digest)
        self._contents.append(content)
        self.created.append(nan if created is None else created)
        if version is not None or self._versions:
            self._add_version(version)
        if self._spool is not None and record is not None:
            self._offsets.append(self._spool.tell())
            self._spool.write(record + b"\n")
        slots[slot] = len(ids)
        if 3 * len(ids) > 2 * mask:
            self._resize(2 * len(slots))
        return None

    def position(self, identity: str) -> int | None:
        """Return a contact's place in the order of arrival, or `None` if it did not arrive."""
        entry = self._slots[self._slot(hash(identity))]
        return entry - 1 if entry else None

    def record(self, position: int) -> Values:
        """Return a kept record."""
        if self._spool is None:
            msg = "records are not kept"
            raise LookupError(msg)
        self._spool.seek(self._offsets[position])
        values: Values = msgspec.json.decode(self._spool.readline())
        return values

    def under_other_versions(self, version: int) -> int:
        """Count the contacts that arrived last under another version, or without one."""
        return len(self) - self._versions.count(self._known_versions.get(version, 255))

    def between(self, start: float | None, end: float) -> int:
        """Count the contacts created in [start, end)."""
        low = 0 if start is None else bisect_left(self.sorted, start)
        return max(bisect_left(self.sorted, end) - low, 0)

    @cached_property
    def sorted(self) -> array[float]:
        """The known creation instants in order; read it once everything has arrived."""
        return array("d", sorted(created for created in self.created if not isnan(created)))

    def close(self) -> None:
        """Delete the kept records."""
        if self._spool is not None:
            self._spool.close()

    def unseen(self, seen: bytearray, start: float | None, end: float) -> Iterator[float]:
        """Yield when those contacts of [start, end) were created that are not marked as seen."""
        low = -inf if start is None else start
        for position, created in enumerate(self.created):
            if not seen[position] and (isnan(created) or low <= created < end):
                yield created

    def _again(self, position: int, content: int, version: int | None) -> Kind | None:
        if version is not None:
            number = self._version(version)
            self._versions.extend(bytes(len(self) - len(self._versions)))
            if number != self._versions[position]:
                self._versions[position] = number
                self._contents[position] = content
                return None
        self.repeats += 1
        return Kind.REPEAT if self._contents[position] == content else Kind.CONFLICT

    def _add_version(self, version: int | None) -> None:
        """Add the version of the newest contact; most syncs have none, and keep none."""
        self._versions.extend(bytes(len(self) - 1 - len(self._versions)))
        self._versions.append(0 if version is None else self._version(version))

    def _version(self, version: int) -> int:
        return self._known_versions.setdefault(version, min(len(self._known_versions), 254))

    def _slot(self, digest: int) -> int:
        """Return the slot of a digest, or the free one for it."""
        slot = digest & self._mask
        while (entry := self._slots[slot]) and self._ids[entry - 1] != digest:
            slot = (slot + 1) & self._mask
        return slot

    def _resize(self, size: int) -> None:
        """Make a table of `size` slots, a power of two; a slot holds an entry's number from 1."""
        self._mask = size - 1
        self._slots = array("I", bytes(4 * size))
        for entry, digest in enumerate(self._ids, start=1):
            self._slots[self._slot(digest)] = entry
