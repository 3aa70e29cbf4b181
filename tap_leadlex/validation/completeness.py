"""Check 4: the sync holds as many contacts as LeadLex, and names those that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.validation import catalogue
from tap_leadlex.validation.comparison import Comparison
from tap_leadlex.validation.counts import Counter
from tap_leadlex.validation.delivered import Delivered
from tap_leadlex.validation.instants import next_month
from tap_leadlex.validation.narrowing import Gap, hours, look_into, narrow

if TYPE_CHECKING:
    from tap_leadlex.validation.api import LeadLex
    from tap_leadlex.validation.comparison import FirstCount, Range
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.ledger import Ledger

_MOST_MONTHS = 36
_SPARE = 24
"""Calls that counting by the month leaves for what may follow."""


class Completeness:
    """Compares counts with LeadLex."""

    def __init__(self, api: LeadLex, findings: Findings, ledger: Ledger) -> None:
        """Begin.

        Args:
            api: Whom to ask.
            findings: Where to put what is found.
            ledger: What was delivered.
        """
        self._api = api
        self._counter = Counter(api)
        self._findings = findings
        self._delivered = Delivered(ledger)
        self.result = Comparison()

    def compare(self, covered: Range, *, by_month: bool) -> None:
        """Compare, and fill `result` as far as LeadLex answers.

        Args:
            covered: What the sync is said to cover.
            by_month: Count each month too, for a picture.

        Raises:
            ApiError: If LeadLex does not answer, or its list cannot be relied on.
        """
        result, counter = self.result, self._counter
        result.sync = self._delivered.between(covered.start, covered.end)
        result.leadlex = counter.between(covered.start, covered.end)
        if result.leadlex != result.sync:
            result.leadlex = counter.settled(covered.start, covered.end)
        whole = self._whole(covered)
        if whole is None:
            return
        if by_month:
            result.buckets = self._buckets(whole)
        differing = [bucket for bucket in result.buckets if bucket.leadlex != bucket.sync]
        if result.leadlex == result.sync and not differing:
            return
        counter.verify()
        for part in differing or [whole]:
            result.gaps.extend(narrow(counter, self._delivered, part, self._api))
        for gap in result.gaps:
            look_into(self._api, self._delivered, gap)
        self._judge(covered)

    def _whole(self, covered: Range) -> Gap | None:
        """Give the range with a beginning; `None` where neither side has a contact."""
        result = self.result
        start = covered.start
        if start is None:
            firsts = (self._counter.earliest, self._delivered.first)
            start = min((first for first in firsts if first is not None), default=covered.end)
        return Gap(start, covered.end, result.leadlex, result.sync) if start < covered.end else None

    def _buckets(self, whole: Gap) -> list[Gap]:
        """Count by the month; by several when there are many, or when calls are few."""
        months = [whole.start]
        while (month := next_month(months[-1])) < whole.end:
            months.append(month)
        most = max(min(_MOST_MONTHS, self._api.left - _SPARE), 1)
        starts = months[:: -(-len(months) // most)]
        return [
            Gap(start, end, self._counter.between(start, end), self._delivered.between(start, end))
            for start, end in zip(starts, [*starts[1:], whole.end], strict=True)
        ]

    def deletable(self, covered: Range) -> int | None:
        """Say how many contacts of a range may have been deleted since the first count.

        Returns:
            Their number at most, or `None` where nobody knows.

        Raises:
            ApiError: If LeadLex does not answer.
        """
        if covered.first is None:
            return None
        short = sum(gap.short for gap in self.result.gaps)
        shrunk = max(self._before(covered, covered.first) - self.result.leadlex + short, 0)
        # A contact entered meanwhile hides a deleted one from the counts.
        recent = self._api.page(sort="-updated_date").contacts
        changed = [contact.changed_since(covered.since) for contact in recent]
        return None if changed and all(changed) else shrunk + sum(changed)

    def _judge(self, covered: Range) -> None:
        """Tell what changed meanwhile from what was lost."""
        gaps = self.result.gaps
        short, surplus = sum(gap.short for gap in gaps), sum(gap.surplus for gap in gaps)
        explained = sum(
            contact.changed_since(covered.since)
            for gap in gaps
            for stretch in gap.missing or ()
            for contact in stretch
        )
        if covered.first is not None:
            grown = self.result.leadlex - self._before(covered, covered.first) + surplus
            explained = max(explained, grown)
        if short > explained:
            self._report_missing(covered)
        elif short:
            self._note(f"Contacts that the sync lacks because they were entered later: {short:,}.")
        for gap in gaps:
            if gap.misdated:
                self._findings.add(catalogue.MISDATED, detail=str(gap), count=gap.misdated)
        if surplus:
            self._judge_surplus(surplus, self.deletable(covered))

    def _judge_surplus(self, surplus: int, deletable: int | None) -> None:
        if deletable is None or surplus <= deletable:
            self._note(f"Contacts of the sync that are no longer in LeadLex: {surplus:,}.")
            return
        for gap in self.result.gaps:
            if gap.surplus:
                self._findings.add(catalogue.SURPLUS, detail=str(gap), count=gap.surplus)

    def _report_missing(self, covered: Range) -> None:
        for gap in self.result.gaps:
            if gap.missing is None and gap.short:
                self._findings.add(catalogue.COUNT_MISMATCH, detail=str(gap), count=gap.short)
            for stretch in gap.missing or ():
                for contact in stretch:
                    if not contact.changed_since(covered.since):
                        self._findings.add(
                            catalogue.MISSING, detail=hours(stretch), identity=contact.identity
                        )

    def _before(self, covered: Range, first: FirstCount) -> int:
        """Say what the range held at the first count, which may have reached beyond it."""
        counter = self._counter
        earlier = 0
        if covered.start is not None and covered.start != first.start:
            earlier = counter.between(first.start, covered.start)
        later = counter.between(covered.end, max(first.at, covered.end))
        return first.contacts - earlier - later

    def _note(self, text: str) -> None:
        self.result.notes.append(text)
