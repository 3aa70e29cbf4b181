"""The command line: files in, and every error in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Fault, Sandbox
from tests.support import (
    PROGRAM,
    TIMEOUT,
    Run,
    assert_refused,
    config_for,
    env_for,
    run,
    run_process,
    run_program,
)

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


def test_a_stream_map_that_fails_on_a_record_all_the_same_is_said(
    serve: Callable[..., Sandbox],
) -> None:
    """What a made-up contact does not show."""
    sandbox = serve(contacts=300)

    done = run(config_for(sandbox, stream_maps={"contacts": {"number": "int(id)"}}))

    assert_failed(done)
    assert "stream_maps fails on a record (ValueError)" in done.failures[0]
    assert len(sandbox.exports) == 1


def test_where_an_error_came_up_is_told_at_debug_only(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20, faults=dict.fromkeys((1, 2), Fault.JSON_200))

    place = 'client.py", line'

    assert place in run(config_for(sandbox), log_level="DEBUG").log
    assert place not in run(config_for(sandbox)).log
    assert len(sandbox.exports) == 2


CLOSED = "Cannot write to standard output: it is closed. Run again to continue."
GONE = (
    "Cannot write to standard output: the program that reads it has ended. Run again to continue."
)
FULL = "Cannot write to standard output: No space left on device. Run again to continue."


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("--config=ENV >&-", CLOSED),
        ("--help >&-", CLOSED),
        ("--config=ENV | head -1", GONE),
        ("--config=ENV | true", GONE),
        ("--config=ENV --discover | true", GONE),
        ("--about | true", GONE),
        ("--config=ENV >/dev/full", FULL),
        ("--config=ENV --test >/dev/full", FULL),
    ],
)
def test_an_output_that_cannot_be_written_ends_in_one_line(
    serve: Callable[..., Sandbox], command: str, line: str
) -> None:
    done = shell(command, env_for(serve(contacts=3_000)))

    assert done.exit_code == 1
    assert done.failures == [line]
    assert done.log.endswith(f"{line}\n")
    assert "Traceback" not in done.log
    assert "ignored" not in done.log


@pytest.mark.parametrize("redirection", ["<&-", "</dev/null", "2>&-", "2>/dev/full"])
def test_other_ends_of_a_process_do_not_matter(
    serve: Callable[..., Sandbox], redirection: str
) -> None:
    done = shell(f"--config=ENV {redirection}", env_for(serve(contacts=5)))

    assert (done.exit_code, len(done.records)) == (0, 5)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOGLEVEL", "trace"),
        ("TAP_LEADLEX_LOGLEVEL", "trace"),
        ("SINGER_SDK_LOG_CONFIG", "{folder}"),
        ("SINGER_SDK_LOG_CONFIG", "{folder}/broken.yaml"),
        ("SINGER_SDK_LOG_CONFIG", "{folder}/empty.yaml"),
    ],
)
def test_a_log_that_cannot_be_set_up_ends_in_one_line(
    untouched: Sandbox, tmp_path: Path, variable: str, value: str
) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "empty.yaml").touch()

    env = {**env_for(untouched), variable: value.format(folder=tmp_path)}
    done = run_program("--config=ENV", env=env)

    assert assert_refused(done, untouched).startswith(f"{variable} must be ")
    assert done.log.count("\n") == 1


def test_the_package_can_be_run(serve: Callable[..., Sandbox]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tap_leadlex", "--config=ENV", "--check"],
        capture_output=True,
        check=False,
        env={**os.environ, **env_for(serve(contacts=5))},
        timeout=TIMEOUT,
    )

    assert done.returncode == 0
    assert b"LeadLex lists 5 contacts" in done.stderr


def shell(command: str, env: dict[str, str]) -> Run:
    """Run the program by a shell, which fails if one part of a pipe does."""
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/bash", "-c", f"set -o pipefail; {PROGRAM} {command}"],
        capture_output=True,
        check=False,
        env={**os.environ, **env},
        timeout=TIMEOUT,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())
