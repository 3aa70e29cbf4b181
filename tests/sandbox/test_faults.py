"""Every fault of the export, as a client receives it."""

import csv
import io
import socket
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tap_leadlex.sandbox import Fault, Reading, Sandbox
from tap_leadlex.sandbox.contact_resource import CONTACTS
from tap_leadlex.sandbox.readings import Framing, Newline

STANDARD = [column.name for column in CONTACTS.columns]
Serve = Callable[..., Sandbox]
RawGet = Callable[..., Any]
EXPORT = "/contacts/export"


def unchunked(body: bytes) -> tuple[bytes, bool]:
    """Return the content of the chunks, and whether the final chunk arrived."""
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            return content, True
        content, body = content + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return content, False


def spoiled(raw_get: RawGet, sandbox: Sandbox) -> bytes:
    """Return the body of an export that is complete as far as HTTP can tell."""
    answer = raw_get(sandbox, EXPORT)
    assert answer.head.startswith("http/1.1 200")
    assert not answer.was_reset
    content, whole = unchunked(answer.body)
    assert whole
    return content


def table(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))


@pytest.fixture
def broken(serve: Serve) -> Callable[[Fault], Sandbox]:
    """Return a function that starts a sandbox whose first export has that fault."""

    def start(fault: Fault) -> Sandbox:
        return serve(faults={1: fault}, nasty=False, stall=0.2)

    return start


Broken = Callable[[Fault], Sandbox]


@pytest.fixture
def whole(serve: Serve, raw_get: RawGet) -> bytes:
    """Return the body without a fault."""
    return spoiled(raw_get, serve(nasty=False))


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "504"])
def test_status(broken: Broken, client: httpx.Client, fault: str) -> None:
    sandbox = broken(Fault(fault))
    response = client.get(sandbox.url + EXPORT)
    assert response.status_code == int(fault) == sandbox.exports[0].status
    assert response.headers["X-RateLimit-Limit"] == "10"
    if fault in {"429", "500"}:
        assert response.json()["error"]["code"]
    assert client.get(sandbox.url + EXPORT).status_code == 200


def test_refused_calls_are_numbered(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(faults={2: Fault.SERVER_ERROR, 3: Fault.UNAVAILABLE})
    statuses = [httpx.get(sandbox.url + EXPORT).status_code]
    statuses += [client.get(sandbox.url + EXPORT).status_code for _ in range(3)]
    assert statuses == [401, 500, 503, 200]


def test_redirect(broken: Broken, client: httpx.Client) -> None:
    response = client.get(broken(Fault.REDIRECT).url + EXPORT)
    assert response.status_code == 302
    assert response.headers["Location"]


@pytest.mark.parametrize("fault", [Fault.JSON_200, Fault.HTML_200])
def test_other_content_types(broken: Broken, client: httpx.Client, fault: Fault) -> None:
    response = client.get(broken(fault).url + EXPORT)
    assert response.status_code == 200
    assert fault.value.partition("-")[0] in response.headers["Content-Type"]


def test_reset(broken: Broken, raw_get: RawGet) -> None:
    sandbox = broken(Fault.RESET)
    answer = raw_get(sandbox, EXPORT)
    assert answer.was_reset
    assert not answer.head
    assert sandbox.exports[0].status == 0


def test_reset_midway(broken: Broken, raw_get: RawGet) -> None:
    assert raw_get(broken(Fault.RESET_MIDWAY), EXPORT).was_reset


def test_cut_length(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    answer = raw_get(broken(Fault.CUT_LENGTH), EXPORT)
    assert f"content-length: {len(whole)}\r\n" in answer.head + "\r\n"
    assert "transfer-encoding" not in answer.head
    assert answer.body == whole[: len(whole) // 2]
    assert not answer.was_reset


def test_cut_chunk(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    answer = raw_get(broken(Fault.CUT_CHUNK), EXPORT)
    assert "transfer-encoding: chunked" in answer.head
    assert unchunked(answer.body) == (whole[: len(whole) // 2], False)


@pytest.mark.parametrize("fault", [Fault.CLOSE, Fault.CUT_CLOSE])
def test_close(broken: Broken, raw_get: RawGet, whole: bytes, fault: Fault) -> None:
    answer = raw_get(broken(fault), EXPORT)
    assert answer.head.startswith("http/1.1 200")
    assert "content-length" not in answer.head
    assert "transfer-encoding" not in answer.head
    assert "x-request-id" in answer.head
    assert answer.body == (whole if fault is Fault.CLOSE else whole[: len(whole) // 2])


def test_cut_gzip(broken: Broken, raw_get: RawGet) -> None:
    answer = raw_get(broken(Fault.CUT_GZIP), EXPORT, "Accept-Encoding: gzip")
    content, ended = unchunked(answer.body)
    assert ended
    stream = zlib.decompressobj(wbits=31)
    assert stream.decompress(content)
    assert not stream.eof


def test_stall(broken: Broken, client: httpx.Client, whole: bytes) -> None:
    sandbox = broken(Fault.STALL)
    response = client.get(sandbox.url + EXPORT)
    assert response.elapsed.total_seconds() >= 0.2
    assert response.content == whole


def test_client_disconnects_during_a_stall(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(faults={1: Fault.STALL}, stall=3_600)
    with pytest.raises(httpx.ReadTimeout):
        client.get(sandbox.url + EXPORT, timeout=0.2)
    assert client.get(sandbox.url + EXPORT).status_code == 200


def test_drip(broken: Broken, client: httpx.Client) -> None:
    sandbox = broken(Fault.DRIP)
    with client.stream("GET", f"{sandbox.url}{EXPORT}?limit=1") as response:
        pieces = response.iter_raw()
        assert next(pieces)
        assert [len(next(pieces)) for _ in range(3)] == [1, 1, 1]
    assert client.get(sandbox.url + EXPORT).status_code == 200


def test_a_drip_comes_to_an_end(serve: Serve, client: httpx.Client) -> None:
    sandbox = serve(nasty=False, faults={1: Fault.DRIP}, stall=0)
    first, second = (client.get(f"{sandbox.url}{EXPORT}?limit=1").content for _ in range(2))
    assert first == second


def test_surplus(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    answer = raw_get(broken(Fault.SURPLUS), EXPORT)
    assert f"content-length: {len(whole)}\r\n" in answer.head + "\r\n"
    assert answer.body == whole + whole[len(whole) // 2 :]


@pytest.mark.parametrize(
    ("fault", "first", "again"),
    [
        (Fault.ENDLESS_HEADERS, b"HTTP/1.1 200 OK\r\n", b"X-Filler: x\r\n" * 9),
        (Fault.ENDLESS_INFORMATIONAL, b"HTTP/1.1 103 ", b"\r\n\r\nHTTP/1.1 103 "),
        (Fault.ENDLESS_LINE, b"HTTP/1.1 200 OK\r\n", b"x" * 1_000),
    ],
)
def test_what_never_ends(
    broken: Broken, client: httpx.Client, fault: Fault, first: bytes, again: bytes
) -> None:
    sandbox = broken(fault)
    url = urlsplit(sandbox.url + EXPORT)
    with socket.create_connection((str(url.hostname), int(url.port or 0)), timeout=10) as sock:
        head = f"GET {url.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.key}\r\n\r\n"
        sock.sendall(head.encode())
        received = bytearray()
        while len(received) < 1_000_000:
            received += sock.recv(65536)
    assert received.startswith(first)
    assert again in received
    assert client.get(sandbox.url + EXPORT).status_code == 200


def test_endless_gzip_is_one_line(broken: Broken, client: httpx.Client) -> None:
    sandbox = broken(Fault.ENDLESS_GZIP)
    text, size = zlib.decompressobj(wbits=31), 0
    with client.stream("GET", sandbox.url + EXPORT) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        for piece in response.iter_raw():
            content = text.decompress(piece)
            assert content.count(b"\n") == (size == 0)
            size += len(content)
            if size > 10_000_000:
                break
        assert response.num_bytes_downloaded < size / 100
    assert client.get(sandbox.url + EXPORT).status_code == 200


def test_cut_in_quotes(broken: Broken, raw_get: RawGet) -> None:
    body = spoiled(raw_get, broken(Fault.CUT_IN_QUOTES))
    with pytest.raises(csv.Error):
        table(body)


def test_cut_at_line_looks_complete(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    body = spoiled(raw_get, broken(Fault.CUT_AT_LINE))
    assert whole.startswith(body)
    assert body.endswith(b"\n")
    assert 1 < len(table(body)) < len(table(whole))


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_cut_at_line_keeps_the_framing_intact(
    serve: Serve, client: httpx.Client, framing: Framing, encoding: str
) -> None:
    sandbox = serve(faults={1: Fault.CUT_AT_LINE}, reading=Reading(framing=framing), nasty=False)
    headers = {"Accept-Encoding": encoding}
    cut, complete = (client.get(sandbox.url + EXPORT, headers=headers) for _ in range(2))
    assert complete.text.startswith(cut.text)
    assert cut.text.count("\n") == 500
    for response in (cut, complete):
        if framing is Framing.LENGTH:
            assert int(response.headers["Content-Length"]) == response.num_bytes_downloaded
        else:
            assert response.headers["Transfer-Encoding"] == "chunked"


def test_cut_mid_line(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    body = spoiled(raw_get, broken(Fault.CUT_MID_LINE))
    assert whole.startswith(body)
    assert not body.endswith(b"\n")
    assert len(table(body)[-1]) < len(STANDARD)


def test_cut_in_date_looks_like_a_row(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    body = spoiled(raw_get, broken(Fault.CUT_IN_DATE))
    last = table(body)[-1]
    assert len(last) == len(STANDARD)
    full = table(whole)[len(table(body)) - 1]
    assert full[-1] == last[-1] + full[-1][-4:]


def test_json_midway(broken: Broken, raw_get: RawGet) -> None:
    assert spoiled(raw_get, broken(Fault.JSON_MIDWAY)).endswith(b'"}}')


@pytest.mark.parametrize(
    ("fault", "column", "value"),
    [(Fault.BAD_DATE, "created_at", "yesterday"), (Fault.EMPTY_ID, "id", "")],
)
def test_one_bad_cell(
    broken: Broken, raw_get: RawGet, whole: bytes, fault: Fault, column: str, value: str
) -> None:
    rows, good = table(spoiled(raw_get, broken(fault))), table(whole)
    [(bad, original)] = [pair for pair in zip(rows, good, strict=True) if pair[0] != pair[1]]
    original[STANDARD.index(column)] = value
    assert bad == original


def test_ragged_row(broken: Broken, raw_get: RawGet) -> None:
    widths = [len(row) for row in table(spoiled(raw_get, broken(Fault.RAGGED_ROW)))]
    assert sorted(widths) == [9] * 1_000 + [10]


@pytest.mark.parametrize("newline", Newline)
def test_repeated_row(serve: Serve, raw_get: RawGet, newline: Newline) -> None:
    sandbox = serve(faults={1: Fault.REPEATED_ROW}, reading=Reading(newline=newline), nasty=False)
    rows, good = (table(spoiled(raw_get, sandbox)) for _ in range(2))
    [repeated] = [i for i in range(1, len(rows)) if rows[i] == rows[i - 1]]
    del rows[repeated]
    assert rows == good


def test_bad_utf8(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    body = spoiled(raw_get, broken(Fault.BAD_UTF8))
    with pytest.raises(UnicodeDecodeError):
        body.decode()
    assert body.replace(b"\xff\xfe", b"") == whole


def test_nul(broken: Broken, raw_get: RawGet, whole: bytes) -> None:
    body = spoiled(raw_get, broken(Fault.NUL))
    assert body.count(b"\x00") == 1
    assert body.replace(b"\x00", b"") == whole


@pytest.mark.parametrize(
    ("fault", "header"),
    [
        (Fault.MISSING_COLUMN, [STANDARD[0], *STANDARD[2:]]),
        (Fault.RENAMED_COLUMN, [*STANDARD[:-1], "created_date"]),
        (Fault.DUPLICATE_COLUMN, [*STANDARD, "full_name"]),
        (Fault.EXTRA_COLUMN, [*STANDARD, "updated_date"]),
    ],
)
def test_columns(broken: Broken, raw_get: RawGet, fault: Fault, header: list[str]) -> None:
    rows = table(spoiled(raw_get, broken(fault)))
    assert rows[0] == header
    assert {len(row) for row in rows} == {len(header)}
    assert len(rows) == 1_001


@pytest.mark.parametrize("fault", [Fault.BAD_DATE, Fault.CUT_AT_LINE, Fault.CUT_IN_QUOTES])
def test_faults_of_rows_need_a_row(serve: Serve, raw_get: RawGet, fault: Fault) -> None:
    sandbox = serve(contacts=0, faults={1: fault})
    assert spoiled(raw_get, sandbox).decode() == ",".join(STANDARD) + "\n"
