"""The program: pipes, exit codes, options, and what it must not say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.sandbox import Quotas, Sandbox
from tap_leadlex.validation import cli
from tests.support import config_for, run
from tests.validation.streams import SCHEMA, clean, lines, record, state

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(sys.executable).with_name("leadlex-validate")
SECRET = "wbk_very_secret"  # noqa: S105 - a key of the sandbox
CRASH = b"a fault of this program"
FAKED_CLOCK = {name: os.environ[name] for name in ("LD_PRELOAD", "FAKETIME") if name in os.environ}
"""What faketime sets: the program must have the clock of the tests."""


def validate(
    *arguments: object, stream: bytes = b"", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the installed program, which must not crash: a crash exits with 1 or 2 as well."""
    done = subprocess.run(  # noqa: S603 - our own program
        [PROGRAM, *map(str, arguments)],
        input=stream,
        capture_output=True,
        check=False,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", **FAKED_CLOCK, **(env or {})},
    )
    assert CRASH not in done.stderr, done.stderr
    assert b"Traceback" not in done.stderr, done.stderr
    return done


def stream_of(messages: list[dict[str, Any]]) -> bytes:
    return b"".join(line + b"\n" for line in lines(messages))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=60, key=SECRET, quotas=Quotas(exports=None)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def synced(sandbox: Sandbox) -> bytes:
    return run(config_for(sandbox, export_limit=20)).out.encode()


def test_a_clean_stream_exits_0_and_prints_its_last_state() -> None:
    done = validate(stream=stream_of(clean()))
    assert done.returncode == 0
    assert json.loads(done.stdout) == clean()[-1]["value"]
    assert done.stdout.count(b"\n") == 1
    assert b"nothing found in what was checked: 3 contacts" in done.stderr
    assert done.stderr.count(b"not asked: no key") == 2


def test_findings_exit_1_and_acknowledge_nothing() -> None:
    done = validate(stream=stream_of([*clean(), clean()[1]]))
    assert done.returncode == 1
    assert done.stdout == b""
    assert b"LOSS" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--tee", "--input", __file__), b"--tee, --input and --destination exclude one another"),
        (("--api-url", "http://data.leadlex.com/v1"), b"'--api-url': must be an https:// URL"),
        (("--api-url", "https://data.leadlex.com/v1?x=1"), b"without a query"),
        (("--api-url", "https://data..leadlex.com/v1"), b"'--api-url': must be an https:// URL"),
        (("--api-url", "https://data.leadlex.com:65536"), b"'--api-url': must be an https:// URL"),
        (("--start-date", "yesterday"), b"'--start-date': must be an ISO 8601 date"),
        (("--input", "no such file"), b"'--input': File 'no such file' does not exist"),
        (("--sample", "-1"), b"'--sample': -1 is not in the range"),
        (("--destination", "nonsense://"), b"cannot be read (NoSuchModuleError)"),
        (("--destination", "sqlite:////no/such/folder/db"), b"cannot be read (OperationalError)"),
        (("--destination", "sqlite://"), b"cannot be read (NoSuchTableError)"),
    ],
)
def test_what_cannot_be_validated_exits_2_in_few_words(
    arguments: tuple[str, ...], complaint: bytes
) -> None:
    done = validate(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count(b"\n") <= 4


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", b"'--config': holds no JSON object"),
        ("[]", b"'--config': holds no JSON object"),
        ("{", b"'--config': holds no JSON object"),
        ('{"api_kee": 1}', b"'--config': unknown: api_kee"),
        ('{"sample": "many"}', b"'--sample': 'many' is not a valid"),
        ('{"api_key": "a b"}', b"api_key must be the workspace's key"),
    ],
)
def test_a_bad_config_exits_2_without_quoting_the_key(
    tmp_path: Path, content: str, complaint: bytes
) -> None:
    config = tmp_path / "config.json"
    config.write_text(content, encoding="utf-8")
    done = validate("--config", config)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert b"a b" not in done.stderr


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every validation of a pipe crash."""

    def raise_error(*_: object, **__: object) -> None:
        raise LookupError(SECRET)

    monkeypatch.setattr(cli, "Validation", raise_error)


@pytest.mark.usefixtures("crash")
def test_a_crash_exits_2_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([])
    assert ended.value.code == 2
    said = capfd.readouterr().err
    assert f"unexpected LookupError, {CRASH.decode()}" in said
    assert said.count("\n") == 1
    assert SECRET not in said


@pytest.mark.usefixtures("crash")
def test_a_crash_shows_its_traceback_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLEX_VALIDATE_DEBUG", "1")
    with pytest.raises(LookupError):
        cli.main([])


def test_a_refused_key_exits_2(sandbox: Sandbox, synced: bytes) -> None:
    env = {"TAP_LEADLEX_API_KEY": "wbk_wrong", "TAP_LEADLEX_API_URL": sandbox.url}
    done = validate(stream=synced, env=env)
    assert done.returncode == 2
    assert b"401" in done.stderr
    assert b"wbk_wrong" not in done.stderr


def test_it_is_a_target_with_a_config(sandbox: Sandbox, synced: bytes, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    options = {"api_key": SECRET, "api_url": sandbox.url, "first_sync": True, "sample": 5}
    config.write_text(json.dumps(options), encoding="utf-8")
    done = validate("--config", config, stream=synced)
    assert done.returncode == 0
    assert json.loads(done.stdout)["bookmarks"]["contacts"]["delivered"] == 60
    assert b"5 of 60 contacts compared" in done.stderr
    assert SECRET.encode() not in done.stderr


def test_a_tee_changes_no_byte(synced: bytes) -> None:
    odd = synced[:-1] + b"\n\n\xff\x00 no message\r\nlast line without end"
    done = validate("--tee", stream=odd)
    assert done.stdout == odd
    assert done.returncode == 1
    assert validate("--tee", stream=synced).returncode == 0


def test_a_tee_ends_with_the_program_after_it() -> None:
    endless = [sys.executable, "-c", "while True: print('{}' * 1000)"]
    with (
        subprocess.Popen(endless, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tap,  # noqa: S603
        subprocess.Popen(  # noqa: S603
            [PROGRAM, "--tee"], stdin=tap.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as tee,
    ):
        assert tap.stdout
        assert tee.stdout
        tap.stdout.close()
        tee.stdout.read(1)
        tee.stdout.close()
        _, said = tee.communicate(timeout=60)
        assert tap.wait(timeout=60) != 0
    # The endless stream is no Singer stream, which is a finding.
    assert tee.returncode == 1
    assert b"ended before the stream did" in b" ".join(said.split())
    assert b"Traceback" not in said


def test_a_recorded_stream_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "sync.jsonl"
    file.write_bytes(stream_of(clean()))
    done = validate("--input", file)
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"sync.jsonl" in done.stderr


def test_a_run_is_held_against_the_state_before_it(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state("2026-01-02T00:00:00.000000Z")["value"]), encoding="utf-8")
    done = validate("--state", file, stream=stream_of(clean()))
    assert done.returncode == 1
    assert b"before the bookmark that the run started from" in done.stderr
    done = validate("--state", file, "--lookback-seconds", 86400, stream=stream_of(clean()))
    assert done.returncode == 0
    file.write_text("no state", encoding="utf-8")
    done = validate("--state", file)
    assert done.returncode == 2
    assert b"this is not a state of tap-leadlex" in done.stderr
    file.write_text("", encoding="utf-8")
    assert validate("--state", file, stream=stream_of(clean())).returncode == 0


def test_values_are_shown_when_asked_only(sandbox: Sandbox, synced: bytes, tmp_path: Path) -> None:
    contact = json.loads(synced.split(b"\n")[1])["record"]
    name = contact["full_name"]
    spoilt = synced.replace(json.dumps(name, ensure_ascii=False).encode(), b'"Wrong Name"')
    page, machine = tmp_path / "page.html", tmp_path / "outcome.json"
    arguments = ["--first-sync", "--sample", 100, "--max-calls", 300, "--api-url", sandbox.url]
    arguments += ["--report", page, "--json", machine]
    env = {"LEADLEX_VALIDATE_API_KEY": SECRET, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    done = validate(*arguments, stream=spoilt, env=env)
    assert done.returncode == 1
    places = [page, machine, tmp_path / "summary"]
    said = done.stderr.decode() + "".join(place.read_text(encoding="utf-8") for place in places)
    assert contact["id"] in said
    for value in ("Wrong Name", name, contact["email"], SECRET):
        assert value not in said
    done = validate(*arguments, "--show-values", stream=spoilt, env=env)
    assert b"Wrong Name" in done.stderr
    assert "Wrong Name" in page.read_text(encoding="utf-8")
    assert "Wrong Name" in machine.read_text(encoding="utf-8")


def test_github_gets_a_summary_and_annotations(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    broken = [SCHEMA, record(1, "2026-01-01T00:00:00Z", id="<b>|x"), clean()[1], clean()[1]]
    done = validate(stream=stream_of(broken), env={"GITHUB_STEP_SUMMARY": str(summary)})
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("### leadlex-validate: 2 findings")
    assert "| loss | bookmarks |" in text
    assert b"::error title=bookmarks%3A" in done.stderr
    assert b"::warning title=keys%3A" in done.stderr
    assert b"::" not in validate(stream=stream_of(broken)).stderr


def test_offline_asks_nothing(sandbox: Sandbox, synced: bytes) -> None:
    before = len(sandbox.calls)
    env = {"TAP_LEADLEX_API_KEY": SECRET, "TAP_LEADLEX_API_URL": sandbox.url}
    assert validate("--offline", stream=synced, env=env).returncode == 0
    assert len(sandbox.calls) == before
