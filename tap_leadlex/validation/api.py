"""LeadLex, asked by the validator itself, read-only: contacts, their list and their export.

Calls are counted and bounded. A passing fault is asked again; the limit for a minute is waited for.
"""

from __future__ import annotations

import http
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.errors import ApiError, BudgetSpentError, UnreliableListError
from tap_leadlex.validation.instants import plain, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

PER_PAGE = 100
EXPORT_LIMIT = 50_000
ALIASES = {
    "company_name": ("company_name", "company"),
    "created_at": ("created_at", "created_date"),
    "updated_date": ("updated_date", "updated_at"),
}
"""Further names of a field; LeadLex's pages disagree."""
_MINUTE = 60.0
_PATIENCE = 3
"""Send one call at most this many times."""
_EPOCH_FROM, _MILLISECONDS_FROM = 1e8, 1e11
"""From this size on a number is an instant, and one in milliseconds."""
_ADVICE: dict[int, str] = {
    http.HTTPStatus.UNAUTHORIZED: "check api_key",
    http.HTTPStatus.FORBIDDEN: f"give the key the permission {CONTACTS.permission}",
    http.HTTPStatus.NOT_FOUND: "check api_url, and list_id if it is set",
    http.HTTPStatus.TOO_MANY_REQUESTS: "its quota is used up; validate again later",
}


class _PassingError(ApiError):
    """A fault that may pass; `pause` says how long to wait before asking again."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Listed:
    """A contact of the list; instants are seconds since 1970."""

    identity: str
    created: float
    updated: float | None

    def changed_since(self, instant: float) -> bool:
        """Return whether the contact was entered or edited after an instant.

        A contact that was entered when it says it was created counts by that alone.
        """
        if self.updated is None:
            return False
        return self.updated >= instant and self.updated > self.created + 1


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the contact list: its contacts in order, and the total of all pages."""

    contacts: Sequence[Listed]
    total: int


class LeadLex:
    """The API for one key.

    Attributes:
        made: Calls made so far, exports not counted.
        exports: Export calls made so far.
        budget: Calls to make at most.
        now: LeadLex's clock at its last answer, ours before the first; seconds since 1970.
    """

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
            key: The workspace's key; it goes into one header and nowhere else.
            list_id: List and export the members of this list only.
            budget: Calls to make at most.
            timeout: Seconds without a byte before a call is given up.
            sleep: How to wait.
        """
        self.list_id = list_id
        self.made = self.exports = 0
        self.budget = budget
        self.now = time.time()
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}", "User-Agent": "leadlex-validate"},
            timeout=timeout,
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        """Open for a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def left(self) -> int:
        """How many calls may still be made."""
        return self.budget - self.made

    def page(
        self,
        *,
        after: float | None = None,
        page: int = 1,
        per_page: int = PER_PAGE,
        sort: str = "created_at",
        leave: int = 0,
    ) -> Page:
        """Read a page of the list.

        Args:
            after: Lower bound of `created_at`; whether inclusive is unknown.
            page: Its number, from 1.
            per_page: Its size.
            sort: What orders the list; with `-` descending.
            leave: Calls to leave for others.

        Raises:
            ApiError: If LeadLex does not answer, or not with a page.
        """
        query: dict[str, str | int] = {"page": page, "per_page": per_page, "sort": sort}
        if after is not None:
            query["created_after"] = plain(after)
        if self.list_id is not None:
            query["list_id"] = self.list_id
        response = self.get(CONTACTS.list_path, query, leave=leave)
        try:
            body = response.json()
            contacts = [_listed(contact) for contact in body["data"][CONTACTS.list_key]]
            total = body["meta"]["total"]
            error = body.get("error")
        except (ValueError, LookupError, TypeError, AttributeError):
            msg = "The contact list does not have its documented form: contacts, dates and a total."
            raise UnreliableListError(msg) from None
        if error:
            msg = "The contact list answers with contacts and an error at once."
            raise UnreliableListError(msg)
        if not isinstance(total, int) or isinstance(total, bool):
            msg = "The total of the contact list is not a number."
            raise UnreliableListError(msg)
        return Page(contacts, total)

    def contact(self, identity: str) -> Mapping[str, Any] | None:
        """Read one contact whole.

        Returns:
            Its fields under LeadLex's names, or `None` if there is no such contact.

        Raises:
            ApiError: If LeadLex does not answer, or not with a contact.
        """
        path = f"{CONTACTS.list_path}/{quote(identity, safe='')}"
        response = self.get(path, {}, absent=True)
        if response.status_code == http.HTTPStatus.NOT_FOUND:
            return None
        try:
            data = response.json()["data"]
        except (ValueError, LookupError, TypeError):
            data = None
        if isinstance(data, dict) and isinstance(data.get(CONTACTS.record), dict):
            data = data[CONTACTS.record]
        if not isinstance(data, dict):
            msg = "LeadLex's answer for one contact does not have its documented form."
            raise ApiError(msg)
        return data

    def export(self, query: Mapping[str, Any], into: IO[bytes]) -> None:
        """Write the body of one export to a file.

        Args:
            query: The parameters besides the list.
            into: The file.

        Raises:
            ApiError: If LeadLex does not send an export. It is not asked again: exports are scarce.
        """
        self.exports += 1
        if self.list_id is not None:
            query = {**query, "list_id": self.list_id}
        try:
            with self._http.stream(
                "GET", CONTACTS.export_path, params=query, headers={"Accept": "text/csv"}
            ) as response:
                self._check(response)
                if "csv" not in response.headers.get("Content-Type", ""):
                    msg = "LeadLex answered the export with something other than CSV."
                    raise ApiError(msg)
                for chunk in response.iter_bytes():
                    into.write(chunk)
        except httpx.HTTPError as error:
            msg = f"The export broke off ({type(error).__name__}); validate again later."
            raise ApiError(msg) from None

    def get(
        self,
        path: str,
        query: Mapping[str, str | int],
        *,
        absent: bool = False,
        leave: int = 0,
    ) -> httpx.Response:
        """Send a GET, again after a fault or a refusal for the minute.

        Args:
            path: What to ask for, below the base.
            query: The parameters.
            absent: Whether a 404 is an answer like others.
            leave: Calls to leave for others.

        Raises:
            ApiError: If there is no good answer.
            BudgetSpentError: If there is no call left to ask with.
        """

        def send() -> httpx.Response:
            if self.left <= leave:
                msg = f"All {self.budget - leave} calls that --max-calls allows here are used up."
                raise BudgetSpentError(msg)
            self.made += 1
            try:
                response = self._http.get(path, params=query)
            except httpx.TransportError as error:
                msg = f"LeadLex did not answer ({type(error).__name__}); check api_url."
                raise _PassingError(msg) from None
            self._check(response, absent=absent)
            return response

        return Retrying(
            stop=stop_after_attempt(_PATIENCE),
            retry=retry_if_exception_type(_PassingError),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )(send)

    def _check(self, response: httpx.Response, *, absent: bool = False) -> None:
        """Note LeadLex's clock, and raise unless the response is a good one."""
        self.now = _clock(response.headers)
        status = response.status_code
        if status == http.HTTPStatus.OK or (absent and status == http.HTTPStatus.NOT_FOUND):
            return
        advice = _ADVICE.get(status)
        msg = f"LeadLex answered HTTP {status}" + (f"; {advice}." if advice else ".")
        if status == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise _PassingError(msg, _pause(response.headers, self.now))
        if response.is_server_error:
            raise _PassingError(msg)
        raise ApiError(msg)


def alias(contact: Mapping[str, Any], name: str) -> str | None:
    """Return the name under which a contact has a field, or `None`."""
    return next((other for other in ALIASES.get(name, (name,)) if other in contact), None)


def updated(contact: Mapping[str, Any]) -> float | None:
    """Return when a contact was last changed, seconds since 1970."""
    name = alias(contact, "updated_date")
    return None if name is None else seconds(contact[name])


def _listed(contact: Mapping[str, Any]) -> Listed:
    created = seconds(contact[alias(contact, "created_at") or "created_at"])
    identity = contact["id"]
    if created is None or not isinstance(identity, str):
        raise ValueError
    return Listed(identity, created, updated(contact))


def _wait(attempts: RetryCallState) -> float:
    error = attempts.outcome.exception() if attempts.outcome else None
    pause = error.pause if isinstance(error, _PassingError) else None
    return float(attempts.attempt_number - 1) if pause is None else pause


def _clock(headers: Mapping[str, str]) -> float:
    """Read LeadLex's clock off an answer; ours if it shows none."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()


def _pause(headers: Mapping[str, str], now: float) -> float:
    """Return how long to wait after a 429: what the headers say if that is a matter of seconds.

    A header may name an instant. It is one of LeadLex's clock, which `now` shows.
    """
    for name in ("Retry-After", "X-RateLimit-Reset"):
        text = headers.get(name, "")
        try:
            given = float(text)
        except ValueError:
            at = seconds(text) or _http_date(text)
            given = 0.0 if at is None else at - now
        if given >= _EPOCH_FROM:
            given = (given / 1000 if given >= _MILLISECONDS_FROM else given) - now
        if 0 < given <= _MINUTE:
            return given + 1
    # The headers may describe the day although the limit for a minute was reached.
    return _MINUTE + 1


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
