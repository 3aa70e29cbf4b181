"""The repository's files, and the virtual environments that `make setup` makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]

# As the machine has it: installing needs its proxies and certificates, which the tests drop.
MACHINE = dict(os.environ)


def environment(name: str) -> Path:
    """Give a virtual environment's folder, made or brought up to its pins first.

    Args:
        name: The name of its file in `requirements/`.
    """
    folder = ROOT / f".venv-{name}"
    subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "--silent", f"{folder.name}/.ready"],  # noqa: S607
        cwd=ROOT,
        env=MACHINE,
        check=True,
    )
    return folder
