"""What can go wrong, each with its advice to the user.

LeadLexError
├── SettingsError         a setting is unusable; found before any call
├── StateError            the state does not fit this run; found before any call
├── DenseInstantError     more contacts in one instant than one export carries
├── RequestError          LeadLex refused for good: never retried
│   └── QuotaError        LeadLex refused for now (429)
└── BrokenExportError     an answer that is not whole or not readable
    ├── TableError        the CSV is not what it must be
    └── TransportError    the answer did not arrive: worth another try
        └── GatewayError  5xx, time-out or cut: it may be too big to arrive
            └── CutError  cut where the transport did not notice
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class LeadLexError(Exception):
    """Any end of a run that the user has to read about: one line, with what to do."""


class SettingsError(LeadLexError):
    """One setting or several cannot be used."""


class StateError(LeadLexError):
    """The state handed in does not fit the settings of this run."""


class DenseInstantError(LeadLexError):
    """One instant holds more contacts than one export carries: time cannot split it."""


class RequestError(LeadLexError):
    """LeadLex refused the request, and would refuse it again."""


class QuotaError(RequestError):
    """LeadLex refused the request until later (HTTP 429).

    Attributes:
        headers: The headers of the refusal, which may say until when.
    """

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        """Keep the headers of the refusal beside the message."""
        super().__init__(message)
        self.headers = headers


class BrokenExportError(LeadLexError):
    """An export arrived that must not be used."""


class TableError(BrokenExportError):
    """The answer arrived, but it is not the table of contacts that it must be."""


class TransportError(BrokenExportError):
    """The answer did not arrive, or not to its end."""


class GatewayError(TransportError):
    """LeadLex was reached and did not give the whole answer: it may be too big for its gateway."""


class CutError(GatewayError):
    """The table ends too early, although the transport calls it whole."""
