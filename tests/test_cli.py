"""The command line: files in, and every error in one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Fault, Sandbox
from tests.support import Run, assert_refused, config_for, run, run_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("content", ["", "{", "[1]", '"text"', "null", "\udcff"])
@pytest.mark.parametrize("option", ["config", "state", "catalog"])
def test_a_file_without_a_json_object_ends_in_one_line(
    untouched: Sandbox, tmp_path: Path, option: str, content: str
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    line = assert_refused(run(config_for(untouched), f"--{option}", str(path)), untouched)

    assert line == f"Cannot use the file passed with --{option}: it is not a JSON object."


@pytest.mark.parametrize("option", ["config", "state", "catalog"])
def test_a_file_that_cannot_be_read_ends_in_one_line(
    untouched: Sandbox, tmp_path: Path, option: str
) -> None:
    missing = run(config_for(untouched), f"--{option}", str(tmp_path / "none"))
    folder = run(config_for(untouched), f"--{option}", str(tmp_path))

    for done in (missing, folder):
        line = assert_refused(done, untouched)
        assert line.startswith(f"Cannot use the file passed with --{option}: ")


def test_a_config_handed_over_as_text_does_not_end_up_in_the_log(untouched: Sandbox) -> None:
    done = run(config_for(untouched), "--config", json.dumps({"api_key": "wbk_secret"}))

    assert "wbk_secret" not in done.log
    assert_refused(done, untouched)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.JSON_200, Fault.BAD_DATE])
def test_a_failing_run_says_so_once(serve: Callable[..., Sandbox], fault: Fault) -> None:
    sandbox = serve(contacts=20, faults=dict.fromkeys(range(1, 10), fault))

    done = run(config_for(sandbox))

    assert_failed(done)
    assert sandbox.exports


def test_a_failing_process_says_so_once(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20, faults={1: Fault.JSON_200})

    assert_failed(run_process(config_for(sandbox)))

    assert len(sandbox.exports) == 1


def assert_failed(done: Run) -> None:
    """Make sure that a run failed in one line after its schema, before any record."""
    assert done.exit_code == 1
    assert len(done.failures) == 1
    assert "Traceback" not in done.log
    assert done.records == []


def test_a_stream_map_that_stumbles_over_an_empty_value_is_named(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=300)

    done = run(config_for(sandbox, stream_maps={"contacts": {"hash": "md5(email)"}}))

    assert_failed(done)
    assert "stream_maps fails on a record (AttributeError)" in done.failures[0]
    assert len(sandbox.exports) == 1


def test_where_an_error_came_up_is_told_at_debug_only(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20, faults=dict.fromkeys((1, 2), Fault.JSON_200))

    place = 'client.py", line'

    assert place in run(config_for(sandbox), log_level="DEBUG").log
    assert place not in run(config_for(sandbox)).log
    assert len(sandbox.exports) == 2
