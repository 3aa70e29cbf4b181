"""The pages of the documentation."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from tests.environments import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("**/*.md")),
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
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(content) for _, content in found]


def commands(page: Path) -> dict[tuple[str, int], str]:
    """Return the shell blocks of a page by their heading and their number below it."""
    found: dict[tuple[str, int], str] = {}
    for section in re.split(r"^#+ (?=.*\n\n)", page.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        for number, block in enumerate(blocks(text, "sh"), start=1):
            found[heading.strip(), number] = block
    return found


def shell(page: str, heading: str, number: int = 1) -> str:
    """Return a shell block of a page, for a test that runs it.

    `tests/test_commands.py` looks for calls of this function, so write the arguments as literals.

    Args:
        page: Its path in the repository.
        heading: The heading above the block.
        number: The number of the block below the heading.
    """
    return commands(ROOT / page)[heading, number]
