"""What is compared with LeadLex's counts, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_leadlex.validation.narrowing import Gap


@dataclass(frozen=True, slots=True)
class FirstCount:
    """What LeadLex held before the sync began.

    Attributes:
        start: From which creation instant on it counted, seconds since 1970; `None` for all.
        contacts: How many there were.
        at: LeadLex's clock at the count, seconds since 1970.
    """

    start: float | None
    contacts: int
    at: float


@dataclass(frozen=True, slots=True)
class Range:
    """What the sync is said to cover.

    Attributes:
        start: Its beginning, seconds since 1970; `None` for the beginning of history.
        end: Its end, exclusive.
        since: When the sync began: what changed later, the sync need not show.
        first: What LeadLex held before; `None` where nobody counted.
    """

    start: float | None
    end: float
    since: float
    first: FirstCount | None = None


@dataclass(slots=True)
class Comparison:
    """What the counts say.

    Attributes:
        leadlex: Contacts of the range in LeadLex.
        sync: Distinct contacts of the range in the sync.
        buckets: Counts by the month, or by several months in a long history.
        gaps: Where the two differ.
        notes: What explains a difference.
    """

    leadlex: int = 0
    sync: int = 0
    buckets: list[Gap] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
