"""What may be printed of a response: only what has the form that it must have."""

from __future__ import annotations

from base64 import b64encode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.api.foreign import CODES, Foreign, count, error_code

KEY = "wbk_live_Q7xTz9LmPq4RvNs2"
foreign = Foreign(KEY)


def header(name: str, value: str) -> str | None:
    """Return what the tap sees of a header."""
    found: str | None = foreign.headers(httpx.Headers({name: value})).get(name)
    return found


@pytest.mark.parametrize(
    "value", ["req_7", "0f8fad5b-d9cb-469f-a165-70867728950e", "A1", "a" * 63 + "1"]
)
def test_a_request_id_is_kept(value: str) -> None:
    assert header("X-Request-ID", value) == value


@pytest.mark.parametrize(
    "value",
    [
        *("", "-", "request", "15550100", "a" * 64 + "1", "req 7", "req.7", "req_7\x1b[0m", "é1"),
        *("ann@example.com", "wbk_0", "x1_WBK_9", "req_wbk_1", "a1\n"),
    ],
)
def test_another_request_id_is_not(value: str) -> None:
    assert Foreign(KEY).headers({"X-Request-ID": value}).get("X-Request-ID") is None


@given(
    start=st.integers(0, len(KEY) - 6),
    length=st.integers(6, len(KEY)),
    around=st.tuples(*[st.text("abcxyz019_-", max_size=9)] * 2),
    change=st.sampled_from([str, str.upper, str.lower, str.swapcase]),
    shift=st.integers(0, 2),
    form=st.sampled_from(["plain", "hex", "base64"]),
)
def test_no_part_of_the_key_passes_in_any_form(
    start: int,
    length: int,
    around: tuple[str, str],
    change: type[str],
    shift: int,
    form: str,
) -> None:
    part = KEY[start : start + length]
    if form == "hex":
        part = part.encode().hex()
    elif form == "base64":
        part = b64encode(b"xy"[:shift] + KEY[start:].encode()).decode().rstrip("=")
        part = part.replace("+", "-").replace("/", "_")
    text = f"{around[0]}{change(part)}{around[1]}1a"

    assert header("X-Request-ID", text) is None
    assert str(foreign.columns([text.lower()])) == "1 with unusual names"


def test_a_short_key_is_withheld_as_a_whole() -> None:
    short = Foreign("k7")

    assert short.headers({"X-Request-ID": "reqk71"}).get("X-Request-ID") is None
    assert short.headers({"X-Request-ID": "req_7"})["X-Request-ID"] == "req_7"


@pytest.mark.parametrize("name", ["X-RateLimit-Limit", "X-RateLimit-Remaining"])
def test_quotas_are_small_whole_numbers(name: str) -> None:
    assert header(name, "995") == "995"
    for value in ("-1", "1.5", "1e3", "1,000", "15550100", "٣", "x", "", " 7x"):
        assert Foreign(KEY).headers({name: value}).get(name) is None


@pytest.mark.parametrize("name", ["X-RateLimit-Reset", "Retry-After", "Date"])
def test_times_are_short_and_printable(name: str) -> None:
    date = "Wed, 25 Nov 2026 05:00:00 GMT"

    assert header(name, date) == date
    for value in ("", "7" * 41, "\x1b7", "é", "7\0"):
        assert Foreign(KEY).headers({name: value}).get(name) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text/csv; charset=utf-8", "text/csv"),
        ("Text/HTML", "text/html"),
        ("text/csvx", "another media type"),
        (KEY, "another media type"),
        ("", "another media type"),
    ],
)
def test_media_types_are_known_ones(value: str, shown: str) -> None:
    assert foreign.headers({"Content-Type": value})["Content-Type"] == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *(("gzip", "gzip"), ("BR", "br"), ("gzip, zstd", "gzip, zstd")),
        *((KEY, "unknown"), (f"gzip, {KEY}", "unknown"), ("gzip," * 99, "unknown")),
    ],
)
def test_codings_are_known_ones(value: str, shown: str) -> None:
    assert foreign.headers({"Content-Encoding": value})["Content-Encoding"] == shown


def test_headers_that_the_tap_does_not_read_are_dropped() -> None:
    assert foreign.headers({"Set-Cookie": "a=b", "Server": "x", "Location": "/"}) == {}


@given(st.dictionaries(st.sampled_from(["X-Request-ID", "Content-Type", "Date", "X"]), st.text()))
def test_whatever_is_kept_is_printable_and_short(sent: dict[str, str]) -> None:
    for value in foreign.headers(sent).values():
        assert value.isprintable()
        assert value.isascii()
        assert len(value) <= 64


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([], "0 with unusual names"),
        (["updated_date"], "updated_date"),
        (["vat", "region"], "vat, region"),
        (["vat", "Ann Example"], "vat and 1 more"),
        (["ann@example.com", "+15550100", "x" * 41, "\x1b[31m", KEY], "5 with unusual names"),
        ([f"c{n}" for n in range(1_000)], "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 990 more"),
        ([KEY] * 1_000_000, "1,000,000 with unusual names"),
    ],
)
def test_a_few_plain_names_of_columns_are_shown(names: list[str], shown: str) -> None:
    columns = foreign.columns(names)

    assert str(columns) == shown
    assert bool(columns) == bool(names)


def test_a_name_that_is_a_value_of_a_record_is_withheld() -> None:
    columns = foreign.columns(["region", "ann", "acme_corp", "counsel", "partner"])

    columns.withhold([("1", "Ann Example", None, ["x"]), ("2", "acme_corp", "General Counsel", [])])
    columns.withhold([("3", "x", "y", ["partner"])])

    assert str(columns) == "region and 4 more"


@pytest.mark.parametrize("code", sorted(CODES))
def test_documented_codes_are_shown(code: str) -> None:
    assert error_code(b'{"error": {"code": "%s", "message": "x"}}' % code.encode()) == code


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"7",
            b'{"error": "rate_limited"}',
            b'{"error": {"code": ["no_match"]}}',
        ),
        *(b'{"error": {"code": "internal_error"}}', b'{"error": {"code": null}}', b"\xff"),
        *(b"[" * 60_000, b'{"error": {"code": {"no_match": 1}}}'),
    ],
)
def test_anything_else_is_no_code(body: bytes) -> None:
    assert error_code(body) is None


@given(st.text())
def test_a_count_is_a_number_or_nothing(text: str) -> None:
    assert count(text) is None or 0 <= int(text) <= 999_999
    assert count(None) is None
