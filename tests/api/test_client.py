"""The client: one request in, one whole answer out, or one error that says why not."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.api import client as client_module
from tap_leadlex.api.client import CONNECT_TRIES, LARGEST_ERROR, Client
from tap_leadlex.errors import (
    QuotaError,
    RequestError,
    SettingsError,
    TransportError,
    UnreachableError,
)
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import Fault, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import Compression
from tests.support import FIELDS, RawServer
from tests.support.runs import WITHOUT_WAITS

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "wbk_live_secret"
CSV = b"id,created_at\n" + b"1,2026-04-15T09:00:00Z\n" * 50
ZIPPED = gzip.compress(CSV)


def answer(
    body: bytes, *headers: str, status: str = "200 OK", kind: str = "text/csv", length: int = -1
) -> bytes:
    """Give the bytes of an answer with a length, the right one unless told otherwise."""
    length = len(body) if length < 0 else length
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {length}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def chunked(*chunks: bytes, headers: str = "") -> bytes:
    """Give the bytes of an answer in chunks; an empty one is the last."""
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n{headers}Transfer-Encoding: chunked\r\n\r\n"
    )
    return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


def client_for(url: str, key: str = KEY, timeout: float = 30) -> Client:
    """Give a client, whose waits take no time."""
    return Client(url, key, timeout=timeout, user_agent="tap-leadlex/test", clock=WITHOUT_WAITS)


QUERY: list[tuple[str, str | int]] = [
    ("limit", 50_000),
    ("fields", ",".join(FIELDS)),
    ("created_before", "2026-06-01T00:00:00Z"),
]


def fetch(url: str, key: str = KEY, timeout: float = 30) -> bytes:
    """Make one export and give its body."""
    with client_for(url, key, timeout) as client, client.export(CONTACTS, QUERY) as response:
        return response.body.read()


def failure(url: str, kind: type[Exception] = Exception, timeout: float = 30) -> str:
    """Make one export that must fail; give what it says, in one line and without the key."""
    with pytest.raises(kind) as caught:
        fetch(url, timeout=timeout)
    message = str(caught.value)
    assert "\n" not in message
    assert KEY not in message
    return message


def unreachable(why: str, host: str = "127.0.0.1") -> str:
    """Give what the tap says if no connection comes about."""
    return f"LeadLex cannot be reached at {host}: {why}; check the network, the proxy and api_url."


def asked_of(server: RawServer) -> str:
    """Give the head of the only request that a server got."""
    (request,) = server.requests
    return request


def test_what_is_sent() -> None:
    with (
        RawServer(answer(CSV)) as server,
        client_for(server.url) as client,
        client.export(CONTACTS, [("limit", 7), ("tag", "m&a"), ("tag", "événement, +1")]),
    ):
        line, *headers = asked_of(server).split("\r\n")
    sent = dict(header.split(": ", 1) for header in headers if header)

    assert line == (
        "GET /v1/contacts/export?limit=7&tag=m%26a&tag=%C3%A9v%C3%A9nement%2C+%2B1 HTTP/1.1"
    )
    assert sent["Authorization"] == f"Bearer {KEY}"
    assert sent["Accept"] == "text/csv"
    assert sent["Accept-Encoding"] == "gzip"
    assert sent["User-Agent"] == "tap-leadlex/test"


@pytest.mark.parametrize(
    "sent",
    [
        answer(CSV),
        answer(CSV, kind="Text/CSV; charset=utf-8"),
        answer(CSV, "Connection: close"),
        answer(CSV, "Content-Encoding: identity"),
        answer(CSV).replace(b"Content-Type: text/csv\r\n", b""),
        answer(ZIPPED, "Content-Encoding: gzip"),
        answer(ZIPPED, "Content-Encoding: X-GZIP"),
        answer(gzip.compress(CSV[:9]) + gzip.compress(CSV[9:]), "Content-Encoding: gzip"),
        chunked(CSV[:9], CSV[9:], b""),
        chunked(*(CSV[i : i + 1] for i in range(len(CSV))), b""),
        chunked(ZIPPED[:5], ZIPPED[5:], b"", headers="Content-Encoding: gzip\r\n"),
        answer(CSV).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_a_whole_body_arrives(sent: bytes) -> None:
    with RawServer(sent) as server:
        assert fetch(server.url) == CSV
    assert asked_of(server)


@pytest.mark.parametrize("compression", list(Compression))
def test_a_large_body_arrives(serve: Callable[..., Sandbox], compression: Compression) -> None:
    sandbox = serve(contacts=40_000, reading=Reading(compression=compression))

    body = fetch(sandbox.url, sandbox.key)

    assert len(body) > client_module.SPOOL_IN_MEMORY
    assert body.startswith(b"id,full_name")
    assert body.endswith(b"Z\n")
    assert len(sandbox.exports) == 1


def test_a_large_body_goes_to_disk_while_it_arrives() -> None:
    body = b"x" * (8 * client_module.SPOOL_IN_MEMORY)

    with RawServer(answer(body)) as server, client_for(server.url) as client:
        tracemalloc.start()
        try:
            with client.export(CONTACTS, QUERY) as response:
                _, peak = tracemalloc.get_traced_memory()
                assert sum(map(len, response.body)) == len(body)
        finally:
            tracemalloc.stop()

    assert peak < len(body) / 2


CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", id="head cut"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="no HTTP"),
        pytest.param(answer(b"", "Location: http://x\x7f/", status="302 Found"), id="bad Location"),
        pytest.param(
            answer(CSV).replace(b"Length: ", b"Length: " + b"9" * 5_000), id="huge length"
        ),
        pytest.param(answer(CSV, length=len(CSV) + 1), id="length, one byte short"),
        pytest.param(answer(b"", length=len(CSV)), id="length, without a body"),
        pytest.param(chunked(CSV), id="no last chunk"),
        pytest.param(chunked(CSV[:9], CSV[9:])[:-20], id="chunk cut"),
        pytest.param(chunked(CSV) + b"zz\r\n", id="chunk without a size"),
        pytest.param(CLOSED + CSV, id="closed"),
        pytest.param(CLOSED + CSV[:-9], id="closed early"),
        pytest.param(CLOSED.replace(b"1.1", b"1.0") + CSV, id="closed, HTTP 1.0"),
        pytest.param(answer(ZIPPED[:-9], "Content-Encoding: gzip"), id="gzip cut"),
        pytest.param(answer(ZIPPED[:-4] + b"0000", "Content-Encoding: gzip"), id="gzip damaged"),
        pytest.param(answer(ZIPPED + CSV, "Content-Encoding: gzip"), id="gzip with a tail"),
        pytest.param(answer(CSV, "Content-Encoding: gzip"), id="no gzip"),
        pytest.param(answer(b"", "Content-Encoding: gzip"), id="gzip of nothing"),
        pytest.param(
            chunked(gzip.compress(CSV[:9]), gzip.compress(CSV[9:])[:-8], b"").replace(
                b"text/csv", b"text/csv\r\nContent-Encoding: gzip"
            ),
            id="second gzip member cut",
        ),
    ],
)
def test_a_body_that_is_not_whole_is_no_body(sent: bytes) -> None:
    with RawServer(sent) as server:
        failure(server.url, TransportError)
    assert asked_of(server)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.RESET,
        Fault.RESET_MIDWAY,
        Fault.CUT_LENGTH,
        Fault.CUT_CHUNK,
        Fault.CUT_GZIP,
        Fault.CLOSE,
        Fault.CUT_CLOSE,
        Fault.SERVER_ERROR,
        Fault.BAD_GATEWAY,
        Fault.UNAVAILABLE,
        Fault.GATEWAY_TIMEOUT,
    ],
)
def test_faults_worth_another_try(serve: Callable[..., Sandbox], fault: Fault) -> None:
    sandbox = serve(contacts=500, key=KEY, faults={1: fault})

    failure(sandbox.url, TransportError)
    assert fetch(sandbox.url).endswith(b"Z\n")

    assert len(sandbox.exports) == 2


@pytest.mark.parametrize("fault", [Fault.REDIRECT, Fault.JSON_200, Fault.HTML_200])
def test_faults_that_stay(serve: Callable[..., Sandbox], fault: Fault) -> None:
    sandbox = serve(contacts=500, key=KEY, faults={1: fault})

    failure(sandbox.url, RequestError)

    assert len(sandbox.exports) == 1


def test_silence_in_the_middle_of_a_body_ends_in_a_time_out(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=500, key=KEY, faults={1: Fault.STALL})

    message = failure(sandbox.url, TransportError, timeout=0.3)

    assert "ReadTimeout" in message
    assert len(sandbox.exports) == 1


def test_silence_before_the_answer_ends_in_a_time_out(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=1, key=KEY, latency=30)

    assert "ReadTimeout" in failure(sandbox.url, TransportError, timeout=0.3)
    assert len(sandbox.exports) == 1


def test_a_slow_answer_that_keeps_coming_is_waited_for() -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(answer(CSV)[: -len(CSV)])
        for part in range(5):
            time.sleep(0.5)
            connection.sendall(CSV[part * len(CSV) // 5 : (part + 1) * len(CSV) // 5])

    with RawServer(drip) as server:
        assert fetch(server.url, timeout=2) == CSV
    assert asked_of(server)


def test_a_connection_that_is_reset() -> None:
    def reset(connection: socket.socket) -> None:
        connection.sendall(answer(CSV, length=10**6))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with RawServer(reset) as server:
        failure(server.url, TransportError)
    assert asked_of(server)


def test_a_connection_that_is_refused() -> None:
    with RawServer(b"") as server:
        url = server.url

    assert failure(url, UnreachableError) == unreachable("the connection was refused")


def test_a_name_that_does_not_exist() -> None:
    message = failure("https://leadlex.invalid/v1", UnreachableError)

    assert message == unreachable("its name cannot be resolved", host="leadlex.invalid")


@pytest.mark.parametrize("kind", ["application/json", "text/html", "text/plain", "text/csvx"])
def test_what_is_no_csv_is_refused_by_its_kind(kind: str) -> None:
    with RawServer(answer(b'{"error": {}}', "X-Request-ID: req_7", kind=kind)) as server:
        message = failure(server.url, RequestError)

    shown = "another media type" if kind == "text/csvx" else kind
    assert f"answered with {shown} instead of text/csv (request id req_7)" in message
    assert "api_url" in message
    assert asked_of(server)


def test_a_coding_that_was_not_asked_for_is_refused() -> None:
    with RawServer(answer(CSV, "Content-Encoding: br")) as server:
        assert "'br'" in failure(server.url, RequestError)
    assert asked_of(server)


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "304 Not Modified"])
def test_another_success_is_none(status: str) -> None:
    body = CSV if status.startswith("206") else b""
    with RawServer(answer(body, status=status)) as server:
        assert status[:3] in failure(server.url, RequestError)
    assert asked_of(server)


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        ("400 Bad Request", "validation_error", "export_limit"),
        ("401 Unauthorized", "invalid_key", "api_key"),
        ("403 Forbidden", "insufficient_permissions", "read:contacts"),
        ("404 Not Found", "list_not_found", "list_id"),
        ("418 Teapot", "teapot", ""),
    ],
)
def test_a_refusal_is_named_by_its_code_with_advice(status: str, code: str, advice: str) -> None:
    envelope = {"error": {"code": code, "message": "Not  so\nfast", "details": {"x": "hidden"}}}
    body = json.dumps(envelope).encode()
    with RawServer(answer(body, "X-Request-ID: req_7", status=status)) as server:
        message = failure(server.url, RequestError)

    shown = "" if code == "teapot" else f", {code}"
    begin = f"LeadLex answered HTTP {status[:3]}{shown} (request id req_7)."
    assert message.startswith(begin)
    assert advice in message.removeprefix(begin)
    assert "hidden" not in message
    assert "fast" not in message
    assert asked_of(server)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>secret page</html>",
        b'{"error": "secret"}',
        b'{"error": {"message": "secret"}}',
        b'["secret"]',
        b"\xff\xfesecret",
        b'{"data": {"email": "secret"}}',
    ],
)
def test_a_refusal_without_the_envelope_is_not_quoted(body: bytes) -> None:
    with RawServer(answer(body, status="400 Bad Request")) as server:
        message = failure(server.url, RequestError)

    assert message.startswith("LeadLex answered HTTP 400. ")
    assert "secret" not in message
    assert asked_of(server)


def test_nothing_is_read_of_a_refusal_that_is_long() -> None:
    envelope = {"error": {"code": "invalid_key", "message": "x" * LARGEST_ERROR}}
    body = json.dumps(envelope).encode()
    with RawServer(answer(body, status="401 Unauthorized")) as server:
        message = failure(server.url, RequestError)

    assert message.startswith("LeadLex answered HTTP 401. ")
    assert asked_of(server)


def test_a_refusal_whose_body_is_cut_is_still_that_refusal() -> None:
    with RawServer(answer(b'{"error', length=500, status="403 Forbidden")) as server:
        assert "HTTP 403" in failure(server.url, RequestError)
    assert asked_of(server)


def test_a_refusal_for_now_keeps_its_headers(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=1, key=KEY, quotas=Quotas(exports=1))
    fetch(sandbox.url)

    with pytest.raises(QuotaError) as caught:
        fetch(sandbox.url)

    assert caught.value.headers["x-ratelimit-remaining"] == "0"
    assert "rate_limited" in str(caught.value)
    assert len(sandbox.exports) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example/v1",
        f"https://user:{KEY}@elsewhere.example/",
        f"https://elsewhere.example/?key={KEY}#{KEY}",
        f"/{KEY}/login",
        "https://[half",
        None,
    ],
)
def test_a_redirect_is_neither_followed_nor_quoted(status: int, location: str | None) -> None:
    headers = [] if location is None else [f"Location: {location}"]
    with RawServer(answer(b"", *headers, status=f"{status} Elsewhere")) as server:
        message = failure(server.url, RequestError)

    assert message.startswith(f"LeadLex redirects to another address (HTTP {status}). ")
    assert "elsewhere.example" not in message
    assert "login" not in message
    assert asked_of(server)


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(b"HTTP/1.1 502 Bad Gateway\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        message = failure("https://data.leadlex.example/v1", UnreachableError)

    assert message == unreachable("the proxy refused to connect", host="data.leadlex.example")
    assert len(proxy.requests) == CONNECT_TRIES
    request = proxy.requests[0]
    assert request.startswith("CONNECT data.leadlex.example:443 HTTP/1.1\r\n")
    assert KEY not in request


@pytest.mark.parametrize(
    ("proxy", "obstacle"),
    [
        ("http://user:password@127.0.0.1:9", "the connection was refused"),
        ("http://user:password@proxy.invalid:3128", "its name cannot be resolved"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_reached_is_not_taken_for_leadlex(
    monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str, obstacle: str
) -> None:
    monkeypatch.setenv(variable, proxy)

    message = failure("https://data.leadlex.example/v1", UnreachableError)

    assert message == unreachable(
        f"connecting to the proxy failed ({obstacle})", host="data.leadlex.example"
    )


def test_tls_that_fails_behind_a_proxy_is_not_the_proxys_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RawServer(b"HTTP/1.1 200 OK\r\n\r\nno TLS") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        message = failure("https://data.leadlex.example/v1", UnreachableError)

    assert message == unreachable("the TLS handshake failed", host="data.leadlex.example")


@pytest.mark.parametrize("url", ["http://LOCALHOST:9/v1", "http://[::1]:9/v1"])
def test_a_host_in_any_notation_is_not_taken_for_a_proxy(url: str) -> None:
    assert "proxy failed" not in failure(url, UnreachableError)


def test_a_host_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    with RawServer(answer(CSV)) as server:
        assert fetch(server.url) == CSV
    assert asked_of(server)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "ftp://user:password@proxy"),
        ("HTTPS_PROXY", "http://user:password@proxy:port"),
        ("ALL_PROXY", "socks5://user:password@proxy"),
        ("SSL_CERT_FILE", "/no/such/file"),
        ("SSL_CERT_FILE", __file__),
    ],
)
def test_a_bad_variable_of_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=rf"\b{name}\b") as caught:
        client_for("https://data.leadlex.example/v1").__enter__()

    assert "password" not in str(caught.value)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Give a certificate for 127.0.0.1 that only itself vouches for, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not on PATH")
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    options = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=loopback"
        f" -addext subjectAltName=IP:127.0.0.1 -out {paths[0]} -keyout {paths[1]}"
    )
    subprocess.run([openssl, *options.split()], check=True, capture_output=True)  # noqa: S603
    return paths


def test_a_certificate_must_be_vouched_for(
    monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    with RawServer(answer(CSV), context) as server:
        assert failure(server.url, UnreachableError) == unreachable(
            "its TLS certificate is not trusted"
        )
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert fetch(server.url) == CSV

    assert asked_of(server)


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Let every body be spooled to a file; give a function that lists the open ones."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("open files are listed through /proc")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(client_module, "SPOOL_IN_MEMORY", 1)

    def open_spools() -> list[str]:
        assert list(tmp_path.iterdir()) == [], "a spool has a name that others can open"
        found = []
        for entry in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):
                found.append(str(entry.readlink()))
        return [name for name in found if name.startswith(str(tmp_path))]

    return open_spools


def test_a_spool_goes_away_after_use(spools: Callable[[], list[str]]) -> None:
    with RawServer(answer(CSV)) as server, client_for(server.url) as client:
        with client.export(CONTACTS, QUERY) as response:
            assert len(spools()) == 1
            assert response.body.read() == CSV
        assert spools() == []
        with pytest.raises(ZeroDivisionError), client.export(CONTACTS, QUERY):
            _ = 1 / (len(spools()) - 1)
        assert spools() == []
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "fault", [Fault.RESET_MIDWAY, Fault.CUT_CHUNK, Fault.CUT_GZIP, Fault.STALL, Fault.JSON_200]
)
def test_a_spool_goes_away_after_a_failure(
    serve: Callable[..., Sandbox], spools: Callable[[], list[str]], fault: Fault
) -> None:
    sandbox = serve(contacts=5_000, key=KEY, faults={1: fault})

    failure(sandbox.url, timeout=0.5)

    assert spools() == []
    assert len(sandbox.exports) == 1
