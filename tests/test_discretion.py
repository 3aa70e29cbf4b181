"""No key and no contact's value in any log at any level, in no error, state or URL."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.api import watch
from tap_leadlex.sandbox import Fault, History, ListFault, Quotas, Sandbox
from tests.support import FIELDS, Json, RawServer, Run, config_for, run, truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = "wbk_live_0123456789abcdef"
SECRET = "ann.example@example.com"  # noqa: S105 - a contact's value
ALWAYS = range(1, 100)
STRUCTURED = """
version: 1
disable_existing_loggers: false
formatters: {json: {(): singer_sdk.logging.StructuredFormatter}}
handlers: {err: {class: logging.StreamHandler, formatter: json, stream: "ext://sys.stderr"}}
root: {level: DEBUG, handlers: [err]}
"""


@pytest.fixture(params=["console", "structured"], autouse=True)
def _log_format(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Log as the SDK does by itself, and as under Meltano, with all that led to an error."""
    if request.param == "structured":
        path = tmp_path / "log.yml"
        path.write_text(STRUCTURED)
        monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(path))


def start(serve: Callable[..., Sandbox], **options: Any) -> Sandbox:  # noqa: ANN401 - of Sandbox
    """Start a sandbox with a key that looks like nothing else."""
    return serve(**{"contacts": 400, "key": KEY, "nul": True, "stall": 5, **options})


def debug(config: Json, **given: Any) -> Run:  # noqa: ANN401 - of run
    """Run the tap with every log line that there is."""
    return run({"request_timeout": 1, **config}, log_level="DEBUG", **given)


def secrets(sandbox: Sandbox) -> set[str]:
    """Give the key and all values of the contacts that are not found anywhere by chance."""
    records = truth(sandbox)
    values = {str(record[name]) for record in records for name in FIELDS[:7] if record[name]}
    return {KEY} | {value for value in values if len(value.strip()) > 7}


def assert_discreet(done: Run, sandbox: Sandbox) -> None:
    """Make sure that a run told nothing but through its records."""
    told = "\n".join([done.log, json.dumps(done.states), *(call.query for call in sandbox.calls)])
    assert "DEBUG" in done.log or '"debug"' in done.log
    found = [value for value in secrets(sandbox) if value in told or repr(value)[1:-1] in told]
    assert found == []
    assert KEY not in done.out
    assert all(KEY not in call.path for call in sandbox.calls)


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_of_an_export(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(watch, "LONGEST", timedelta(seconds=2))
    sandbox = start(serve, faults=dict.fromkeys(ALWAYS, fault))

    done = debug(config_for(sandbox))

    assert_discreet(done, sandbox)
    assert sandbox.exports


@pytest.mark.parametrize("fault", list(ListFault))
def test_every_fault_of_the_list(serve: Callable[..., Sandbox], fault: ListFault) -> None:
    sandbox = start(serve, list_faults=dict.fromkeys(ALWAYS, fault), quotas=Quotas(exports=None))

    done = debug(config_for(sandbox, export_limit=100))

    assert_discreet(done, sandbox)
    assert done.exit_code == 0
    assert len(sandbox.exports) > 4


def test_a_sweep_of_many_windows_and_the_quota(serve: Callable[..., Sandbox]) -> None:
    sandbox = start(serve)

    done = debug(config_for(sandbox, export_limit=20))

    assert_discreet(done, sandbox)
    assert len(sandbox.exports) >= 10


def test_a_dense_instant(serve: Callable[..., Sandbox]) -> None:
    sandbox = start(serve, history=History.INSTANT, quotas=Quotas(exports=None))

    done = debug(config_for(sandbox, export_limit=100))

    assert done.exit_code == 1
    assert_discreet(done, sandbox)
    assert sandbox.exports


@pytest.mark.parametrize("key", [f"{KEY} ", f"{KEY}\n", f"é{KEY}", [KEY], {"key": KEY}])
def test_a_bad_key(serve: Callable[..., Sandbox], key: object) -> None:
    sandbox = start(serve)

    done = debug(config_for(sandbox, api_key=key, api_url=sandbox.url))

    assert done.exit_code == 1
    assert_discreet(done, sandbox)
    assert sandbox.calls == []


def test_a_key_that_is_not_let_in(serve: Callable[..., Sandbox]) -> None:
    sandbox = start(serve)

    done = debug(config_for(sandbox, api_key=f"{KEY}0"))

    assert done.exit_code == 1
    assert_discreet(done, sandbox)
    assert len(sandbox.exports) == 1


@pytest.mark.parametrize(
    "maps",
    [
        {"number": "int(phone)"},
        {"number": "int(id)"},
        {"number": "float(email)"},
        {"day": "datetime.datetime.fromisoformat(full_name)"},
        {"nothing": "no_such_name"},
        {"bad": "json.loads(email)"},
        {"__filter__": "email"},
        {"__filter__": "phone and job_title"},
        {"__alias__": "people"},
        {"id": "id", "domain": "email.partition('@')[2] if email else None", "__else__": None},
    ],
)
def test_stream_maps_that_fail_and_that_do_not(
    serve: Callable[..., Sandbox], maps: dict[str, str | None]
) -> None:
    sandbox = start(serve)

    done = debug(config_for(sandbox, stream_maps={"contacts": maps}))

    assert_discreet(done, sandbox)
    assert len(sandbox.exports) == (0 if "stream_maps.contacts" in done.log else 1)


HEADER = b"id,full_name,email,phone,job_title,company_name,linkedin_url,tags,created_at\n"
CELLS = SECRET.encode() + b","


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(CELLS * 8 + b"2026-04-15T09:00:00Z\n", id="no header"),
        pytest.param(HEADER + CELLS * 8 + SECRET.encode() + b"\n", id="shifted"),
        pytest.param(HEADER + CELLS * 9 + b"\n", id="wide"),
        pytest.param(HEADER + CELLS * 7 + b"\n", id="narrow"),
        pytest.param(HEADER + b'"' + CELLS * 8 + b"\n", id="open quote"),
        pytest.param(HEADER + b'"a"' + CELLS * 8 + b"\n", id="text after a quote"),
        pytest.param(HEADER + CELLS * 8 + b"\xff\n", id="no UTF-8"),
        pytest.param(HEADER + CELLS * 8 + b"2026-04-15T09\n" + CELLS * 3, id="cut"),
        pytest.param(CELLS * 8 + HEADER + CELLS * 16 + b"x\n", id="unknown columns"),
    ],
)
def test_every_way_to_spoil_a_table(body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n"
    with RawServer(head.encode() + body) as server:
        done = debug({"api_key": KEY, "api_url": server.url, "settle_seconds": 0})

    assert done.exit_code == 1
    assert SECRET not in done.log
    assert done.records == []
    assert all(request.count(KEY) == 1 for request in server.requests)
    assert all("HTTP/1.1\r\n" in request.partition(KEY)[0] for request in server.requests)
    assert server.requests


@pytest.mark.parametrize("status", ["400 Bad Request", "429 Too Many", "500 Error", "302 Found"])
def test_an_error_that_quotes_the_key(status: str) -> None:
    envelope = {"error": {"code": KEY, "message": f"no such key: {KEY}"}}
    body = json.dumps(envelope).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Request-ID: req\r\n"
        f"Location: https://elsewhere.example/{KEY}?key={KEY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with RawServer(head.encode() + body) as server:
        done = debug({"api_key": KEY, "api_url": server.url, "settle_seconds": 0})

    assert KEY not in done.log
    assert KEY not in done.out
    assert server.requests
