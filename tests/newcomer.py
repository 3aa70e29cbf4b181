"""A new user's machine: a clone of the project, a home folder, and the shell."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.environments import INSTALLING, ROOT, copy_project, machine_for_uv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The ports of the sandboxes on all pages.
PORTS = ("8765", "8766")


class Newcomer:
    """Runs the commands of a page as printed, except that sandboxes get free ports.

    Attributes:
        folder: The clone.
    """

    def __init__(self, folder: Path) -> None:
        """Clone the project.

        Args:
            folder: An empty folder.
        """
        self.folder = folder / "clone"
        self.folder.mkdir()
        copy_project(self.folder)
        unwanted = shutil.ignore_patterns(".meltano", "output", "__pycache__")
        for name in ("examples", "scripts"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=unwanted)
        self._ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
        for project in self.folder.rglob("meltano.yml"):
            project.write_text(self._with_ports(project.read_text()))
        home = folder / "home"
        machine = machine_for_uv()
        tools = ROOT / ".venv/bin"  # uv
        self._environment = {
            **machine,
            "HOME": str(home),
            "PATH": f"{home}/.local/bin:{machine['PATH']}:{tools}",
        }

    def add_to_path(self, *folders: Path) -> None:
        """Install programs by adding their folders to PATH."""
        self._environment["PATH"] = ":".join([*map(str, folders), self._environment["PATH"]])

    def run(self, lines: str, folder: str = ".", **variables: str) -> str:
        """Run lines of a page in a new shell, and return what they printed.

        Args:
            lines: The lines.
            folder: Where to run them, relative to the clone.
            **variables: Environment variables.
        """
        done = subprocess.run(  # noqa: S603
            ["bash", "-euo", "pipefail", "-c", self._with_ports(lines)],  # noqa: S607
            cwd=self.folder / folder,
            env={**self._environment, **variables},
            capture_output=True,
            text=True,
            timeout=INSTALLING,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def serving(self, line: str) -> Iterator[str]:
        """Run a line of a page in a second terminal, and yield the first line that it prints.

        Args:
            line: One command, which runs until it is interrupted.
        """
        with subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", f"exec {self._with_ports(line)}"],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            try:
                assert server.stdout is not None
                yield server.stdout.readline().strip()
            finally:
                server.send_signal(signal.SIGINT)

    def _with_ports(self, text: str) -> str:
        for printed, free in self._ports.items():
            text = text.replace(printed, free)
        return text


def _free_ports(count: int) -> list[str]:
    """Return ports that nothing listens on."""
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [str(listener.getsockname()[1]) for listener in listeners]
