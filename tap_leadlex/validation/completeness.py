"""Check 4: the sync has the contacts that LeadLex has; those that it lacks are named."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import floor, inf, isnan
from typing import TYPE_CHECKING

from tap_leadlex.validation.catalogue import Kind
from tap_leadlex.validation.counts import MOST_GAPS, Counter, Gap, joined
from tap_leadlex.validation.errors import ApiError, BudgetSpentError, UnreliableListError
from tap_leadlex.validation.instants import DAY, HOUR, hours, next_month

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """What LeadLex had before the sync: contacts from `start` on, by its clock `at` that instant.

    A `start` of `None` is the beginning of history.
    """

    start: float | None
    contacts: int
    at: float


@dataclass(frozen=True, slots=True)
class Range:
    """What the sync is said to cover."""

    start: float | None  # `None` for the beginning of history
    end: float  # exclusive
    since: float  # when the sync started: what changed later, it need not show
    first: FirstCount | None = None  # what LeadLex had before, if it was counted
    inferred: bool = False  # from the first contact, because nothing says where the run started


@dataclass(slots=True)
class Comparison:
    """What the counts say of the distinct contacts of a range."""

    leadlex: int = 0
    sync: int = 0
    by: str = "count"  # or `id`, if the ids of all contacts were compared
    verified: bool = False  # whether LeadLex's list has as many contacts as its total says
    buckets: list[Gap] = field(default_factory=list)  # by one or several months
    gaps: list[Gap] = field(default_factory=list)  # where the two differ
    notes: list[str] = field(default_factory=list)  # what explains a difference


def known_start(options: Options, origin: Claim | None, *, lookback: float) -> float | None:
    """Return the instant from which a run delivers; `None` for the beginning of history."""
    if origin is None or origin.position is None:
        return options.start_date
    return max(origin.position - lookback, options.start_date or -inf)


def covered(
    options: Options, marks: Bookmarks, delivered: Delivered, since: float, first: FirstCount | None
) -> Range | None:
    """Return the range that a run claims to cover; `None` if no state claims any."""
    if marks.position is None:
        return None
    origin, claim = marks.track.origin, marks.track.claim
    if origin.position is not None:
        # A refresh that continues does not look back.
        lookback = 0.0 if marks.refreshing else options.lookback_seconds
        start = known_start(options, origin, lookback=lookback)
    elif claim.explicit:
        start = claim.since
    elif options.first_sync or marks.told or options.start_date is not None:
        start = options.start_date
    else:
        start = min((one for one in delivered.created if not isnan(one)), default=None)
        if start is None:
            return None
        return Range(start, marks.position, since, first, inferred=True)
    return Range(start, marks.position, since, first)


class Completeness:
    """Compares the contacts of a range with LeadLex, as far as `leave` calls remain for others."""

    def __init__(
        self, api: LeadLex, findings: Findings, delivered: Delivered, known: Range, leave: int = 0
    ) -> None:
        self._api = api
        self._counter = Counter(api, leave)
        self._findings = findings
        self._delivered = delivered
        self._range = known
        self.result = Comparison(sync=len(delivered))
        # Without dates, all that arrived belongs to the range.
        if delivered.sorted:
            self.result.sync = delivered.between(known.start, known.end)

    def count(self) -> None:
        """Count the range in LeadLex; raise `ApiError` if that is impossible."""
        result, known = self.result, self._range
        result.leadlex = self._counter.between(known.start, known.end)
        if result.leadlex != result.sync:
            result.leadlex = self._counter.settled(known.start, known.end)
        try:
            self._counter.verify()
        except (UnreliableListError, BudgetSpentError):
            raise
        except ApiError as error:
            result.notes.append(f"Could not verify the total of LeadLex's list: {error}")
        else:
            result.verified = True

    def compare(self) -> None:
        """Compare the counts, by the month if these were counted, and name the missing contacts."""
        result, whole, delivered = self.result, self._whole(), self._delivered
        differing = [bucket for bucket in result.buckets if bucket.leadlex != bucket.sync]
        if whole is None or (result.leadlex == result.sync and not differing):
            return
        if delivered and not delivered.sorted:
            result.gaps = [whole]
        else:
            for part in differing or [whole]:
                result.gaps.extend(self._counter.narrow(delivered, part))
            for gap in result.gaps:
                self._counter.list_missing(delivered, gap)
        result.gaps = joined(result.gaps)
        self._judge()

    def count_months(self) -> None:
        """Count each month, for a picture; several at once if they are many, or calls are few."""
        whole = self._whole()
        if whole is None or not self._delivered.sorted:
            return
        months = [whole.start]
        while (month := next_month(months[-1])) < whole.end:
            months.append(month)
        most = max(min(_MOST_MONTHS, self._counter.left - _SPARE), 1)
        bounds = [*months[:: -(-len(months) // most)], whole.end]
        gap = self._counter.gap
        self.result.buckets = [gap(self._delivered, *bucket) for bucket in pairwise(bounds)]

    def compare_ids(self, missing: Sequence[Listed], surplus: Sequence[float]) -> None:
        """Take what a whole export has and the sync does not, and when the opposite was created."""
        self.result.by = "id"
        lost = sorted(missing, key=lambda one: one.created)
        self.result.gaps = [
            *self._gaps([Gap(one.created, one.created + 1, 1, 0, [one]) for one in lost]),
            *self._gaps([Gap(created, created + 1, 0, 1, []) for created in sorted(surplus)]),
        ]
        if self.result.gaps:
            self._judge()

    def deletable(self) -> int | None:
        """Return how many contacts at most were deleted since the first count, if it is known."""
        known, result = self._range, self.result
        if known.first is None:
            return None
        # By count, a contact that was lost looks like one that was created meanwhile.
        by_count = result.by == "count"
        short = sum(gap.short if by_count else self._changed(gap) for gap in result.gaps)
        try:
            shrunk = max(self._before(known.first) - result.leadlex + short, 0)
            # A contact entered meanwhile hides a deleted one from the counts.
            changed = self._changed_lately()
        except ApiError:
            return None
        return None if changed is None else shrunk + changed

    def _changed_lately(self) -> int | None:
        """Count the contacts that were changed since the sync started, if they are few."""
        recent = self._api.page(sort="-updated_date").contacts
        changed = [contact.changed_since(self._range.since) for contact in recent]
        return None if changed and all(changed) else sum(changed)

    def _whole(self) -> Gap | None:
        """Return the range with a start; `None` if neither side has a contact."""
        known, start = self._range, self._range.start
        if start is None:
            firsts = (self._counter.earliest, next(iter(self._delivered.sorted), None))
            start = min((first for first in firsts if first is not None), default=known.end)
        if start >= known.end:
            return None
        return Gap(start, known.end, self.result.leadlex, self.result.sync)

    def _changed(self, gap: Gap) -> int:
        """Count the missing contacts that were entered or edited since the sync started."""
        return sum(one.changed_since(self._range.since) for one in gap.missing or ())

    def _judge(self) -> None:
        """Distinguish what changed meanwhile from what was lost."""
        result, first, add = self.result, self._range.first, self._findings.add
        short = sum(gap.short for gap in result.gaps)
        # What was entered and deleted after the sync started cannot be counted.
        known = floor(self._range.since) - 1 if self._delivered.sorted else inf
        surplus = sum(gap.surplus for gap in result.gaps if gap.start < known)
        explained = sum(map(self._changed, result.gaps))
        if first is not None:
            # By count, one that was deleted meanwhile hides one that was created.
            hidden = surplus if result.by == "count" else 0
            try:
                explained = max(explained, result.leadlex - self._before(first) + hidden)
                if short > explained and any(gap.missing is None for gap in result.gaps):
                    # Another one was deleted meanwhile, and the list cannot show which are new.
                    explained += self._changed_lately() or 0
            except ApiError:
                result.notes.append("Could not compare with the count before the sync.")
        if short > explained:
            self._report_missing()
        elif short:
            result.notes.append(f"Contacts created after the sync started: {short:,}.")
        deletable = self.deletable() if surplus else 0
        deleted = deletable is None or surplus <= deletable
        if surplus and deleted:
            result.notes.append(f"Contacts that LeadLex no longer has: {surplus:,}.")
        for gap in result.gaps:
            if gap.misdated:
                add(Kind.MISDATED, detail=str(gap), count=gap.misdated)
            if gap.surplus and gap.start < known and not deleted:
                add(Kind.SURPLUS, detail=str(gap), count=gap.surplus)

    def _report_missing(self) -> None:
        for gap in self.result.gaps:
            if gap.missing is None and gap.short:
                self._findings.add(Kind.COUNT_MISMATCH, detail=str(gap), count=gap.short)
            lost = [one for one in gap.missing or () if not one.changed_since(self._range.since)]
            for one in lost:
                detail = hours([each.created for each in lost])
                self._findings.add(Kind.MISSING, detail=detail, identity=one.identity)

    def _gaps(self, singles: list[Gap]) -> list[Gap]:
        """Join the gaps of single contacts, in order, if nothing arrived in between.

        If they are many, those that are close together are joined as well.
        """
        gaps = singles
        for apart in (0.0, HOUR, DAY, 31 * DAY, 366 * DAY, inf):
            for one, two in pairwise(gaps):
                if two.start - one.end <= apart or not self._delivered.between(one.end, two.start):
                    two.start = one.end
                    two.end = max(two.end, two.start + 1)
            gaps = joined(gaps)
            if len(gaps) <= MOST_GAPS:
                break
        return gaps

    def _before(self, first: FirstCount) -> int:
        """Return what the range had at the first count, which may have reached beyond it."""
        counter, known = self._counter, self._range
        earlier = 0
        if known.start is not None and known.start != first.start:
            earlier = counter.between(first.start, known.start)
        later = counter.between(known.end, max(first.at, known.end))
        return first.contacts - earlier - later
