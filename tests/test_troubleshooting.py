"""The troubleshooting page explains the messages that users meet, as the tap words them."""

from __future__ import annotations

import re

import pytest

from tests.environments import ROOT
from tests.support.messages import SOURCES, is_sentence, messages, normal, texts

PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")

# What the page may write for a gap: the gap itself, or names from the table of streams.
_FILLED = r"(?:…|[\w:]+(?:(?:,| or| and) \w+)*)"


def explained(page: str) -> set[str]:
    """Return the messages that a page explains: its quotations and its tables' first cells."""
    quotations = re.findall(r"^((?:> .*\n)+)", page, re.MULTILINE)
    cells = re.findall(r"^\| `([^`]*)` \|", page, re.MULTILINE)
    return {normal(text) for text in [*(each.replace("> ", "") for each in quotations), *cells]}


def fits(text: str, quoted: str) -> bool:
    """Return whether a page quotes a text of the source, with its gaps or with names in them."""
    return re.fullmatch(re.escape(text).replace("…", _FILLED), quoted) is not None


def test_every_message_is_explained() -> None:
    said = set().union(*map(messages, SOURCES))
    quoted = explained(PAGE)

    assert len(said) > 20
    assert [text for text in said if not any(fits(text, each) for each in quoted)] == []


def test_every_text_that_is_explained_exists() -> None:
    found = set().union(*map(texts, SOURCES))
    quoted = explained(PAGE)

    assert [each for each in quoted if not any(fits(text, each) for text in found)] == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('msg = f"No {what!r} at {where}{when}."', "No … at …."),
        ('log.warning("Only %s of %.0f s left.", 1, 2)', "Only … of … s left."),
        ('log.info("Going on.\\nAs before.")', "Going on. As before."),
        ('X = {401: "Check the key."}', "Check the key."),
        ('msg = f"{window}: Not enough. {advice}"', "…: Not enough. …"),
    ],
)
def test_a_message_is_found_in_the_source(code: str, message: str) -> None:
    assert texts(f'def f():\n    """Say it now."""\n    {code}') == {message}


@pytest.mark.parametrize(
    "code", ['log.debug("No list: %s.", 1)', 'x = f"Bearer {key}"', 'y = "of the way done"']
)
def test_what_users_do_not_meet_as_a_message(code: str) -> None:
    assert messages(code) == set()
    assert messages('msg = f"No {what} there."') == {"No … there."}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Check the key.", True),
        ("… Trying again now.", True),
        ("Stopped at once: …. …", True),
        ("Bearer …", False),
        ("about … are left", False),
        ("… of the way", False),
    ],
)
def test_what_a_sentence_is(text: str, sentence: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_sentence(text) is sentence


def test_a_page_explains_its_quotations_and_table_rows() -> None:
    page = (
        "# Page\n\n> A line that\n> goes on.\n\nText.\n\n| `it was refused` | why |\n\n> Other ….\n"
    )

    assert explained(page) == {"A line that goes on.", "it was refused", "Other …."}


@pytest.mark.parametrize(
    ("quoted", "fitting"),
    [
        ("Check … and ….", True),
        ("Check list_id, tags and the_key.", True),
        ("Check contacts and read:contacts.", True),
        ("Check the list and ….", False),
        ("Check … and … now.", False),
    ],
)
def test_a_page_may_fill_gaps_with_names(quoted: str, fitting: bool) -> None:  # noqa: FBT001 - a parameter
    assert fits("Check … and ….", quoted) is fitting
