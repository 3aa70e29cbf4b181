"""A new user's first day, word for word from the README and the page on the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.destination import create, records_in
from tests.environments import ROOT
from tests.newcomer import Newcomer
from tests.support import by_id, truth
from tests.support.pages import blocks, shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox

PIP = shell("README.md", "First sync", 1)
UV = shell("README.md", "First sync", 2)
MELTANO = shell("README.md", "First sync", 3)
GET = shell("docs/sandbox.md", "Get it")
START = shell("docs/sandbox.md", "Start it")
SYNC = shell("docs/sandbox.md", "Sync it", 1)
SYNC_WITH_MELTANO = shell("docs/sandbox.md", "Sync it", 2)

MOVE_STATE = shell("docs/states.md", "Moving and editing a state", 1)
RUN_FROM_STATE = shell("docs/states.md", "Moving and editing a state", 2)
VALIDATE = shell("docs/validation.md", "With Meltano")
LOADER = blocks((ROOT / "docs/validation.md").read_text("utf-8"), "yaml")[1]

SANDBOX = "leadlex_sandbox.contacts"


@pytest.fixture
def workspace(serve: Callable[..., Sandbox]) -> Sandbox:
    """Serve a workspace that has the README's key."""
    return serve(contacts=300, key="wbk_your_key")


def real(workspace: Sandbox) -> dict[str, str]:
    """Return the variables that make a workspace the one at LeadLex's address."""
    return {"TAP_LEADLEX_API_URL": workspace.url, "TAP_LEADLEX_SETTLE_SECONDS": "0"}


def second_sync(block: str) -> str:
    """Return the lines of a block that a user runs again for new contacts."""
    lines = block.splitlines()
    (key,) = (line for line in lines if line.startswith("export "))
    return "\n".join([key, *lines[-2:]])


def test_with_pip(workspace: Sandbox, tmp_path: Path) -> None:
    user = Newcomer(tmp_path)

    user.run(GET)
    with user.serving(START) as url:
        assert url.endswith("/functions/v1/api-gateway/v1")
        user.run(SYNC)
    assert len(records_in(user.folder / "output/sandbox.duckdb", SANDBOX)) == 1_025

    user.run(PIP, **real(workspace))
    table = user.folder / "output/contacts.duckdb"
    assert by_id(records_in(table)) == by_id(truth(workspace))
    assert sum(call.rows for call in workspace.exports) == 300

    create(workspace, 20)
    user.run(second_sync(PIP), **real(workspace))
    assert by_id(records_in(table)) == by_id(truth(workspace))
    assert workspace.exports[-1].rows == 20


def test_with_uv(workspace: Sandbox, tmp_path: Path) -> None:
    user = Newcomer(tmp_path)

    user.run(UV, **real(workspace))
    create(workspace, 20)
    user.run(second_sync(UV), **real(workspace))

    table = user.folder / "output/contacts.duckdb"
    assert by_id(records_in(table)) == by_id(truth(workspace))
    assert sum(call.rows for call in workspace.exports) == 320


def test_with_meltano(workspace: Sandbox, tmp_path: Path) -> None:
    user = Newcomer(tmp_path)

    user.run(GET)
    user.run('uv tool install "meltano~=4.4"')
    with user.serving(START):
        user.run(SYNC_WITH_MELTANO)
    assert len(records_in(user.folder / "output/sandbox.duckdb", SANDBOX)) == 1_025

    user.run(MELTANO, **real(workspace))
    table = user.folder / "output/contacts.duckdb"
    assert by_id(records_in(table)) == by_id(truth(workspace))
    assert sum(call.rows for call in workspace.exports) == 300

    # Meltano's state works in another environment and without Meltano.
    user.run(MOVE_STATE)
    user.add_to_path(user.folder / ".venv-tap/bin")
    key = {"TAP_LEADLEX_API_KEY": workspace.key}
    assert "RECORD" not in user.run(RUN_FROM_STATE, **real(workspace), **key)

    # The last section of the page on validation.
    project = user.folder / "meltano.yml"
    _, entry = LOADER.split("loaders:\n")
    loaders = "\n  loaders:\n"
    project.write_text(project.read_text().replace(loaders, loaders + entry))
    create(workspace, 20)
    assert "20 contacts in LeadLex" in user.run(VALIDATE, **real(workspace), **key)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
