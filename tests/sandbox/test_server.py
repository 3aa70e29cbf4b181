"""Starting and stopping a sandbox."""

import socket
import threading

import httpx
import pytest

from tap_leadlex.sandbox import Fault, Sandbox, Store


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104 - to be refused
def test_loopback_only(host: str) -> None:
    with pytest.raises(ValueError, match="loopback only"):
        Sandbox(host=host)


def test_two_sandboxes_use_different_ports() -> None:
    with Sandbox(contacts=1) as one, Sandbox(contacts=2) as other:
        counts = [httpx.get(box.origin + "/sandbox").json()["contacts"] for box in (one, other)]
    assert counts == [1, 2]


def test_stopping_leaves_no_thread_and_no_listener() -> None:
    before = threading.active_count()
    with Sandbox() as sandbox:
        pass
    assert threading.active_count() == before
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.origin + "/sandbox")


@pytest.mark.parametrize(
    "options", [{"latency": 3_600.0}, {"faults": {1: Fault.STALL}, "stall": 3_600.0}]
)
def test_stopping_does_not_wait_for_hanging_calls(options: dict[str, object]) -> None:
    with Sandbox(**options) as sandbox:  # type: ignore[arg-type]
        address = httpx.URL(sandbox.url)
        sock = socket.create_connection((address.host, address.port or 0))
        path = f"{address.path}/contacts/export"
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.key}\r\n\r\n"
        sock.sendall(head.encode())
        while not sandbox.calls:
            httpx.get(sandbox.origin + "/sandbox")
    sock.close()


def test_custom_store_and_key() -> None:
    with Sandbox(store=Store([0, 1_000_000]), key="wbk_own") as sandbox:
        headers = {"Authorization": "Bearer wbk_own"}
        answer = httpx.get(sandbox.url + "/contacts", headers=headers).json()
    assert answer["meta"]["total"] == 2
    assert sandbox.key == "wbk_own"
