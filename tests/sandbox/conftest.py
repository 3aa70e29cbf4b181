"""Running sandboxes, an httpx client, and a client that returns the raw bytes."""

import csv
import io
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tap_leadlex.sandbox import Sandbox


@pytest.fixture
def serve() -> Iterator[Callable[..., Sandbox]]:
    """Return a function that starts a sandbox, which stops at the end of the test."""
    with ExitStack() as stack:

        def start(**options: Any) -> Sandbox:  # noqa: ANN401 - whatever Sandbox takes
            return stack.enter_context(Sandbox(**options))

        yield start


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Return a client with the default key."""
    with httpx.Client(headers={"Authorization": "Bearer wbk_sandbox"}) as client:
        yield client


@pytest.fixture
def export(client: httpx.Client) -> Callable[..., list[dict[str, str]]]:
    """Return a function that makes one export and returns its rows."""

    def rows(sandbox: Sandbox, **parameters: Any) -> list[dict[str, str]]:  # noqa: ANN401
        response = client.get(f"{sandbox.url}/contacts/export", params=parameters)
        response.raise_for_status()
        return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"), newline="")))

    return rows


@dataclass
class RawAnswer:
    """The bytes received before the connection ended."""

    head: str
    body: bytes
    was_reset: bool


@pytest.fixture
def raw_get() -> Callable[..., RawAnswer]:
    """Return a function that requests a path of the API and returns the raw bytes."""
    return _raw_get


def _raw_get(sandbox: Sandbox, path: str, *headers: str) -> RawAnswer:
    url = urlsplit(sandbox.url + path)
    lines = (
        f"GET {url.path}?{url.query} HTTP/1.1",
        "Host: sandbox",
        f"Authorization: Bearer {sandbox.key}",
        "Connection: close",
        *headers,
    )
    received, was_reset = bytearray(), False
    with socket.create_connection((str(url.hostname), int(url.port or 0)), timeout=10) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode())
        try:
            for piece in iter(partial(sock.recv, 65536), b""):
                received += piece
        except ConnectionResetError:
            was_reset = True
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    return RawAnswer(head.decode().lower(), body, was_reset)


@dataclass
class Clock:
    """A clock that advances only on request."""

    now: datetime = field(default=datetime(2026, 6, 15, 10, 30, tzinfo=UTC))

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    """Return a clock set to 2026-06-15T10:30:00Z."""
    return Clock()
