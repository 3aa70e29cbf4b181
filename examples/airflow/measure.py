"""Measures what one workspace takes: seconds, CPU and memory of Meltano, tap and target together.

It runs the commands of the DAG with its own sandbox. PGHOST and similar variables select the
destination.
"""

# ruff: noqa: INP001, T201 - a script
from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tap_leadlex.sandbox import Sandbox

MELTANO = os.environ.get("LEADLEX_MELTANO", "meltano")
PROJECT = Path(__file__).parent
NAME = "measured"
STATE_ID = f"prod:tap-leadlex-to-target-postgres:{NAME}"
SYNC = (
    "run",
    "--no-install",
    "--force",
    "tap-leadlex",
    "target-postgres",
    f"--state-id-suffix={NAME}",
)
VALIDATE = ("invoke", "--no-install", "leadlex-validate:table")


def main() -> None:
    """Measure a first sync, a sync without new contacts, and the validation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=50_000)
    contacts = parser.parse_args().contacts
    with (
        tempfile.TemporaryDirectory() as folder,
        Sandbox(contacts=contacts, nasty=False) as sandbox,
    ):
        system = Path(folder, "system")
        system.mkdir()
        for plugins in ("extractors", "loaders", "utilities"):
            (system / plugins).symlink_to(PROJECT / ".meltano" / plugins)
        state = Path(folder, "state.json")
        environment = {
            **os.environ,
            "LEADLEX_STATE": str(state),
            "LEADLEX_WORKSPACE": NAME,
            "MELTANO_STATE_BACKEND_URI": f"file://{folder}/states",
            "MELTANO_SYS_DIR_ROOT": str(system),
            "TAP_LEADLEX_API_KEY": sandbox.key,
            "TAP_LEADLEX_API_URL": sandbox.url,
            "TAP_LEADLEX_SETTLE_SECONDS": "0",
        }
        print(f"{'':28} seconds  CPU seconds  peak MB")
        measure(f"first sync, {contacts:,} contacts", environment, SYNC)
        measure("sync with nothing new", environment, SYNC)
        with state.open("w") as file:
            measure("its state", environment, ("state", "get", STATE_ID), file.fileno())
        measure("validation", environment, VALIDATE)


def measure(
    what: str,
    environment: dict[str, str],
    arguments: tuple[str, ...],
    out: int = subprocess.DEVNULL,
) -> None:
    """Run Meltano and print its time, CPU and memory.

    Args:
        what: The label to print.
        environment: The environment variables.
        arguments: The arguments.
        out: The file descriptor for its output.
    """
    before, began, peak = cpu(), time.monotonic(), 0
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(  # noqa: S603 - our own program
            [MELTANO, *arguments], cwd=PROJECT, env=environment, stdout=out, stderr=log
        ) as process,
    ):
        while process.poll() is None:
            peak = max(peak, memory(process.pid))
            time.sleep(0.1)
        if process.returncode:
            log.seek(0)
            sys.exit(log.read())
    taken = time.monotonic() - began
    print(f"{what:28} {taken:7.1f}  {cpu() - before:11.1f}  {peak / 1024:7.0f}", flush=True)


def cpu() -> float:
    """Return the CPU seconds of all programs that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def memory(pid: int) -> int:
    """Return the KiB of a process and its children, with shared memory counted once."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has just ended
        return 0
    (own,) = (int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return own + sum(memory(int(child)) for child in children)


if __name__ == "__main__":
    main()
