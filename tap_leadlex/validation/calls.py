"""Calls of the LeadLex API: counted, bounded, patient with faults and with the minute's limit."""

from __future__ import annotations

import http
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import httpx

from tap_leadlex.validation.errors import CannotValidateError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

_MINUTE = 60.0
_PATIENCE = 3
"""Times that one call is sent at most."""
_EPOCH_FROM, _MILLISECONDS_FROM = 1e8, 1e11
"""From what size on a number is an instant, and one in milliseconds."""

_ADVICE: dict[int, str] = {
    http.HTTPStatus.UNAUTHORIZED: "check api_key",
    http.HTTPStatus.FORBIDDEN: "give the key the permission to read contacts",
    http.HTTPStatus.NOT_FOUND: "check api_url, and list_id if it is set",
    http.HTTPStatus.TOO_MANY_REQUESTS: "its quota is used up; validate again later",
}


class ApiError(CannotValidateError):
    """LeadLex did not answer as it must; one line, with what to do."""


class BudgetSpentError(ApiError):
    """The calls that this validation may make are used up."""


class Calls:
    """GET requests with one key.

    Attributes:
        made: Calls made so far.
        budget: Calls to make at most.
        now: LeadLex's clock at its last answer, ours before the first; seconds since 1970.
    """

    def __init__(
        self, url: str, key: str, *, budget: int, timeout: float, sleep: Callable[[float], None]
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            url: Base of the API.
            key: The workspace's key; it goes into one header and nowhere else.
            budget: Calls to make at most.
            timeout: Seconds without a byte before a call is given up.
            sleep: How to wait.
        """
        self.made = 0
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

    def get(
        self, path: str, query: Mapping[str, str | int], *, absent: bool = False
    ) -> httpx.Response:
        """Send a GET, again after a fault or a refusal for the minute.

        Args:
            path: What to ask for, below the base.
            query: The parameters.
            absent: Whether a 404 is an answer like others.

        Raises:
            ApiError: If there is no good answer.
            BudgetSpentError: If there is no call left to ask with.
        """
        for attempt in range(_PATIENCE):
            if self.left <= 0:
                msg = f"All {self.budget} calls that --max-calls allows are used up."
                raise BudgetSpentError(msg)
            self.made += 1
            pause = float(attempt)
            try:
                response = self._http.get(path, params=query)
            except httpx.TransportError as error:
                problem = f"LeadLex did not answer ({type(error).__name__}); check api_url"
            else:
                self.now = _clock(response.headers)
                status = response.status_code
                if status == http.HTTPStatus.OK or (absent and status == http.HTTPStatus.NOT_FOUND):
                    return response
                problem = f"LeadLex answered HTTP {status}"
                if advice := _ADVICE.get(status):
                    problem += f"; {advice}"
                if status == http.HTTPStatus.TOO_MANY_REQUESTS:
                    pause = _pause(response.headers)
                elif not response.is_server_error:
                    break
            if attempt + 1 < _PATIENCE:
                self._sleep(pause)
        msg = f"{problem}."
        raise ApiError(msg)


def _clock(headers: Mapping[str, str]) -> float:
    """Read LeadLex's clock off an answer, or ours where it shows none."""
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()


def _pause(headers: Mapping[str, str]) -> float:
    """Say how long to wait after a 429: what the headers say if that is a matter of seconds."""
    for name in ("Retry-After", "X-RateLimit-Reset"):
        try:
            given = float(headers[name])
        except (KeyError, ValueError):
            continue
        if given >= _EPOCH_FROM:
            given = (given / 1000 if given >= _MILLISECONDS_FROM else given) - time.time()
        if 0 < given <= _MINUTE:
            return given + 1
    # The headers may speak of the day while it was the minute that refused.
    return _MINUTE + 1
