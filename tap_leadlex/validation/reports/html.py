"""The outcome as one page: no script, no network, light and dark, for phones and paper."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from tap_leadlex.validation.instants import plain
from tap_leadlex.validation.outcome import CLEAN, FOUND, counted
from tap_leadlex.validation.reports import charts
from tap_leadlex.validation.reports.table import places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.validation.content import Compared
    from tap_leadlex.validation.findings import Finding
    from tap_leadlex.validation.outcome import Outcome

_VERDICTS = {CLEAN: ("good", "clean"), FOUND: ("bad", "findings")}
_NO_VERDICT = ("bad", "could not validate")
_COLOURS = {True: "good", False: "bad", None: "none"}
_REPEATS = {"repeat", "conflict"}


def page(outcome: Outcome, *, show_values: bool) -> str:
    """Write the page.

    Args:
        outcome: What to tell.
        show_values: Whether contacts' values may be shown.
    """
    style = (files(__package__) / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>leadlex-validate: {escape(outcome.headline)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(_sections(outcome, show_values=show_values))}</main></body></html>\n"
    )


def _sections(outcome: Outcome, *, show_values: bool) -> Iterator[str]:
    colour, word = _VERDICTS.get(outcome.exit_code, _NO_VERDICT)
    yield (
        f'<header><p class="verdict {colour}">{word}</p><h1>Is the sync complete?</h1>'
        f"<p>{counted(outcome.contacts, 'contact')} from {escape(outcome.source)}</p></header>"
    )
    yield f'<section class="checks">{"".join(_checks(outcome))}</section>'
    if outcome.findings:
        found = "".join(map(_finding, outcome.findings))
        yield f"<section><h2>Findings, the worst first</h2>{found}</section>"
    if outcome.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in outcome.notes)
        yield f"<section><h2>Notes</h2><ul>{notes}</ul></section>"
    comparison = outcome.comparison
    if comparison is not None and comparison.buckets:
        yield (
            "<section><h2>Contacts per month</h2><p>As LeadLex counts them, and as the sync "
            f"delivered them.</p>{charts.months(comparison.buckets)}</section>"
        )
    if outcome.windows:
        yield f"<section><h2>Windows</h2>{_windows(outcome)}</section>"
    yield f"<section><h2>Duplicates</h2>{_duplicates(outcome)}</section>"
    if outcome.contents is not None:
        rows = "".join(_sampled(one, show_values=show_values) for one in outcome.contents.compared)
        yield (
            "<section><h2>Sample</h2><p>Contacts drawn at random and compared with LeadLex field "
            f'by field.</p><div class="scroll"><table><thead><tr><th>id</th><th>verdict</th>'
            f"</tr></thead><tbody>{rows}</tbody></table></div></section>"
        )
    calls = counted(outcome.calls, "call")
    yield f"<footer>{calls} of the API, {outcome.seconds:,.1f} seconds</footer>"


def _checks(outcome: Outcome) -> Iterator[str]:
    for line in outcome.checks():
        colour = _COLOURS[line.good]
        yield (
            f'<article><h3>{line.check}</h3><p class="{colour}">{escape(line.result)}</p>'
            f"<p>{escape(line.detail)}</p></article>"
        )


def _finding(found: Finding) -> str:
    kind = found.kind
    detail = f" <code>{escape(found.detail)}</code>" if found.detail else ""
    where = f'<p class="where">{escape(places(found))}</p>' if found.places else ""
    return (
        f'<article class="finding {kind.severity.name.lower()}"><h3>{escape(kind.title)}{detail}'
        f'</h3><p class="tag">{kind.severity.name.lower()} · {kind.check} · {found.count:,}</p>'
        f"{where}<p>{escape(kind.means)}</p><p><b>Do:</b> {escape(kind.advice)}</p></article>"
    )


def _windows(outcome: Outcome) -> str:
    covered, comparison = outcome.covered, outcome.comparison
    beginning = None if covered is None else covered.start
    if beginning is None and comparison is not None and comparison.buckets:
        beginning = comparison.buckets[0].start
    rows = "".join(
        f"<tr><td>{'the beginning' if window.start is None else plain(window.start)}</td>"
        f"<td>{plain(window.end)}</td><td>{window.contacts:,}</td><td>{window.exports}</td></tr>"
        for window in outcome.windows
    )
    return (
        "<p>Each as wide as the time it covers and as tall as the contacts it holds; the number "
        f"says how many exports these came from.</p>{charts.timeline(outcome.windows, beginning)}"
        f"<details><summary>{counted(len(outcome.windows), 'window')}</summary>"
        '<div class="scroll"><table>'
        "<thead><tr><th>from</th><th>to</th><th>contacts</th><th>exports</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _duplicates(outcome: Outcome) -> str:
    if not outcome.repeats:
        return "<p>No contact came twice.</p>"
    listed = "".join(
        f"<li>{escape(found.kind.title)}: {escape(places(found))}</li>"
        for found in outcome.findings
        if found.kind.code in _REPEATS
    )
    return f"<p>Contacts that came again: {outcome.repeats:,}.</p><ul>{listed}</ul>"


def _sampled(compared: Compared, *, show_values: bool) -> str:
    shown = []
    for one in compared.differences:
        values = f" {one.delivered!r}, in LeadLex {one.leadlex!r}" if show_values else ""
        shown.append(escape(f"{one.name}{values}"))
    fields = f": {', '.join(shown)}" if shown else ""
    colour = "bad" if compared.differences else "good" if compared.verdict == "same" else "none"
    return (
        f"<tr><td><code>{escape(compared.identity)}</code></td>"
        f'<td class="{colour}">{compared.verdict}{fields}</td></tr>'
    )
