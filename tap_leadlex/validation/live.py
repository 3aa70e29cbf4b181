"""The checks that ask LeadLex (4 and 5), for streams and destinations alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.validation.calls import ApiError
from tap_leadlex.validation.completeness import Completeness
from tap_leadlex.validation.content import compare_sample
from tap_leadlex.validation.findings import Check

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_leadlex.validation.api import LeadLex
    from tap_leadlex.validation.comparison import Range
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.ledger import Ledger
    from tap_leadlex.validation.outcome import Outcome
    from tap_leadlex.validation.sample import Drawn


def compare_with_leadlex(
    api: LeadLex,
    findings: Findings,
    outcome: Outcome,
    ledger: Ledger,
    sample: Iterable[Drawn],
    *,
    covered: Range | None,
    since: float,
    by_month: bool,
) -> None:
    """Compare counts and a sample, and fill the outcome as far as LeadLex answers.

    Args:
        api: Whom to ask; its budget is shared by the two.
        findings: Where to put what is found.
        outcome: What to fill.
        ledger: What was delivered.
        sample: Some of it, whole.
        covered: The range that is vouched for; `None` where there is none.
        since: When the sync began.
        by_month: Count each month too.
    """
    completeness = Completeness(api, findings, ledger)
    drawn = list(sample)
    if covered is not None and Check.COMPLETENESS not in outcome.skipped:
        outcome.covered = covered
        outcome.comparison = completeness.result
        total = api.budget
        api.budget = max(total - len(drawn), api.made)
        try:
            completeness.compare(covered, by_month=by_month)
        except ApiError as error:
            outcome.stopped[Check.COMPLETENESS] = str(error)
        api.budget = total
        outcome.notes.extend(completeness.result.notes)

    def deletable() -> int | None:
        return (
            None
            if outcome.comparison is None or covered is None
            else (completeness.deletable(covered))
        )

    try:
        outcome.contents = compare_sample(api, findings, drawn, since=since, deletable=deletable)
    except ApiError as error:
        outcome.stopped[Check.CONTENT] = str(error)
        return
    if outcome.contents.stopped and not outcome.contents.compared:
        outcome.stopped[Check.CONTENT] = outcome.contents.stopped
    elif outcome.contents.stopped:
        outcome.notes.append(f"The sample was cut short: {outcome.contents.stopped}")
