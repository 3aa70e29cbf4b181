"""The run report: one line of JSON for each run, however it ends."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.sandbox import Fault, Quotas, Sandbox
from tap_leadlex.tap import TapLeadLex
from tests.support import Json, assert_refused, config_for, run
from tests.support.common import PROGRAM, TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def lines(path: Path) -> list[Json]:
    """Return the reports in a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.jsonl"


def report_of(path: Path, sandbox: Sandbox, *arguments: str, **more: Any) -> Json:  # noqa: ANN401
    """Run the tap once more, and return the line that this adds."""
    before = len(lines(path)) if path.exists() else 0
    run(config_for(sandbox, run_report=str(path), **more), *arguments)
    *_, line = lines(path)
    assert len(lines(path)) == before + 1
    assert sandbox.key not in path.read_text("utf-8")
    return line


def test_a_run_that_is_done(serve: Callable[..., Sandbox], path: Path) -> None:
    line = report_of(path, serve(contacts=300))

    assert line["version"] == TapLeadLex.plugin_version
    assert line["started"] <= line["ended"]
    assert (line["exit_status"], line["message"], line["stopped_by"]) == (0, None, None)
    assert (line["exports"], line["waited_seconds"], line["quota_reopens"]) == (1, 0, None)
    (stream,) = line["streams"]
    assert stream.keys() == {
        "stream",
        "records",
        "windows",
        "look_ups",
        "out_of_date",
        "repaired",
        "proven",
        "refresh",
    }
    assert (stream["stream"], stream["records"], stream["windows"]) == ("contacts", 300, 1)
    assert stream["look_ups"] >= 1


def test_a_run_that_stops_at_the_quota(serve: Callable[..., Sandbox], path: Path) -> None:
    sandbox = serve(contacts=300, quotas=Quotas(exports=1))

    line = report_of(path, sandbox, export_limit=200)

    assert (line["exit_status"], line["stopped_by"], line["exports"]) == (0, "quota", 2)
    assert line["message"].startswith("the export quota is used up")
    assert line["quota_reopens"] > line["ended"]


def test_a_run_that_waits(serve: Callable[..., Sandbox], path: Path) -> None:
    sandbox = serve(contacts=300, faults={1: Fault.SERVER_ERROR})

    line = report_of(path, sandbox)

    assert line["waited_seconds"] >= 1
    assert line["exports"] == 2


def test_a_run_that_fails(serve: Callable[..., Sandbox], path: Path) -> None:
    line = report_of(path, serve(contacts=5), api_key="wbk_wrong")

    assert line["exit_status"] == 1
    assert line["message"].startswith("LeadLex answered HTTP 401")


def test_a_run_that_is_refused(untouched: Sandbox, path: Path) -> None:
    line = report_of(path, untouched, stream_maps={"contact": None})

    assert line["exit_status"] == 1
    assert line["message"].startswith("stream_maps.contact: ")
    assert (line["exports"], line["streams"]) == (0, [])


def test_each_run_adds_a_line(serve: Callable[..., Sandbox], path: Path) -> None:
    sandbox = serve(contacts=5)

    assert report_of(path, sandbox)["exports"] == report_of(path, sandbox)["exports"] == 1


@pytest.mark.parametrize("argument", ["--discover", "--test", "--check"])
def test_what_is_no_sync_adds_none(
    serve: Callable[..., Sandbox], path: Path, argument: str
) -> None:
    done = run(config_for(serve(contacts=5), run_report=str(path)), argument)

    assert done.exit_code == 0
    assert not path.exists() or not lines(path)


def test_a_path_that_cannot_be_written_is_refused(untouched: Sandbox, tmp_path: Path) -> None:
    done = run(config_for(untouched, run_report=str(tmp_path)))

    line = assert_refused(done, untouched)
    assert line.startswith("Setting 'run_report' must be the path of a file")
    assert line.endswith("Is a directory.")


def test_a_disk_that_is_full_at_the_end_is_a_warning(serve: Callable[..., Sandbox]) -> None:
    done = run(config_for(serve(contacts=5), run_report="/dev/full"))

    assert (done.exit_code, len(done.records)) == (0, 5)
    assert done.warnings == ["Cannot write the run report: No space left on device."]


def test_a_signal_ends_a_run_with_a_last_line(
    serve: Callable[..., Sandbox], path: Path, tmp_path: Path
) -> None:
    sandbox = serve(contacts=5, latency=60)
    config = tmp_path / "config.json"
    config.write_text(json.dumps(config_for(sandbox, run_report=str(path))))
    with subprocess.Popen(  # noqa: S603 - our own program
        [PROGRAM, "--config", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        assert "SCHEMA" in process.stdout.readline()
        process.terminate()
        _, log = process.communicate(timeout=TIMEOUT)

    assert process.returncode == 0
    last = log.splitlines()[-1]
    assert last.endswith("Stopped: SIGTERM received. State saved; run again to continue.")
    (line,) = lines(path)
    assert (line["exit_status"], line["stopped_by"]) == (0, "SIGTERM")
