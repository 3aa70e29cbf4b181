"""The exceptions, named by what the caller may do. Each message tells the user what to do.

LeadLexError
├── SettingsError         a setting cannot be used; raised before any call
├── OutputError           standard output cannot be written to
├── StateError            the state does not fit this run; raised before any call
├── DenseInstantError     one instant holds more records than one export carries
├── ListError             the list gave no usable answer: do without it
├── RequestError          LeadLex refused for good: never retried
│   └── QuotaError        LeadLex refused for now (HTTP 429)
└── BrokenExportError     an export that is incomplete or unreadable
    ├── TableError        the body is not the CSV table that it must be
    └── TransportError    the response did not arrive: worth a retry
        ├── UnreachableError   no connection came about: nothing was asked
        └── GatewayError       5xx, timeout or cut: the response may be too big to arrive
            ├── CutError       the body ends too early, although the transport called it complete
            └── OversizedError a limit of the tap ended it: only worth asking for less

RunStopped                not an error: the run ends early, with its state saved
"""

from __future__ import annotations

import http
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


class LeadLexError(Exception):
    """A failure that the user reads: one line that says what is wrong and what to do."""


class SettingsError(LeadLexError):
    """One or more settings, or the catalog, cannot be used."""


class OutputError(LeadLexError):
    """Standard output cannot be written to: it is closed if there is no cause."""

    def __init__(self, cause: OSError | None = None) -> None:
        reason: str | None = "it is closed"
        if cause:
            reason = cause.strerror
        if isinstance(cause, BrokenPipeError):
            reason = "the program that reads it has ended"
        super().__init__(f"Cannot write to standard output: {reason}. Run again to continue.")


class StateError(LeadLexError):
    """The state cannot be used, or does not fit the settings of this run."""


class DenseInstantError(LeadLexError):
    """One instant holds more records than one export carries, and time bounds cannot split it."""


class WithheldError(LeadLexError):
    """The list shows records that LeadLex's export does not have."""


class ListError(LeadLexError):
    """The list gave no usable answer. The message is a clause: the reason."""


class RequestError(LeadLexError):
    """LeadLex refused the request, and would refuse it again.

    `status` is the HTTP status, or `None` if the content of the response is what is wrong.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class QuotaError(RequestError):
    """LeadLex refused the request for now (HTTP 429); the headers may say until when."""

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(message, http.HTTPStatus.TOO_MANY_REQUESTS)
        self.headers = headers


class BrokenExportError(LeadLexError):
    """An export arrived that must not be used."""


class TableError(BrokenExportError):
    """The response arrived, but its body is not the table that it must be."""


class TransportError(BrokenExportError):
    """The response did not arrive, or not completely."""


class UnreachableError(TransportError):
    """No connection to LeadLex came about, so it was not asked and no quota is used."""


NO_LIST = (ListError, UnreachableError)
"""How a look-up of the list fails: do without it."""


class GatewayError(TransportError):
    """LeadLex was reached but did not send the whole response: it may be too big."""


class CutError(GatewayError):
    """The table ends too early, although the transport calls the body complete."""


class OversizedError(GatewayError):
    """The response was larger or slower than the tap reads; asking again would end alike."""


class RunStopped(Exception):  # noqa: N818 - not an error
    """The run ends early, with its state saved."""

    def __init__(
        self, by: str, reason: str, advice: str, opens_in: timedelta | None = None
    ) -> None:
        super().__init__(reason)
        self.by = by  # `quota`, or the name of a setting
        self.reason = reason  # the beginning of a sentence
        self.advice = advice  # how to continue, as a sentence
        self.opens_in = opens_in  # the time until the quota reopens, if that stopped the run
