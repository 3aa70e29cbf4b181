"""The page on troubleshooting has every message of the tap, and none that there is not."""

from __future__ import annotations

import ast
import re
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from tests.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs/troubleshooting.md"
MODULES = sorted((ROOT / "tap_leadlex").glob("*.py"))

# Prose that no user reads: a header, and a line of the SDK's that the tap leaves out.
UNREAD = {"Bearer …", "An unhandled error occurred while syncing"}

# Prose in the code that is no message: the settings' descriptions stand in the README.
DESCRIPTIONS = {"description", "title"}


def template(node: ast.AST) -> str:
    """Give the text of a literal with `…` for each thing that is filled in; empty for others."""
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"%(\.\d+)?[dfs]", "…", text)
        case ast.JoinedStr(values=parts):
            return "".join(template(part) or "…" for part in parts)
    return ""


def normal(text: str) -> str:
    """Give a template as it is compared: whatever fills neighbouring gaps is one gap."""
    return re.sub("…+", "…", " ".join(text.split())).strip(" ,")


def literals(node: ast.AST) -> Iterator[ast.AST]:
    """Give the literals in a piece of code, but for docstrings, descriptions and annotations."""
    match node:
        case ast.Constant() | ast.JoinedStr():
            yield node
        case ast.Expr(value=ast.Constant()) | ast.AnnAssign(value=None):
            pass
        case ast.keyword(arg=str(name)) if name in DESCRIPTIONS:
            pass
        case _:
            yield from chain.from_iterable(map(literals, ast.iter_child_nodes(node)))


def messages(source: str) -> set[str]:
    """Give the messages in a module, which are all its literals of more than one word."""
    found = {normal(template(literal)) for literal in literals(ast.parse(source))}
    return {text for text in found if " " in text and re.search("[A-Za-z]{2}", text)}


def entries(page: str) -> set[str]:
    """Give the messages that a page explains: its quotations, and what its tables begin with."""
    quotations = re.findall(r"^((?:> .*\n)+)", page, re.MULTILINE)
    rows = re.findall(r"^\| `([^`]*)` \|", page, re.MULTILINE)
    return {normal(text) for text in [*(each.replace("> ", "") for each in quotations), *rows]}


def test_every_message_is_explained_and_no_other() -> None:
    said = set().union(*(messages(module.read_text("utf-8")) for module in MODULES))
    explained = entries(PAGE.read_text("utf-8"))

    assert said >= UNREAD
    assert said - UNREAD - explained == set()
    assert explained - said == set()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('msg = f"No {what!r} at {where}{when}."', "No … at …."),
        ('log.warning("%s of %.0f s are left.", 1, 2)', "… of … s are left."),
        ('yield Remark("Going on.\\nAs before.")', "Going on. As before."),
        ('X = {401: "Check the key."}', "Check the key."),
        ('left = f", about {n} are left"', "about … are left"),
    ],
)
def test_a_message_is_found_however_it_is_given(code: str, message: str) -> None:
    assert messages(f'def f():\n    """Say it."""\n    {code}') == {message}


def test_a_page_gives_its_quotations_and_table_rows() -> None:
    page = (
        "# Page\n\n> A line that\n> goes on.\n\nText.\n\n| `it was refused` | why |\n\n> Other ….\n"
    )

    assert entries(page) == {"A line that goes on.", "it was refused", "Other …."}
