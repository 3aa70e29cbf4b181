"""The JSON list of a resource: looked up one entry at a time, and for its count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_leadlex import timestamps
from tap_leadlex.api.client import Client, date
from tap_leadlex.errors import (
    LeadLexError,
    ListError,
    OversizedError,
    RequestError,
    UnreachableError,
)
from tap_leadlex.planning.windows import Listed, ListEntry, ListPage, look_up

if TYPE_CHECKING:
    from datetime import datetime

    from tap_leadlex.resources import Resource
    from tap_leadlex.scope import Scope

_LARGEST = 10**9  # no workspace has more records: such a total is none


class Listing:
    """The list of a resource, under the filters that it knows.

    `now` is LeadLex's time at the last response; the local one if it shows none.
    """

    def __init__(self, client: Client, scope: Scope, now: datetime) -> None:
        self._client = client
        self._scope = scope
        self.now = now

    def page(self, start: datetime | None, number: int, per_page: int) -> ListPage:
        """Return a page of the list from a start on, asking from a second before."""
        return self._read(None if start is None else start - timestamps.SECOND, number, per_page)

    def entry(self, after: datetime | None, rank: int) -> ListEntry:
        """Return the entry at a rank (from 1, oldest first) above a lower bound, in one call.

        Raises:
            ListError: If the list gave no usable answer.
            UnreachableError: If no connection came about.
        """
        return look_up(self._read)(after, rank)

    def _read(self, after: datetime | None, number: int, per_page: int) -> ListPage:
        sort = self._scope.resource.replication_key
        query: list[tuple[str, str | int]] = [("per_page", per_page), ("page", number)]
        query.append(("sort", sort))
        if after is not None:
            query.append(("created_after", timestamps.plain(after)))
        query += self._scope.list_query
        try:
            page = self._client.list_page(self._scope.resource, query)
        except UnreachableError:
            raise  # not for want of the list
        except LeadLexError as error:
            raise ListError(_reason(error)) from error
        self.now = date(page.headers) or page.received
        try:
            return read_page(page.body.read(), self._scope.resource)
        except ValueError:
            # Without its cause, which may quote a value.
            msg = f"its response is not a page of {self._scope.resource.records}"
            raise ListError(msg) from None


def read_page(body: bytes, resource: Resource) -> ListPage:
    """Read a page of the list; raise `ValueError` if it is not one."""
    try:
        page = msgspec.json.decode(body)
    except RecursionError:
        raise ValueError from None
    if not isinstance(page, dict) or page.get("error") is not None:
        raise ValueError
    try:
        entries = [_listed(entry, resource) for entry in page["data"][resource.list_key]]
        total = page.get("meta", {}).get("total")
    except (AttributeError, LookupError, StopIteration, TypeError) as error:
        raise ValueError from error
    known = type(total) is int and 0 <= total <= _LARGEST
    return ListPage(entries, total if known else None)


def _listed(entry: dict[str, Any], resource: Resource) -> Listed:
    """Return an entry; one created at an instant that no bookmark may have is not usable."""
    text = next(entry[name] for name in resource.list_created if name in entry)
    return Listed(timestamps.parse_credible(text), str(entry[resource.key]))


def _reason(error: LeadLexError) -> str:
    if isinstance(error, RequestError) and error.status:
        return f"HTTP {error.status}"
    if isinstance(error, OversizedError):
        return "its response is larger or slower than the tap reads"
    return "its response did not arrive or cannot be used"
