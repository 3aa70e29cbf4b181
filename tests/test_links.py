"""Links between pages, and files that a page quotes in full."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.environments import ROOT
from tests.support.pages import PAGES, blocks, prose

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    made: list[str] = []
    for heading in re.findall(r"^#+ +(.+?) *$", prose(page.read_text("utf-8")), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        again = sum(re.fullmatch(rf"{re.escape(slug)}(-\d+)?", other) is not None for other in made)
        made.append(f"{slug}-{again}" if again else slug)
    return set(made)


def is_there(page: Path, link: str) -> bool:
    """Return whether a link leads to a file, and to a heading in it if it names one."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)\s]+)\)", prose(page.read_text("utf-8")))

    assert [link for link in links if not is_there(page, link)] == []


def test_a_link_into_a_page_needs_its_heading(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# `A_b` and [c](d): e!\n\n## Twice\n\n## Twice\n\n```sh\n# no heading\n```\n")

    assert anchors(page) == {"a_b-and-c-e", "twice", "twice-1"}
    assert is_there(page, "page.md#twice-1")
    assert not is_there(page, "#no-heading")
    assert not is_there(page, "other.md#twice")


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", index.read_text("utf-8")))

    assert linked == {page.name for page in index.parent.glob("*.md")} - {index.name}


def test_the_page_on_validation_quotes_the_nightly_sync() -> None:
    quoted, _ = blocks((ROOT / "docs/validation.md").read_text("utf-8"), "yaml")

    assert quoted == (ROOT / "examples/ci/sync-validation.yml").read_text("utf-8")
