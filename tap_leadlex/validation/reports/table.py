"""The outcome for people at a terminal."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from tap_leadlex.validation.findings import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.validation.findings import Finding
    from tap_leadlex.validation.outcome import Outcome

_FEW = 5


def table(outcome: Outcome, *, width: int, show_values: bool) -> str:
    """Write the outcome as a short table, the worst finding first.

    Args:
        outcome: What to tell.
        width: Characters in a line.
        show_values: Whether contacts' values may be shown.
    """
    blocks = [f"leadlex-validate: {outcome.headline}"]
    blocks.extend("\n".join(_finding(found, width)) for found in outcome.findings)
    if show_values and outcome.contents is not None:
        blocks.extend(_values(outcome))
    blocks.append(
        "\n".join(
            _hanging(f"{line.check:<13} {line.result}", line.detail, width)
            for line in outcome.checks()
        )
    )
    blocks.extend(
        fill(f"note: {note}", width, subsequent_indent="      ") for note in outcome.notes
    )
    return "\n\n".join(blocks) + "\n"


def places(found: Finding) -> str:
    """Say where a finding was made: everywhere if that is known, else the first few places."""
    shown = found.places
    if not shown:
        return ""
    if found.count > len(shown):
        shown = shown[:_FEW]
    more = found.count - len(shown)
    return "; ".join(shown) + (f"; and {more:,} more" if more > 0 else "")


def _finding(found: Finding, width: int) -> Iterator[str]:
    kind = found.kind
    detail = f" ({found.detail})" if found.detail else ""
    yield fill(
        f"{kind.severity.name:<6}{kind.check}: {kind.title}{detail}: {found.count:,}",
        width,
        subsequent_indent="      ",
    )
    for label, text in (("where", places(found)), ("means", kind.means), ("do", kind.advice)):
        if text:
            yield fill(
                f"      {label:<6}{text}", width, subsequent_indent=" " * 12, break_on_hyphens=False
            )


def _values(outcome: Outcome) -> Iterator[str]:
    contents = outcome.contents
    for compared in contents.compared if contents else ():
        for one in compared.differences:
            yield (
                f"id {printable(compared.identity)}, {one.name}\n"
                f"      delivered  {one.delivered!r}\n      LeadLex    {one.leadlex!r}"
            )


def _hanging(label: str, text: str, width: int) -> str:
    begin = f"{label:<24} "
    return fill(begin + text, width, subsequent_indent=" " * len(begin))
