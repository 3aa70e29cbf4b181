"""An example as a user has it: in a clone of the repository, with nothing set up yet."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.environments import INSTALLING, ROOT, copy_project, environment, machine_for_uv

if TYPE_CHECKING:
    from pathlib import Path


class Example:
    """A folder of examples/ in a copy of the repository, whose path is `folder`."""

    def __init__(self, name: str, clone: Path, **variables: str) -> None:
        """Copy the repository.

        Args:
            name: The name of the example's folder.
            clone: An empty folder for the copy.
            **variables: Environment variables that the example's README tells users to set.
        """
        copy_project(clone)
        self.folder = clone / "examples" / name
        shutil.copytree(
            ROOT / "examples" / name,
            self.folder,
            ignore=shutil.ignore_patterns(".meltano", "output", "__pycache__"),
        )
        self.environment = {
            **machine_for_uv(),
            "MELTANO_VENV_BACKEND": "uv",
            **variables,
        }

    def run(
        self, *command: str | Path, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the example's folder.

        Args:
            *command: The program and its arguments.
            check: Whether the program must end with 0.
            **variables: Further environment variables.

        Returns:
            How it ended, with all that it printed.
        """
        done = subprocess.run(  # noqa: S603 - programs of ours
            command,
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=INSTALLING,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def meltano(
        self, *arguments: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the pinned Meltano in the example's folder; arguments as for `run`."""
        meltano = environment("meltano") / "bin"
        path = f"{meltano}{os.pathsep}{self.environment['PATH']}"
        return self.run(meltano / "meltano", *arguments, check=check, PATH=path, **variables)
