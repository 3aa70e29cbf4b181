"""The reports: what they say, what they escape, and how the page looks in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.validation.bookmarks import Window
from tap_leadlex.validation.catalogue import Check, Kind, Severity
from tap_leadlex.validation.completeness import Comparison, Range
from tap_leadlex.validation.content import Compared, Contents, Difference, Verdict
from tap_leadlex.validation.counts import Gap
from tap_leadlex.validation.findings import Findings
from tap_leadlex.validation.layout import Match
from tap_leadlex.validation.outcome import Outcome
from tap_leadlex.validation.reports import as_json, github_commands, github_summary, page, table

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NASTY = "<script>alert(1)</script>|\n::error::x\x1b[31m%"
DAY = 86_400.0


def outcome() -> Outcome:
    """Give an outcome in which every part is filled, by hostile ids."""
    findings = Findings()
    findings.add(Kind.REPEAT, line=5, identity=NASTY)
    findings.add(Kind.MISSING, identity=NASTY, detail="a range")
    findings.add(Kind.INVALID_RECORD, line=7, identity="b", detail=NASTY)
    contents = Contents(
        [
            Compared(
                NASTY,
                Verdict.DIFFERENT,
                [Difference("full_name", Match.DIFFERENT, "Ann <b>", "Bob & co")],
            ),
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
    return list(Kind)


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
        findings.add(Kind.REPEAT, line=number)
        findings.add(Kind.INVALID_RECORD, detail=str(number))
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
    assert "Yes: " in page(Outcome("nothing"), show_values=False)
    one = Outcome("one", windows=[Window(None, 5.0, 0, 0)])
    assert "timeline" in page(one, show_values=False)


def windows(*ends: float, start: float | None) -> list[Window]:
    starts = [start, *ends]
    return [
        Window(one, end, 100 + number, 1)
        for number, (one, end) in enumerate(zip(starts, ends, strict=False))
    ]


TEN_YEARS = 3650 * DAY
SHAPES = {
    "every part": outcome(),
    "one window": Outcome("lines", windows=windows(50 * DAY, start=None)),
    "one hour": Outcome("lines", windows=windows(3600.0, start=0.0)),
    "ten years": Outcome(
        "lines",
        windows=windows(*(number * TEN_YEARS / 200 for number in range(1, 201)), start=None),
        comparison=Comparison(
            10**7,
            10**7,
            buckets=[
                Gap(number * 101 * DAY, (number + 1) * 101 * DAY, 10**6, 10**6 - number)
                for number in range(36)
            ],
        ),
    ),
    "many refreshes of one day": Outcome(
        "lines", windows=windows(TEN_YEARS, TEN_YEARS + 1, TEN_YEARS + 2, start=None)
    ),
}

LOOK = """
<iframe id=f src=report.html style="width:%dpx;height:9000px;border:0"></iframe><script>
f.onload = () => {
  const d = f.contentDocument, w = d.documentElement.clientWidth, wrong = [];
  const box = (e) => e.getBoundingClientRect();
  const cross = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 &&
    a.top < b.bottom - 1 && b.top < a.bottom - 1;
  for (const e of d.querySelectorAll("main *")) {
    const r = box(e);
    if (!r.width || e.closest(".scroll")) continue;
    if (r.left < -1 || r.right > w + 1) wrong.push("outside: " + e.outerHTML.slice(0, 90));
    const block = getComputedStyle(e).display === "block" && e.clientWidth;
    if (block && e.scrollWidth > e.clientWidth + 1)
      wrong.push("cut off: " + e.outerHTML.slice(0, 90));
  }
  const texts = [...d.querySelectorAll("svg.timeline text")].map(box);
  const parts = [...d.querySelectorAll("main > *")].map(box);
  const cards = [...d.querySelectorAll("article")].map(box);
  for (const list of [texts, parts, cards])
    list.forEach((a, i) => list.slice(i + 1).forEach((b) => {
      if (cross(a, b)) wrong.push("overlap at " + Math.round(a.left) + "," + Math.round(a.top));
    }));
  document.title = JSON.stringify({wrong: wrong,
    windows: [...d.querySelectorAll(".window")].map((e) => box(e).width),
    room: box(d.querySelector("main")).width,
    background: getComputedStyle(d.body).backgroundColor, scripts: d.scripts.length});
}</script>"""


def shown(folder: Path, told: Outcome, width: int, *, dark: bool) -> dict[str, Any]:
    """Return what a browser makes of the page."""
    (folder / "report.html").write_text(page(told, show_values=True), encoding="utf-8")
    (folder / "look.html").write_text(f"<!doctype html>{LOOK % width}", encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - a browser for our own page
        [
            str(CHROMIUM),
            *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom"),
            *(["--blink-settings=preferredColorScheme=0"] if dark else []),
            f"--window-size={width + 100},900",
            f"--user-data-dir={folder / 'profile'}",
            (folder / "look.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search("<title>(.*)</title>", done.stdout)
    assert found, done.stderr[-500:]
    seen: dict[str, Any] = json.loads(unescape(found[1]))
    return seen


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(("width", "dark"), [(320, False), (390, True), (1200, False)])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_browser_shows_the_page_whole(
    tmp_path: Path, shape: str, width: int, *, dark: bool
) -> None:
    told = SHAPES[shape]
    seen = shown(tmp_path, told, width, dark=dark)
    assert seen["wrong"] == []
    assert len(seen["windows"]) == len(told.windows)
    assert min(seen["windows"]) > 0
    assert sum(seen["windows"]) > 0.6 * (seen["room"] - 32), "the chart uses its width"
    assert seen["background"] == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
    assert seen["scripts"] == 0


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_look_notices_what_is_cut_off_or_overlaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tap_leadlex.validation.reports._ROOM", 0.0)
    wrong = shown(tmp_path, SHAPES["ten years"], 320, dark=False)["wrong"]
    assert any(one.startswith("overlap") for one in wrong)


def test_ids_with_control_characters_do_not_reach_the_page() -> None:
    assert "\x1b" not in page(outcome(), show_values=False)


def test_the_title_is_the_answer() -> None:
    assert outcome().answer == "No: contacts that LeadLex has and the sync does not (1)"
    assert Outcome("x").answer.startswith("Yes")
    assert Outcome("x", stopped={Check.CONTENT: "why"}).answer.startswith("Unknown: content")
    assert Outcome("x", skipped={Check.CONTENT: "why"}).answer.startswith("Nothing found")
