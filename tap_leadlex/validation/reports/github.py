"""The outcome on GitHub: a summary in Markdown, and annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.validation.findings import Severity
from tap_leadlex.validation.reports.table import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.validation.outcome import Outcome

_MARKS = {ord(mark): f"\\{mark}" for mark in r"\`*_{}[]<>()#+!|~"}
_MOST_ANNOTATIONS = 10
"""GitHub shows no more of a step."""


def summary(outcome: Outcome) -> str:
    """Write the outcome as Markdown."""
    lines = [f"### leadlex-validate: {_plain(outcome.headline)}", ""]
    if outcome.findings:
        lines += ["| severity | check | finding | times | where | means | do |", "|" + "---|" * 7]
    lines += [
        _row(
            found.kind.severity.name.lower(),
            found.kind.check,
            f"{found.kind.title} {found.detail}".strip(),
            f"{found.count:,}",
            places(found),
            found.kind.means,
            found.kind.advice,
        )
        for found in outcome.findings
    ]
    lines += ["", "| check | result | |", "|---|---|---|"]
    lines += [_row(line.check, line.result, line.detail) for line in outcome.checks()]
    lines += [f"\n{_plain(note)}" for note in outcome.notes]
    return "\n".join(lines) + "\n"


def commands(outcome: Outcome) -> Iterator[str]:
    """Write the findings as workflow commands, which GitHub reads from any output of a step."""
    for found in outcome.findings[:_MOST_ANNOTATIONS]:
        level = "warning" if found.kind.severity is Severity.ODD else "error"
        title = _command(f"{found.kind.check}: {found.kind.title}", also=":,")
        text = f"{found.detail} ({found.count:,}) {found.kind.means} {found.kind.advice}".strip()
        yield f"::{level} title={title}::{_command(text)}"
    for check, why in outcome.stopped.items():
        yield f"::error title={check} could not be done::{_command(why)}"


def _row(*cells: str) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    return text.translate(_MARKS)


def _command(text: str, also: str = "") -> str:
    return "".join(
        f"%{ord(char):02X}" if char in "%\r\n" or char in also else char for char in text
    )
