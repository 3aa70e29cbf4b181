"""Generated contacts."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.sandbox.contacts import Book
from tap_leadlex.sandbox.record_book import scramble, unscramble

NUMBERS = range(4_000)


def everything(book: Book) -> str:
    return "".join("".join(book.record(number)[:7]) for number in NUMBERS)


@given(st.integers(0, 2**32 - 1))
def test_scramble_is_one_to_one(number: int) -> None:
    assert unscramble(scramble(number)) == number


def test_the_same_seed_generates_the_same_contacts() -> None:
    assert [Book(3).record(number) for number in NUMBERS] == [
        Book(3).record(number) for number in NUMBERS
    ]


def test_a_different_seed_generates_different_ids() -> None:
    ids = {Book(seed).record(number).id for seed in (3, 4) for number in NUMBERS}
    assert len(ids) == 2 * len(NUMBERS)


def test_ids_map_to_numbers_and_sort_by_rank() -> None:
    book = Book(5)
    assert all(book.number(book.record(number).id) == number for number in NUMBERS)
    by_id = sorted(NUMBERS, key=lambda number: book.record(number).id)
    assert by_id == sorted(NUMBERS, key=book.rank)
    assert by_id != list(NUMBERS)


def test_unknown_ids_have_no_number() -> None:
    assert Book().number("no such id") is None
    assert Book().number(Book(1).record(7).id) is None


def test_contacts_have_up_to_four_tags() -> None:
    book = Book()
    counts = Counter(len(book.tags(number)) for number in NUMBERS)
    assert set(counts) == {0, 1, 2, 3, 4}
    assert all(book.value(number, "tags") == book.record(number).tags for number in NUMBERS)
    assert any("board" in book.tags(number) for number in NUMBERS)
    assert not any("," in tag for number in NUMBERS for tag in book.tags(number))


def test_nasty_values_and_nul_are_options() -> None:
    nasty, tame = everything(Book()), everything(Book(nasty=False))
    for trap in (
        "\r\n",
        "\n",
        '""',
        "👩",
        "\u202e",
        "o\u0308",
        "=HYPERLINK",
        "\ufeff",
        "  leading",
    ):
        assert trap in nasty
    assert "\n" not in tame
    assert "\x00" not in nasty
    assert "\x00" in everything(Book(nul=True))
