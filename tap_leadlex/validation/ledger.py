"""The contacts that a sync delivered, in about forty bytes each."""

from __future__ import annotations

from array import array

_FIRST_SLOTS = 1024


class Ledger:
    """Ids that were delivered, each with a digest of its content and its creation instant.

    A hash table with open addressing over flat arrays: Python's own dict would take five times
    the memory. Ids are kept as 64-bit digests, keyed anew in each process; two of a million
    contacts share one with a chance of 1 to 37 million.

    Attributes:
        created: Creation instants in the order of first delivery, seconds since 1970; `nan` where
            the record had none.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.created = array("d")
        self._ids = array("q")
        self._contents = array("q")
        self._resize(_FIRST_SLOTS)

    def __len__(self) -> int:
        """Return the number of distinct contacts."""
        return len(self._ids)

    def __contains__(self, identity: str) -> bool:
        """Tell whether a contact was delivered."""
        return self._slots[self._slot(hash(identity))] != 0

    def add(self, identity: str, content: int, created: float) -> int | None:
        """Enter a contact.

        Args:
            identity: Its id.
            content: A digest of its content.
            created: Its creation instant.

        Returns:
            `None` for a new one, else the digest of the content it was first delivered with.
        """
        digest = hash(identity)
        slots, mask, ids = self._slots, self._mask, self._ids
        slot = digest & mask
        while entry := slots[slot]:
            if ids[entry - 1] == digest:
                return self._contents[entry - 1]
            slot = (slot + 1) & mask
        ids.append(digest)
        self._contents.append(content)
        self.created.append(created)
        slots[slot] = len(ids)
        if 3 * len(ids) > 2 * mask:
            self._resize(2 * len(slots))
        return None

    def _slot(self, digest: int) -> int:
        """Find the slot of a digest, or the free one where it would go."""
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
