"""Nothing that a server sends gets into a log or a state: no key, no value, no control code."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import RawServer, Run, run

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

KEY = "wbk_live_Q7xTz9LmPq4RvNs2"
VALUES = ("Ann Example", "ann@example.com", "15550100", "counsel", "acme_corp", "Zoë 🦊")
CONTROLS = ("\x1b[31mred", "\x07\x08\x7f", "\u202egnp.exe", "a\r\nb", "nul\0", "\x9b2J")
HEADER = "id,full_name,email,phone,job_title,company_name,linkedin_url,tags,created_at"
ROW = "7,Ann Example,ann@example.com,15550100,counsel,acme_corp,,Zoë 🦊,2026-04-15T09:00:00Z"
PAGE = {
    "data": {"contacts": [{"id": "7", "created_at": "2026-04-15T09:00:00Z"}]},
    "meta": {"total": 1},
}


def encoded(text: str) -> list[str]:
    """Return a text as a server might repeat it."""
    plain = text.encode()
    shifted = b64encode(b"Bearer " + plain).decode()
    return [
        *(text, text.upper(), f"x{text}", f"Bearer {text}", quote(text, safe=""), plain.hex()),
        *(b64encode(plain).decode(), urlsafe_b64encode(plain).decode().rstrip("="), shifted),
    ]


parts = st.tuples(st.integers(0, len(KEY) - 8), st.integers(8, len(KEY))).map(
    lambda span: KEY[span[0] : span[0] + span[1]]
)
contents = (
    st.one_of(parts.flatmap(lambda part: st.sampled_from(encoded(part))))
    | st.sampled_from(encoded(KEY))
    | st.sampled_from(VALUES)
    | st.sampled_from(CONTROLS)
    | st.tuples(st.sampled_from(VALUES), st.sampled_from(CONTROLS)).map("".join)
)


def answer(body: str, *headers: str, status: str = "200 OK", kind: str = "text/csv") -> bytes:
    """Return a response with a length."""
    sent = body.encode()
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(sent)}"]
    if not any(header.startswith("Content-Type:") for header in headers):
        head.append(f"Content-Type: {kind}")
    return "\r\n".join([*head, "", ""]).encode() + sent


def chunked(text: str) -> bytes:
    """Return a response whose chunks are given as they are."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
    return (head + text).encode()


def table(*rows: str, header: str = HEADER) -> str:
    """Return a table."""
    return "".join(f"{line}\n" for line in (header, *rows))


def envelope(**error: object) -> str:
    """Return an error as LeadLex sends it."""
    return json.dumps({"error": {"code": "invalid_key", "message": "No.", **error}})


GOOD = answer(table(ROW))
HEADERS = (
    *("X-Request-ID", "Content-Type", "Content-Encoding", "X-RateLimit-Limit", "Date", "Server"),
    *("X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After", "Location", "Set-Cookie"),
    *("Content-Disposition", "WWW-Authenticate", "Link", "Transfer-Encoding", "Content-Length"),
)
STATUSES = ("200 OK", "302 Found", "401 No", "429 Later", "503 Down")
QUOTA = ("X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 9")

PLACES: dict[str, Callable[[str], bytes]] = {
    **{
        f"{name}, {status[:3]}": lambda text, name=name, status=status: answer(  # type: ignore[misc]
            table(ROW), f"{name}: {text}", status=status
        )
        for name in HEADERS
        for status in STATUSES
    },
    "a header's name": lambda text: answer(table(ROW), f"{text}: x"),
    "all quota headers": lambda text: answer(
        table(ROW), *(f"{header.partition(':')[0]}: {text}" for header in QUOTA)
    ),
    "reason": lambda text: answer(table(ROW), status=f"200 {text}"),
    "reason of a refusal": lambda text: answer("", status=f"400 {text}"),
    "status": lambda text: answer("", status=text),
    "instead of a response": lambda text: f"{text}\r\n\r\n".encode(),
    "before the response": lambda text: f"HTTP/1.1 103 {text}\r\nX: {text}\r\n\r\n".encode() + GOOD,
    "error code": lambda text: answer(envelope(code=text), status="400 No"),
    "error message": lambda text: answer(envelope(message=text), status="400 No"),
    "error message of a 5xx": lambda text: answer(envelope(message=text), status="503 Down"),
    "error details": lambda text: answer(envelope(details={text: text}), status="400 No"),
    "error as text": lambda text: answer(json.dumps({"error": text}), status="400 No"),
    "error page": lambda text: answer(f"<html>{text}</html>", status="502 Down", kind="text/html"),
    "error without JSON": lambda text: answer(text, status="400 No"),
    "error with a request id": lambda text: answer(
        envelope(message=text), f"X-Request-ID: {text}", status="400 No"
    ),
    "a web page": lambda text: answer(f"<html>{text}</html>", kind="text/html"),
    "an additional column": lambda text: answer(table(f"{ROW},", header=f"{HEADER},{text}")),
    "a column renamed": lambda text: answer(table(ROW, header=HEADER.replace("email", text))),
    "the header": lambda text: answer(table(ROW, header=text)),
    "an id": lambda text: answer(table(f"{text},,,,,,,,yesterday")),
    "a date": lambda text: answer(table(f"8,,,,,,,,{text}")),
    "a surplus cell": lambda text: answer(table(f"{ROW},{text}")),
    "a quoted value without an end": lambda text: answer(table(f'"{text}')),
    "text after a quote": lambda text: answer(table(f'"a"{text},,,,,,,,')),
    "a row that is cut": lambda text: answer(table(ROW) + text),
    "a repeated row": lambda text: answer(table(ROW, ROW.replace("Ann Example", text))),
    "a cell": lambda text: answer(table(ROW.replace("Ann Example", text))),
    "a date outside the window": lambda text: answer(table(f"8,{text},,,,,,,2030-01-01T00:00:00Z")),
    "gzip": lambda text: answer(text, "Content-Encoding: gzip"),
    "the size of a chunk": lambda text: chunked(f"{text}\r\n{table(ROW)}\r\n0\r\n\r\n"),
    "the end of a chunk": lambda text: chunked(f"1\r\nx{text}\r\n0\r\n\r\n"),
    "a chunk extension": lambda text: chunked(f"1;{text}\r\nx\r\n0\r\n\r\n"),
    "a trailer": lambda text: chunked(f"0\r\n{text}: {text}\r\n\r\n"),
    "after the response": lambda text: GOOD + text.encode(),
    "another response after it": lambda text: GOOD + f"HTTP/1.1 {text}\r\n\r\n".encode(),
    "the body is too short": lambda text: chunked(f"fff\r\n{text}"),
}
LIST_PLACES: dict[str, Callable[[str], object]] = {
    "an id": lambda text: {"data": {"contacts": [{"id": text}]}},
    "a date": lambda text: {"data": {"contacts": [{"id": "7", "created_at": text}]}},
    "a name": lambda text: {"data": {text: text}, "meta": text},
    "a total": lambda text: {**PAGE, "meta": {"total": text}},
    "an error": lambda text: {**PAGE, "error": {"code": text, "message": text}},
}


def served(export: bytes, page: bytes, *, keep: bool) -> RawServer:
    """Return a server that answers exports and lists, and may keep its connections open."""

    def send(connection: socket.socket) -> None:
        connection.sendall(export if "/export" in server.requests[-1] else page)
        while keep and (head := connection.recv(65536)):
            server.requests.append(head.decode())
            connection.sendall(export if "/export" in server.requests[-1] else page)

    server = RawServer(send)
    return server


def debug(export: bytes, page: bytes, *, keep: bool = False) -> Run:
    """Run the tap at every level, against these responses."""
    with served(export, page, keep=keep) as server:
        config = {"api_key": KEY, "api_url": server.url, "request_timeout": 1, "export_limit": 9}
        done = run(config, log_level="DEBUG")
        assert server.requests
    return done


def assert_discreet(done: Run, text: str) -> None:
    """Check that nothing of what was sent was printed, but in the records."""
    printed = done.log + json.dumps(done.states, ensure_ascii=False)
    assert "DEBUG" in done.log
    assert [value for value in (*VALUES, KEY) if value in printed] == []
    assert text not in printed
    lower = printed.lower()
    sent = {text[start : start + 8].lower() for start in range(len(text) - 7)}
    # What a header is called may be printed, what it holds may not.
    assert [part for part in sent if part in lower and part not in "content-encoding"] == []
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", printed) == []
    assert "Traceback (most" not in printed
    assert "this is a bug" not in printed
    assert len(printed) < 100_000


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(text=contents)
def test_no_export_gets_its_words_into_the_log(place: str, text: str) -> None:
    sent = PLACES[place](text)

    assert_discreet(debug(sent, sent), text)


@pytest.mark.parametrize("place", LIST_PLACES)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(text=contents)
def test_no_list_gets_its_words_into_the_log(place: str, text: str) -> None:
    page = answer(json.dumps(LIST_PLACES[place](text)), kind="application/json")

    assert_discreet(debug(GOOD, page), text)


@pytest.mark.parametrize("place", ["after the response", "another response after it"])
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(text=contents)
def test_what_follows_a_response_is_not_read(place: str, text: str) -> None:
    """On a connection that the server keeps open, it would pass for the next response."""
    page = answer(json.dumps(PAGE), kind="application/json")
    surplus = PLACES[place](text).removeprefix(GOOD)

    done = debug(GOOD + surplus, page + surplus, keep=True)

    assert done.exit_code == 0
    assert done.ids == ["7"]
    assert_discreet(done, text)


@settings(max_examples=10)
@given(text=contents)
def test_no_proxy_gets_its_words_into_the_log(text: str) -> None:
    refusals = answer(text, status=f"407 {text}"), f"{text}\r\n\r\n".encode()
    for refusal in refusals:
        with RawServer(refusal) as proxy, pytest.MonkeyPatch.context() as patch:
            patch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            done = run(
                {"api_key": KEY, "api_url": "https://data.leadlex.example/v1"}, log_level="DEBUG"
            )
        assert_discreet(done, text)
        (failure,) = done.failures
        assert failure.startswith("LeadLex cannot be reached at data.leadlex.example: ")


def test_a_million_columns_make_one_short_line() -> None:
    names = ",".join(f"column_{number}" for number in range(1_000_000))
    row = ROW + "," * 1_000_000
    sent = answer(table(row, header=f"{HEADER},{names}"))

    done = debug(sent, sent)

    assert done.exit_code == 0
    assert done.ids == ["7"]
    (line,) = [line for line in done.warnings if "columns" in line]
    assert line.startswith("Ignoring columns that the tap did not request: column_0, ")
    assert line.endswith("column_9 and 999,990 more.")
    assert len(done.log) < 20_000
