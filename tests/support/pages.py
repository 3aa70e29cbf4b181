"""The pages of the documentation."""

from __future__ import annotations

import re

from tests.environments import ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("**/README.md")),
]
_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """Return a page without its code blocks."""
    return _BLOCK.sub("", text)


def code(text: str) -> list[str]:
    """Return the code of a page: its blocks, and what stands between backticks."""
    return _BLOCK.findall(text) + re.findall(r"`[^`\n]+`", prose(text))


def blocks(text: str, language: str) -> list[str]:
    """Return the content of a page's code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
