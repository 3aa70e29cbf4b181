"""What the checks find, gathered by kind so that a million repeats need no memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACES = 20
_DETAILS = 50
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
    """How bad a finding is; the worst comes first in every report."""

    ODD = 1
    """Nothing is lost or wrong, but work is repeated or a rule of the protocol is broken."""
    WRONG = 2
    """Messages or values are not what they must be."""
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
        detail: The property, stream or range that it is wrong with; may be empty.
        count: How often.
        places: Where, for the first few: lines and ids.
    """

    kind: Kind
    detail: str
    count: int = 0
    places: list[str] = field(default_factory=list)


class Findings:
    """The findings of one validation."""

    def __init__(self) -> None:
        """Begin without any."""
        self._found: dict[tuple[str, str], Finding] = {}
        self._details: dict[str, int] = {}

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
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
        """Take an occurrence in.

        Args:
            kind: What is wrong.
            line: The line of the stream, from 1.
            identity: The contact's id.
            detail: What tells this occurrence from others of its kind.
            count: How many occurrences these are.
        """
        detail = printable(detail) if detail else detail
        finding = self._found.get((kind.code, detail)) or self._new(kind, detail)
        finding.count += count
        if len(finding.places) < _PLACES and (place := _place(line, identity)):
            finding.places.append(place)

    def worst_first(self) -> Sequence[Finding]:
        """Give the findings, the worst and then the most frequent first."""
        return sorted(self._found.values(), key=lambda found: (-found.kind.severity, -found.count))

    def _new(self, kind: Kind, detail: str) -> Finding:
        seen = self._details.get(kind.code, 0)
        self._details[kind.code] = seen + 1
        detail = detail if seen < _DETAILS else _OTHERS
        return self._found.setdefault((kind.code, detail), Finding(kind, detail))


def printable(text: object) -> str:
    """Make a foreign text fit for one line of a terminal, a page or a log."""
    shown = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(text)
    )
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _place(line: int | None, identity: object) -> str:
    parts = []
    if line is not None:
        parts.append(f"line {line:,}")
    if identity is not None:
        parts.append(f"id {printable(identity)}")
    return ", ".join(parts)
