"""The outcome for machines: JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tap_leadlex.validation.instants import plain

if TYPE_CHECKING:
    from tap_leadlex.validation.content import Compared
    from tap_leadlex.validation.narrowing import Gap
    from tap_leadlex.validation.outcome import Outcome

FORMAT = 1
"""Changes with the meaning of a field, not with a new one."""


def as_json(outcome: Outcome, *, show_values: bool) -> bytes:
    """Write the outcome as one JSON object.

    Args:
        outcome: What to tell.
        show_values: Whether contacts' values may be shown.
    """
    return msgspec.json.format(msgspec.json.encode(_content(outcome, show_values=show_values)))


def _content(outcome: Outcome, *, show_values: bool) -> dict[str, Any]:
    covered, comparison, contents = outcome.covered, outcome.comparison, outcome.contents
    return {
        "format": FORMAT,
        "exit_code": outcome.exit_code,
        "source": outcome.source,
        "checks": [
            {"check": line.check, "result": line.result, "detail": line.detail}
            for line in outcome.checks()
        ],
        "findings": [
            {
                "code": found.kind.code,
                "check": found.kind.check,
                "severity": found.kind.severity.name.lower(),
                "title": found.kind.title,
                "detail": found.detail,
                "count": found.count,
                "places": found.places,
                "means": found.kind.means,
                "do": found.kind.advice,
            }
            for found in outcome.findings
        ],
        "notes": outcome.notes,
        "lines": outcome.lines,
        "contacts": outcome.contacts,
        "repeats": outcome.repeats,
        "windows": [
            {
                "start": None if window.start is None else plain(window.start),
                "end": plain(window.end),
                "contacts": window.contacts,
                "exports": window.exports,
            }
            for window in outcome.windows
        ],
        "range": covered
        and {
            "start": None if covered.start is None else plain(covered.start),
            "end": plain(covered.end),
        },
        "counts": comparison
        and {
            "leadlex": comparison.leadlex,
            "sync": comparison.sync,
            "months": [_counts(bucket) for bucket in comparison.buckets],
            "gaps": [_counts(gap) for gap in comparison.gaps],
        },
        "sample": contents
        and {
            "drawn": contents.drawn,
            "compared": [_sampled(one, show_values=show_values) for one in contents.compared],
        },
        "calls": outcome.calls,
        "seconds": round(outcome.seconds, 3),
    }


def _counts(gap: Gap) -> dict[str, Any]:
    return {
        "start": plain(gap.start),
        "end": plain(gap.end),
        "leadlex": gap.leadlex,
        "sync": gap.sync,
    }


def _sampled(compared: Compared, *, show_values: bool) -> dict[str, Any]:
    return {
        "id": compared.identity,
        "verdict": compared.verdict,
        "differences": [
            {"name": one.name, "delivered": one.delivered, "leadlex": one.leadlex}
            if show_values
            else {"name": one.name}
            for one in compared.differences
        ],
    }
