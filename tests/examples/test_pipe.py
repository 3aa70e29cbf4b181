"""examples/pipe: tap and target in a shell, each a process of its own; the state stays true."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from tap_leadlex.sandbox import Fault, Quotas, Sandbox
from tests import postgres
from tests.destination import create, records_in
from tests.environments import ROOT, environment
from tests.newcomer import Newcomer
from tests.support import FIELDS, PROGRAM, TIMEOUT, bookmark, by_id, env_for, state_at, truth
from tests.support.pages import shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = ROOT / "examples/pipe"
MISSING = [name for name in ("flock", "jq", "setsid") if not shutil.which(name)]
INSTALL = shell("examples/pipe/README.md", "What you need")
SYNC = shell("examples/pipe/README.md", "Sync", 1)
SYNC_SANDBOX = shell("examples/pipe/README.md", "Sync", 2)
DUCKDB = ("target-duckdb", "--config", "target.json")
UNLIMITED = Quotas(exports=None)
LIMIT = 100

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (Debian: jq, util-linux)"
)


class Pipe:
    """sync.sh in a folder of its own.

    Attributes:
        state: The file that holds the state.
    """

    def __init__(self, folder: Path, sandbox: Sandbox, **settings: object) -> None:
        """Write the target's config.

        Args:
            folder: Where all files go.
            sandbox: LeadLex.
            **settings: Settings of the tap.
        """
        self.state = folder / "state/state.json"
        self._folder = folder
        self._sandbox = sandbox
        self._table = folder / "contacts.duckdb"
        config = {"filepath": str(self._table), "default_target_schema": "leadlex"}
        (folder / "target.json").write_text(json.dumps(config))
        path = (PROGRAM.parent, environment("targets") / "bin", os.environ["PATH"])
        self._environment = {
            **os.environ,
            **env_for(sandbox, export_limit=LIMIT, **settings),
            "PATH": os.pathsep.join(map(str, path)),
        }

    @contextmanager
    def running(self, *target: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Start it, at the head of a process group, as in a terminal; end it in any case.

        Args:
            *target: The target with its arguments.
            **variables: Further environment variables.
        """
        with subprocess.Popen(  # noqa: S603 - our own program
            [FOLDER / "sync.sh", "state", *target],
            cwd=self._folder,
            env={**self._environment, **variables},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as sync:
            try:
                yield sync
            finally:
                sync.kill()

    def sync(self, *target: str, code: int = 0, **variables: str) -> list[str]:
        """Run it to its end.

        Args:
            *target: The target with its arguments.
            code: The exit code that it must have.
            **variables: Further environment variables.

        Returns:
            What it has to say.
        """
        with self.running(*(target or DUCKDB), **variables) as sync:
            return said(sync, code)

    @property
    def bookmark(self) -> str:
        """The bookmark, in the form of `created_at`."""
        return str(bookmark(json.loads(self.state.read_text()))).replace(".000000Z", "Z")

    @property
    def contacts(self) -> int:
        """How many contacts the destination holds."""
        return len(records_in(self._table))

    def check(self) -> None:
        """Make sure that the destination holds what LeadLex holds, up to the bookmark."""
        records = [
            record for record in truth(self._sandbox) if record["created_at"] < self.bookmark
        ]
        assert by_id(records_in(self._table)) == by_id(records)


def said(sync: subprocess.Popen[str], code: int) -> list[str]:
    """Wait for the end; give what the script itself said, and make sure of its exit code."""
    log = sync.communicate(timeout=TIMEOUT)[1]
    assert sync.returncode == code, log
    return re.findall(r"^(?:sync\.sh|jq): (.+)", log, re.MULTILINE)


def until(condition: Callable[[], object], sync: subprocess.Popen[str] | None = None) -> None:
    """Wait for something to happen, as long as a sync runs."""
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        assert sync is None or sync.poll() is None, sync.communicate()[1]
        time.sleep(0.01)


def has_exports(sandbox: Sandbox, count: int) -> Callable[[], bool]:
    """Return a condition: this many exports were requested."""
    return lambda: len(sandbox.exports) >= count


def test_the_readme_word_for_word(serve: Callable[..., Sandbox], tmp_path: Path) -> None:
    sandbox = serve(contacts=50, key="wbk_your_key")
    user = Newcomer(tmp_path)

    for lines in (INSTALL, SYNC, SYNC_SANDBOX):
        variables = env_for(sandbox)
        user.run(lines, "examples/pipe", **variables)

    look = (
        "import duckdb; print(*duckdb.connect('contacts.duckdb').table('leadlex.contacts').columns)"
    )
    python = environment("targets") / "bin/python"
    columns = user.run(f'{python} -c "{look}"', "examples/pipe").split()
    added = {name for name in columns if name.startswith("_sdc_")}
    assert len(added) == 3
    assert set(columns) - added == set(FIELDS) - {"phone", "linkedin_url"}
    for folder in ("state", "sandbox"):
        state = json.loads((user.folder / "examples/pipe" / folder / "state.json").read_text())
        assert state["bookmarks"]["contacts"]["delivered"] == 50


def test_the_destination_equals_leadlex_and_the_next_run_goes_on(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=250)
    pipe = Pipe(tmp_path, sandbox)

    assert pipe.sync() == []

    pipe.check()
    assert pipe.contacts == 250

    create(sandbox, 20)
    assert pipe.sync() == []

    pipe.check()
    assert sandbox.exports[-1].rows == 20


def test_a_property_that_is_left_out_is_not_asked_of_leadlex(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=50)

    Pipe(tmp_path, sandbox).sync(SYNC_WITHOUT="phone linkedin_url")

    (export,) = sandbox.exports
    asked = parse_qs(export.query)["fields"][0].split(",")
    assert asked == [name for name in FIELDS if name not in {"phone", "linkedin_url"}]


@pytest.mark.parametrize("name", ["fone", "id"])
def test_a_property_that_cannot_be_left_out_ends_it_before_the_first_call(
    serve: Callable[..., Sandbox], tmp_path: Path, name: str
) -> None:
    sandbox = serve(contacts=50)

    complaint, end = Pipe(tmp_path, sandbox).sync(SYNC_WITHOUT=f"phone {name}", code=1)

    assert complaint.endswith(f'cannot deselect ["{name}"]')
    assert end == "The tap printed no catalog; nothing was synced."
    assert sandbox.calls == []


def test_a_target_that_dies_in_the_middle_leaves_the_state_and_the_next_run_heals(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    pipe = Pipe(tmp_path, serve(contacts=450, quotas=UNLIMITED))
    pipe.sync(TAP_LEADLEX_END_DATE="2024-02-01T00:00:00Z")
    before, contacts = pipe.state.read_bytes(), pipe.contacts

    # A part of what comes is committed, and a STATE printed.
    dying = 'head --lines=150 | "$@"; kill -KILL $$'
    told = pipe.sync("bash", "-c", dying, "target", *DUCKDB, code=2)

    assert told == ["The target failed (137); the state is unchanged."]
    assert pipe.state.read_bytes() == before
    assert contacts < pipe.contacts < 450

    pipe.sync()
    pipe.check()
    assert pipe.contacts == 450


def test_without_its_target_a_tap_does_not_wait_for_the_quota(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=250, quotas=Quotas(exports=1))
    pipe = Pipe(tmp_path, sandbox, quota_wait_seconds=7_200)
    os.mkfifo(tmp_path / "die")

    with pipe.running("bash", "-c", "timeout 120 cat die; exit 5") as sync:
        until(has_exports(sandbox, 2), sync)
        (tmp_path / "die").write_text("")

        assert said(sync, 2) == ["The target failed (5); the state is unchanged."]
    assert not pipe.state.exists()


def test_a_target_that_leaves_before_the_end_is_no_success(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    pipe = Pipe(tmp_path, serve(contacts=450, quotas=UNLIMITED))

    assert pipe.sync("true", code=1)[-1] == "The tap failed (1); its last line says why."
    assert not pipe.state.exists()


def test_a_tap_that_fails_keeps_what_the_target_confirmed(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=250, faults={3: Fault.RENAMED_COLUMN}, quotas=UNLIMITED)
    pipe = Pipe(tmp_path, sandbox)

    assert pipe.sync(code=1) == ["The tap failed (1); its last line says why."]

    pipe.check()
    assert 0 < pipe.contacts < 250

    pipe.sync()
    pipe.check()
    assert pipe.contacts == 250


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("", "The target confirmed no STATE; the state is unchanged."),
        ('{"bookmarks": {"conta', "The target's last line is not a complete STATE"),
        ("{}", "The target's last line is not a complete STATE"),
    ],
    ids=["nothing", "cut", "empty"],
)
def test_what_is_no_whole_state_leaves_the_old_one(
    serve: Callable[..., Sandbox], tmp_path: Path, printed: str, told: str
) -> None:
    pipe = Pipe(tmp_path, serve(contacts=50))
    before = json.dumps(state_at("2026-06-01T00:00:00.000000Z"))
    pipe.state.parent.mkdir()
    pipe.state.write_text(before)

    (line,) = pipe.sync("bash", "-c", 'cat >/dev/null; printf %s "$1"', "target", printed, code=3)

    assert line.startswith(told)
    assert pipe.state.read_text() == before


def test_a_full_disk_leaves_the_state_and_the_next_run_heals(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=80)
    pipe = Pipe(tmp_path, sandbox)
    pipe.sync()
    before = pipe.state.read_bytes()
    create(sandbox, 20)

    # 120 is Python's code for output that it cannot write when it ends.
    for file, code, told in (
        ("catalog.json", 1, "The tap printed no catalog; nothing was synced."),
        ("states.jsonl", 2, "The target failed (120); the state is unchanged."),
        ("state.json.new", 3, "Cannot write the new state; the state is unchanged."),
    ):
        full = pipe.state.with_name(file)
        full.unlink(missing_ok=True)
        full.symlink_to("/dev/full")  # whatever is written to it, there is no space left
        assert pipe.sync(code=code)[-1] == told
        assert pipe.state.read_bytes() == before
        full.unlink()

    pipe.sync()
    pipe.check()
    assert pipe.contacts == 100


@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed, its target not"])
def test_a_second_sync_into_the_same_folder_is_refused(
    serve: Callable[..., Sandbox], tmp_path: Path, *, killed: bool
) -> None:
    sandbox = serve(contacts=50)
    pipe = Pipe(tmp_path, sandbox)
    os.mkfifo(tmp_path / "go")

    with pipe.running("bash", "-c", 'timeout 120 cat go; exec "$@"', "target", *DUCKDB) as sync:
        until(has_exports(sandbox, 1), sync)
        if killed:
            sync.kill()
            sync.wait()

        assert pipe.sync(code=75) == ["Another sync uses state."]

        assert len(sandbox.exports) == 1
        (tmp_path / "go").write_text("")
        said(sync, -signal.SIGKILL if killed else 0)
    assert pipe.state.exists() != killed

    until(lambda: subprocess.call(["flock", "-n", pipe.state.parent, "true"]) == 0)  # noqa: S603, S607
    pipe.sync()
    pipe.check()


@pytest.mark.parametrize(
    ("number", "send"),
    [(signal.SIGTERM, os.kill), (signal.SIGINT, os.killpg)],
    ids=["SIGTERM", "Ctrl+C"],
)
def test_a_signal_keeps_what_came_until_then(
    serve: Callable[..., Sandbox],
    tmp_path: Path,
    number: signal.Signals,
    send: Callable[[int, int], None],
) -> None:
    sandbox = serve(contacts=250, faults={3: Fault.STALL}, stall=3_600, quotas=UNLIMITED)
    pipe = Pipe(tmp_path, sandbox, request_timeout=3_600)

    with pipe.running(*DUCKDB) as sync:
        until(has_exports(sandbox, 3), sync)
        send(sync.pid, number)

        (told,) = said(sync, -number)
    assert told == f"Stopped by {number.name}; the next run continues from the state."
    pipe.check()
    assert 0 < pipe.contacts < 250

    pipe.sync()
    pipe.check()
    assert pipe.contacts == 250


def test_a_signal_before_the_tap_is_ready_is_no_failure_of_the_tap(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    pipe = Pipe(tmp_path, serve(contacts=50))

    with pipe.running("bash", "-c", "touch started; exec cat") as sync:
        until((tmp_path / "started").exists, sync)
        sync.terminate()

        told = said(sync, -signal.SIGTERM)
    assert told[-1] == "Stopped by SIGTERM; the next run continues from the state."


@pytest.mark.skipif(bool(postgres.missing()), reason=str(postgres.missing()))
def test_a_target_that_writes_is_not_interrupted(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """At a signal, a target of the Meltano SDK begins anew in the middle of what it writes."""
    sandbox = serve(contacts=50)
    pipe = Pipe(tmp_path, sandbox)
    program = str(environment("postgres") / "bin/target-postgres")
    target = (program, "--config", "postgres.json")
    config = {"user": "postgres", "database": "postgres", "default_target_schema": "leadlex"}
    with postgres.Server() as server:
        config |= {"host": "127.0.0.1", "port": server.value("SHOW port"), "password": "none"}
        (tmp_path / "postgres.json").write_text(json.dumps(config))
        pipe.sync(*target)
        create(sandbox, 70)

        with pipe.running(*target) as sync:
            with closed_table(server):
                until(lambda: server.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), sync)
                os.killpg(sync.pid, signal.SIGINT)
            said(sync, -signal.SIGINT)

        assert json.loads(pipe.state.read_text())["bookmarks"]["contacts"]["delivered"] == 120
        assert server.records() == by_id(truth(sandbox))


@contextmanager
def closed_table(server: postgres.Server) -> Iterator[None]:
    """Let nobody write to the table."""

    def hold() -> None:
        with suppress(subprocess.CalledProcessError):  # it is cancelled
            server.run(f"BEGIN; LOCK {postgres.TABLE} IN EXCLUSIVE MODE; SELECT pg_sleep(3600)")

    holder = Thread(target=hold)
    holder.start()
    sleeping = "FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    until(lambda: server.value(f"SELECT count(*) {sleeping}"))
    try:
        yield
    finally:
        server.run(f"SELECT pg_cancel_backend(pid) {sleeping}")
        holder.join()
