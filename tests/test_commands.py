"""Every shell block in the documentation is run by a test, or is exempt for a stated reason."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Quotas, Sandbox
from tests.destination import records_in
from tests.environments import ROOT, environment
from tests.newcomer import Newcomer
from tests.support import by_id, truth
from tests.support.pages import PAGES, commands, prose, shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Block = tuple[str, str, int]

# Blocks that no test runs as printed, and why.
EXEMPT: dict[Block, str] = {
    ("README.md", "Try it", 1): ".ci/run runs both commands",
    ("CONTRIBUTING.md", "Change the code", 1): "it would run this test; CI runs its parts",
    ("CONTRIBUTING.md", "Change the code", 2): "it would run this test; CI runs it",
    ("docs/benchmarks.md", "Benchmarks", 1): "takes half an hour; test_benchmarks.py runs parts",
    ("docs/meltano.md", "State", 1): "needs S3; test_two_workspaces.py simulates it",
    ("docs/validation.md", "Ways to run it", 4): (
        "needs a database server; test_warehouse_postgres.py validates a table"
    ),
    (
        "docs/validation.md",
        "Ways to run it",
        5,
    ): "needs the files; test_migrations.py validates some",
    ("docs/validation.md", "Stream maps, flattening and filters", 1): (
        "needs a config file; test_cli.py of the validation passes one"
    ),
    ("examples/airflow/README.md", "Try it", 1): (
        "needs a database server at the address in the file; test_airflow.py runs the DAG"
    ),
    ("examples/airflow/SCALING.md", "What one workspace takes", 1): "takes minutes; a measurement",
    ("examples/migrate-to-hubspot/README.md", "Import them", 1): "needs Miller",
    ("examples/migrate-to-pipedrive/README.md", "Import them", 1): "needs Miller",
    ("examples/migrate-to-pipedrive/README.md", "Import them", 2): "needs Miller",
    ("examples/migrate-to-salesforce/README.md", "Import them", 1): "needs Miller",
    ("examples/warehouse-postgres/README.md", "Set up", 1): (
        "needs sudo; test_warehouse_postgres.py sets up the same"
    ),
}

STATE = shell("docs/states.md", "A state")
INSTALL_VALIDATE = shell("docs/validation.md", "Validate a sync")
VALIDATE_AT_THE_END = shell("docs/validation.md", "Ways to run it", 1)
VALIDATE_IN_THE_MIDDLE = shell("docs/validation.md", "Ways to run it", 2)
VALIDATE_A_FILE = shell("docs/validation.md", "Ways to run it", 3)

CHANGING = shell("docs/sandbox.md", "Let the contacts change", 1)
SYNC_CHANGES = shell("docs/sandbox.md", "Let the contacts change", 2)
READ_REPORT = shell("docs/operation.md", "Run report")
ADD = shell("docs/meltano.md", "Install", 1)
INSTALL_PLUGINS = shell("docs/meltano.md", "Install", 2)


def printed() -> set[Block]:
    """Return the shell blocks of all pages."""
    return {
        (str(page.relative_to(ROOT)), heading, number)
        for page in PAGES
        for heading, number in commands(page)
    }


def run_by_tests() -> set[Block]:
    """Return the blocks that tests take from the pages with `shell`."""
    found: set[Block] = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Name("shell"),
                    args=[ast.Constant(str(page)), ast.Constant(str(heading)), *number],
                ):
                    found.add((page, heading, ast.literal_eval(number[0]) if number else 1))
    return found


def test_every_shell_block_is_run() -> None:
    assert run_by_tests() | EXEMPT.keys() == printed()
    assert run_by_tests().isdisjoint(EXEMPT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_is_fenced_and_has_a_language(page: Path) -> None:
    text = page.read_text("utf-8")

    assert re.findall(r"^\n {4}\S.*", prose(text), re.MULTILINE) == []
    fences = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
    assert all(fences[::2])
    assert not any(fences[1::2])


def test_only_the_project_urls_name_an_owner() -> None:
    files = [
        *PAGES,
        *(ROOT / ".github").rglob("*.yml"),
        *(ROOT / "examples").glob("*/*.yml"),
        *(ROOT / "scripts").glob("*.py"),
        *(ROOT / "tap_leadlex").rglob("*.py"),
        ROOT / "meltano.yml",
    ]

    # scripts/hub.yml takes the owner from [project.urls].
    named = r"(?:github\.com[/:]|uses: )[\w-]+/tap-leadlex|\bOWNER\b"
    assert [file for file in files if re.search(named, file.read_text("utf-8"))] == []


@pytest.fixture
def user(tmp_path: Path) -> Newcomer:
    """Return a user with the programs of the development environment on PATH."""
    user = Newcomer(tmp_path)
    user.add_to_path(ROOT / ".venv/bin", environment("targets") / "bin")
    return user


def real(workspace: Sandbox) -> dict[str, str]:
    """Return the variables of a workspace."""
    return {
        "TAP_LEADLEX_API_KEY": workspace.key,
        "TAP_LEADLEX_API_URL": workspace.url,
        "TAP_LEADLEX_SETTLE_SECONDS": "0",
    }


def test_a_state_is_printed(user: Newcomer) -> None:
    with user.serving("leadlex-sandbox --port 8765 --contacts 120000 --quota 2"):
        said = user.run(STATE)

    assert '"delivered": 97498' in said


def test_a_sync_is_validated(user: Newcomer, serve: Callable[..., Sandbox]) -> None:
    workspace = serve(contacts=60, quotas=Quotas(exports=None))
    config = '{"filepath": "contacts.duckdb", "default_target_schema": "leadlex", "add_metadata_columns": true}'  # noqa: E501
    (user.folder / "target.json").write_text(config)

    user.run(INSTALL_VALIDATE)
    variables = {**real(workspace), "TAP_LEADLEX_RUN_REPORT": "runs.jsonl"}
    for block in (VALIDATE_AT_THE_END, VALIDATE_IN_THE_MIDDLE, VALIDATE_A_FILE):
        assert "20 of 60 contacts compared" in user.run(block, **variables)

    assert "bookmarks" in (user.folder / "state.json").read_text()
    # The report of the last of these runs.
    assert '"exit_status": 0' in user.run(READ_REPORT)
    records = records_in(user.folder / "contacts.duckdb")
    assert by_id(records) == by_id(truth(workspace))


def test_a_project_adds_the_tap(user: Newcomer, serve: Callable[..., Sandbox]) -> None:
    workspace = serve(contacts=10)
    project = user.folder / "project"
    clone = project / "path/to/clone"
    clone.parent.mkdir(parents=True)
    clone.symlink_to(user.folder)
    definition = project / "meltano.yml"
    definition.write_text("send_anonymous_usage_stats: false\nproject_id: new\n")

    user.run(ADD, "project")
    text = definition.read_text()
    definition.write_text(text.replace("pip_url: tap-leadlex", "pip_url: path/to/clone"))
    user.run(INSTALL_PLUGINS, "project")

    said = user.run("meltano invoke tap-leadlex --test > /dev/null", "project", **real(workspace))
    assert "received 1 of at most 1 contacts" in said


def test_a_sandbox_changes_its_contacts(user: Newcomer) -> None:
    (user.folder / ".venv-tap").symlink_to(ROOT / ".venv")

    with user.serving(CHANGING):
        said = user.run(SYNC_CHANGES)

    before, after = (
        {
            record["id"]: record
            for line in (user.folder / f"output/sandbox-{name}.jsonl").read_text().splitlines()
            if (record := json.loads(line).get("record"))
        }
        for name in ("before", "after")
    )
    assert '"back-date":10' in said
    assert len(before.keys() - after.keys()) >= 20
    assert len(after.keys() - before.keys()) >= 10
    assert sum(before[key] != after[key] for key in before.keys() & after.keys()) >= 40
