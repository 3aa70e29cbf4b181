"""The contact list: asked for one contact at a time, and for its count. Advice, never proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_leadlex import timestamps
from tap_leadlex.errors import LeadLexError
from tap_leadlex.planning.windows import Listed

if TYPE_CHECKING:
    import logging
    from datetime import datetime

    from tap_leadlex.api.client import Client
    from tap_leadlex.planning.windows import Edge

# The pages of the documentation disagree on the name.
_CREATED = ("created_at", "created_date")


class ContactList:
    """Asks the contact list under the filter that it knows.

    Attributes:
        now: LeadLex's time at the last answer, or the local one where it does not tell.
    """

    def __init__(
        self, client: Client, list_id: str | None, now: datetime, logger: logging.Logger
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            client: The API.
            list_id: Only members of this list.
            now: The present instant, until the first answer tells a better one.
            logger: The stream's logger.
        """
        self._client = client
        self._list_id = list_id
        self._log = logger
        self.now = now

    def edge(self, edge: Edge) -> Listed | None:
        """Find an edge; `None` if the list says nothing of use."""
        after = None if edge.start is None else edge.start - timestamps.SECOND
        return self.ask(after, edge.rank)

    def ask(self, after: datetime | None, rank: int) -> Listed | None:
        """Ask for the contact at a rank, once.

        Args:
            after: The lower bound of `created_at`.
            rank: Which contact, from 1, oldest first.

        Returns:
            What the list says; `None` if it says nothing of use.
        """
        try:
            page = self._client.contacts(after=after, page=rank, list_id=self._list_id)
            self.now = page.date or page.received
            return read(page.body.read())
        except (LeadLexError, ValueError) as error:
            self._log.debug("The contact list was of no use: %s", error)
            return None


def read(body: bytes) -> Listed:
    """Read a page of `GET /contacts` that was asked for with `per_page=1`.

    Args:
        body: The JSON body.

    Raises:
        ValueError: If it is no such page.
    """
    page = msgspec.json.decode(body)
    if not isinstance(page, dict) or page.get("error"):
        msg = "it is no page of contacts"
        raise ValueError(msg)
    try:
        contacts = page["data"]["contacts"]
        total = page.get("meta", {}).get("total")
        created = _created(contacts[0]) if contacts else None
    except (AttributeError, LookupError, StopIteration, TypeError, ValueError):
        # Without the error behind it: that one may quote a value.
        msg = "it is no page of contacts"
        raise ValueError(msg) from None
    return Listed(created, total if isinstance(total, int) else None)


def _created(contact: dict[str, Any]) -> datetime:
    return timestamps.parse(next(contact[name] for name in _CREATED if name in contact))
