"""What the checks find, grouped by kind so that a million occurrences need no memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.validation.catalogue import Kind

_PLACES = 20
_DETAILS = 50
_FEW = 5
_OTHERS = "others"
_LONGEST = 80


@dataclass(slots=True)
class Finding:
    """All occurrences of one kind with one detail: a property, stream or range, or nothing."""

    kind: Kind
    detail: str
    count: int = 0
    places: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Where it was found: everywhere if that is known, else the first few places."""
        shown = self.places if self.count <= len(self.places) else self.places[:_FEW]
        more = self.count - len(shown)
        return "; ".join([*shown, f"and {more:,} more"] if shown and more > 0 else shown)


class Findings:
    """The findings of one validation."""

    def __init__(self) -> None:
        self._found: dict[tuple[Kind, str], Finding] = {}

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
        """Record `count` occurrences, at a line of the stream or in a contact."""
        detail = printable(detail)
        finding = self._found.get((kind, detail)) or self._new(kind, detail)
        finding.count += count
        place = [] if line is None else [f"line {line:,}"]
        place += [] if identity is None else [f"id {printable(identity)}"]
        if place and len(finding.places) < _PLACES:
            finding.places.append(", ".join(place))

    def of(self, kind: Kind) -> int:
        """Return how often a kind was found."""
        return sum(found.count for found in self._found.values() if found.kind is kind)

    def drop(self, kind: Kind) -> None:
        """Forget a kind that another finding explains."""
        self._found = {key: found for key, found in self._found.items() if found.kind is not kind}

    def worst_first(self) -> Sequence[Finding]:
        """Return the findings: the worst, then the most frequent kind first, each in its order."""
        totals: dict[Kind, int] = {}
        for one in self._found.values():
            totals[one.kind] = totals.get(one.kind, 0) + one.count
        kinds = sorted(totals, key=lambda kind: (-kind.severity, -totals[kind]))
        return sorted(self._found.values(), key=lambda one: kinds.index(one.kind))

    def _new(self, kind: Kind, detail: str) -> Finding:
        if sum(found.kind is kind for found in self._found.values()) >= _DETAILS:
            detail = _OTHERS
        return self._found.setdefault((kind, detail), Finding(kind, detail))


def printable(text: object, longest: int = _LONGEST) -> str:
    """Make text from elsewhere safe for one line of a terminal, a page or a log."""
    shown = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text)
    )
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Format a number of things."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
