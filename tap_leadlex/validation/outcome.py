"""What a validation came to; every report is made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_leadlex.validation.catalogue import Check
from tap_leadlex.validation.findings import counted
from tap_leadlex.validation.instants import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.validation.bookmarks import Window
    from tap_leadlex.validation.completeness import Comparison, Range
    from tap_leadlex.validation.content import Contents
    from tap_leadlex.validation.findings import Finding

CLEAN, FOUND, COULD_NOT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Line:
    """What one check came to."""

    check: Check
    result: str
    detail: str  # what the result rests on, or why there is none
    good: bool | None  # `None` if it was not asked for


@dataclass(slots=True)
class Outcome:
    """What a validation came to."""

    source: str  # what was validated
    findings: Sequence[Finding] = ()  # the worst first
    notes: list[str] = field(default_factory=list)
    skipped: dict[Check, str] = field(default_factory=dict)  # not asked for, or out of reach
    stopped: dict[Check, str] = field(default_factory=dict)  # could not be done
    lines: int = 0
    contacts: int = 0
    repeats: int = 0
    windows: Sequence[Window] = ()
    covered: Range | None = None
    comparison: Comparison | None = None
    contents: Contents | None = None
    unreachable: Sequence[str] = ()  # properties that could not be compared
    absent: Sequence[str] = ()  # columns of LeadLex that did not arrive as they are
    calls: int = 0
    exports: int = 0
    seconds: float = 0.0
    run: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0: nothing found in what was checked. 1: findings. 2: a check could not be done."""
        if self.findings:
            return FOUND
        return COULD_NOT if self.stopped else CLEAN

    @property
    def verdict(self) -> str:
        """The answer in a few words."""
        if self.findings:
            return counted(len(self.findings), "finding")
        if self.stopped:
            return "not validated"
        return "nothing found in what was checked" if self.not_checked else "clean"

    @property
    def answer(self) -> str:
        """The answer to whether the sync is complete and correct, as the title of the page."""
        if self.findings:
            worst = self.findings[0].kind
            number = sum(found.count for found in self.findings if found.kind is worst)
            return f"No: {worst.title} ({number:,})"
        if self.stopped:
            return f"Unknown: {', '.join(self.stopped)} could not be checked"
        if self.not_checked:
            return "Nothing found in what was checked"
        return "Yes: the sync has every contact of LeadLex, with every value"

    @property
    def headline(self) -> str:
        """The outcome in one line."""
        return f"{self.verdict}: {counted(self.contacts, 'contact')} from {self.source}"

    @property
    def not_checked(self) -> list[str]:
        """What the verdict does not rest on, and why."""
        missing = [f"{check}: {why}" for check, why in {**self.skipped, **self.stopped}.items()]
        if self.contents is not None and not self.contents.complete:
            missing.append(f"content: {self.contents.summary()}")
        if self.comparison is not None and not self.comparison.verified:
            missing.append("completeness: the total of LeadLex's list is not verified")
        if self.unreachable:
            missing.append(f"content: could not compare {', '.join(self.unreachable)}")
        if self.absent:
            missing.append(f"content: no property holds {', '.join(self.absent)} as it is")
        return missing

    def checks(self) -> Sequence[Line]:
        """Return what each check came to, in the order of the checks."""
        return [self._line(check) for check in Check]

    def _line(self, check: Check) -> Line:
        found = sum(finding.kind.check is check for finding in self.findings)
        if found:
            return Line(check, counted(found, "finding"), self._detail(check), good=False)
        if check in self.stopped:
            return Line(check, "could not be done", self.stopped[check], good=False)
        if check in self.skipped:
            return Line(check, "not checked", self.skipped[check], good=None)
        return Line(check, "passed", self._detail(check), good=True)

    def _detail(self, check: Check) -> str:
        match check:
            case Check.PROTOCOL:
                return counted(self.lines, "line")
            case Check.KEYS:
                return f"{counted(self.contacts, 'contact')}, {self.repeats:,} repeated"
            case Check.BOOKMARKS:
                reached = f", up to {plain(self.windows[-1].end)}" if self.windows else ""
                return f"{counted(len(self.windows), 'window')}{reached}"
            case Check.COMPLETENESS if self.comparison and self.covered:
                compared, covered = self.comparison, self.covered
                equal = compared.leadlex == compared.sync and not compared.gaps
                return (
                    (f"complete by {compared.by}: " if equal else "")
                    + f"{counted(compared.leadlex, 'contact')} in LeadLex and {compared.sync:,} in "
                    f"the sync, created from {plain(covered.start)} to {plain(covered.end)}"
                )
            case Check.CONTENT if self.contents:
                return self.contents.summary()
        return ""
