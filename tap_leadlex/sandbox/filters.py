"""Which contacts an export or the list is about, apart from when they were created."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

from tap_leadlex.sandbox.contacts import Contact, scramble

LISTS: Mapping[str, float] = {"list-half": 0.5, "list-tenth": 0.1, "list-rare": 0.001}
"""The lists of every workspace, and the share of the contacts in each."""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which contacts, apart from when they were created; all conditions must hold."""

    list_id: str | None = None
    tags: frozenset[str] = frozenset()
    search: str | None = None

    def test(
        self, contact: Callable[[int], Contact], tags: Callable[[int], tuple[str, ...]]
    ) -> Callable[[int], bool]:
        """Return the test that the numbers of the contacts meant here pass.

        Args:
            contact: Gives the contact of a number.
            tags: Gives its tags alone, which costs far less.
        """
        tests: list[Callable[[int], bool]] = []
        if self.list_id is not None:
            salt, share = crc32(self.list_id.encode()), LISTS.get(self.list_id, 0) * 2**32
            tests.append(lambda number: scramble(number ^ salt) < share)
        if self.tags:
            tests.append(lambda number: self.tags.issubset(tags(number)))
        if self.search is not None:
            tests.append(lambda number: self._is_found(contact(number)))
        return lambda number: all(test(number) for test in tests)

    def _is_found(self, contact: Contact) -> bool:
        part = (self.search or "").casefold()
        return part in contact.full_name.casefold() or part in contact.email.casefold()


EVERYONE = Filter()
