"""The texts in the source of the tap, and which of them are messages to users."""

from __future__ import annotations

import ast
import re
from itertools import chain
from typing import TYPE_CHECKING, Any

from tap_leadlex.tap import TapLeadLex
from tests.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = ROOT / "tap_leadlex"
# The sandbox and the validator have commands and pages of their own.
SOURCES = [
    file.read_text("utf-8")
    for file in sorted(PACKAGE.rglob("*.py"))
    if file.relative_to(PACKAGE).parts[0] not in {"sandbox", "validation"}
]


def texts(source: str, *, debug: bool = True) -> set[str]:
    """Return the literals of more than one word, without docstrings.

    Args:
        source: A module.
        debug: Whether to include what is only logged at DEBUG.
    """
    found = {normal(_template(literal)) for literal in _literals(ast.parse(source), debug=debug)}
    return {text for text in found if " " in text and re.search("[A-Za-z]{2}", text)}


def messages(source: str) -> set[str]:
    """Return the sentences that a user can meet in the log or in an error."""
    return {text for text in texts(source, debug=False) - _descriptions() if is_sentence(text)}


def is_sentence(text: str) -> bool:
    """Return whether a text starts with a capital or a gap, and has a full stop at a word's end."""
    starts = text[:1].isupper() or text.startswith("… ")
    return starts and text.count(" ") > 1 and re.search(r"\.( ?…)?$", text) is not None


def normal(text: str) -> str:
    """Return a text with single spaces, and one gap for adjacent gaps."""
    return re.sub("…+", "…", " ".join(text.split())).strip(" ,")


def _template(node: ast.AST) -> str:
    """Return the text of a literal, with a gap (…) for each value that is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"%(\.\d+)?[dfs]", "…", text)
        case ast.JoinedStr(values=parts):
            return "".join(_template(part) or "…" for part in parts)
    return ""


def _literals(node: ast.AST, *, debug: bool) -> Iterator[ast.AST]:
    match node:
        case ast.Constant() | ast.JoinedStr():
            yield node
        case ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None):
            pass  # a docstring; an annotation
        case ast.keyword(arg="help"):
            pass  # of an option, which --help prints
        case ast.Call(func=ast.Attribute(attr="debug")) if not debug:
            pass
        case _:
            children = ast.iter_child_nodes(node)
            yield from chain.from_iterable(_literals(child, debug=debug) for child in children)


def _descriptions() -> set[str]:
    """Return the texts of the settings, which have their place in the README."""

    def strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
        match value:
            case str():
                yield normal(value)
            case dict():
                yield from chain.from_iterable(map(strings, value.values()))
            case list():
                yield from chain.from_iterable(map(strings, value))

    return set(strings(TapLeadLex.config_jsonschema))
