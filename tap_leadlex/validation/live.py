"""Checks 4 and 5: what arrived, of a stream or a table, against LeadLex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.completeness import Completeness
from tap_leadlex.validation.content import compare_sample
from tap_leadlex.validation.errors import ApiError, CannotValidateError
from tap_leadlex.validation.exports import FullComparison, needs
from tap_leadlex.validation.findings import Check
from tap_leadlex.validation.layout import CREATED
from tap_leadlex.validation.options import ALL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_leadlex.validation.api import LeadLex
    from tap_leadlex.validation.completeness import Range
    from tap_leadlex.validation.content import Sample
    from tap_leadlex.validation.delivered import Delivered
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.layout import Layout
    from tap_leadlex.validation.options import Options
    from tap_leadlex.validation.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Arrived:
    """What arrived.

    Attributes:
        layout: What the records look like.
        names: Their properties.
        delivered: The contacts.
        sample: Some of them, whole.
    """

    layout: Layout
    names: Sequence[str]
    delivered: Delivered
    sample: Sample

    def describe(self, outcome: Outcome) -> None:
        """Say which properties cannot be compared, and which columns did not arrive."""
        layout, names = self.layout, self.names
        arrived = {each.column for name in names if (each := layout.field(name)) is not None}
        outcome.absent = [
            column.name for column in CONTACTS.columns if names and column.name not in arrived
        ]
        derived = [
            name for name in names if layout.field(name) is None and name not in layout.joined()
        ]
        if derived:
            outcome.notes.append(
                f"Out of reach, computed by a map or not mapped: {', '.join(derived)}."
            )
        if layout.created is None and CREATED in arrived:
            outcome.notes.append(
                "Dates are too coarse to tell ranges; contacts are counted as a whole."
            )


class LiveChecks:
    """The checks that ask LeadLex; they fill the outcome as far as it answers."""

    def __init__(
        self,
        api: LeadLex,
        options: Options,
        findings: Findings,
        outcome: Outcome,
        arrived: Arrived,
        *,
        by_month: bool,
    ) -> None:
        """Start.

        Args:
            api: What to ask.
            options: What this validation is told.
            findings: Where to add what is found.
            outcome: What to fill.
            arrived: What to compare.
            by_month: Count each month too, for a picture.
        """
        self._api = api
        self._options = options
        self._findings = findings
        self._outcome = outcome
        self._arrived = arrived
        self._by_month = by_month

    def run(self, known: Range, tags: tuple[str, ...], say: Callable[[str], None]) -> None:
        """Compare the contacts of a range.

        Args:
            known: What the sync is said to cover.
            tags: The tags that it was filtered by.
            say: Tells the user something beforehand.
        """
        options, outcome, arrived = self._options, self._outcome, self._arrived
        layout = arrived.layout
        everything = options.content == ALL and layout.key is not None
        if layout.filtered:
            outcome.skipped[Check.COMPLETENESS] = "a stream map leaves contacts out (__filter__)"
        elif tags and not everything:
            why = "LeadLex's list cannot count tags; --content all compares by id"
            outcome.skipped[Check.COMPLETENESS] = why
        completeness = Completeness(
            self._api, self._findings, arrived.delivered, known, leave=options.sample_calls
        )
        if Check.COMPLETENESS not in outcome.skipped:
            outcome.covered, outcome.comparison = known, completeness.result
        countable = outcome.comparison is not None and not tags and self._count(completeness)
        by_id = everything and self._compare_all(completeness, tags, say, countable=countable)
        if countable:
            self._compare_counts(completeness, by_id=by_id)
        if not everything:
            deletable = completeness.deletable if countable else (lambda: None)
            self._compare_some(known.since, deletable)
        outcome.notes += completeness.result.notes
        if outcome.contents is not None and outcome.contents.contacts:
            compared = outcome.contents.columns.keys() | layout.joined() | {layout.key}
            outcome.unreachable = [name for name in arrived.names if name not in compared]
        if outcome.contents is not None and (changed := outcome.contents.changed):
            outcome.notes.append(f"Contacts that LeadLex changed after the sync: {changed:,}.")

    def _compare_counts(self, completeness: Completeness, *, by_id: bool) -> None:
        """Compare the counts, unless the ids were compared."""
        try:
            if not by_id:
                completeness.compare(by_month=self._by_month)
            elif self._by_month:
                completeness.count_months()
        except ApiError as error:
            self._outcome.stopped[Check.COMPLETENESS] = str(error)

    def _count(self, completeness: Completeness) -> bool:
        """Count the range in LeadLex; return whether that was possible."""
        try:
            completeness.count()
        except ApiError as error:
            self._outcome.stopped[Check.COMPLETENESS] = str(error)
            return False
        return True

    def _compare_some(
        self,
        since: float,
        deletable: Callable[[], int | None],
    ) -> None:
        """Compare the values of a sample."""
        arrived, outcome = self._arrived, self._outcome
        if arrived.layout.key is None:
            outcome.skipped[Check.CONTENT] = "a stream map removes the id"
            return
        if not self._options.sample_size:
            outcome.skipped[Check.CONTENT] = "not asked for"
            return
        contents = compare_sample(
            self._api,
            self._findings,
            arrived.layout,
            arrived.sample.drawn,
            since=since,
            deletable=deletable,
        )
        contents.of = len(arrived.delivered)
        outcome.contents = contents
        if contents.stopped and not contents.contacts:
            outcome.stopped[Check.CONTENT] = contents.stopped
        elif contents.stopped:
            outcome.notes.append(f"The sample is incomplete: {contents.stopped}")

    def _compare_all(
        self,
        completeness: Completeness,
        tags: tuple[str, ...],
        say: Callable[[str], None],
        *,
        countable: bool,
    ) -> bool:
        """Compare every value; return whether the ids were compared as well."""
        outcome, result = self._outcome, completeness.result
        full = FullComparison(
            self._api,
            self._findings,
            self._arrived.layout,
            completeness.delivered,
            completeness.covered,
        )
        counted = result.leadlex if countable else None
        try:
            windows = full.windows(counted)
            say(needs(windows, self._options.max_exports))
            seen = full.compare(windows, tags)
        except CannotValidateError as error:
            outcome.stopped[Check.CONTENT] = str(error)
            if tags and outcome.comparison is not None:
                outcome.stopped[Check.COMPLETENESS] = str(error)
            return False
        outcome.contents = seen.contents
        if counted is not None and seen.rows < counted:
            outcome.stopped[Check.CONTENT] = (
                f"Could not compare all: LeadLex's export brought {seen.rows:,} of the {counted:,} "
                "contacts that its list counts."
            )
            return False
        if outcome.comparison is not None:
            result.leadlex = seen.rows
            # The list may be unreadable: then the export alone speaks.
            unlisted = outcome.stopped.pop(Check.COMPLETENESS, None)
            result.verified = unlisted is None
            completeness.compare_ids(seen.missing, seen.surplus)
        return True
