"""meltano.yml with the real Meltano, against a sandbox, in a copy of the project."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from tests.destination import create, records_in
from tests.environments import INSTALLING, MACHINE, ROOT, copy_project, environment
from tests.support import by_id, truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox

SANDBOX = "leadlex_sandbox.contacts"


class Project:
    """A copy of the project, as a fresh clone has it."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        """Copy the project, for a sandbox that does not listen on the port in meltano.yml."""
        copy_project(folder)
        self.folder = folder
        self._environment = {
            **MACHINE,
            # By pip: it is set up on every machine that came through `make setup`.
            "MELTANO_VENV_BACKEND": "virtualenv",
            "TAP_LEADLEX_API_URL": sandbox.url,
        }

    def meltano(self, *arguments: str) -> str:
        """Run Meltano and give what it printed."""
        done = subprocess.run(  # noqa: S603 - the pinned Meltano
            [environment("meltano") / "bin/meltano", *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=INSTALLING,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def test_meltano_syncs_keeps_state_and_goes_on(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=1_500)
    project = Project(tmp_path, sandbox)

    project.meltano("run", "tap-leadlex", "target-duckdb")

    file = tmp_path / "output/sandbox.duckdb"
    assert by_id(records_in(file, SANDBOX)) == by_id(truth(sandbox))

    exports = len(sandbox.exports)
    create(sandbox, 40)
    project.meltano("run", "tap-leadlex", "target-duckdb")

    assert by_id(records_in(file, SANDBOX)) == by_id(truth(sandbox))
    assert len(sandbox.exports) == exports + 1
    assert sandbox.exports[-1].rows == 40
    state = project.meltano("state", "get", "sandbox:tap-leadlex-to-target-duckdb")
    assert "replication_key_value" in json.loads(state)["singer_state"]["bookmarks"]["contacts"]

    project.meltano("run", "tap-leadlex", "target-jsonl")

    lines = (tmp_path / "output/sandbox/contacts.jsonl").read_text().splitlines()
    assert by_id([json.loads(line) for line in lines]) == by_id(truth(sandbox))
    # Nothing is where the environment prod writes.
    assert not list((tmp_path / "output").glob("contacts.*"))
    # Meltano rewrites a file in which it misses something; a clone must stay clean.
    assert (tmp_path / "meltano.yml").read_text() == (ROOT / "meltano.yml").read_text()
