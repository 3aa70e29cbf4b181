"""A record as the parts of the sandbox pass it on."""

from typing import Any, NamedTuple, cast

from tap_leadlex.sandbox.contacts import Contact


class Row(NamedTuple):
    """A record and its two instants, in microseconds since 1970 UTC."""

    record: Any
    created: int
    updated: int

    @property
    def contact(self) -> Contact:
        """The record of a row of contacts."""
        return cast("Contact", self.record)
