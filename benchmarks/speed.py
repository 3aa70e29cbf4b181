"""Compares the CPU, memory and speed of the tap with other programs that read the same export.

    make bench

Each program runs in its own process, in turn, several times, on the same sandbox. It also runs on
a sandbox without contacts, to measure its start. The first run creates the environments of the
other programs. This module imports no large packages, because a child's peak memory is never
counted below its parent's.
"""  # noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeAlias
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Command: TypeAlias = "list[str | Path]"

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).parent / "peers"
BIN = Path(sys.executable).parent
KEY = "wbk_sandbox"
CONTACTS = 50_000
MANY = 1_000_000
CHUNK = 64 * 1024

AIRBYTE, DLT, SLING = (ROOT / f".venv-{name}" for name in ("airbyte", "dlt", "sling"))
ENVIRONMENTS = {
    AIRBYTE: ["airbyte-cdk==7.39.1"],
    DLT: ["dlt==1.31.0"],
    SLING: ["sling-linux-amd64==1.4.11"],
}
ADD_FIELDS = (
    "transformations: [{type: AddFields, fields: [{path: [tags], value: "
    "\"{{ (record['tags'] or '').split(',') | select | list }}\"}]}]"
)

TAP = "tap-leadlex"
MAPPED = "tap-leadlex, with a stream map"
SDK = "the SDK template's tap"
FLOOR = "the floor: csv, dict, msgspec"
PEERS = ("Airbyte", "Airbyte, with AddFields", "dlt", "sling")


@dataclass(frozen=True)
class Run:
    """The resources that one process used.

    Attributes:
        cpu: Its CPU seconds, user and system.
        peak: Its peak memory in MB.
        lines: The lines that it wrote.
    """

    cpu: float
    peak: float
    lines: int


@dataclass(frozen=True)
class Source:
    """A sandbox, and a copy of its export on a plain server and in a file."""

    url: str
    body: Path
    body_url: str
    contacts: int


@dataclass
class Figures:
    """The runs of one program, with contacts and without."""

    full: list[Run] = field(default_factory=list)
    start: list[Run] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """The whole process's CPU seconds."""
        return median(run.cpu for run in self.full)

    @property
    def net(self) -> float:
        """The CPU seconds without the start. Each run is paired with its own start."""
        pairs = zip(self.full, self.start, strict=True)
        return median(full.cpu - start.cpu for full, start in pairs)

    @property
    def pace(self) -> float:
        """Contacts for each CPU second, without the start."""
        return CONTACTS / self.net

    @property
    def peak(self) -> float:
        """The peak memory in MB."""
        return median(run.peak for run in self.full)


def run(command: Command, folder: Path, **environment: str) -> Run:
    """Run a program, and count the lines that it writes to stdout or as JSON lines to `out`."""
    log = folder / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(  # noqa: S603 - our own programs
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdout  # noqa: S101 - for the type
        lines = 0
        while chunk := os.read(process.stdout.fileno(), CHUNK):
            lines += chunk.count(b"\n")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed:\n{log.read_text(errors='replace')[-2_000:]}")
    for path in (folder / "out").rglob("*.jsonl"):
        with path.open("rb") as written_lines:
            lines += sum(1 for _ in written_lines)
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, lines)


def tap(source: Source, folder: Path, **settings: object) -> Run:
    """Run tap-leadlex."""
    config = {"api_url": source.url, "api_key": KEY, "check_drift": False, **settings}
    return run([BIN / "tap-leadlex", "--config", written(folder, config)], folder)


def mapped(source: Source, folder: Path) -> Run:
    """Run tap-leadlex with a map that hashes one property and drops another."""
    contacts = {"email": "md5(email or '')", "phone": None}
    return tap(source, folder, stream_maps={"contacts": contacts})


def sdk(source: Source, folder: Path) -> Run:
    """Run the plain tap."""
    config = written(folder, {"api_url": source.url, "api_key": KEY})
    command: Command = [sys.executable, HERE / "sdk_tap.py", "--config", config]
    return run(command, folder, PYTHONPATH=str(ROOT))


def floor(source: Source, folder: Path) -> Run:
    """Run the floor."""
    return run([sys.executable, HERE / "floor.py", source.body], folder)


def airbyte(source: Source, folder: Path, *, add_fields: bool = False) -> Run:
    """Run the declarative source."""
    text = (HERE / "airbyte.yaml").read_text()
    manifest = folder / "manifest.yaml"
    manifest.write_text(text.replace("transformations: []", ADD_FIELDS) if add_fields else text)
    config = {"api_url": source.url, "api_key": KEY, "start_date": "2020-01-01T00:00:00Z"}
    command: Command = [AIRBYTE / "bin" / "source-declarative-manifest", "read"]
    command += ["--config", written(folder, config), "--manifest-path", manifest]
    command += ["--catalog", HERE / "airbyte-catalog.json"]
    return run(command, folder, AIRBYTE_OFFLINE_MODE="1")


def dlt(source: Source, folder: Path) -> Run:
    """Run the dlt pipeline."""
    command: Command = [
        DLT / "bin" / "python",
        HERE / "dlt_contacts.py",
        source.url,
        KEY,
        str(folder),
    ]
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DATA_WRITER__DISABLE_COMPRESSION": "true"}
    return run(command, folder, HOME=str(folder), **quiet)


def sling(source: Source, folder: Path) -> Run:
    """Run sling, which sends no key: it reads the copy."""
    (folder / "out").mkdir()
    program = next(SLING.glob("lib/*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
    command: Command = [
        program,
        "run",
        "--src-stream",
        source.body_url,
        "--src-options",
        "{format: csv}",
    ]
    command += ["--tgt-object", f"file://{folder}/out/contacts.jsonl"]
    return run(command, folder, HOME=str(folder), SLING_DISABLE_TELEMETRY="true")


PROGRAMS: dict[str, Callable[[Source, Path], Run]] = {
    TAP: tap,
    MAPPED: mapped,
    SDK: sdk,
    PEERS[0]: airbyte,
    PEERS[1]: lambda source, folder: airbyte(source, folder, add_fields=True),
    PEERS[2]: dlt,
    PEERS[3]: sling,
    FLOOR: floor,
}


def written(folder: Path, config: Mapping[str, object]) -> Path:
    """Write a config file."""
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return path


def make_environments() -> None:
    """Create the missing environments of the other programs."""
    for folder, packages in ENVIRONMENTS.items():
        if (folder / ".benchmark-ready").exists():
            continue
        uv = BIN / "uv"
        say(f"Making {folder.name} ...")
        commands: list[Command] = [
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", *packages],
        ]
        for command in commands:
            subprocess.run(command, check=True)  # noqa: S603 - our own command
        (folder / ".benchmark-ready").touch()


@contextmanager
def serve(contacts: int, folder: Path) -> Iterator[Source]:
    """Start a sandbox with this many contacts, and a plain server with a copy of its export."""
    folder.mkdir()
    sandbox: Command = [BIN / "leadlex-sandbox", "--port=0", "--quota=0", f"--contacts={contacts}"]
    plain: Command = [sys.executable, "-u", "-m", "http.server", "--bind=127.0.0.1", "0"]
    with started(sandbox, folder) as url, started(plain, folder) as banner:
        export = Request(  # noqa: S310 - loopback
            f"{url}/contacts/export?limit={CONTACTS}", headers={"Authorization": f"Bearer {KEY}"}
        )
        body = folder / "contacts.csv"
        with urlopen(export) as response, body.open("wb") as copy:  # noqa: S310 - loopback
            shutil.copyfileobj(response, copy)
        origin = banner.partition("(")[2].partition(")")[0].rstrip("/")
        yield Source(url, body, f"{origin}/{body.name}", contacts)


@contextmanager
def started(command: Command, folder: Path) -> Iterator[str]:
    """Start a server, and yield the first line that it prints."""
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout  # noqa: S101 - for the type
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGTERM)


def measured(program: str, source: Source) -> Run:
    """Run a program once in an empty folder, and check that it wrote every contact."""
    with tempfile.TemporaryDirectory() as folder:
        done = PROGRAMS[program](source, Path(folder))
    if done.lines < source.contacts:
        sys.exit(f"{program} wrote {done.lines} lines for {source.contacts} contacts.")
    return done


def table(figures: dict[str, Figures]) -> Iterator[str]:
    """Yield the figures as a table."""
    yield "| program | CPU s | of which start | contacts per CPU s, without start | peak MB |"
    yield "|---|---|---|---|---|"
    for program, its in figures.items():
        yield (
            f"| {program} | {its.cpu:.2f} | {its.cpu - its.net:.2f} | {its.pace:,.0f} "
            f"| {its.peak:.0f} |"
        )


def judged(figures: dict[str, Figures], many: Run) -> Iterator[tuple[str, float, str, bool]]:
    """Compare the figures with their bounds: name, value, bound, whether it is met."""
    ours = figures[TAP]
    peer = max(figures[name].pace for name in PEERS)
    ratios = [
        ("pace, times the SDK tap's", ours.pace / figures[SDK].pace, 8.0, True),
        ("pace, times the best other peer's", ours.pace / peer, 3.0, True),
        ("pace with a stream map, times the SDK tap's",
         figures[MAPPED].pace / figures[SDK].pace, 1.8, True),
        ("CPU net of the start, times the floor's", ours.net / figures[FLOOR].net, 2.5, False),
        ("peak MB", ours.peak, 110.0, False),
        ("peak MB at a million contacts", many.peak, 110.0, False),
        ("the larger peak, times the smaller",
         max(many.peak, ours.peak) / min(many.peak, ours.peak), 1.1, False),
    ]  # fmt: skip
    for name, value, bound, at_least in ratios:
        reached = value >= bound if at_least else value <= bound
        yield name, value, f"{'at least' if at_least else 'at most'} {bound:g}", reached


def say(text: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure, print the tables, and check the bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each program")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, help="only these programs")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    programs = given.only or list(PROGRAMS)

    make_environments()
    figures = {program: Figures() for program in programs}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve(CONTACTS, folder / "full") as full, serve(0, folder / "empty") as empty:
            for _ in range(given.runs):
                for program, its in figures.items():
                    its.full.append(measured(program, full))
                    its.start.append(measured(program, empty))
        for line in table(figures):
            say(line)
        if given.only:
            return
        with serve(MANY, folder / "many") as source:
            began = time.monotonic()
            many = measured(TAP, source)
            seconds = time.monotonic() - began
    say(
        f"\n{MANY:,} contacts through tap-leadlex: {many.cpu:.1f} CPU s ({MANY / many.cpu:,.0f} "
        f"contacts a CPU second, start included), {many.peak:.0f} MB, {seconds:.0f} s in all with "
        "the sandbox's own time.\n"
    )
    verdicts = list(judged(figures, many))
    for what, value, bound, reached in verdicts:
        say(f"{'ok    ' if reached else 'MISSED'} {what}: {value:.2f} ({bound})")
    if given.json:
        programs_json = {
            program: {"cpu": its.cpu, "net": its.net, "pace": its.pace, "peak": its.peak}
            for program, its in figures.items()
        }
        million = {"cpu": many.cpu, "peak": many.peak}
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({"programs": programs_json, "million": million}, indent=1))
    if not all(reached for *_, reached in verdicts):
        sys.exit(1)


if __name__ == "__main__":
    main()
