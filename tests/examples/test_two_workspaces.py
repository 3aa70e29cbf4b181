"""examples/two-workspaces: each workspace with its key, its state and its file, in one project."""

from __future__ import annotations

import copy
import json
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tap_leadlex.sandbox import Quotas, Reading, Sandbox
from tap_leadlex.sandbox.readings import ListMode, Order
from tests.destination import create, records_in
from tests.environments import ROOT, environment
from tests.newcomer import Newcomer
from tests.support import TIMEOUT, by_id, truth
from tests.support.pages import shell

from .example import Example

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support import Json

INSTALL = shell("examples/two-workspaces/README.md", "What you need")
START_EMEA = shell("examples/two-workspaces/README.md", "Try it", 1)
START_APAC = shell("examples/two-workspaces/README.md", "Try it", 2)
SYNC = shell("examples/two-workspaces/README.md", "Try it", 3)
SYNC_AGAIN = shell("examples/two-workspaces/README.md", "Try it", 4)
SYNC_REAL = shell("examples/two-workspaces/README.md", "Use it")

EMEA = ("tap-leadlex-emea", "target-duckdb")
APAC = ("tap-leadlex-apac", "target-duckdb")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Example:
    """Give the example with its plugins installed."""
    return installed(tmp_path_factory.mktemp("machine"))


@pytest.fixture
def project(machine: Example, tmp_path: Path) -> Example:
    """Give the example as it is before the first run."""
    for file in machine.folder.glob("*.duckdb"):
        file.unlink()
    database = shutil.copy(machine.folder / ".meltano/meltano.db", tmp_path)
    project = copy.copy(machine)
    project.environment = {**machine.environment, "MELTANO_DATABASE_URI": f"sqlite:///{database}"}
    return project


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[str]:
    """Serve storage that speaks S3; give the URL of a bucket in it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    program = str(environment("moto") / "bin/moto_server")
    with (
        (tmp_path / "moto.log").open("w") as log,
        subprocess.Popen(  # noqa: S603 - a program of our own
            [program, "-H", "127.0.0.1", "-p", port], stdout=log, stderr=log
        ) as moto,
    ):
        try:
            bucket = f"http://127.0.0.1:{port}/states"
            end = time.monotonic() + TIMEOUT
            while not made(bucket):
                assert moto.poll() is None, (tmp_path / "moto.log").read_text()
                assert time.monotonic() < end
                time.sleep(0.1)
            yield bucket
        finally:
            moto.kill()


def made(bucket: str) -> bool:
    """Make a bucket; tell whether the storage answers."""
    try:
        return httpx.put(bucket).is_success
    except httpx.ConnectError:
        return False


def installed(clone: Path) -> Example:
    """Copy the example and install its plugins."""
    # The key of another workspace is there as well, as in the shell of whoever syncs that one.
    example = Example(
        "two-workspaces", clone, MELTANO_ENVIRONMENT="prod", TAP_LEADLEX_API_KEY="wbk_emea"
    )
    example.meltano("install")
    return example


def connect(project: Example, **workspaces: Sandbox) -> None:
    """Tell a project of its workspaces."""
    for name, sandbox in workspaces.items():
        prefix = f"TAP_LEADLEX_{name.upper()}"
        project.environment[f"{prefix}_API_KEY"] = sandbox.key
        project.environment[f"{prefix}_API_URL"] = sandbox.url
        project.environment[f"{prefix}_SETTLE_SECONDS"] = "0"


def state_id(workspace: tuple[str, str]) -> str:
    """Give the id of a workspace's state."""
    return f"prod:{'-to-'.join(workspace)}"


def state(project: Example, workspace: tuple[str, str]) -> Json:
    """Give a workspace's state in Meltano's own database."""
    kept: Json = json.loads(project.meltano("state", "get", state_id(workspace)).stdout)
    return kept


def said(console: str, plugin: str) -> list[tuple[str, str]]:
    """Give the level and the message of each line of a plugin's on the console."""
    return re.findall(rf"^\S+Z \[(\w+) *\] {plugin} +(.+)$", console, re.MULTILINE)


def assert_readable_and_discreet(console: str, plugin: str, sandbox: Sandbox) -> list[str]:
    """Make sure that a tap's lines are plain and hold no secret; give those of its messages."""
    lines = [message for _, message in said(console, plugin)]
    assert lines
    assert not [line for line in console.splitlines() if line.startswith("{")]
    assert not [line for line in lines if line.startswith("{")]
    assert sandbox.key not in console
    for record in truth(sandbox):
        values = (record[name] for name in ("id", "full_name", "email", "linkedin_url"))
        assert not [value for value in values if value and value in console]
    return lines


def same(project: Example, name: str, sandbox: Sandbox) -> bool:
    """Tell whether a workspace's file holds exactly its contacts."""
    return by_id(records_in(project.folder / f"{name}.duckdb")) == by_id(truth(sandbox))


def test_two_workspaces_share_nothing(project: Example, serve: Callable[..., Sandbox]) -> None:
    emea = serve(contacts=300, key="wbk_emea", nasty=False, quotas=Quotas(exports=2))
    apac = serve(contacts=200, key="wbk_apac", nasty=False, seed=1)
    connect(project, emea=emea, apac=apac)

    console = project.meltano("run", *EMEA, *APAC).stderr

    assert same(project, "emea", emea)
    assert same(project, "apac", apac)
    for plugin, sandbox in (("tap-leadlex-emea", emea), ("tap-leadlex-apac", apac)):
        (closed,) = (
            line
            for line in assert_readable_and_discreet(console, plugin, sandbox)
            if line.startswith("Closed window ")
        )
        assert f"Z: {len(sandbox.store):,} contacts. 1 export call used; 100% done." in closed
        assert {level for level, _ in said(console, plugin)} == {"info"}

    before = state(project, APAC)
    create(emea, 1)
    project.meltano("run", *EMEA)

    assert same(project, "emea", emea)
    assert [call.rows for call in emea.exports] == [300, 1]
    assert len(apac.exports) == 1
    assert state(project, APAC) == before

    console = project.meltano("run", *EMEA).stderr

    (warning,) = (text for level, text in said(console, EMEA[0]) if level == "warning")
    assert warning.startswith("Stopped: the export quota is used up")
    # Meltano rewrites a file in which it misses something; a clone must stay clean.
    example = ROOT / "examples/two-workspaces/meltano.yml"
    assert (project.folder / "meltano.yml").read_text() == example.read_text()


def test_two_workspaces_at_the_same_time(project: Example, serve: Callable[..., Sandbox]) -> None:
    emea = serve(contacts=300, key="wbk_emea")
    apac = serve(contacts=200, key="wbk_apac", seed=1)
    connect(project, emea=emea, apac=apac)

    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(project.meltano, "run", *workspace) for workspace in (EMEA, APAC)]
    for run in runs:
        run.result()

    assert same(project, "emea", emea)
    assert same(project, "apac", apac)
    assert len(emea.exports) == len(apac.exports) == 1
    listed = project.meltano("state", "list").stdout
    assert sorted(listed.splitlines()) == [state_id(APAC), state_id(EMEA)]


def test_a_workspace_without_its_key_is_not_synced_with_another_ones(
    project: Example, serve: Callable[..., Sandbox]
) -> None:
    emea = serve(contacts=30, key="wbk_emea")
    connect(project, emea=emea, apac=emea)
    del project.environment["TAP_LEADLEX_APAC_API_KEY"]

    done = project.meltano("run", *APAC, *EMEA, check=False)

    assert done.returncode == 1
    (line,) = (text for level, text in said(done.stderr, APAC[0]) if level == "critical")
    assert line.startswith("Setting 'api_key' must be the workspace's key")
    assert emea.calls == []


def test_a_wrong_key_is_said_in_one_line(project: Example, serve: Callable[..., Sandbox]) -> None:
    emea = serve(contacts=30, key="wbk_emea", nasty=False)
    connect(project, emea=emea)
    project.environment["TAP_LEADLEX_EMEA_API_KEY"] = "wbk_revoked"

    done = project.meltano("run", *EMEA, check=False)

    assert done.returncode == 1
    assert_readable_and_discreet(done.stderr, EMEA[0], emea)
    (line,) = (text for level, text in said(done.stderr, EMEA[0]) if level != "info")
    assert line.startswith("LeadLex answered HTTP 401, invalid_key")
    assert line.endswith("Check api_key: it may be mistyped, revoked or expired.")
    assert "wbk_revoked" not in done.stderr

    # Meltano shows the last line as it is: plain where the logs are not structured.
    project.environment["TAP_LEADLEX_EMEA__LOG_PARSER"] = ""
    done = project.meltano("config", "test", EMEA[0], check=False)

    assert done.returncode == 1
    assert "Plugin configuration is invalid\nLeadLex answered HTTP 401" in done.stderr
    assert "wbk_revoked" not in done.stderr


def test_a_config_test_costs_one_export(project: Example, serve: Callable[..., Sandbox]) -> None:
    # More than one export carries: Meltano ends the tap before it asks for the second.
    emea = serve(contacts=60_000, key="wbk_emea")
    connect(project, emea=emea)

    done = project.meltano("config", "test", EMEA[0])

    assert "Plugin configuration is valid" in done.stdout
    assert len(emea.exports) == 1


def test_a_config_test_passes_where_the_first_window_is_empty(
    project: Example, serve: Callable[..., Sandbox]
) -> None:
    # The first export is full; without the list, what it showed is cut far below its contacts.
    reading = Reading(list_mode=ListMode.FORBIDDEN, order=Order.DESCENDING)
    emea = serve(contacts=60_000, key="wbk_emea", reading=reading)
    connect(project, emea=emea)
    project.environment["TAP_LEADLEX_EMEA_START_DATE"] = "2000-01-01"

    done = project.meltano("config", "test", EMEA[0])

    assert "Plugin configuration is valid" in done.stdout
    assert [call.rows for call in emea.exports][:2] == [50_000, 0]


def test_an_empty_workspace_passes_the_tests_of_the_tap_alone(
    project: Example, serve: Callable[..., Sandbox]
) -> None:
    emea = serve(contacts=0, key="wbk_emea")
    connect(project, emea=emea)

    done = project.meltano("config", "test", EMEA[0], check=False)

    # Meltano asks for a RECORD.
    assert done.returncode == 1
    assert "No RECORD or BATCH message received." in done.stderr
    assert len(emea.exports) == 1

    done = project.meltano("invoke", EMEA[0], "--test")

    assert "the key works; received 0 of at most 1 contacts." in done.stderr
    assert len(emea.exports) == 2


def test_a_machine_that_has_nothing_goes_on_from_the_state_in_s3(
    project: Example, serve: Callable[..., Sandbox], storage: str, tmp_path: Path
) -> None:
    emea = serve(contacts=300, key="wbk_emea")
    fresh = installed(tmp_path)
    url, _, bucket = storage.rpartition("/")
    for each in (project, fresh):
        connect(each, emea=emea)
        each.environment |= {
            "MELTANO_STATE_BACKEND_URI": f"s3://{bucket}/leadlex",
            "MELTANO_STATE_BACKEND_S3_AWS_ACCESS_KEY_ID": "any",
            "MELTANO_STATE_BACKEND_S3_AWS_SECRET_ACCESS_KEY": "any",
            "MELTANO_STATE_BACKEND_S3_ENDPOINT_URL": url,
        }

    project.meltano("run", *EMEA)
    create(emea, 40)
    fresh.meltano("run", *EMEA)

    assert [call.rows for call in emea.exports] == [300, 40]
    assert by_id(records_in(fresh.folder / "emea.duckdb")) == by_id(truth(emea)[-40:])


def test_the_readme_word_for_word(serve: Callable[..., Sandbox], tmp_path: Path) -> None:
    user = Newcomer(tmp_path)
    user.add_to_path(ROOT / ".venv/bin")
    folder = "examples/two-workspaces"
    real = {
        f"TAP_LEADLEX_{name}_{setting}": value
        for name, sandbox in {"EMEA": serve(contacts=30), "APAC": serve(contacts=20)}.items()
        for setting, value in {
            "API_KEY": sandbox.key,
            "API_URL": sandbox.url,
            "SETTLE_SECONDS": "0",
        }.items()
    }

    user.run(INSTALL)
    with user.serving(START_EMEA), user.serving(START_APAC):
        user.run(SYNC, folder)
        said = user.run(SYNC_AGAIN, folder)
    user.run(SYNC_REAL, folder, **real)

    for workspace, (made_up, contacts) in {"emea": (3_025, 30), "apac": (2_000, 20)}.items():
        sandbox = user.folder / folder / f"sandbox-{workspace}.duckdb"
        assert f"sandbox:tap-leadlex-{workspace}-to-target-duckdb" in said
        assert len(records_in(sandbox, "leadlex_sandbox.contacts")) == made_up
        assert len(records_in(user.folder / folder / f"{workspace}.duckdb")) == contacts
