"""Syncs the contacts of every LeadLex workspace of an agency, each for itself.

The Variable `leadlex_workspaces` lists the workspaces. The Connection `leadlex_<workspace>` holds
the key of one as its password and further settings of the tap as its extra; `leadlex_destination`
is the PostgreSQL database that they all go into, each into a schema of its own.
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

# Its slots are how many workspaces are worked on at once.
POOL = "leadlex"
# For so long a run waits for the quotas that end it; what is left then is for the next run.
PATIENCE = timedelta(hours=20)
# When to look again at a workspace that something else is working on.
BUSY = timedelta(seconds=30)

MELTANO = os.environ.get("LEADLEX_MELTANO", "meltano")
PROJECT = Path(os.environ.get("LEADLEX_PROJECT", Path(__file__).parents[1]))
# Holds a system folder of Meltano's for each workspace: two runs in one break each other.
SYSTEM = Path(os.environ.get("LEADLEX_SYSTEM", PROJECT / ".meltano/workspaces"))
TAP, TARGET = "tap-leadlex", "target-postgres"
# Not by Meltano's word whether another run is under way: it believes that of a killed one as well.
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
    max_active_tasks=10_000,  # the pool bounds them
    default_args={"pool": POOL, "retries": 1, "execution_timeout": timedelta(hours=3)},
)
def leadlex() -> None:
    """Sync and validate each workspace, then sum up."""
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
        msg = f"Names become those of folders and schemas: a-z, 0-9 and _ only, unlike {wrong}."
        raise AirflowFailException(msg)
    return sorted(set(names))


@task(map_index_template="{{ name }}", multiple_outputs=False)
def sync(name: str) -> Outcome:
    """Bring a workspace up to date, over as many quotas as it takes."""
    context = get_current_context()
    context["name"] = name
    # What earlier parts of this run have brought: the store outlives rescheduling and retries.
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
        log.info("Going on when the quota opens, at %s.", opens)
        raise AirflowRescheduleException(opens)
    return outcome


@task(map_index_template="{{ name }}", multiple_outputs=False)
def validate(outcome: Outcome) -> Outcome:
    """Compare the table of a workspace with LeadLex, as far as its state says that it is whole."""
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
    """Say how each workspace fared, and fail if one did."""
    if not names:
        msg = "There is no workspace in the Variable leadlex_workspaces."
        raise AirflowFailException(msg)
    ti = get_current_context()["ti"]
    lost = {"state": "failed", "reason": "It ended without a word: see its log."}
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
    """Fail a task, and leave word for the summary."""
    outcome |= {"state": "failed", "reason": reason}
    get_current_context()["ti"].xcom_push("failure", outcome)
    raise AirflowException(reason) from None


def meltano(name: str, *arguments: str) -> Iterator[Outcome]:
    """Run Meltano for a workspace; log what it says, and give it to be read on."""
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
            # All at once: a target that is told to end may confirm what it has not written.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def reports(name: str) -> list[Outcome]:
    """Give what the tap has reported about each of its runs for a workspace."""
    file = SYSTEM / name / "runs.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def stop(*_: object) -> NoReturn:
    """End a task that Airflow wants to end."""
    raise AirflowTaskTerminated


def parse(line: str) -> Outcome:
    """Read a line of Meltano's log, or of what a program under it printed."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else {"event": line.rstrip()}


@contextmanager
def alone(name: str) -> Iterator[int]:
    """Keep others out of a workspace, or come back later.

    Meltano inherits the lock, which lasts as long as it lives, even where its task is gone.
    """
    folder = SYSTEM / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Something else is working on this workspace: trying again in %s.", BUSY)
            raise AirflowRescheduleException(datetime.now(UTC) + BUSY) from None
        for plugins in ("extractors", "loaders", "utilities"):
            if not (link := folder / plugins).is_symlink():
                link.symlink_to(PROJECT / ".meltano" / plugins)
        try:
            yield lock.fileno()
        finally:
            # Meltano keeps the key there while it runs, and cannot clean up when it is killed.
            for config in folder.glob("run/*/*.config.json"):
                config.unlink(missing_ok=True)


def environment(name: str) -> dict[str, str]:
    """Give Meltano what it needs of a workspace's Connection, and nothing of Airflow's own."""
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
