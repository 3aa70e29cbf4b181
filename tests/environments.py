"""The repository, copies of it, and the virtual environments that `make setup` makes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]

# As the machine has it: installing needs its proxies and certificates, which the tests drop.
MACHINE = {**os.environ, "NO_PROXY": "127.0.0.1"}

INSTALLING = 600

# How uv calls what pip is configured with.
_UV = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


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


def machine_for_uv() -> dict[str, str]:
    """Give the machine's environment, in which uv finds the index that pip finds."""
    pip = environment("targets") / "bin/pip"
    listed = subprocess.check_output([pip, "config", "list"], env=MACHINE, text=True)  # noqa: S603
    configured = re.findall(r"^\S+\.([\w-]+)='(.+)'$", listed, re.MULTILINE)
    return {**MACHINE, **{_UV[name]: value for name, value in configured if name in _UV}}


def copy_project(folder: Path) -> None:
    """Copy what a fresh clone has of the project, as far as installing and running it goes."""
    for name in ("LICENSE", "README.md", "meltano.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "tap_leadlex", folder / "tap_leadlex")
    (folder / "output").mkdir()
