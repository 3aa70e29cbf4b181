"""Checks 4 and 5: what arrived, of a stream or a table, against LeadLex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.catalogue import Check, Kind
from tap_leadlex.validation.completeness import Completeness
from tap_leadlex.validation.content import compare_sample
from tap_leadlex.validation.errors import ApiError, CannotValidateError
from tap_leadlex.validation.exports import FullComparison, needs
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
    """What arrived: records of a layout with properties of these names; the sample's are whole."""

    layout: Layout
    names: Sequence[str]
    delivered: Delivered
    sample: Sample

    def describe(self, outcome: Outcome) -> None:
        """Say which properties cannot be compared, and which columns did not arrive."""
        layout, names = self.layout, self.names
        fields = {name: layout.field(name) for name in names}
        columns = {how.column for how in fields.values() if how is not None}
        if names:
            outcome.absent = [each.name for each in CONTACTS.columns if each.name not in columns]
        derived = [name for name in names if fields[name] is None and name not in layout.joined()]
        if derived:
            outcome.notes.append(
                f"Out of reach, computed by a map or not mapped: {', '.join(derived)}."
            )
        if layout.created is None and CREATED in columns:
            outcome.notes.append(
                "Dates are too coarse to tell ranges; contacts are counted as a whole."
            )


@dataclass(frozen=True, slots=True)
class LiveChecks:
    """The checks that ask LeadLex; they fill the outcome as far as it answers."""

    api: LeadLex
    options: Options
    findings: Findings
    outcome: Outcome
    arrived: Arrived

    def run(
        self, known: Range, tags: tuple[str, ...], say: Callable[[str], None], *, by_month: bool
    ) -> None:
        """Compare the contacts of the range that the sync, filtered by tags, is said to cover."""
        outcome, layout, delivered = self.outcome, self.arrived.layout, self.arrived.delivered
        everything = self.options.content == ALL and layout.key is not None
        if layout.filtered:
            outcome.skipped[Check.COMPLETENESS] = "a stream map leaves contacts out (__filter__)"
        elif tags and not everything:
            why = "LeadLex's list cannot count tags; --content all compares by id"
            outcome.skipped[Check.COMPLETENESS] = why
        leave = self.options.sample_calls
        completeness = Completeness(self.api, self.findings, delivered, known, leave)
        if Check.COMPLETENESS not in outcome.skipped:
            outcome.covered, outcome.comparison = known, completeness.result
        countable = outcome.comparison is not None and not tags and self._try(completeness.count)
        by_id = everything and self._compare_all(
            completeness,
            known,
            tags,
            say,
            counted=completeness.result.leadlex if countable else None,
        )
        if countable and (not by_month or self._try(completeness.count_months)) and not by_id:
            self._try(completeness.compare)
        if not everything:
            self._compare_some(known.since, completeness.deletable if countable else lambda: None)
        dropped = self.findings.of(Kind.ACTIVATION_DROPS)
        if dropped and countable and dropped <= (completeness.deletable() or 0):
            # A run may bring new contacts and then refresh, without those deleted in between.
            self.findings.drop(Kind.ACTIVATION_DROPS)
            outcome.notes.append(f"Contacts deleted before the refresh read them: {dropped:,}.")
        outcome.notes += completeness.result.notes
        contents = outcome.contents
        if contents is not None and contents.contacts:
            compared = contents.columns.keys() | layout.joined() | {layout.key}
            outcome.unreachable = [name for name in self.arrived.names if name not in compared]
        if contents is not None and contents.changed:
            outcome.notes.append(
                f"Contacts that LeadLex changed after the sync: {contents.changed:,}."
            )

    def _try(self, count: Callable[[], None]) -> bool:
        """Count something; return whether that was possible."""
        try:
            count()
        except ApiError as error:
            self.outcome.stopped[Check.COMPLETENESS] = str(error)
            return False
        return True

    def _compare_some(self, since: float, deletable: Callable[[], int | None]) -> None:
        """Compare the values of a sample."""
        arrived, outcome = self.arrived, self.outcome
        if arrived.layout.key is None:
            outcome.skipped[Check.CONTENT] = "a stream map removes the id"
            return
        if not self.options.sample_size:
            outcome.skipped[Check.CONTENT] = "not asked for"
            return
        outcome.contents = contents = compare_sample(
            self.api,
            self.findings,
            arrived.layout,
            arrived.sample,
            since=since,
            deletable=deletable,
        )
        contents.of = len(arrived.delivered)
        if contents.stopped and not contents.contacts:
            outcome.stopped[Check.CONTENT] = contents.stopped
        elif contents.stopped:
            outcome.notes.append(f"The sample is incomplete: {contents.stopped}")

    def _compare_all(
        self,
        completeness: Completeness,
        known: Range,
        tags: tuple[str, ...],
        say: Callable[[str], None],
        counted: int | None,
    ) -> bool:
        """Compare every value; return whether the ids were compared as well."""
        outcome, result = self.outcome, completeness.result
        full = FullComparison(self.api, self.arrived.layout, self.arrived.delivered, known)
        try:
            windows = full.windows(counted, self.options.max_exports)
            say(needs(windows))
            full.compare(windows, tags, self.findings)
        except CannotValidateError as error:
            outcome.stopped[Check.CONTENT] = str(error)
            if tags and outcome.comparison is not None:
                outcome.stopped[Check.COMPLETENESS] = str(error)
            return False
        outcome.contents = full.contents
        if counted is not None and full.rows < counted:
            outcome.stopped[Check.CONTENT] = (
                f"Could not compare all: LeadLex's export brought {full.rows:,} of the {counted:,} "
                "contacts that its list counts."
            )
            return False
        if outcome.comparison is not None:
            result.leadlex = full.rows
            # The list may be unreadable: then the export alone speaks.
            result.verified = outcome.stopped.pop(Check.COMPLETENESS, None) is None
            completeness.compare_ids(full.missing, full.surplus)
        return True
