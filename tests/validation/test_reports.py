"""The reports: what they say, what they escape, and how the page looks in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Quotas, Sandbox
from tap_leadlex.validation import catalogue
from tap_leadlex.validation.bookmarks import Window
from tap_leadlex.validation.completeness import Comparison, Range
from tap_leadlex.validation.content import Compared, Contents, Difference, Verdict
from tap_leadlex.validation.counts import Gap
from tap_leadlex.validation.findings import Check, Findings, Kind, Severity
from tap_leadlex.validation.layout import Match
from tap_leadlex.validation.outcome import Outcome
from tap_leadlex.validation.page import page
from tap_leadlex.validation.reports import as_json, github_commands, github_summary, table
from tests.support import config_for, run
from tests.validation.syncs import judge

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NASTY = "<script>alert(1)</script>|\n::error::x\x1b[31m%"
DAY = 86_400.0


def outcome() -> Outcome:
    """Give an outcome in which every part is filled, by hostile ids."""
    findings = Findings()
    findings.add(catalogue.REPEAT, line=5, identity=NASTY)
    findings.add(catalogue.MISSING, identity=NASTY, detail="a range")
    findings.add(catalogue.INVALID_RECORD, line=7, identity="b", detail=NASTY)
    contents = Contents(
        [
            Compared(NASTY, Verdict.DIFFERENT, [Difference("full_name", "Ann <b>", "Bob & co")]),
            Compared("b", Verdict.SAME),
        ],
        contacts=2,
        of=990,
        columns={NASTY: Counter({Match.EQUAL: 1, Match.DIFFERENT: 1})},
    )
    return Outcome(
        "standard input",
        findings.worst_first(),
        ["A note & more."],
        {Check.BOOKMARKS: "not asked"},
        {Check.KEYS: "broken"},
        lines=1000,
        contacts=990,
        repeats=1,
        windows=[Window(None, DAY, 10, 1), Window(DAY, 40 * DAY, 980, 3)],
        covered=Range(None, 40 * DAY, 40 * DAY),
        comparison=Comparison(
            991, 990, buckets=[Gap(0, 31 * DAY, 500, 499), Gap(31 * DAY, 40 * DAY, 5, 5)]
        ),
        contents=contents,
        calls=12,
        seconds=3.4,
    )


def every_kind() -> list[Kind]:
    return [kind for kind in vars(catalogue).values() if isinstance(kind, Kind)]


def test_every_kind_of_finding_is_told_in_plain_sentences() -> None:
    kinds = every_kind()
    assert len({kind.code for kind in kinds}) == len(kinds) >= 30
    for kind in kinds:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.code)
        assert kind.means.endswith(".")
        assert kind.advice.endswith(".")
        assert not kind.title.endswith(".")


def test_the_worst_finding_comes_first() -> None:
    severities = [finding.kind.severity for finding in outcome().findings]
    assert severities == [Severity.LOSS, Severity.WRONG, Severity.ODD]


def test_repeats_of_a_finding_take_no_more_room() -> None:
    findings = Findings()
    for number in range(10_000):
        findings.add(catalogue.REPEAT, line=number)
        findings.add(catalogue.INVALID_RECORD, detail=str(number))
    found = {finding.kind.code: finding for finding in findings.worst_first()}
    assert found["repeat"].count == 10_000
    assert len(found["repeat"].places) == 20
    assert len(findings.worst_first()) < 60
    assert sum(finding.count for finding in findings.worst_first()) == 20_000


@pytest.mark.parametrize("width", [60, 100])
def test_the_table_is_for_terminals(width: int) -> None:
    text = table(outcome(), width=width, show_values=False)
    assert text.index("LOSS") < text.index("WRONG") < text.index("ODD")
    assert "\x1b" not in text
    assert "Ann" not in text
    assert "Ann" in table(outcome(), width=width, show_values=True)


def test_machines_get_all_of_it() -> None:
    told = json.loads(as_json(outcome(), show_values=False))
    assert told["exit_code"] == 1
    assert [check["check"] for check in told["checks"]] == list(Check)
    assert [finding["code"] for finding in told["findings"]] == [
        "missing",
        "invalid-record",
        "repeat",
    ]
    assert told["windows"][1]["exports"] == 3
    assert told["counts"]["leadlex"] == 991
    assert "Ann" not in json.dumps(told)
    assert json.loads(as_json(Outcome("nothing"), show_values=False))["exit_code"] == 0


def test_no_id_can_break_out_of_github_s_table_or_commands() -> None:
    summary = github_summary(outcome())
    rows = [line for line in summary.splitlines() if line.startswith("| loss")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 8
    assert "<script>" not in summary
    commands = list(github_commands(outcome()))
    assert len(commands) == 4
    for command in commands:
        assert "\n" not in command
        assert command.startswith(("::error title=", "::warning title="))


class Page(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self, text: str) -> None:
        """Read it."""
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_page_needs_nothing_but_itself() -> None:
    text = page(outcome(), show_values=False)
    parsed = Page(text)
    assert "script" not in parsed.tags
    assert parsed.links == []
    assert "http:" not in text
    assert "https:" not in text
    assert parsed.tags.count("svg") == 3
    assert "Ann" not in text
    assert "Ann &lt;b&gt;" in page(outcome(), show_values=True)


def test_the_page_can_be_made_of_next_to_nothing() -> None:
    assert "clean" in page(Outcome("nothing"), show_values=False)
    one = Outcome("one", windows=[Window(None, 5.0, 0, 0)])
    assert "timeline" in page(one, show_values=False)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(("width", "dark"), [(1200, False), (500, True)])
def test_a_browser_shows_the_page(tmp_path: Path, width: int, *, dark: bool) -> None:
    with Sandbox(contacts=90, quotas=Quotas(exports=None)) as sandbox:
        stream = run(config_for(sandbox, export_limit=30)).out.encode().splitlines()
        told = judge(sandbox, [*stream[:30], *stream[31:]], by_month=True, max_calls=200)
    (tmp_path / "report.html").write_text(page(told, show_values=False), encoding="utf-8")
    script = (
        "<iframe id=f src=report.html style='width:100%;height:3000px;border:0'></iframe><script>"
        "f.onload=()=>{const d=f.contentDocument, r=(s)=>[...d.querySelectorAll(s)]"
        ".map(e=>Math.round(e.getBoundingClientRect().width));"
        "document.title=JSON.stringify({wide:d.documentElement.scrollWidth,"
        "page:d.documentElement.clientWidth,bars:r('.months rect'),windows:r('.window'),"
        "background:getComputedStyle(d.body).backgroundColor,scripts:d.scripts.length})}</script>"
    )
    (tmp_path / "look.html").write_text(f"<!doctype html>{script}", encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - a browser for our own page
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom"),
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            f"--window-size={width},900",
            f"--user-data-dir={tmp_path / 'profile'}",
            (tmp_path / "look.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search("<title>(.*)</title>", done.stdout)
    assert found, done.stderr[-500:]
    seen = json.loads(found[1])
    assert seen["wide"] <= seen["page"], "nothing sticks out"
    assert max(seen["bars"]) > 0.3 * min(width, 900) - 60
    assert len(seen["windows"]) == len(told.windows)
    assert sum(seen["windows"]) > 0.8 * min(width - 60, 820)
    assert seen["background"] == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
    assert seen["scripts"] == 0
