"""Names in messages: on one line, short, and the nearest known one for a misspelt one."""

from __future__ import annotations

import pytest

from tap_leadlex.names import bare, listed, quoted, suggestion


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("email", '"email"'),
        ('a "b"\n', r'"a \"b\"\n"'),
        (["properties", "email"], '["properties", "email"]'),
        ((), "[]"),
        ("x" * 200, '"' + "x" * 79 + "…"),
    ],
)
def test_a_quoted_name_is_short_and_on_one_line(name: object, text: str) -> None:
    assert quoted(name) == text


def test_a_bare_name_has_no_quotes() -> None:
    assert bare("stream_maps.contacts") == "stream_maps.contacts"
    assert bare("a\nb") == r"a\nb"


def test_a_list_has_a_last_word() -> None:
    assert listed(["a"]) == '"a"'
    assert listed(["a", "b", "c"], "or") == '"a", "b" or "c"'


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("Contacts", ' Did you mean "contacts"?'),
        ("contact", ' Did you mean "contacts"?'),
        ("orders", ""),
    ],
)
def test_the_nearest_name_is_suggested(name: str, question: str) -> None:
    assert suggestion(name, ["deals", "contacts"]) == question
