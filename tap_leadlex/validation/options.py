"""What one validation is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_leadlex.api_url import DEFAULT_API_URL
from tap_leadlex.resources import CONTACTS

if TYPE_CHECKING:
    from tap_leadlex.validation.claims import Claim


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The options; instants are seconds since 1970.

    Attributes:
        api_url: Base of the API.
        api_key: The workspace's key; without it only the stream itself is checked.
        stream: The stream that holds LeadLex's contacts.
        state: What the state claims that the run was given, or, for a destination, that its last
            sync ended with.
        start: The tap's `start_date`.
        first_sync: Whether the run had no state.
        lookback: The tap's `lookback_seconds`.
        list_id: The tap's `list_id`.
        tags: The tap's `tags`.
        sample: How many contacts to compare field by field.
        seed: What the sample is drawn from.
        max_calls: Calls of the API at most.
        by_month: Count each month, for a picture.
    """

    api_url: str = DEFAULT_API_URL
    api_key: str | None = None
    stream: str = CONTACTS.name
    state: Claim | None = None
    start: float | None = None
    first_sync: bool = False
    lookback: float = 0.0
    list_id: str | None = None
    tags: tuple[str, ...] = ()
    sample: int = 20
    seed: int = 0
    max_calls: int = 100
    by_month: bool = False
