"""Syncs the contacts of many LeadLex workspaces, each independently.

The Variable `leadlex_workspaces` lists the workspaces. The Connection `leadlex_<workspace>` has the
key of a workspace as its password and further settings of the tap as its extra. The Connection
`leadlex_destination` is the PostgreSQL database, in which each workspace has its own schema.
"""

# ruff: noqa: INP001 - Airflow reads files, not packages
from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import Connection, Variable, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowRescheduleException,
    AirflowTaskTerminated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# Its slots limit how many workspaces are synced at the same time.
POOL = "leadlex"
# How long a run waits for quotas. The next run continues unfinished workspaces.
PATIENCE = timedelta(hours=20)
# When to try again if another run holds the lock of a workspace.
BUSY = timedelta(seconds=30)

MELTANO = os.environ.get("LEADLEX_MELTANO", "meltano")
PROJECT = Path(os.environ.get("LEADLEX_PROJECT", Path(__file__).parents[1]))
# Contains a Meltano system folder for each workspace, because two runs in one break each other.
SYSTEM = Path(os.environ.get("LEADLEX_SYSTEM", PROJECT / ".meltano/workspaces"))
TAP, TARGET = "tap-leadlex", "target-postgres"
# --force, because Meltano also refuses to run for five minutes after a killed run.
SYNC = ("run", "--no-install", "--force", TAP, TARGET)
VALIDATE = ("invoke", "--no-install", "leadlex-validate:table")
FAILURES = (AirflowNotFoundException, subprocess.CalledProcessError)
COLUMNS = ("workspace", "state", "contacts", "exports", "seconds", "reason")

Outcome = dict[str, Any]

log = logging.getLogger("leadlex")


@dag(
    schedule=os.environ.get("LEADLEX_SCHEDULE", "@daily"),
    catchup=False,
    max_active_runs=1,
    max_active_tasks=10_000,  # the pool limits them
    default_args={"pool": POOL, "retries": 1, "execution_timeout": timedelta(hours=3)},
)
def leadlex() -> None:
    """Sync and validate each workspace, then write a summary."""
    names = workspaces()

    @task_group
    def workspace(name: str) -> None:
        validate(sync(name))

    workspace.expand(name=names) >> summary(names)


@task
def workspaces() -> list[str]:
    """List the workspaces."""
    names: list[str] = Variable.get("leadlex_workspaces", deserialize_json=True)
    if wrong := [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)]:
        msg = f"Workspace names may contain only a-z, 0-9 and _, and start with a letter: {wrong}."
        raise AirflowFailException(msg)
    return sorted(set(names))


@task(map_index_template="{{ name }}", multiple_outputs=False)
def sync(name: str) -> Outcome:
    """Sync a workspace, and continue when the quota reopens."""
    context = get_current_context()
    context["name"] = name
    # The results of earlier parts of this run. The store survives rescheduling and retries.
    store = context["task_state_store"]
    outcome = store.get("outcome", {"workspace": name, "contacts": 0, "exports": 0, "seconds": 0})
    outcome |= {"state": "whole", "reason": ""}
    opens = None
    earlier = len(reports(name))
    began = time.monotonic()
    try:
        for _ in meltano(name, *SYNC, f"--state-id-suffix={name}"):
            pass
    except FAILURES as error:
        said = [report["message"] for report in reports(name)[earlier:] if report["exit_status"]]
        fail(outcome, said[-1] if said else str(error))
    finally:
        for report in reports(name)[earlier:]:
            outcome["contacts"] += sum(stream["records"] for stream in report["streams"])
            outcome["exports"] += report["exports"]
            if report["stopped_by"]:
                outcome |= {"state": "stopped", "reason": report["message"]}
            if report["quota_reopens"]:
                opens = datetime.fromisoformat(report["quota_reopens"])
        outcome["seconds"] += round(time.monotonic() - began)
        store.set("outcome", outcome)
    if opens and opens < context["dag_run"].start_date + PATIENCE:
        log.info("Continuing when the quota reopens, at %s.", opens)
        raise AirflowRescheduleException(opens)
    return outcome


@task(map_index_template="{{ name }}", multiple_outputs=False)
def validate(outcome: Outcome) -> Outcome:
    """Compare the table of a workspace with LeadLex, up to the bookmark in its state."""
    name = get_current_context()["name"] = outcome["workspace"]
    said = ""
    try:
        for entry in meltano(name, "state", "get", f"prod:{TAP}-to-{TARGET}:{name}"):
            if "singer_state" in entry:
                (SYSTEM / name / "state.json").write_text(json.dumps(entry))
        for entry in meltano(name, *VALIDATE):
            if entry.get("event", "").startswith("leadlex-validate: "):
                said = entry["event"]
    except FAILURES as error:
        fail(outcome, said or str(error))
    return outcome


@task(trigger_rule="all_done", retries=0)
def summary(names: list[str]) -> None:
    """Log the outcome of each workspace, and fail if one failed."""
    if not names:
        msg = "The Variable leadlex_workspaces lists no workspaces."
        raise AirflowFailException(msg)
    ti = get_current_context()["ti"]
    lost = {"state": "failed", "reason": "The task ended without an outcome; see its log."}
    outcomes = {name: {"workspace": name, **lost} for name in names}
    for key, tasks in (
        ("failure", ["workspace.sync", "workspace.validate"]),
        ("return_value", ["workspace.validate"]),
    ):
        for outcome in ti.xcom_pull(task_ids=tasks, key=key):
            if outcome:
                outcomes[outcome["workspace"]] = outcome
    ti.xcom_push("workspaces", list(outcomes.values()))
    for row in ({column: column for column in COLUMNS}, *outcomes.values()):
        log.info("%-16s %-9s %9s %7s %7s  %s", *(row.get(column, "") for column in COLUMNS))
    if failed := [name for name, outcome in outcomes.items() if outcome["state"] == "failed"]:
        msg = f"{len(failed)} of {len(names)} workspaces failed: {', '.join(failed)}."
        raise AirflowFailException(msg)


def fail(outcome: Outcome, reason: str) -> NoReturn:
    """Fail a task, and record the reason for the summary."""
    outcome |= {"state": "failed", "reason": reason}
    get_current_context()["ti"].xcom_push("failure", outcome)
    raise AirflowException(reason) from None


def meltano(name: str, *arguments: str) -> Iterator[Outcome]:
    """Run Meltano for a workspace. Log its lines and yield them."""
    signal.signal(signal.SIGTERM, stop)
    command = [MELTANO, "--log-format=json", *arguments]
    with (
        alone(name) as lock,
        subprocess.Popen(  # noqa: S603 - our own program
            command,
            cwd=PROJECT,
            env=environment(name),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[lock],
            start_new_session=True,
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                entry = parse(line)
                if "event" in entry and "metric_info" not in entry:
                    level = logging.getLevelNamesMapping().get(entry.get("level", "").upper())
                    log.log(level or logging.INFO, "%s", entry["event"])
                yield entry
        except BaseException:
            # SIGKILL, because a target that handles a signal may confirm what it has not written.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def reports(name: str) -> list[Outcome]:
    """Return the run reports of a workspace."""
    file = SYSTEM / name / "runs.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def stop(*_: object) -> NoReturn:
    """End a task that Airflow wants to end."""
    raise AirflowTaskTerminated


def parse(line: str) -> Outcome:
    """Parse a line that Meltano or one of its programs printed."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else {"event": line.rstrip()}


@contextmanager
def alone(name: str) -> Iterator[int]:
    """Lock a workspace, or reschedule the task if it is locked.

    Meltano inherits the lock and holds it while it runs, even if its task has ended.
    """
    folder = SYSTEM / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another run holds the lock of this workspace; trying again in %s.", BUSY)
            raise AirflowRescheduleException(datetime.now(UTC) + BUSY) from None
        for plugins in ("extractors", "loaders", "utilities"):
            if not (link := folder / plugins).is_symlink():
                link.symlink_to(PROJECT / ".meltano" / plugins)
        try:
            yield lock.fileno()
        finally:
            # Meltano writes the key there, and leaves the file behind if it is killed.
            for config in folder.glob("run/*/*.config.json"):
                config.unlink(missing_ok=True)


def environment(name: str) -> dict[str, str]:
    """Return Meltano's environment: the settings of a workspace, without Airflow's variables."""
    workspace = Connection.get(f"leadlex_{name}")
    destination = Connection.get("leadlex_destination")
    settings = {"api_key": workspace.password, **workspace.extra_dejson}
    return {
        **{key: value for key, value in os.environ.items() if "AIRFLOW" not in key},
        **{
            f"TAP_LEADLEX_{setting.upper()}": value if isinstance(value, str) else json.dumps(value)
            for setting, value in settings.items()
        },
        "TAP_LEADLEX_RUN_REPORT": str(SYSTEM / name / "runs.jsonl"),
        "LEADLEX_WORKSPACE": name,
        "LEADLEX_STATE": str(SYSTEM / name / "state.json"),
        "MELTANO_SYS_DIR_ROOT": str(SYSTEM / name),
        "PGHOST": destination.host,
        "PGPORT": str(destination.port or 5432),
        "PGUSER": destination.login,
        "PGPASSWORD": destination.password,
        "PGDATABASE": destination.schema,
    }


leadlex()
