"""End to end against contacts that the test wrote itself.

`support.truth` asks the sandbox what a sync must deliver, and the sandbox also serves the data.
Here the expected records are the test's own, and go to LeadLex through its API.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import httpx
import pytest

from tap_leadlex.sandbox import Defects, History, ListFault, Quotas, Reading, Sandbox, Store
from tap_leadlex.sandbox.defects import DateError, IgnoredBound
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import SECOND, from_datetime
from tap_leadlex.sandbox.readings import ListMode, Order
from tests.support import FakeClock, Json, config_for, state_at

if TYPE_CHECKING:
    from collections.abc import Callable

UNLIMITED = Quotas(exports=None)
LIMIT = 25
SEED = 7
FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)
NAMES = ["Ann Lee", 'Bo "Bob" O\'Neill', "Zoë, née Öz", "李 小龙", "Two\nLines", " Spaced ", "=1+1"]
PHONES = ["+49 30 1234", "0049301234", None]
TITLES = ["Partner; Head of Tax", "NULL", None]
COMPANIES = ["Lee, Oz & Co.", "☕ GmbH", None]
LINKS = ["https://linkedin.com/in/x?y=1&z=2", None]
TAGS = [[], ["client"], ["client", "vip 2026", "né"]]


def written(count: int, start: datetime) -> list[Json]:
    """Write the records of some contacts, oldest first, some of them in the same second."""
    random = Random(SEED)  # noqa: S311 - variety, not secrecy
    moment = start
    records = []
    for number in range(count):
        moment += timedelta(seconds=random.choice([0, 0, 1, 59, 7_000]))
        records.append(
            {
                "full_name": random.choice(NAMES),
                "email": f"{start:%Y%m%d}-{number}@example.com",
                "phone": random.choice(PHONES),
                "job_title": random.choice(TITLES),
                "company_name": random.choice(COMPANIES),
                "linkedin_url": random.choice(LINKS),
                "tags": random.choice(TAGS),
                "created_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )
    return records


def load(sandbox: Sandbox, records: list[Json]) -> None:
    """Create these contacts in LeadLex, in random order."""
    bodies = [
        {
            **{name: value for name, value in record.items() if name != "created_at"},
            "created_date": record["created_at"],
        }
        for record in records
    ]
    Random(SEED).shuffle(bodies)  # noqa: S311
    httpx.post(
        f"{sandbox.url}/contacts/bulk",
        json={"contacts": bodies},
        headers={"Authorization": f"Bearer {sandbox.key}"},
    ).raise_for_status()


def delivered(records: list[Json]) -> list[Json]:
    """Return records without their ids, which LeadLex chose, sorted by email."""
    without = [{name: record[name] for name in record if name != "id"} for record in records]
    return sorted(without, key=lambda record: str(record["email"]))


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("list_faults", [{}, dict.fromkeys(range(1, 500), ListFault.FORBIDDEN)])
def test_two_runs_deliver_what_the_test_wrote(
    serve: Callable[..., Sandbox], clock: FakeClock, order: Order, list_faults: Json
) -> None:
    sandbox = serve(
        contacts=0,
        reading=Reading(order=order),
        list_faults=list_faults,
        quotas=Quotas(exports=None),
        clock=clock,
    )
    config = config_for(sandbox, export_limit=LIMIT)
    old, new = written(150, FIRST), written(40, clock.at)

    load(sandbox, old)
    first = clock.run(config)
    clock.at += timedelta(days=2)
    load(sandbox, new)
    second = clock.run(config, state=first.state)

    assert first.exit_code == second.exit_code == 0
    assert delivered(first.records) == delivered(old)
    assert delivered(second.records) == delivered(new)
    ids = first.ids + second.ids
    assert len(set(ids)) == len(ids) == 190


@pytest.mark.parametrize("date_error", [DateError.LOCAL_TIME, DateError.DATE_ONLY])
@pytest.mark.parametrize("list_mode", [ListMode.OK, ListMode.FORBIDDEN])
def test_times_that_disagree_with_the_bounds_end_the_run(
    serve: Callable[..., Sandbox], clock: FakeClock, date_error: DateError, list_mode: ListMode
) -> None:
    """Dropping such rows as outside the window would lose them at the next bookmark."""
    now = from_datetime(clock.at)
    times = make(History.EVEN, 452, 3, now - 30 * 86_400 * SECOND, now - 60 * SECOND)
    store = Store(
        times, reading=Reading(list_mode=list_mode), defects=Defects(date_error=date_error)
    )
    sandbox = serve(store=store, quotas=UNLIMITED, clock=clock)

    done = clock.run(config_for(sandbox), state=state_at("2026-06-20T15:30:00.000000Z"))

    assert (done.exit_code, done.records) == (1, [])
    assert done.bookmark in {None, "2026-06-20T15:30:00.000000Z"}
    (failure,) = done.failures
    assert "prints created_at in another time zone or precision" in failure


@pytest.mark.parametrize("ignored", [each for each in IgnoredBound if each != "none"])
@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("list_mode", [ListMode.OK, ListMode.FORBIDDEN])
def test_an_ignored_bound_ends_the_run(
    serve: Callable[..., Sandbox],
    clock: FakeClock,
    ignored: IgnoredBound,
    order: Order,
    list_mode: ListMode,
) -> None:
    store = Store(
        make(History.EVEN, 900),
        reading=Reading(order=order, list_mode=list_mode),
        defects=Defects(ignored_bound=ignored),
    )
    sandbox = serve(store=store, quotas=UNLIMITED, clock=clock)

    everything = clock.run(config_for(sandbox))
    parts = clock.run(config_for(sandbox, export_limit=200))

    ids = sorted(row.record.id for row in store.rows())
    assert (everything.exit_code, sorted(everything.ids)) == (0, ids)
    assert parts.exit_code == 1
    (failure,) = parts.failures
    assert "created_after" in failure or "created_before" in failure
    delivered = {row.record.id: row.created for row in store.rows() if row.record.id in parts.ids}
    passed = from_datetime(datetime.fromisoformat(parts.bookmark)) if parts.bookmark else 0
    assert {row.record.id for row in store.rows() if row.created < passed} <= delivered.keys()
    assert len(sandbox.exports) < 12
