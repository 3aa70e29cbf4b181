"""The README's first syncs, word for word in a copy of the project, against a sandbox."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Sandbox
from tests.destination import create, records_in
from tests.environments import INSTALLING, ROOT, copy_project, machine_for_uv
from tests.support import by_id, truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

README = (ROOT / "README.md").read_text(encoding="utf-8")
PIP, PIP_AGAIN, UV, MELTANO = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Give a workspace whose key is the README's."""
    with Sandbox(contacts=300, key="wbk_your_key") as sandbox:
        yield sandbox


@pytest.fixture
def shell(tmp_path: Path, sandbox: Sandbox) -> Callable[[str], None]:
    """Give a function that runs lines of the README in a copy of the project."""
    copy_project(tmp_path)
    home = tmp_path / "home"
    uv = ROOT / ".venv/bin"  # one of the development tools
    machine = machine_for_uv()
    env = machine | {
        "HOME": str(home),
        "PATH": f"{home}/.local/bin:{machine['PATH']}:{uv}",
        "TAP_LEADLEX_API_URL": sandbox.url,
        "TAP_LEADLEX_SETTLE_SECONDS": "0",
    }

    def run(lines: str) -> None:
        done = subprocess.run(  # noqa: S603
            ["bash", "-euo", "pipefail", "-c", lines],  # noqa: S607
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=INSTALLING,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_first_sync_with_pip_and_the_next(
    shell: Callable[[str], None], sandbox: Sandbox, tmp_path: Path
) -> None:
    table = tmp_path / "output/contacts.duckdb"
    shell(PIP)
    assert by_id(records_in(table)) == by_id(truth(sandbox))

    create(sandbox, 20)
    shell(f"export TAP_LEADLEX_API_KEY={sandbox.key}\n{PIP_AGAIN}")

    assert by_id(records_in(table)) == by_id(truth(sandbox))
    assert sandbox.exports[-1].rows == 20


@pytest.mark.parametrize("lines", [UV, MELTANO], ids=["uv", "meltano"])
def test_first_sync_with(
    lines: str, shell: Callable[[str], None], sandbox: Sandbox, tmp_path: Path
) -> None:
    shell(lines)

    assert by_id(records_in(tmp_path / "output/contacts.duckdb")) == by_id(truth(sandbox))
