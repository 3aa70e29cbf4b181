"""The command `leadlex-sandbox`."""

import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
from click.testing import CliRunner

from tap_leadlex.sandbox import (
    Change,
    Content,
    Defects,
    Echo,
    Fault,
    ListFault,
    Place,
    Reading,
    cli,
)
from tap_leadlex.sandbox.cli import main
from tap_leadlex.sandbox.defects import ListShows
from tap_leadlex.sandbox.readings import Step

COMMAND = [sys.executable, "-c", "from tap_leadlex.sandbox.cli import main; main()"]
PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_serves_logs_and_stops(end: signal.Signals) -> None:
    options = ["--port", "0", "--contacts", "7", "--key", "wbk_k", "--clock-offset", "86400"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, *options, "--order=by-id", "--fault", "2=429"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/functions/v1/api-gateway/v1", url)
        answers = [
            httpx.get(url + "/contacts/export", headers={"Authorization": "Bearer wbk_k"})
            for _ in range(2)
        ]
        process.send_signal(end)
        rest, log = process.communicate(timeout=10)
    assert (process.returncode, rest) == (0, "")
    assert [answer.status_code for answer in answers] == [200, 429]
    ids = re.findall(r"^[0-9a-f]{8}-", answers[0].text, re.MULTILINE)
    assert ids == sorted(ids)
    lines = log.splitlines()
    assert len(lines) == 2
    assert '"GET /functions/v1/api-gateway/v1/contacts/export?" 200, 7 rows, req_' in lines[0]
    assert "wbk_k" not in log


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--fault", "0=reset"], "must start with the number of a call"),
        (["--fault", "reset"], "must start with the number of a call"),
        (["--fault", "1=flood"], "'flood' is not one of 429"),
        (["--list-fault", "1=cut-gzip"], "'cut-gzip' is not one of 403"),
        (["--order", "random"], "'random' is not one of"),
        (["--echo", "1=key"], "'key' is not one of request-id"),
        (["--list-echo", "1=request-id:secret"], "'secret' is not one of key"),
        (["--total-error", "many"], "'many' is not a valid integer"),
        (["--change", "edit"], "'edit' must end with '=' and a number"),
        (["--change", "edit=often"], "'edit=often' must end with '=' and a number"),
        (["--change", "burn=1"], "'burn' is not one of create, back-date"),
        (["--changes-since", "yesterday"], "'yesterday' is not an ISO 8601 date"),
    ],
)
def test_wrong_options(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert complaint in result.output


def test_options_reach_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def record(**options: Any) -> NoReturn:  # noqa: ANN401 - whatever Sandbox takes
        seen.update(options)
        raise OSError

    monkeypatch.setattr(cli, "Sandbox", record)
    CliRunner().invoke(
        main,
        [
            *("--echo", "2=redirect:key-part", "--list-echo", "1=content-type:control"),
            *("--export-cap", "7", "--total-error", "-3", "--list-shows", "fewer"),
            *("--bound-step", "ms", "--fault", "3=repeated-row"),
            *("--change", "edit=60", "--change", "back-date=0.5"),
            *("--changes-since", "2026-11-01T00:00:00Z"),
        ],
    )
    assert seen["echoes"] == {2: Echo(Place.REDIRECT, Content.KEY_PART)}
    assert seen["list_echoes"] == {1: Echo(Place.CONTENT_TYPE, Content.CONTROL)}
    assert seen["faults"] == {3: Fault.REPEATED_ROW}
    assert seen["export_cap"] == 7
    assert seen["defects"] == Defects(total_error=-3, list_shows=ListShows.FEWER)
    assert seen["reading"] == Reading(bound_step=Step.MS)
    assert seen["change_rates"] == {Change.EDIT: 60, Change.BACK_DATE: 0.5}
    assert seen["changes_since"] == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf"])
def test_a_rate_is_positive(rate: str) -> None:
    result = CliRunner().invoke(main, ["--change", f"edit={rate}", "--port", "0"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: A rate must be a positive number, not ")


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run(  # noqa: S603 - our own program
            [*COMMAND, "--port", port], capture_output=True, text=True, check=False, timeout=30
        )
    assert result.returncode == 1
    assert "in use" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_and_page_list_every_option_and_fault() -> None:
    text = CliRunner().invoke(main, ["--help"]).output
    page = PAGE.read_text(encoding="utf-8")
    for parameter in main.params:
        assert parameter.opts[0] in text
        assert f"`{parameter.opts[0]}`" in page
    choices: list[type] = [
        type(getattr(group, name))
        for group in (Reading, Defects)
        for name in group.__dataclass_fields__
    ]
    for kind in (Change, Fault, ListFault, Place, Content, *choices):
        for choice in kind if issubclass(kind, StrEnum) else ():
            assert f"`{choice}`" in page
