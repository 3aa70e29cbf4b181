"""Names in messages: quoted on one line, with the nearest known name for a misspelt one."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LENGTH = 80


def quoted(name: object) -> str:
    """Return a name in quotes, or any other JSON value as JSON: short and on one line."""
    text = json.dumps(name)
    return text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…"


def bare(name: str) -> str:
    """Return a name without quotes: short and on one line."""
    return quoted(name)[1:].removesuffix('"')


def listed(names: Iterable[object], word: str = "and") -> str:
    """Return names in quotes, joined by commas and a last word."""
    *others, last = map(quoted, names)
    return f"{', '.join(others)} {word} {last}" if others else last


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a question that offers the nearest known name, or nothing if none is near."""
    spelt = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), spelt, n=1)
    return f" Did you mean {quoted(spelt[near[0]])}?" if near else ""
