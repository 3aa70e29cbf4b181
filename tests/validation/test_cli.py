"""The program: pipes, exit codes, options, and what it must not say."""

from __future__ import annotations

import csv
import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.sandbox import Quotas, Sandbox
from tap_leadlex.validation import cli
from tap_leadlex.validation.options import Options
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


@pytest.fixture
def asking(sandbox: Sandbox) -> dict[str, str]:
    """Give the environment in which the program may ask the sandbox."""
    return {"LEADLEX_VALIDATE_API_KEY": SECRET, "TAP_LEADLEX_API_URL": sandbox.url}


def test_a_report_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    for option in ("--report", "--json"):
        done = validate(option, tmp_path / "missing" / "report", stream=stream_of(clean()))
        assert done.returncode == 2
        assert b"cannot write to" in done.stderr
        assert b"protocol" not in done.stderr


def test_a_refused_key_is_noticed_although_tags_leave_only_the_content(sandbox: Sandbox) -> None:
    stream = run(config_for(sandbox, tags=["lead"])).out.encode()
    env = {"TAP_LEADLEX_API_KEY": "wbk_wrong", "TAP_LEADLEX_API_URL": sandbox.url}
    for content in ("sample", "all"):
        done = validate("--content", content, stream=stream, env=env)
        assert done.returncode == 2
        assert b"not validated" in done.stderr


def test_every_value_makes_a_clean_sync(
    asking: dict[str, str], synced: bytes, tmp_path: Path
) -> None:
    page, machine = tmp_path / "page.html", tmp_path / "outcome.json"
    arguments = ["--content", "all", "--report", page, "--json", machine]
    done = validate(*arguments, stream=synced, env=asking)
    assert done.returncode == 0
    assert b"takes 1 export call of the ten" in done.stderr
    assert b"clean: 60 contacts" in done.stderr
    told = json.loads(machine.read_text(encoding="utf-8"))
    assert told["verdict"] == "clean"
    assert told["not_checked"] == []
    assert told["exports"] == 1
    assert told["content"]["columns"]["email"] == {"equal": 60}
    text = page.read_text(encoding="utf-8")
    assert "Contacts per month" in text
    assert "--content all" in text
    assert SECRET not in text + machine.read_text(encoding="utf-8")
    assert SECRET[4:12] not in text


def table_of(synced: bytes, folder: Path) -> Path:
    """Fill a table with the contacts of a stream."""
    path = folder / "warehouse.db"
    messages = [json.loads(line) for line in synced.splitlines()]
    rows = [each["record"] for each in messages if each["type"] == "RECORD"]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE contacts ({', '.join(rows[0])})")
        for row in rows:
            values = [json.dumps(each) if isinstance(each, list) else each for each in row.values()]
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO contacts VALUES ({marks})", values)  # noqa: S608
    return path


@pytest.mark.parametrize("content", ["sample", "all"])
def test_a_table_is_validated(
    asking: dict[str, str], synced: bytes, tmp_path: Path, content: str
) -> None:
    url = f"sqlite:///{table_of(synced, tmp_path)}"
    arguments = ("--destination", url, "--content", content)
    done = validate(*arguments, env=asking)
    assert done.returncode == 0, done.stderr
    assert b"60 contacts from the table contacts" in done.stderr
    assert validate(*arguments, "--table", "main.contacts", env=asking).returncode == 0
    done = validate(*arguments, "--table", "elsewhere.contacts", env=asking)
    assert done.returncode == 2


def test_csv_files_are_validated_by_their_mapping(
    asking: dict[str, str], synced: bytes, tmp_path: Path
) -> None:
    messages = [json.loads(line) for line in synced.splitlines()]
    rows = [
        {
            "Last": (each["record"]["full_name"] or "").rpartition(" ")[2],
            "First": (each["record"]["full_name"] or "").rpartition(" ")[0],
            "Mail": (each["record"]["email"] or "").upper(),
            "Tags": ";".join(each["record"]["tags"]),
            "Day": each["record"]["created_at"][:10],
            "Key": each["record"]["id"],
            "Comment": "ours",
        }
        for each in messages
        if each["type"] == "RECORD"
    ]
    mapping = tmp_path / "mapping.json"
    fields = {
        "First": {"column": "full_name", "compare": "words", "join": ["Last"]},
        "Mail": {"column": "email", "compare": "loose"},
        "Tags": {"column": "tags", "separator": ";"},
        "Day": {"column": "created_at", "format": "%Y-%m-%d"},
        "Key": "id",
    }
    mapping.write_text(json.dumps(fields), encoding="utf-8")

    def write(name: str, rows: list[dict[str, str]]) -> Path:
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / name

    def judge(rows: list[dict[str, str]], *more: object) -> tuple[int, dict[str, Any]]:
        machine = tmp_path / "outcome.json"
        places = [write("a.csv", rows[:40]), write("b.csv", rows[40:])]
        named = [f"--destination={each}" for each in places]
        done = validate(*named, "--mapping", mapping, "--json", machine, *more, env=asking)
        return done.returncode, json.loads(machine.read_text(encoding="utf-8"))

    for content in ("sample", "all"):
        code, told = judge(rows, "--content", content)
        assert code == 0, told
        assert any("Comment" in note for note in told["notes"])
    columns = told["content"]["columns"]
    assert columns["First"] == columns["Tags"] == columns["Day"] == {"equal": 60}
    spoilt = [*rows[:10], rows[10] | {"Last": "Nobody"}, *rows[11:]]
    code, told = judge(spoilt, "--content=all")
    assert (code, told["content"]["columns"]["First"]) == (1, {"equal": 59, "different": 1})
    code, told = judge([*rows[:10], *rows[11:]], "--content=all")
    assert [finding["code"] for finding in told["findings"]] == ["missing"]
    code, told = judge([*rows[:10], *rows[11:]])
    assert [finding["code"] for finding in told["findings"]] == ["count-mismatch"]


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ("[]", b"not a mapping of columns"),
        ('{"Key": {"column": "id", "colour": 1}}', b"not a mapping of columns"),
        ('{"Mail": "email"}', b"no column holds LeadLex's id"),
        ('{"Key": "id"}', b"has no column Key"),
    ],
)
def test_a_bad_mapping_is_refused(tmp_path: Path, mapping: str, complaint: bytes) -> None:
    (tmp_path / "mapping.json").write_text(mapping, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = validate("--destination", tmp_path / "rows.csv", "--mapping", tmp_path / "mapping.json")
    assert done.returncode == 2
    assert complaint in b" ".join(done.stderr.split())
    assert b"needs --destination" in validate("--mapping", tmp_path / "mapping.json").stderr


def test_the_tap_s_own_config_tells_maps_and_key(sandbox: Sandbox, tmp_path: Path) -> None:
    maps = {"contacts": {"__alias__": "people", "mail": "email", "email": None}}
    config = config_for(sandbox, stream_maps=maps, start_date="2024-06-01T00:00:00Z")
    stream = run(config).out.encode()
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    done = validate("--tap-config", file, "--content=all", stream=stream)
    assert done.returncode == 0, done.stderr
    assert b"every value of" in done.stderr
    env = {
        "TAP_LEADLEX_API_KEY": SECRET,
        "TAP_LEADLEX_API_URL": sandbox.url,
        "TAP_LEADLEX_STREAM_MAPS": json.dumps(maps),
    }
    done = validate("--tap-config=ENV", "--content=all", stream=stream, env=env)
    assert done.returncode == 0, done.stderr
    assert b"every value of" in done.stderr
    wrong = env | {"LEADLEX_VALIDATE_API_KEY": "wbk_wrong"}
    assert validate("--tap-config=ENV", stream=stream, env=wrong).returncode == 2
    assert validate("--tap-config", tmp_path / "none.json", stream=stream).returncode == 2


def test_a_password_is_not_part_of_the_report() -> None:
    described = cli.describe(
        Options(api_key=SECRET), ["--destination", "postgresql://a:hidden@h/d"]
    )
    assert "hidden" not in str(described)
    assert "postgresql://a:***@h/d" in described["Command"]
    assert SECRET not in str(described)


def test_progress_is_drawn_on_a_terminal_only(tmp_path: Path) -> None:
    file = tmp_path / "sync.jsonl"
    file.write_bytes(stream_of(clean()))
    assert b"\r" not in validate("--input", file).stderr
    terminal, end = pty.openpty()
    with subprocess.Popen([PROGRAM, "--input", file], stderr=end) as program:  # noqa: S603
        os.close(end)
        drawn = bytearray()
        with suppress(OSError):  # how Linux ends a terminal
            while chunk := os.read(terminal, 4096):
                drawn += chunk
    os.close(terminal)
    assert program.returncode == 0
    assert b"contacts" in drawn.split(b"\r")[1]
    assert b"nothing found" in drawn
