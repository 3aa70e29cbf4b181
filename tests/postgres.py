"""A PostgreSQL server on loopback for one test, and the target that fills it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.environments import environment
from tests.support import FIELDS, PROGRAM, TIMEOUT, Json, Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

TABLE = "leadlex.contacts"

_USER = "postgres"
_DEBIAN = Path("/usr/lib/postgresql")
_COLUMNS = {
    **dict.fromkeys(FIELDS),
    "tags": "to_json(tags) AS tags",
    "created_at": """to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS created_at""",
}


def _programs() -> Path | None:
    """Find PostgreSQL's programs: Debian keeps those of the server off PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max((file.parent for file in _DEBIAN.glob("*/bin/initdb")), default=None)


def missing() -> str | None:
    """Say why there can be no server here; `None` if there can."""
    if not _programs():
        return "PostgreSQL is not installed (Debian's package: postgresql)"
    if os.geteuid() == 0 and not any(user.pw_name == _USER for user in pwd.getpwall()):
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


class Server:
    """A running PostgreSQL, as a context manager.

    Attributes:
        port: The port on 127.0.0.1.
        database: The database that is asked; another one than the first has yet to be made.
    """

    def __init__(self) -> None:
        """Choose a port; nothing is written before the `with` block is entered."""
        programs = _programs()
        assert programs
        self._programs = programs
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self.database = _USER

    def __enter__(self) -> Self:
        """Make a database and serve it."""
        # Not pytest's folder: that is closed to the user that PostgreSQL runs as.
        self._folder = Path(tempfile.mkdtemp(prefix="leadlex-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, _USER, _USER)
        self._server("initdb", "-A", "trust", "-E", "UTF8", "-U", _USER, "--no-sync")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder} -c fsync=off"
        self._server("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and remove all."""
        self._server("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    def load(
        self,
        config: Json,
        *,
        state: Json | None = None,
        catalog: Json | None = None,
        hard_delete: bool = True,
    ) -> tuple[Json, Run]:
        """Run the tap into the target, both as processes.

        Args:
            config: The tap's config.
            state: Its state, if any.
            catalog: Its catalog, if any.
            hard_delete: Whether the target deletes rows instead of marking them.

        Returns:
            The last state that the target confirmed, and how the tap ended; its messages went to
            the target.
        """
        target = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": _USER,
            "password": "none",
            "database": _USER,
            "default_target_schema": TABLE.partition(".")[0],
            "hard_delete": hard_delete,
            "batch_size_rows": 50,
        }
        with tempfile.TemporaryDirectory() as folder:
            arguments = []
            given = {"config": config, "state": state, "catalog": catalog, "target": target}
            for name, content in given.items():
                file = Path(folder, f"{name}.json")
                file.write_text(json.dumps(content))
                if name != "target" and content is not None:
                    arguments += [f"--{name}", str(file)]
            with subprocess.Popen(  # noqa: S603 - our own program
                [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as tap:
                done = subprocess.run(  # noqa: S603
                    [environment("postgres") / "bin/target-postgres", "--config", str(file)],
                    stdin=tap.stdout,
                    capture_output=True,
                    check=False,
                    timeout=TIMEOUT,
                )
                log = tap.stderr.read().decode() if tap.stderr else ""
        assert done.returncode == 0, done.stderr.decode()
        confirmed: Json = json.loads(done.stdout.splitlines()[-1])
        return confirmed, Run(tap.returncode, "", log)

    def records(self, table: str = TABLE) -> list[Json]:
        """Give the contacts in a table or view as the records that they were, by id."""
        columns = ", ".join(expression or name for name, expression in _COLUMNS.items())
        query = f"SELECT json_agg(c ORDER BY id) FROM (SELECT {columns} FROM {table}) c"  # noqa: S608
        records: list[Json] = self.value(query)
        return records

    def count(self) -> int:
        """Count the rows of the table."""
        return int(self.value(f"SELECT count(*) FROM {TABLE}"))  # noqa: S608

    def value(self, query: str) -> Any:  # noqa: ANN401 - any JSON
        """Run a query that gives one value, which is JSON."""
        return json.loads(self.run(query))

    def run(self, query: str) -> bytes:
        """Run a query; give what it prints."""
        return subprocess.check_output([*self._psql, "-c", query], timeout=TIMEOUT)  # noqa: S603

    @contextmanager
    def watched(self, query: str) -> Iterator[list[int]]:
        """Ask for a number all the time; its values are in the list after the `with` block."""
        values: list[int] = []
        with subprocess.Popen(  # noqa: S603
            self._psql, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as psql:
            assert psql.stdin
            assert psql.stdout
            psql.stdin.write(f"{query} \\watch 0.02\n")
            psql.stdin.flush()
            try:
                yield values
            finally:
                psql.terminate()
                values += [int(line) for line in psql.stdout if line.strip().isdigit()]

    @property
    def _psql(self) -> list[str]:
        program = str(self._programs / "psql")
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-d", self.database]
        return [program, *where, "-U", _USER, "-qtA"]

    def _server(self, program: str, *arguments: str) -> None:
        """Run one of the server's programs, which refuse to be run by root."""
        subprocess.run(  # noqa: S603
            [self._programs / program, "-D", str(self._folder / "data"), *arguments],
            user=_USER if os.geteuid() == 0 else None,
            group=_USER if os.geteuid() == 0 else None,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=TIMEOUT,
        )
