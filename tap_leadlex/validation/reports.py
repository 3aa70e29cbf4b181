"""One outcome, for people at a terminal, for machines and for GitHub."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import msgspec

from tap_leadlex.validation.catalogue import Severity
from tap_leadlex.validation.findings import printable
from tap_leadlex.validation.instants import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.validation.content import Compared
    from tap_leadlex.validation.counts import Gap
    from tap_leadlex.validation.findings import Finding
    from tap_leadlex.validation.outcome import Outcome

FORMAT = 1
"""Changes with the meaning of a field, not with a new one."""
_NARROW, _WIDE = 60, 100
_MARKS = {ord(mark): f"\\{mark}" for mark in r"\`*_{}[]<>()#+!|~"}
_MOST_ANNOTATIONS = 10
"""GitHub shows no more for one step."""


def publish(outcome: Outcome, *, json: Path | None, html: Path | None, show_values: bool) -> None:
    """Write all reports; the table goes to standard error.

    Args:
        outcome: What to report.
        json: Where the report for machines goes.
        html: Where the page goes.
        show_values: Whether contacts' values may be shown.
    """
    width = min(max(shutil.get_terminal_size((_WIDE, 0)).columns, _NARROW), _WIDE)
    sys.stderr.write(table(outcome, width=width, show_values=show_values))
    if json is not None:
        json.write_bytes(as_json(outcome, show_values=show_values))
    if html is not None:
        # Jinja is slow to import, and only the page needs it.
        from tap_leadlex.validation.page import page  # noqa: PLC0415

        html.write_text(page(outcome, show_values=show_values), encoding="utf-8")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(github_summary(outcome))
        for command in github_commands(outcome):
            sys.stderr.write(command + "\n")


def table(outcome: Outcome, *, width: int, show_values: bool) -> str:
    """Format the outcome as a short table, the worst finding first.

    Args:
        outcome: What to report.
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


def as_json(outcome: Outcome, *, show_values: bool) -> bytes:
    """Format the outcome as one JSON object.

    Args:
        outcome: What to report.
        show_values: Whether contacts' values may be shown.
    """
    content = _content(outcome, show_values=show_values)
    return msgspec.json.format(msgspec.json.encode(content))


def github_summary(outcome: Outcome) -> str:
    """Format the outcome as Markdown."""
    lines = [f"### leadlex-validate: {_marked(outcome.headline)}", ""]
    if outcome.findings:
        lines += ["| severity | check | finding | times | where | means | do |", "|" + "---|" * 7]
    lines += [
        _row(
            found.kind.severity.name.lower(),
            found.kind.check,
            f"{found.kind.title} {found.detail}".strip(),
            f"{found.count:,}",
            found.where,
            found.kind.means,
            found.kind.advice,
        )
        for found in outcome.findings
    ]
    lines += ["", "| check | result | |", "|---|---|---|"]
    lines += [_row(line.check, line.result, line.detail) for line in outcome.checks()]
    lines += [f"\n{_marked(note)}" for note in outcome.notes]
    return "\n".join(lines) + "\n"


def github_commands(outcome: Outcome) -> Iterator[str]:
    """Yield the findings as workflow commands, which GitHub reads from any output of a step."""
    for found in outcome.findings[:_MOST_ANNOTATIONS]:
        level = "warning" if found.kind.severity is Severity.ODD else "error"
        title = _command(f"{found.kind.check}: {found.kind.title}", also=":,")
        text = f"{found.detail} ({found.count:,}) {found.kind.means} {found.kind.advice}".strip()
        yield f"::{level} title={title}::{_command(text)}"
    for check, why in outcome.stopped.items():
        yield f"::error title={check} could not be done::{_command(why)}"


def _finding(found: Finding, width: int) -> Iterator[str]:
    kind = found.kind
    detail = f" ({found.detail})" if found.detail else ""
    yield fill(
        f"{kind.severity.name:<6}{kind.check}: {kind.title}{detail}: {found.count:,}",
        width,
        subsequent_indent="      ",
    )
    for label, text in (("where", found.where), ("means", kind.means), ("do", kind.advice)):
        if text:
            yield fill(
                f"      {label:<6}{text}", width, subsequent_indent=" " * 12, break_on_hyphens=False
            )


def _values(outcome: Outcome) -> Iterator[str]:
    contents = outcome.contents
    for compared in contents.compared if contents else ():
        for one in compared.differences:
            yield (
                f"id {printable(compared.identity)}, {printable(one.name)}\n"
                f"      delivered  {one.delivered!r}\n      LeadLex    {one.leadlex!r}"
            )


def _hanging(label: str, text: str, width: int) -> str:
    begin = f"{label:<24} "
    return fill(begin + text, width, subsequent_indent=" " * len(begin))


def _content(outcome: Outcome, *, show_values: bool) -> dict[str, Any]:
    covered, comparison, contents = outcome.covered, outcome.comparison, outcome.contents
    return {
        "format": FORMAT,
        "exit_code": outcome.exit_code,
        "verdict": outcome.verdict,
        "not_checked": outcome.not_checked,
        "source": outcome.source,
        "run": outcome.run,
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
            "by": comparison.by,
            "months": [_counts(bucket) for bucket in comparison.buckets],
            "gaps": [_counts(gap) for gap in comparison.gaps],
        },
        "content": contents
        and {
            "contacts": contents.contacts,
            "of": contents.of,
            "every": contents.every,
            "columns": contents.columns,
        },
        "sample": contents
        and {
            "drawn": contents.contacts,
            "compared": [_compared(one, show_values=show_values) for one in contents.compared],
        },
        "calls": outcome.calls,
        "exports": outcome.exports,
        "seconds": round(outcome.seconds, 3),
    }


def _counts(gap: Gap) -> dict[str, Any]:
    return {
        "start": plain(gap.start),
        "end": plain(gap.end),
        "leadlex": gap.leadlex,
        "sync": gap.sync,
    }


def _compared(compared: Compared, *, show_values: bool) -> dict[str, Any]:
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


def _row(*cells: str) -> str:
    return "| " + " | ".join(map(_marked, cells)) + " |"


def _marked(text: str) -> str:
    return text.translate(_MARKS)


def _command(text: str, also: str = "") -> str:
    return "".join(
        f"%{ord(char):02X}" if char in "%\r\n" or char in also else char for char in text
    )
