"""What a validation came to; every report is made from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_leadlex.validation.findings import Check
from tap_leadlex.validation.instants import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.validation.comparison import Comparison, Range
    from tap_leadlex.validation.content import Contents
    from tap_leadlex.validation.findings import Finding
    from tap_leadlex.validation.windows import Window

CLEAN, FOUND, COULD_NOT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Line:
    """What one check came to.

    Attributes:
        check: The check.
        result: `passed`, the number of findings, `skipped` or `could not be done`.
        detail: What was checked, or why it was not.
        good: Whether it passed; `None` for a check that was skipped.
    """

    check: Check
    result: str
    detail: str
    good: bool | None


@dataclass(slots=True)
class Outcome:
    """What a validation came to.

    Attributes:
        source: What was validated.
        findings: The worst first.
        notes: What people should know besides.
        skipped: The checks that were not asked for, and why.
        stopped: The checks that could not be done, and why.
        lines: Lines of the stream.
        contacts: Distinct contacts delivered.
        repeats: Contacts delivered again.
        windows: The windows that the states closed.
        covered: The range that is compared, or `None`.
        comparison: What the counts say, or `None`.
        contents: What the sample says, or `None`.
        calls: Calls of the API.
        seconds: How long it took.
    """

    source: str
    findings: Sequence[Finding] = ()
    notes: list[str] = field(default_factory=list)
    skipped: dict[Check, str] = field(default_factory=dict)
    stopped: dict[Check, str] = field(default_factory=dict)
    lines: int = 0
    contacts: int = 0
    repeats: int = 0
    windows: Sequence[Window] = ()
    covered: Range | None = None
    comparison: Comparison | None = None
    contents: Contents | None = None
    calls: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 clean, 1 findings, 2 could not validate."""
        if self.findings:
            return FOUND
        return COULD_NOT if self.stopped else CLEAN

    @property
    def headline(self) -> str:
        """The outcome in one line."""
        verdict = "not validated" if self.stopped else "clean"
        what = counted(len(self.findings), "finding") if self.findings else verdict
        return f"{what}: {counted(self.contacts, 'contact')} from {self.source}"

    def checks(self) -> Sequence[Line]:
        """Say what each check came to, in the order of the checks."""
        return [self._line(check) for check in Check]

    def _line(self, check: Check) -> Line:
        found = sum(finding.kind.check is check for finding in self.findings)
        if found:
            return Line(
                check, f"{found} finding{'s' * (found > 1)}", self._detail(check), good=False
            )
        if check in self.stopped:
            return Line(check, "could not be done", self.stopped[check], good=False)
        if check in self.skipped:
            return Line(check, "skipped", self.skipped[check], good=None)
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
            case Check.COMPLETENESS:
                return self._counts()
            case Check.CONTENT:
                return self._compared()

    def _counts(self) -> str:
        if self.comparison is None or self.covered is None:
            return ""
        start = self.covered.start
        since = "the beginning" if start is None else plain(start)
        return (
            f"{counted(self.comparison.leadlex, 'contact')} in LeadLex and "
            f"{self.comparison.sync:,} in the sync, created from {since} to "
            f"{plain(self.covered.end)}"
        )

    def _compared(self) -> str:
        if self.contents is None:
            return ""
        return f"{len(self.contents.compared)} of {self.contents.drawn} sampled contacts compared"


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
