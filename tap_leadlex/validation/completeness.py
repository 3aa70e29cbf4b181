"""Check 4: the sync has the contacts that LeadLex has; those that it lacks are named."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isnan
from typing import TYPE_CHECKING

from tap_leadlex.validation import catalogue
from tap_leadlex.validation.counts import MOST_GAPS, Counter, Gap, joined
from tap_leadlex.validation.errors import ApiError, BudgetSpentError, UnreliableListError
from tap_leadlex.validation.instants import DAY, HOUR, hours, next_month

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_leadlex.validation.api import LeadLex, Listed
    from tap_leadlex.validation.bookmarks import Bookmarks
    from tap_leadlex.validation.claims import Claim
    from tap_leadlex.validation.delivered import Delivered
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.options import Options

_MOST_MONTHS = 36
_SPARE = 24
"""Calls that counting by the month leaves for what may follow."""


@dataclass(frozen=True, slots=True)
class FirstCount:
    """What LeadLex had before the sync started.

    Attributes:
        start: The creation instant from which it counted, seconds since 1970; `None` for all.
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
        start: Its start, seconds since 1970; `None` for the beginning of history.
        end: Its end, exclusive.
        since: When the sync started: what changed later, the sync need not show.
        first: What LeadLex had before; `None` if it was not counted.
        inferred: Whether it starts with the first contact because nothing says where the run did.
    """

    start: float | None
    end: float
    since: float
    first: FirstCount | None = None
    inferred: bool = False


@dataclass(slots=True)
class Comparison:
    """What the counts say.

    Attributes:
        leadlex: Contacts of the range in LeadLex.
        sync: Distinct contacts of the range in the sync.
        by: What the result rests on: `count`, or `id` if the ids of all contacts were compared.
        verified: Whether LeadLex's list has as many contacts as its total says.
        buckets: Counts by the month, or by several months in a long history.
        gaps: Where the two differ.
        notes: What explains a difference.
    """

    leadlex: int = 0
    sync: int = 0
    by: str = "count"
    verified: bool = False
    buckets: list[Gap] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def known_start(options: Options, origin: Claim | None, *, lookback: float) -> float | None:
    """Return the creation instant from which a run delivers, as far as that is known.

    Args:
        options: What is known of the run.
        origin: What the state claims that it was given.
        lookback: Seconds before its bookmark that it repeats.

    Returns:
        Seconds since 1970, or `None` for the beginning of history.
    """
    if origin is None or origin.position is None:
        return options.start
    resumed = origin.position - lookback
    return resumed if options.start is None else max(resumed, options.start)


def covered(
    options: Options, marks: Bookmarks, delivered: Delivered, since: float, first: FirstCount | None
) -> Range | None:
    """Return the range that a run claims to cover; `None` if no state claims any.

    Args:
        options: What is known of the run.
        marks: Its bookmarks.
        delivered: Its contacts.
        since: When it started.
        first: What LeadLex had before.
    """
    if marks.position is None:
        return None
    origin, claim = marks.track.origin, marks.track.claim
    if origin.position is not None:
        # A refresh that continues does not look back.
        lookback = 0.0 if marks.refreshing else options.lookback
        start = known_start(options, origin, lookback=lookback)
    elif claim.explicit:
        start = claim.since
    elif options.first_sync or marks.told or options.start is not None:
        start = options.start
    else:
        start = min((one for one in delivered.created if not isnan(one)), default=None)
        if start is None:
            return None
        return Range(start, marks.position, since, first, inferred=True)
    return Range(start, marks.position, since, first)


class Completeness:
    """Compares the contacts of a range with LeadLex.

    Attributes:
        delivered: What arrived.
        covered: What the sync is said to cover.
        result: What came of it.
    """

    def __init__(
        self,
        api: LeadLex,
        findings: Findings,
        delivered: Delivered,
        covered: Range,
        *,
        leave: int = 0,
    ) -> None:
        """Start.

        Args:
            api: What to ask.
            findings: Where to add what is found.
            delivered: What arrived.
            covered: What the sync is said to cover.
            leave: Calls to leave for others.
        """
        self._api = api
        self._counter = Counter(api, leave)
        self._findings = findings
        self.delivered = delivered
        self.covered = covered
        self.result = Comparison(sync=self._between(covered.start, covered.end))

    def count(self) -> None:
        """Count the range in LeadLex.

        Raises:
            ApiError: If LeadLex does not answer, or its list is unreliable.
        """
        result, covered = self.result, self.covered
        result.leadlex = self._counter.between(covered.start, covered.end)
        if result.leadlex != result.sync:
            result.leadlex = self._counter.settled(covered.start, covered.end)
        try:
            self._counter.verify()
        except (UnreliableListError, BudgetSpentError):
            raise
        except ApiError as error:
            result.notes.append(f"Could not verify the total of LeadLex's list: {error}")
        else:
            result.verified = True

    def compare(self, *, by_month: bool) -> None:
        """Compare the counts, and name the missing contacts.

        Args:
            by_month: Count each month too, for a picture.

        Raises:
            ApiError: If LeadLex does not answer, or its list is unreliable.
        """
        result, whole = self.result, self._whole()
        if whole is None:
            return
        if by_month:
            self.count_months()
        differing = [bucket for bucket in result.buckets if bucket.leadlex != bucket.sync]
        if result.leadlex == result.sync and not differing:
            return
        if not self.delivered.sorted and self.delivered:
            result.gaps = [whole]
        else:
            for part in differing or [whole]:
                result.gaps.extend(self._counter.narrow(self.delivered, part))
            for gap in result.gaps:
                self._counter.list_missing(self.delivered, gap)
        result.gaps = joined(result.gaps)
        self._judge()

    def count_months(self) -> None:
        """Count each month, for a picture; by several if there are many, or if calls are few.

        Raises:
            ApiError: If LeadLex does not answer, or its list is unreliable.
        """
        whole = self._whole()
        if whole is None or not self.delivered.sorted:
            return
        months = [whole.start]
        while (month := next_month(months[-1])) < whole.end:
            months.append(month)
        most = max(min(_MOST_MONTHS, self._counter.left - _SPARE), 1)
        starts = months[:: -(-len(months) // most)]
        self.result.buckets = [
            Gap(start, end, self._counter.between(start, end), self._between(start, end))
            for start, end in zip(starts, [*starts[1:], whole.end], strict=True)
        ]

    def compare_ids(self, missing: Iterable[Listed], surplus: Iterable[float]) -> None:
        """Take the contacts of a whole export that did not arrive, and those that only arrived.

        Args:
            missing: The contacts that did not arrive.
            surplus: The creation instants of the contacts that LeadLex does not have.
        """
        self.result.by = "id"
        lost = sorted(missing, key=lambda one: one.created)
        self.result.gaps = [
            *self._gaps([one.created for one in lost], missing=lost),
            *self._gaps(sorted(surplus), missing=None),
        ]
        if self.result.gaps:
            self._judge()

    def deletable(self) -> int | None:
        """Return how many contacts of the range may have been deleted since the first count.

        Returns:
            Their number at most, or `None` if it is unknown.
        """
        covered = self.covered
        if covered.first is None:
            return None
        # By count, a contact that was lost looks like one that was created meanwhile.
        short = sum(
            gap.short
            if self.result.by == "count"
            else sum(one.changed_since(covered.since) for one in gap.missing or ())
            for gap in self.result.gaps
        )
        try:
            shrunk = max(self._before(covered.first) - self.result.leadlex + short, 0)
            # A contact entered meanwhile hides a deleted one from the counts.
            recent = self._api.page(sort="-updated_date").contacts
        except ApiError:
            return None
        changed = [contact.changed_since(covered.since) for contact in recent]
        return None if changed and all(changed) else shrunk + sum(changed)

    def _between(self, start: float | None, end: float) -> int:
        """Count what arrived; without dates, all of it belongs to the range."""
        if not self.delivered.sorted:
            return len(self.delivered)
        return self.delivered.between(start, end)

    def _whole(self) -> Gap | None:
        """Return the range with a start; `None` if neither side has a contact."""
        covered, start = self.covered, self.covered.start
        if start is None:
            firsts = (self._counter.earliest, next(iter(self.delivered.sorted), None))
            start = min((first for first in firsts if first is not None), default=covered.end)
        if start >= covered.end:
            return None
        return Gap(start, covered.end, self.result.leadlex, self.result.sync)

    def _judge(self) -> None:
        """Distinguish what changed meanwhile from what was lost."""
        result, first, since = self.result, self.covered.first, self.covered.since
        short = sum(gap.short for gap in result.gaps)
        surplus = sum(gap.surplus for gap in result.gaps)
        explained = sum(
            contact.changed_since(since) for gap in result.gaps for contact in gap.missing or ()
        )
        if first is not None:
            # By count, one that was deleted meanwhile hides one that was created.
            hidden = surplus if result.by == "count" else 0
            try:
                explained = max(explained, result.leadlex - self._before(first) + hidden)
            except ApiError:
                result.notes.append("Could not compare with the count before the sync.")
        if short > explained:
            self._report_missing()
        elif short:
            result.notes.append(f"Contacts created after the sync started: {short:,}.")
        for gap in result.gaps:
            if gap.misdated:
                self._findings.add(catalogue.MISDATED, detail=str(gap), count=gap.misdated)
        if surplus:
            self._judge_surplus(surplus)

    def _judge_surplus(self, surplus: int) -> None:
        deletable = self.deletable()
        if deletable is None or surplus <= deletable:
            self.result.notes.append(f"Contacts that LeadLex no longer has: {surplus:,}.")
            return
        for gap in self.result.gaps:
            if gap.surplus:
                self._findings.add(catalogue.SURPLUS, detail=str(gap), count=gap.surplus)

    def _report_missing(self) -> None:
        findings = self._findings
        for gap in self.result.gaps:
            if gap.missing is None and gap.short:
                findings.add(catalogue.COUNT_MISMATCH, detail=str(gap), count=gap.short)
            lost = [one for one in gap.missing or () if not one.changed_since(self.covered.since)]
            for contact in lost:
                findings.add(
                    catalogue.MISSING,
                    detail=hours([one.created for one in lost]),
                    identity=contact.identity,
                )

    def _gaps(self, created: list[float], *, missing: Sequence[Listed] | None) -> list[Gap]:
        """Return the ranges of single contacts, in order: joined if nothing arrived in between.

        If they are many, those that are close together are joined as well.
        """
        gaps: list[Gap] = []
        for apart in (0.0, HOUR, DAY, 31 * DAY, 366 * DAY, inf):
            gaps = []
            for number, instant in enumerate(created):
                last = gaps[-1].end if gaps else -inf
                near = instant - last <= apart or not self.delivered.between(last, instant)
                start = last if gaps and near else instant
                lost = [] if missing is None else [missing[number]]
                gaps.append(Gap(start, max(instant, start) + 1, len(lost), 1 - len(lost), lost))
            gaps = joined(gaps)
            if len(gaps) <= MOST_GAPS:
                break
        return gaps

    def _before(self, first: FirstCount) -> int:
        """Return what the range had at the first count, which may have reached beyond it."""
        counter, covered = self._counter, self.covered
        earlier = 0
        if covered.start is not None and covered.start != first.start:
            earlier = counter.between(first.start, covered.start)
        later = counter.between(covered.end, max(first.at, covered.end))
        return first.contacts - earlier - later
