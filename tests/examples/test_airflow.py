"""examples/airflow with the real Airflow, its scheduler and its executor, and three sandboxes.

One story of two runs. The scheduled one finds the workspace acme locked, globex with a quota that
ends half-way, and initech with a wrong key. The other is begun by hand while that one is under way,
with acme alone, whose quota is used up for longer than a run waits.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tap_leadlex.sandbox import Quotas, Sandbox
from tests import postgres
from tests.environments import environment
from tests.support import TIMEOUT, truth

from .example import Example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

DAG = "leadlex"
BY_HAND = "by-hand"
PASSWORD = "warehouse-e0c1b5"  # noqa: S105 - of a server that trusts everybody
KEYS = {"acme": "wbk_acme_5d0e77", "globex": "wbk_globex_a4c19b", "initech": "wbk_mistyped_90f2"}
INDEX = {name: index for index, name in enumerate(KEYS)}
LIMITS = {"acme": 50_000, "globex": 1_000, "initech": 50_000}
EXPORTS = {"acme": [200], "globex": [200, 200, 429, 200]}
LONG = 22 * 3_600  # more than a run waits, less than the day that the tap believes
GIVE_UP = 400


class Airflow:
    """Airflow's scheduler with the local executor, at home in a folder."""

    def __init__(self, home: Path, example: Example, **variables: str) -> None:
        """Choose a port; nothing runs before the `with` block is entered.

        Args:
            home: An empty folder.
            example: The example whose DAG it runs.
            **variables: Environment variables for the tasks.
        """
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        a_minute_ago = datetime.now(UTC) - timedelta(minutes=1)
        self.home = home
        self._port = port
        self._url = f"http://127.0.0.1:{port}/execution/"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **example.environment,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(example.folder / "dags"),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": self._url,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "300",
            "LEADLEX_SCHEDULE": f"{a_minute_ago:%-M %-H} * * *",
            **variables,
        }

    def __enter__(self) -> Self:
        """Make the database, read the DAG, and schedule."""
        self.run("db", "migrate")
        self.run("pools", "set", "leadlex", "3", "Workspaces at once")
        self.run("dags", "reserialize")
        self._start("api-server", "--workers=1", "--host=127.0.0.1", f"--port={self._port}")
        self._wait(self._serves)
        self._start("scheduler", "--skip-serve-logs")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)

    def run(self, *arguments: str) -> str:
        """Run a command of Airflow's, and give what it printed."""
        done = subprocess.run(  # noqa: S603
            [environment("airflow") / "bin/airflow", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=GIVE_UP,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ask(self, query: str) -> list[Any]:
        """Give what the database holds, one value or tuple for each row."""
        with closing(sqlite3.connect(f"file:{self.home}/airflow.db?mode=ro", uri=True)) as database:
            rows = database.execute(query).fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def wait(self, query: str, *wanted: object) -> None:
        """Wait until the database answers with these rows."""
        self._wait(lambda: self.ask(query) == list(wanted))

    def output(self) -> str:
        """Give what Airflow's own processes said."""
        return "\n".join(file.read_text() for file in sorted(self.home.glob("*.output")))

    def log(self, run: str, task: str, index: int = -1) -> str:
        """Give the log of a task, all tries together."""
        place = self.home / "logs" / f"dag_id={DAG}" / f"run_id={run}" / f"task_id={task}"
        if index >= 0:
            place /= f"map_index={index}"
        return "\n".join(file.read_text() for file in sorted(place.glob("*.log")))

    def outcomes(self, run: str) -> dict[str, Any]:
        """Give what the summary of a run says of each workspace."""
        query = f"SELECT value FROM xcom WHERE run_id = '{run}' AND key = 'workspaces'"  # noqa: S608
        (value,) = self.ask(query)
        return {outcome["workspace"]: outcome for outcome in json.loads(value)}

    def _start(self, *command: str) -> None:
        with (self.home / f"{command[0]}.output").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                [environment("airflow") / "bin/airflow", *command],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)

    def _serves(self) -> bool:
        try:
            return httpx.get(f"{self._url}health", timeout=TIMEOUT).is_success
        except httpx.ConnectError:
            return False

    def _wait(self, done: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not done():
            assert time.monotonic() - began < GIVE_UP, self.output()
            assert all(process.poll() is None for process in self._processes), self.output()
            time.sleep(0.2)


@dataclass(frozen=True)
class Story:
    """What happened, for the tests to look at.

    Attributes:
        example: The example, set up.
        airflow: Airflow, with both runs behind it.
        sandboxes: LeadLex, for each workspace.
        server: The destination.
        folder: The folder of everything else.
        scheduled: The id of the scheduled run.
        both: Kind and state of both runs while the scheduled one was under way.
    """

    example: Example
    airflow: Airflow
    sandboxes: dict[str, Sandbox]
    server: postgres.Server
    folder: Path
    scheduled: str
    both: list[Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Let it happen, once for all tests."""
    if reason := postgres.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("airflow")
    with ExitStack() as stack:
        sandboxes = {
            "acme": Sandbox(
                contacts=1_200, key=KEYS["acme"], quotas=Quotas(exports=1, window_seconds=LONG)
            ),
            "globex": impatient(contacts=2_500, key=KEYS["globex"], seed=1),
            "initech": Sandbox(contacts=50, seed=2),
        }
        for sandbox in sandboxes.values():
            stack.enter_context(sandbox)
        server = stack.enter_context(postgres.Server())
        example = Example("airflow", made(folder / "clone"))
        example.meltano("install")
        airflow = Airflow(
            made(folder / "home"),
            example,
            LEADLEX_MELTANO=str(environment("meltano") / "bin/meltano"),
            LEADLEX_SYSTEM=str(folder / "workspaces"),
            MELTANO_STATE_BACKEND_URI=f"file://{made(folder / 'state')}",
            **connections(folder, sandboxes, server.port),
        )
        write_workspaces(folder, *sandboxes)
        lock = made(folder / "workspaces/acme") / "lock"
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            stack.enter_context(airflow)
            airflow.wait(
                "SELECT DISTINCT map_index FROM task_reschedule"
                " JOIN task_instance AS ti ON ti.id = ti_id WHERE map_index = 0",
                0,
            )
            (scheduled,) = airflow.ask("SELECT run_id FROM dag_run")
            write_workspaces(folder, "acme")
            airflow.run("dags", "trigger", DAG, "--run-id", BY_HAND)
            both = airflow.ask("SELECT run_type, state FROM dag_run ORDER BY id")
        airflow.wait("SELECT count(*) FROM dag_run WHERE end_date IS NOT NULL", 2)
        yield Story(example, airflow, sandboxes, server, folder, scheduled, both)


def test_the_dag_is_read_without_errors(story: Story) -> None:
    told = story.airflow.run("dags", "list-import-errors", "--local", "--output=json")
    assert told.splitlines()[-1] == "[]"  # warnings come before


@pytest.mark.parametrize("name", ["acme", "globex"])
def test_two_workspaces_arrive_whole(story: Story, name: str) -> None:
    ids = story.server.value(f"SELECT json_agg(id) FROM leadlex_{name}.contacts")  # noqa: S608
    expected = truth(story.sandboxes[name])

    assert sorted(ids) == sorted(contact["id"] for contact in expected)
    outcome = story.airflow.outcomes(story.scheduled)[name]
    assert (outcome["state"], outcome["contacts"]) == ("whole", len(expected))
    assert outcome["exports"] == len(EXPORTS[name])
    assert outcome["seconds"] > 0
    validation = story.airflow.log(story.scheduled, "workspace.validate", INDEX[name])
    assert f"nothing found in what was checked: {len(expected):,} contacts" in validation


def test_the_third_fails_alone_and_says_why(story: Story) -> None:
    airflow, run = story.airflow, story.scheduled

    states = airflow.ask(
        f"SELECT task_id, map_index, state FROM task_instance WHERE run_id = '{run}'"  # noqa: S608
        " AND state != 'success' ORDER BY task_id"
    )
    assert states == [
        ("summary", -1, "failed"),
        ("workspace.sync", 2, "failed"),
        ("workspace.validate", 2, "upstream_failed"),
    ]
    reason = "LeadLex answered HTTP 401, invalid_key (request id "
    # Once for each of two tries.
    assert airflow.log(run, "workspace.sync", 2).count(f'"event":"{reason}') == 2
    assert airflow.outcomes(run)["initech"]["reason"].startswith(reason)
    summary = airflow.log(run, "summary")
    assert reason in summary
    assert "1 of 3 workspaces failed: initech." in summary


def test_a_stop_at_the_quota_is_waited_for_and_is_no_try(story: Story) -> None:
    exports = story.sandboxes["globex"].exports
    assert [call.status for call in exports] == EXPORTS["globex"]
    # The tap asks for half a minute at least.
    assert story.airflow.ask(rescheduled(story.scheduled, 1)) == [(1, "success", 1)]


def test_a_quota_that_opens_too_late_is_left_to_the_next_run(story: Story) -> None:
    assert [call.status for call in story.sandboxes["acme"].exports] == [200, 429]
    assert story.airflow.ask(rescheduled(BY_HAND, 0)) == [(1, "success", 0)]
    outcome = story.airflow.outcomes(BY_HAND)["acme"]
    assert (outcome["state"], outcome["contacts"], outcome["exports"]) == ("stopped", 0, 1)
    assert "the export quota is used up" in outcome["reason"]


def test_two_runs_do_not_overlap(story: Story) -> None:
    assert story.both == [("scheduled", "running"), ("manual", "queued")]
    (first, second) = story.airflow.ask("SELECT start_date, end_date FROM dag_run ORDER BY id")
    assert first[1] <= second[0]


def test_a_workspace_in_use_is_left_alone_and_tried_again(story: Story) -> None:
    ((tries, state, times),) = story.airflow.ask(rescheduled(story.scheduled, 0))
    assert (tries, state) == (1, "success")
    assert times >= 1
    log = story.airflow.log(story.scheduled, "workspace.sync", 0)
    assert log.index("Another run holds the lock") < log.index("Meltano 4")


def test_the_syncs_take_slots_of_the_pool(story: Story) -> None:
    assert story.airflow.ask("SELECT DISTINCT pool FROM task_instance") == ["leadlex"]


def test_no_key_and_no_password_is_left_anywhere(story: Story) -> None:
    given = story.folder / "connections.json"
    files = [
        file
        for folder in ("home", "state", "workspaces")
        for file in (story.folder / folder).rglob("*")
        if file.is_file()
    ]
    assert len(files) > 20
    for file in files:
        content = file.read_bytes()
        for secret in (*KEYS.values(), PASSWORD):
            assert secret in given.read_text()
            assert secret.encode() not in content, file


def test_what_a_workspace_takes_can_be_measured(story: Story) -> None:
    told = story.example.run(
        sys.executable,
        "measure.py",
        "--contacts=200",
        LEADLEX_MELTANO=str(environment("meltano") / "bin/meltano"),
        PGDATABASE="postgres",
        PGHOST="127.0.0.1",
        PGPORT=str(story.server.port),
        PGUSER="postgres",
    ).stdout

    _, *lines = told.splitlines()
    assert [line[:28].strip() for line in lines] == [
        "first sync, 200 contacts",
        "sync with nothing new",
        "its state",
        "validation",
    ]
    assert all(float(figure) > 0 for line in lines for figure in line[28:].split())
    assert story.server.value("SELECT count(*) FROM leadlex_measured.contacts") == 200


def made(folder: Path) -> Path:
    """Make a folder."""
    folder.mkdir(parents=True)
    return folder


def impatient(**options: Any) -> Sandbox:  # noqa: ANN401 - of Sandbox
    """Make a sandbox whose clock stands still until an export is refused: its quota opens then."""
    began = datetime.now(UTC)
    served: list[Sandbox] = []

    def clock() -> datetime:
        refused = any(call.status == 429 for sandbox in served for call in sandbox.exports)
        return began + timedelta(minutes=refused)

    served.append(Sandbox(quotas=Quotas(exports=2, window_seconds=30), clock=clock, **options))
    return served[0]


def connections(folder: Path, sandboxes: dict[str, Sandbox], port: int) -> dict[str, str]:
    """Write the Connections to a file, and give the environment that makes it Airflow's backend."""
    destination = {"conn_type": "postgres", "host": "127.0.0.1", "port": port}
    destination |= {"login": "postgres", "password": PASSWORD, "schema": "postgres"}
    leadlex = {
        f"leadlex_{name}": {
            "conn_type": "generic",
            "password": KEYS[name],
            "extra": {"api_url": sandbox.url, "settle_seconds": 0, "export_limit": LIMITS[name]},
        }
        for name, sandbox in sandboxes.items()
    }
    file = folder / "connections.json"
    file.write_text(json.dumps({"leadlex_destination": destination, **leadlex}))
    files = {"connections_file_path": str(file), "variables_file_path": f"{folder}/variables.json"}
    return {
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(files),
    }


def write_workspaces(folder: Path, *names: str) -> None:
    """List these workspaces from here on."""
    variables = {"leadlex_workspaces": json.dumps(names)}
    (folder / "variables.json").write_text(json.dumps(variables))


def rescheduled(run: str, index: int) -> str:
    """Ask for the tries of a sync, its state, and how often it was rescheduled."""
    return (
        "SELECT try_number, state, (SELECT count(*) FROM task_reschedule WHERE ti_id = ti.id)"  # noqa: S608
        " FROM task_instance AS ti"
        f" WHERE run_id = '{run}' AND task_id = 'workspace.sync' AND map_index = {index}"
    )
