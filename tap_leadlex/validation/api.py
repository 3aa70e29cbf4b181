"""LeadLex, asked by the validator itself: the contact list and single contacts, read-only."""

from __future__ import annotations

import http
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tap_leadlex.validation.calls import ApiError, Calls
from tap_leadlex.validation.instants import plain, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PER_PAGE = 100
ALIASES = {
    "company_name": ("company_name", "company"),
    "created_at": ("created_at", "created_date"),
    "updated_date": ("updated_date", "updated_at"),
}
"""Other names for a field on LeadLex's pages, which disagree."""


class UnreliableListError(ApiError):
    """The contact list contradicts itself, so that its counts prove nothing."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A contact of the list; instants are seconds since 1970."""

    identity: str
    created: float
    updated: float | None

    def changed_since(self, instant: float) -> bool:
        """Tell whether the contact was entered or edited after an instant.

        One that was entered when it says it was created counts by that alone.
        """
        if self.updated is None:
            return False
        return self.updated >= instant and self.updated > self.created + 1


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the contact list.

    Attributes:
        contacts: What it holds, in its order.
        total: How many contacts all pages hold.
    """

    contacts: Sequence[Listed]
    total: int


class LeadLex(Calls):
    """The API for one key."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        list_id: str | None = None,
        budget: int = 100,
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            url: Base of the API.
            key: The workspace's key.
            list_id: List the members of this list only.
            budget: Calls to make at most.
            timeout: Seconds without a byte before a call is given up.
            sleep: How to wait.
        """
        super().__init__(url, key, budget=budget, timeout=timeout, sleep=sleep)
        self.list_id = list_id

    def page(
        self,
        *,
        after: float | None = None,
        page: int = 1,
        per_page: int = PER_PAGE,
        sort: str = "created_at",
    ) -> Page:
        """Read a page of the list.

        Args:
            after: Lower bound of `created_at`; whether inclusive is not known.
            page: Its number, from 1.
            per_page: Its size.
            sort: What orders the list; with `-` descending.

        Raises:
            ApiError: If LeadLex does not answer, or not with a page.
        """
        query: dict[str, str | int] = {"page": page, "per_page": per_page, "sort": sort}
        if after is not None:
            query["created_after"] = plain(after)
        if self.list_id is not None:
            query["list_id"] = self.list_id
        response = self.get("/contacts", query)
        try:
            body = response.json()
            contacts = [_listed(contact) for contact in body["data"]["contacts"]]
            total = body["meta"]["total"]
            error = body.get("error")
        except (ValueError, LookupError, TypeError, AttributeError):
            msg = "The contact list has another form than documented: no contacts, dates or total."
            raise UnreliableListError(msg) from None
        if error:
            msg = "The contact list answers with contacts and an error at once."
            raise UnreliableListError(msg)
        if not isinstance(total, int) or isinstance(total, bool):
            msg = "The contact list gives no number as its total."
            raise UnreliableListError(msg)
        return Page(contacts, total)

    def contact(self, identity: str) -> Mapping[str, Any] | None:
        """Read one contact whole.

        Returns:
            Its fields under LeadLex's names, or `None` if there is no such contact.

        Raises:
            ApiError: If LeadLex does not answer, or not with a contact.
        """
        response = self.get(f"/contacts/{quote(identity, safe='')}", {}, absent=True)
        if response.status_code == http.HTTPStatus.NOT_FOUND:
            return None
        try:
            data = response.json()["data"]
        except (ValueError, LookupError, TypeError):
            data = None
        if not isinstance(data, dict):
            msg = "LeadLex answers with another form of contact than documented."
            raise ApiError(msg)
        return data


def alias(contact: Mapping[str, Any], name: str) -> str | None:
    """Give the name under which a contact has a field, `None` if it has not got it."""
    return next((other for other in ALIASES.get(name, (name,)) if other in contact), None)


def updated(contact: Mapping[str, Any]) -> float | None:
    """Give when a contact was last changed, seconds since 1970."""
    name = alias(contact, "updated_date")
    return None if name is None else seconds(contact[name])


def _listed(contact: Mapping[str, Any]) -> Listed:
    created = seconds(contact[alias(contact, "created_at") or "created_at"])
    identity = contact["id"]
    if created is None or not isinstance(identity, str):
        raise ValueError
    return Listed(identity, created, updated(contact))
