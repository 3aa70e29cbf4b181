"""Is an export complete? What the list and other exports say, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from tap_leadlex import timestamps
from tap_leadlex.errors import (
    NO_LIST,
    BrokenExportError,
    ListError,
    RunStopped,
    UnreachableError,
    WithheldError,
)
from tap_leadlex.planning import probe
from tap_leadlex.planning.windows import BEGINNING, ExportRequest, ExportResult, Window
from tap_leadlex.planning.witness import Testimony, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tap_leadlex.planning.windows import Listed, ReadPage
    from tap_leadlex.resources import Resource

# The most exports of a run that look for records which only the list shows.
MOST_CHECKS = 5

Result = TypeVar("Result", bound=ExportResult)


class Grade(Enum):
    """How well it is proven that exports are complete, the best first."""

    CONFIRMED = "confirmed"
    NOT_CONTRADICTED = "not contradicted"
    NOT_CONFIRMED = "not confirmed"


class Proof(NamedTuple):
    """What the completeness of a run rests on."""

    grade: Grade
    reason: str  # by what, or why not, as a clause

    def worse(self, other: Proof) -> Proof:
        """Return the worse of two; this one if they are alike."""
        grades = list(Grade)
        return max(self, other, key=lambda proof: grades.index(proof.grade))


class Verdict(NamedTuple, Generic[Result]):
    """What an export is good for."""

    parts: tuple[Result, ...] = ()  # the exports that have its window; none if it is truncated
    truncated: Result | None = None  # the export to split the window by
    split: datetime | None = None  # where to split the window otherwise
    error: WithheldError | None = None  # why the window must stay open, although all came


@dataclass(frozen=True, slots=True)
class Case(Generic[Result]):
    """An export to judge.

    `export` makes another one; it returns `None` if that does not arrive.
    """

    request: ExportRequest
    result: Result  # not full
    export: Callable[[ExportRequest], Result | None]
    before: Sequence[datetime] | None  # instants in the second before the window, if known
    proven: bool = False  # the list has shown before how many records there are
    repeated: bool = False  # the export is a repetition

    def make(self, request: ExportRequest) -> Result | None:
        """Make another export; `None` if the run may not make it or it does not arrive."""
        try:
            return self.export(request)
        except RunStopped:
            return None


class Prover:
    """Judges the exports of one run.

    Args:
        resource: What is exported; its nouns appear in messages.
        read: Reads the list; `None` if it must not be asked or filters otherwise.
        warn: Receives warnings for the user.
        unasked: Why there is no list to ask, as a clause.
        accept_short: Accept that the export withholds records that the list shows.
        largest: How many rows the largest export of the last days had.
        cap: At how many rows LeadLex truncates exports, if known.
        withheld: How many records the list shows and no export has, up to here.
    """

    def __init__(
        self,
        resource: Resource,
        read: ReadPage | None,
        warn: Callable[[str], None],
        *,
        unasked: str = "the list was not asked",
        accept_short: bool = False,
        largest: int = 0,
        cap: int | None = None,
        withheld: int = 0,
    ) -> None:
        self._resource = resource
        self._witness = None if read is None else Witness(read)
        self._listed = read is not None
        self._unasked = unasked
        self._warn = warn
        self._accept_short = accept_short
        self._largest = largest
        self._truncated: set[int] = set()  # numbers of rows of the truncated exports
        self._checks = 0
        self._list = f"LeadLex's {resource.record} list"
        self.cap = cap
        self.withheld = withheld
        self.proof = Proof(Grade.CONFIRMED, f"by {self._list}")  # the worst of all windows so far
        self.contradicted = False  # the list shows that records are missing, but not which
        self.settled = True  # the list was not missed when the last window was judged
        self.countable = True  # it showed all records of that window

    def silence(self, reason: str) -> None:
        """Stop asking the list, for a reason (a clause)."""
        if self._witness:
            self._witness = None
            self._unasked = f"cannot use {self._list} ({reason})"

    def judge(self, case: Case[Result]) -> Verdict[Result]:
        """Judge an export, with the list or with other exports.

        Raises:
            LeadLexError: If another export fails.
        """
        self.settled = self._witness is not None or not self._listed
        self.countable = True
        if self._witness and case.proven:
            return Verdict((case.result,))
        testimony = self._testimony(case)
        if testimony is None:
            return self._judge_alone(case)
        if testimony.missing:
            return self._pursue(case, testimony)
        return self._accept((case.result,), testimony)

    def _accept(self, parts: tuple[Result, ...], testimony: Testimony) -> Verdict[Result]:
        """Accept exports that lack nothing that the list shows."""
        if testimony.doubt:
            self.contradicted |= testimony.contradicts
            self.countable = False
            self._note(Grade.NOT_CONFIRMED, f"{self._list} cannot confirm it: {testimony.doubt}")
        return Verdict(parts)

    def _testimony(self, case: Case[Result]) -> Testimony | None:
        """Ask the list; `None` if it cannot be asked."""
        if self._witness is None:
            return None
        try:
            return self._witness.examine(case.result, case.before)
        except ListError as error:
            self.silence(str(error))
        except UnreachableError:
            self.silence("LeadLex was not reached")
        self.settled = False
        return None

    def shows_more(self, window: Window, records: int) -> bool:
        """Return whether the list shows more than a number of records in a window."""
        if self._witness is None:
            return False
        try:
            return self._witness.shows_more(window, records)
        except ListError as error:
            self.silence(str(error))
        except UnreachableError:
            self.silence("LeadLex was not reached")
        return False

    def saw(self, rows: int) -> None:
        """Take note of the size of an export."""
        self._largest = max(self._largest, rows)

    def _judge_alone(self, case: Case[Result]) -> Verdict[Result]:
        """Judge an export by others: a larger one, or one for a part of its window."""
        result = case.result
        if result.rows < self._largest:
            self._note(
                Grade.NOT_CONTRADICTED,
                f"a recent export had more rows ({self._largest:,}), but {self._unasked}",
            )
            return Verdict((result,))
        part = probe.part(result) if probe.looks_truncated(result.rows) else None
        if part is None or case.repeated:
            self._note(Grade.NOT_CONFIRMED, self._unasked)
            return Verdict((result,))
        try:
            other = case.make(ExportRequest(part, case.request.limit))
        except BrokenExportError:  # no reason to doubt the one that came whole
            other = None
        if other is None:
            self._note(Grade.NOT_CONFIRMED, f"{self._unasked}, and no other export could check it")
            return Verdict((result,))
        if set(other.keys) <= set(result.keys):
            self._note(
                Grade.NOT_CONTRADICTED,
                f"a second export of a part has no other {self._resource.records}, but "
                f"{self._unasked}",
            )
            return Verdict((result,))
        again = case.make(case.request)
        if again is not None and again.rows != result.rows:
            return self._judge_again(case, again)
        self._truncated |= {result.rows} if again else set()
        return self._truncation(result)

    def _judge_again(self, case: Case[Result], again: Result) -> Verdict[Result]:
        """Judge the repetition of an export instead."""
        if again.full:
            return Verdict(truncated=again)
        return self.judge(replace(case, result=again, proven=False, repeated=True))

    def _pursue(self, case: Case[Result], testimony: Testimony) -> Verdict[Result]:
        """Look for records that the list shows and an export lacks."""
        result = case.result
        if not result.rows and case.repeated:
            return self._empty(case, testimony)
        if testimony.many and not case.repeated and self._lacks_half(result, testimony):
            again = case.make(case.request)
            if again is not None:
                self._truncated |= {result.rows} if again.rows == result.rows else set()
                return self._judge_again(case, again)
        sought = testimony.missing[:1] if testimony.many else testimony.missing
        found = self._seek(case, sought)
        if found is None:
            return self._narrow(case, testimony)
        if testimony.many and found.keys:
            return self._truncation(result)
        if len(found.keys) == len(sought):
            return Verdict((result, found))
        return self._pursue_alone(case, testimony, found)

    def _pursue_alone(
        self, case: Case[Result], testimony: Testimony, found: Result
    ) -> Verdict[Result]:
        """Look for one record in its second, because a wider export may be truncated as well."""
        lost = [record for record in testimony.missing if record.key not in set(found.keys)]
        if found.window != _seconds_of(lost[:1]):
            alone = self._seek(case, lost[:1])
            if alone is None or alone.keys:
                return self._truncation(case.result)
        return self._withheld(case, testimony, (found,) if found.keys else ())

    def _narrow(self, case: Case[Result], testimony: Testimony) -> Verdict[Result]:
        """Have less read at a time, because no export is left to look for what is missing."""
        if testimony.many and case.result.rows:
            return self._truncation(case.result)
        split = _around(testimony.missing, case.request.window)
        return Verdict(split=split) if split else self._withheld(case, testimony, ())

    def _lacks_half(self, result: ExportResult, testimony: Testimony) -> bool:
        """Return whether an export has fewer than half of the records that the list shows."""
        try:
            return self._witness is not None and self._witness.has_twice(result, testimony.lead_in)
        except NO_LIST:
            return False

    def _number(self, result: ExportResult, testimony: Testimony) -> int:
        """Return how many records are missing; if the list fails, how many of them are known."""
        try:
            if testimony.many and self._witness:
                return self._witness.count(result, testimony.lead_in) - len(result.keys)
        except NO_LIST:
            pass
        return len(testimony.missing)

    def _seek(self, case: Case[Result], records: Sequence[Listed]) -> Result | None:
        """Export the seconds of some records; `None` if that is not possible."""
        if self._checks == MOST_CHECKS:
            return None
        self._checks += 1
        keys = frozenset(record.key for record in records)
        return case.make(ExportRequest(_seconds_of(records), case.request.limit, only=keys))

    def _truncation(self, result: Result) -> Verdict[Result]:
        """Have a window read in parts; the same number of rows twice is where LeadLex truncates."""
        if result.rows and result.rows in self._truncated and self.cap is None:
            self.cap = result.rows
            self._warn(
                f"LeadLex truncates exports at {result.rows:,} rows, whatever limit is requested; "
                "planning with that limit from now on. The sync stays complete but needs more "
                "exports."
            )
        self._truncated.add(result.rows)
        return Verdict(truncated=result)

    def _empty(self, case: Case[Result], testimony: Testimony) -> Verdict[Result]:
        lost = self._number(case.result, testimony)
        error = WithheldError(
            f"Window {case.result.window}: the export was empty twice, but {self._list} shows "
            f"{self._counted(lost)} there. Run again later; if this persists, report it to "
            "LeadLex's support. The next run exports this window again."
        )
        return Verdict((case.result,), error=error)

    def _counted(self, records: int) -> str:
        noun = self._resource.record if records == 1 else self._resource.records
        return f"{records:,} {noun}"

    def _withheld(
        self, case: Case[Result], testimony: Testimony, found: tuple[Result, ...]
    ) -> Verdict[Result]:
        """Accept, or not, that the export withholds records that the list shows."""
        result = case.result
        came = {key for part in found for key in part.keys}
        again = self._testimony(case) or testimony  # some may have been deleted meanwhile
        left = [record.key for record in again.missing if record.key not in came]
        if not left:
            return self._accept((result, *found), again)
        sought = next(record.key for record in testimony.missing if record.key not in came)
        if sought not in left and self._checks < MOST_CHECKS:
            return self._pursue(case, again)
        lost = self._number(result, again) if again.many else len(left)
        what = (
            f"{self._list} shows {self._counted(lost)} that the export lacks, even when requested "
            "alone"
        )
        if self._accept_short:
            self.withheld += lost
            self._warn(
                f"Window {result.window}: {what}. Continuing without, because accept_short_exports "
                "is set."
            )
            self._note(Grade.NOT_CONFIRMED, f"LeadLex's export lacks {self._counted(lost)}")
            return Verdict((result, *found))
        error = WithheldError(
            f"Window {result.window}: {what}. Report this to LeadLex's support, or set "
            "accept_short_exports to continue without them. The next run exports this window again."
        )
        return Verdict((result, *found), error=error)

    def _note(self, grade: Grade, reason: str) -> None:
        """Keep the worst grade, with its first reason."""
        self.proof = self.proof.worse(Proof(grade, reason))


def _around(records: Sequence[Listed], window: Window) -> datetime | None:
    """Return where to split a window, so that one part has only some records; `None` if nowhere."""
    seconds = _seconds_of(records)
    start = window.start or BEGINNING
    if window.end - start <= timestamps.SECOND:
        return None
    if start < seconds.end < window.end:
        return seconds.end
    if seconds.start and start < seconds.start:
        return seconds.start
    return max(start + timestamps.SECOND, timestamps.floor(start + (window.end - start) / 2))


def _seconds_of(records: Sequence[Listed]) -> Window:
    """Return the whole seconds in which records were created."""
    times = [record.created_at for record in records]
    return Window(timestamps.floor(min(times)), timestamps.floor(max(times)) + timestamps.SECOND)
