"""What the checks find, grouped by kind so that a million occurrences need no memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACES = 20
_DETAILS = 50
_FEW = 5
_OTHERS = "others"
_LONGEST = 80


class Check(StrEnum):
    """The five checks."""

    PROTOCOL = "protocol"
    KEYS = "keys"
    BOOKMARKS = "bookmarks"
    COMPLETENESS = "completeness"
    CONTENT = "content"


class Severity(IntEnum):
    """How bad a finding is; every report lists the worst first."""

    ODD = 1
    """No data is lost or wrong, but work is repeated or a rule of the protocol is broken."""
    WRONG = 2
    """Messages or values are wrong."""
    LOSS = 3
    """Contacts are missing, or the next run will skip some."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be wrong with a sync.

    Attributes:
        code: Its name for machines.
        check: The check that finds it.
        severity: How bad it is.
        title: What is wrong.
        means: What follows from it.
        advice: What to do.
    """

    code: str
    check: Check
    severity: Severity
    title: str
    means: str
    advice: str


@dataclass(slots=True)
class Finding:
    """All occurrences of one kind with one detail.

    Attributes:
        kind: What is wrong.
        detail: The property, stream or range that is wrong; may be empty.
        count: How often.
        places: The lines and ids of the first few.
    """

    kind: Kind
    detail: str
    count: int = 0
    places: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Where it was found: everywhere if that is known, else the first few places."""
        shown = self.places
        if not shown:
            return ""
        if self.count > len(shown):
            shown = shown[:_FEW]
        more = self.count - len(shown)
        return "; ".join(shown) + (f"; and {more:,} more" if more > 0 else "")


class Findings:
    """The findings of one validation."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}

    def __bool__(self) -> bool:
        """Return whether anything was found."""
        return bool(self._found)

    def add(
        self,
        kind: Kind,
        *,
        line: int | None = None,
        identity: object = None,
        detail: str = "",
        count: int = 1,
    ) -> None:
        """Record an occurrence.

        Args:
            kind: What is wrong.
            line: The line of the stream, from 1.
            identity: The contact's id.
            detail: What distinguishes this occurrence from others of its kind.
            count: How many occurrences these are.
        """
        detail = printable(detail) if detail else detail
        finding = self._found.get((kind.code, detail)) or self._new(kind, detail)
        finding.count += count
        if len(finding.places) < _PLACES and (place := _place(line, identity)):
            finding.places.append(place)

    def of(self, kind: Kind) -> int:
        """Return how often a kind was found."""
        return sum(found.count for found in self._found.values() if found.kind is kind)

    def drop(self, kind: Kind) -> None:
        """Forget a kind that another finding explains."""
        self._found = {key: found for key, found in self._found.items() if found.kind is not kind}

    def worst_first(self) -> Sequence[Finding]:
        """Return the findings: the worst, then the most frequent kind first, each in its order."""
        found = list(self._found.values())
        totals: Counter[str] = Counter()
        for one in found:
            totals[one.kind.code] += one.count
        first = {one.kind.code: at for at, one in reversed(list(enumerate(found)))}
        return sorted(
            found,
            key=lambda one: (-one.kind.severity, -totals[one.kind.code], first[one.kind.code]),
        )

    def _new(self, kind: Kind, detail: str) -> Finding:
        if sum(found.kind is kind for found in self._found.values()) >= _DETAILS:
            detail = _OTHERS
        return self._found.setdefault((kind.code, detail), Finding(kind, detail))


def printable(text: object, longest: int = _LONGEST) -> str:
    """Make text from elsewhere safe for one line of a terminal, a page or a log."""
    shown = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text)
    )
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Format a number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _place(line: int | None, identity: object) -> str:
    parts = []
    if line is not None:
        parts.append(f"line {line:,}")
    if identity is not None:
        parts.append(f"id {printable(identity)}")
    return ", ".join(parts)
