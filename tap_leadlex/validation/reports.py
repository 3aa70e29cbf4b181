"""One outcome, for people at a terminal or in a browser, for machines and for GitHub."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import msgspec

from tap_leadlex.validation.catalogue import Kind, Severity
from tap_leadlex.validation.findings import counted, printable
from tap_leadlex.validation.instants import DAY, moment, next_month, plain
from tap_leadlex.validation.layout import Match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_leadlex.validation.bookmarks import Window
    from tap_leadlex.validation.counts import Gap
    from tap_leadlex.validation.outcome import Outcome

FORMAT = 1
"""Changes with the meaning of a field, not with a new one."""
_NARROW, _WIDE = 60, 100
_MARKS = {ord(mark): f"\\{mark}" for mark in r"\`*_{}[]<>()#+!|~"}
_MOST_ANNOTATIONS = 10
"""GitHub shows no more for one step."""
_RANGE = ("start", "end", "leadlex", "sync")
_HEIGHT = 96
"""Of the tallest window, in pixels."""
_ROOM = 7.0
"""Per cent of the width that a number takes on a phone."""
_LEAST_WIDTH = 0.15


def publish(outcome: Outcome, *, json: Path | None, html: Path | None, show_values: bool) -> None:
    """Write the table to standard error, the other reports to their files, and GitHub's."""
    width = min(max(shutil.get_terminal_size((_WIDE, 0)).columns, _NARROW), _WIDE)
    sys.stderr.write(table(outcome, width=width, show_values=show_values))
    if json is not None:
        json.write_bytes(as_json(outcome, show_values=show_values))
    if html is not None:
        html.write_text(page(outcome, show_values=show_values), encoding="utf-8")
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(github_summary(outcome))
        for command in github_commands(outcome):
            sys.stderr.write(command + "\n")


def table(outcome: Outcome, *, width: int, show_values: bool) -> str:
    """Format the outcome as a short table, the worst finding first."""
    blocks = [f"leadlex-validate: {outcome.headline}"]
    for found in outcome.findings:
        kind, detail = found.kind, f" ({found.detail})" if found.detail else ""
        title = f"{kind.severity.name:<6}{kind.check}: {kind.title}{detail}: {found.count:,}"
        lines = [fill(title, width, subsequent_indent=" " * 6)]
        for label, text in (("where", found.where), ("means", kind.means), ("do", kind.advice)):
            if text:
                lines.append(_hanging(f"      {label:<6}", text, width))
        blocks.append("\n".join(lines))
    if show_values and outcome.contents is not None:
        blocks += [
            f"id {printable(compared.identity)}, {printable(one.name)}\n"
            f"      delivered  {one.delivered!r}\n      LeadLex    {one.leadlex!r}"
            for compared in outcome.contents.compared
            for one in compared.differences
        ]
    checks = [(f"{line.check:<13} {line.result}", line.detail) for line in outcome.checks()]
    blocks.append("\n".join(_hanging(f"{name:<24} ", detail, width) for name, detail in checks))
    blocks += [_hanging("note: ", note, width) for note in outcome.notes]
    return "\n\n".join(blocks) + "\n"


def as_json(outcome: Outcome, *, show_values: bool) -> bytes:
    """Format the outcome as one JSON object."""
    comparison, contents = outcome.comparison, outcome.contents
    shown = ("name", "delivered", "leadlex") if show_values else ("name",)
    content = {
        "format": FORMAT,
        **_fields(outcome, "exit_code", "verdict", "not_checked", "source", "run"),
        "checks": [_fields(line, "check", "result", "detail") for line in outcome.checks()],
        "findings": [
            {
                **_fields(found.kind, "code", "check", "title", "means"),
                **_fields(found, "detail", "count", "places"),
                "severity": found.kind.severity.name.lower(),
                "do": found.kind.advice,
            }
            for found in outcome.findings
        ],
        **_fields(outcome, "notes", "lines", "contacts", "repeats"),
        "windows": [
            _fields(window, "start", "end", "contacts", "exports") for window in outcome.windows
        ],
        "range": outcome.covered and _fields(outcome.covered, "start", "end"),
        "counts": comparison
        and {
            **_fields(comparison, "leadlex", "sync", "by"),
            "months": [_fields(bucket, *_RANGE) for bucket in comparison.buckets],
            "gaps": [_fields(gap, *_RANGE) for gap in comparison.gaps],
        },
        "content": contents and _fields(contents, "contacts", "of", "every", "columns"),
        "sample": contents
        and {
            "drawn": contents.contacts,
            "compared": [
                {
                    "id": one.identity,
                    "verdict": one.verdict,
                    "differences": [_fields(each, *shown) for each in one.differences],
                }
                for one in contents.compared
            ],
        },
        **_fields(outcome, "calls", "exports"),
        "seconds": round(outcome.seconds, 3),
    }
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


def page(outcome: Outcome, *, show_values: bool) -> str:
    """Format the outcome as one page: no script, no network, light and dark, phone and paper."""
    import jinja2  # noqa: PLC0415 - slow to import, and only the page needs it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tap_leadlex.validation", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"printable": printable, "plain": plain, "counted": counted}
    buckets = outcome.comparison.buckets if outcome.comparison else []
    beginning = outcome.covered.start if outcome.covered else None
    if beginning is None and buckets:
        beginning = buckets[0].start
    repeats = [one for one in outcome.findings if one.kind in {Kind.REPEAT, Kind.CONFLICT}]
    return environment.get_template("page.html").render(
        outcome=outcome,
        show_values=show_values,
        good={True: "good", False: "bad", None: "none"},
        matches=list(Match),
        repeats=repeats,
        months=list(_months(buckets)),
        chart=_chart(outcome.windows, beginning) if outcome.windows else None,
        height=_HEIGHT,
        room=_ROOM,
    )


def _months(buckets: Sequence[Gap]) -> Iterator[tuple[str, Gap, float, float]]:
    """Yield each bucket with its label and the lengths of its two bars in per cent."""
    most = max((max(bucket.leadlex, bucket.sync) for bucket in buckets), default=0) or 1
    for bucket in buckets:
        label = f"{moment(bucket.start):%Y-%m}"
        if next_month(bucket.start) < bucket.end:
            label += f" to {moment(bucket.end - 1):%Y-%m}"
        yield label, bucket, 100 * bucket.leadlex / most, 100 * bucket.sync / most


def _chart(windows: Sequence[Window], beginning: float | None) -> dict[str, Any]:
    """Place windows on a line of time, as wide as they reach and as tall as they are full.

    A bar is a window with its place and width in per cent and its height in pixels. The dates below
    have the time of day if the chart spans a few days only.
    """
    right = max(window.end for window in windows)
    left = min(window.end if window.start is None else window.start for window in windows)
    left = left if beginning is None else min(beginning, left)
    if left >= right or (windows[0].start is None and left >= windows[0].end):
        left -= max((right - left) / 10, DAY)
    most = max(window.contacts for window in windows) or 1
    bars = []
    for window in windows:
        start = left if window.start is None else window.start
        width = min(max(100 * (window.end - start) / (right - left), _LEAST_WIDTH), 100.0)
        place = min(100 * (start - left) / (right - left), 100 - width)
        bars.append((window, place, width, max(round(_HEIGHT * window.contacts / most), 2)))
    form = "%Y-%m-%d" if right - left > 3 * DAY else "%m-%d %H:%M"
    dates = [
        (50 * number, anchor, moment(left + number * (right - left) / 2).strftime(form))
        for number, anchor in enumerate(("start", "middle", "end"))
    ]
    return {"bars": bars, "dates": dates}


def _fields(thing: object, *names: str) -> dict[str, Any]:
    """Return attributes of a thing; a range's start and end as text."""
    values = {name: getattr(thing, name) for name in names}
    return {
        name: plain(value) if name in {"start", "end"} and value is not None else value
        for name, value in values.items()
    }


def _hanging(label: str, text: str, width: int) -> str:
    return fill(label + text, width, subsequent_indent=" " * len(label), break_on_hyphens=False)


def _row(*cells: str) -> str:
    return "| " + " | ".join(map(_marked, cells)) + " |"


def _marked(text: str) -> str:
    return text.translate(_MARKS)


def _command(text: str, also: str = "") -> str:
    return "".join(
        f"%{ord(char):02X}" if char in "%\r\n" or char in also else char for char in text
    )
