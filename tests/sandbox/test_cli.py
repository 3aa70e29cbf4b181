"""The command `leadlex-sandbox`."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tap_leadlex.sandbox import Fault, Reading
from tap_leadlex.sandbox.cli import main
from tap_leadlex.sandbox.faults import ListFault

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
    ],
)
def test_wrong_options(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert complaint in result.output


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
    for fault in (*Fault, *ListFault):
        assert f"`{fault}`" in page
    for name in Reading.__dataclass_fields__:
        for choice in type(getattr(Reading, name)):
            assert f"`{choice}`" in page
