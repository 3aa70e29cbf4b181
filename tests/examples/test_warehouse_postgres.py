"""examples/warehouse-postgres: 200,000 contacts through a first sync, a refresh and quota stops."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import yaml

from tap_leadlex.sandbox import Quotas, Sandbox
from tests import postgres
from tests.destination import create
from tests.environments import ROOT, environment
from tests.examples.example import Example
from tests.support import Json, by_id, truth
from tests.support.pages import shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOLDER = ROOT / "examples/warehouse-postgres"
README = (FOLDER / "README.md").read_text()

START = shell("examples/warehouse-postgres/README.md", "Set up", 2)
VALIDATE = shell("examples/warehouse-postgres/README.md", "Validate")
REFRESH = shell("docs/full-refresh.md", "With Meltano", 1)
START_OVER = shell("docs/full-refresh.md", "With Meltano", 2)

# With what URLs, .env files and shells read as their own.
PASSWORD = "p@ss/w$rd #1"  # noqa: S105 - of a database that lives as long as the test

# Four exports carry most of 200,000 contacts, not all.
QUOTAS = Quotas(exports=4)


def sql_of_the_readme() -> list[str]:
    """Give its SQL: the indexes, and a query."""
    return re.findall(r"```sql\n(.*?)```", README, re.DOTALL)


def set_up(server: postgres.Server, sandbox: Sandbox, clone: Path) -> Example:
    """Do what the README does before the first sync, on a server that asks for passwords."""
    server.run(f"CREATE ROLE leadlex LOGIN PASSWORD '{PASSWORD}'")
    server.run("CREATE DATABASE leadlex OWNER leadlex")
    server.run("ALTER ROLE leadlex SET TimeZone = 'America/New_York'")  # must not matter
    access = server.run("SHOW hba_file").decode().strip()
    lines = "('host all postgres samehost trust'), ('host all all samehost scram-sha-256')"
    server.run(f"COPY (VALUES {lines}) TO '{access}'")
    server.run("SELECT pg_reload_conf()")
    server.database = "leadlex"

    example = Example("warehouse-postgres", clone)
    env = (FOLDER / ".env.example").read_text()
    for name, value in {
        "TAP_LEADLEX_API_KEY": sandbox.key,
        "PGPORT": str(server.port),
        "PGPASSWORD": f"'{PASSWORD}'",
    }.items():
        env, found = re.subn(f"^{name}=.*$", f"{name}={value}", env, flags=re.MULTILINE)
        assert found == 1
    # What makes a LeadLex of the sandbox.
    env += f"TAP_LEADLEX_API_URL={sandbox.url}\nTAP_LEADLEX_SETTLE_SECONDS=0\n"
    (example.folder / ".env").write_text(env)
    return example


def assert_equal(records: list[Json], expected: list[Json]) -> None:
    """Compare without the help of pytest, which would explain 200,000 records for hours."""
    assert len(records) == len(expected)
    pairs = zip(by_id(records), by_id(expected), strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]][:3] == []


def versions(server: postgres.Server) -> list[int | None]:
    """Give the versions that there are in the table."""
    found: list[int | None] = server.value(
        f"SELECT json_agg(DISTINCT _sdc_table_version) FROM {postgres.TABLE}"  # noqa: S608 - ours
    )
    return found


@pytest.mark.timeout(1_800)
@pytest.mark.skipif(bool(postgres.missing()), reason=str(postgres.missing()))
def test_the_table_equals_leadlex_after_quota_stops_edits_and_deletions(
    serve: Callable[..., Sandbox], tmp_path: Path
) -> None:
    sandbox = serve(contacts=200_000, quotas=QUOTAS)
    with postgres.Server() as server:
        example = set_up(server, sandbox, tmp_path)
        path = f"{environment('meltano')}/bin:{example.environment['PATH']}"
        said = []

        def run(name: str) -> None:
            """Run a schedule, as cron does."""
            said.append(example.run("./run.sh", name, PATH=path).stderr)

        def shown(block: str) -> str:
            """Run a block of a page."""
            return example.run("bash", "-euo", "pipefail", "-c", block, PATH=path).stderr

        # The first sync, which the quota stops and the next run ends.
        said.append(shown(START))
        assert re.search(r"\[warning .*Stopped: the export quota is used up", said[-1])
        assert 150_000 < server.count() < 200_000
        sandbox.workspace.quota.reset()
        said.append(example.meltano("run", "sync").stderr)
        assert server.count() == 200_000
        indexes, query = sql_of_the_readme()
        server.run(indexes)

        rows = list(sandbox.store.rows())
        for row in rows[::400]:
            sandbox.store.delete(row.contact.id)
        for row in rows[7::400]:
            values = {"job_title": "Judge", "tags": ("client",)}
            sandbox.store.edit(row.contact.id, values, sandbox.workspace.now())
        create(sandbox, 300)

        # Sunday: both lines of the crontab at once. The quota stops the refresh.
        sandbox.workspace.quota.reset()
        with ThreadPoolExecutor() as cron:
            list(cron.map(run, ["weekly", "hourly"]))
        assert server.count() in {200_000, 200_300}
        (version,) = {each for each in versions(server) if each}

        # The hour that follows brings news first, and then ends the refresh.
        create(sandbox, 200)
        sandbox.workspace.quota.reset()
        run("hourly")
        assert versions(server) == [version]
        contacts = truth(sandbox)
        assert_equal(server.records(), contacts)
        clients = sum("client" in contact["tags"] for contact in contacts)
        assert len(server.run(query).splitlines()) == clients

        # Meltano may put its own words before each of the report's lines, which are wrapped.
        told = re.sub(r"^\S+ \[info +\] meltano ", "", shown(VALIDATE), flags=re.MULTILINE)
        told = " ".join(told.split())
        assert "200,000 contacts in LeadLex and 200,000 in the sync" in told
        assert "20 of 200,000 contacts compared" in told

        # The page on full refreshes: one refresh, and a new start.
        for block in (REFRESH, START_OVER):
            sandbox.workspace.quota.reset()
            assert re.search(r"\[warning .*Stopped: the export quota is used up", shown(block))

    assert not [line for line in said if sandbox.key in line or PASSWORD in line]
    # Meltano rewrites a file in which it misses something; a clone must stay clean.
    assert (example.folder / "meltano.yml").read_text() == (FOLDER / "meltano.yml").read_text()


def test_cron_keeps_the_hours_of_the_schedules() -> None:
    lines = re.findall(r"^(\S+ \S+ \S+ \S+ \S+) +\S+/run.sh (\w+)", README, re.MULTILINE)

    schedules = yaml.safe_load((FOLDER / "meltano.yml").read_text())["schedules"]
    assert [(each["interval"], each["name"]) for each in schedules] == lines
