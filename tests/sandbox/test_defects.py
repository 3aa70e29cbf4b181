"""Defects, and other ways in which the sandbox contradicts itself."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tap_leadlex.sandbox import Defects, Quotas, Reading, Sandbox, Side, Store, matching
from tap_leadlex.sandbox.defects import DateError, IgnoredBound, ListedDate, ListShows
from tap_leadlex.sandbox.instants import SECOND, parse
from tap_leadlex.sandbox.readings import ListMode, Order, Precision

Serve = Callable[..., Sandbox]
Export = Callable[..., list[dict[str, str]]]
AFTER, BEFORE = "2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z"


def listed(client: httpx.Client, sandbox: Sandbox, **query: Any) -> Any:  # noqa: ANN401
    return client.get(sandbox.url + "/contacts", params={"per_page": 100, **query}).json()


@pytest.mark.parametrize("order", Order)
def test_export_cap(serve: Serve, export: Export, client: httpx.Client, order: Order) -> None:
    sandbox = serve(contacts=50, export_cap=20, reading=Reading(order=order))
    assert [len(export(sandbox, limit=limit)) for limit in (19, 20, 21, 50_000)] == [19, *[20] * 3]
    assert len(export(sandbox)) == 20
    assert [call.rows for call in sandbox.exports] == [19, *[20] * 4]
    assert listed(client, sandbox)["meta"]["total"] == 50


@pytest.mark.parametrize(
    ("ignored", "first", "last"),
    [
        (IgnoredBound.NONE, True, True),
        (IgnoredBound.CREATED_AFTER, False, True),
        (IgnoredBound.CREATED_BEFORE, True, False),
        (IgnoredBound.BOTH, False, False),
    ],
)
def test_ignored_bounds(
    serve: Serve,
    export: Export,
    client: httpx.Client,
    ignored: IgnoredBound,
    *,
    first: bool,
    last: bool,
) -> None:
    sandbox = serve(contacts=100, defects=Defects(ignored_bound=ignored))
    dates = [
        row["created_at"] for row in export(sandbox, created_after=AFTER, created_before=BEFORE)
    ]
    assert (min(dates) >= AFTER, max(dates) < BEFORE) == (first, last)
    contacts = listed(client, sandbox, created_after=AFTER)["data"]["contacts"]
    assert all(contact["created_at"] >= AFTER for contact in contacts)


@pytest.mark.parametrize(
    ("error", "printed"),
    [
        (DateError.LOCAL_TIME, "2026-04-16T01:30:00.250"),
        (DateError.DATE_ONLY, "2026-04-15"),
    ],
)
def test_date_errors(
    serve: Serve, export: Export, client: httpx.Client, error: DateError, printed: str
) -> None:
    created = "2026-04-15T23:30:00.250000Z"
    reading, defects = Reading(precision=Precision.MS), Defects(date_error=error)
    sandbox = serve(store=Store([parse(created)], reading=reading, defects=defects))
    [row] = export(sandbox, created_after=created, fields="id,created_at,updated_date")
    assert (row["created_at"], row["updated_date"]) == (printed, printed)
    [contact] = listed(client, sandbox)["data"]["contacts"]
    assert contact["created_at"] == printed
    single = client.get(f"{sandbox.url}/contacts/{contact['id']}").json()["data"]
    assert single["created_date"] == printed


@pytest.mark.parametrize(
    ("listed_date", "printed"),
    [(ListedDate.YEAR_1, "0001-01-01T00:00:00Z"), (ListedDate.YEAR_1899, "1899-12-30T00:00:00Z")],
)
def test_listed_dates(
    serve: Serve, export: Export, client: httpx.Client, listed_date: ListedDate, printed: str
) -> None:
    sandbox = serve(contacts=3, defects=Defects(listed_date=listed_date))
    contacts = listed(client, sandbox, created_after="2020-01-01")["data"]["contacts"]
    assert [contact["created_at"] for contact in contacts] == [printed] * 3
    assert all(row["created_at"] >= "2023" for row in export(sandbox))


@pytest.mark.parametrize(("error", "total"), [(5, 15), (-5, 5), (-50, 0)])
def test_total_error(serve: Serve, client: httpx.Client, error: int, total: int) -> None:
    answer = listed(client, serve(contacts=10, defects=Defects(total_error=error)))
    assert (answer["meta"]["total"], len(answer["data"]["contacts"])) == (total, 10)


def test_an_absent_total_has_no_error(serve: Serve, client: httpx.Client) -> None:
    reading = Reading(list_mode=ListMode.NO_TOTAL)
    sandbox = serve(reading=reading, defects=Defects(total_error=5))
    assert "total" not in listed(client, sandbox)["meta"]


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("shows", [ListShows.FEWER, ListShows.MORE])
def test_one_record_in_ten_is_hidden(order: Order, shows: ListShows) -> None:
    defects = Defects(list_shows=shows)
    store = Store(range(0, 1_000 * SECOND, SECOND), reading=Reading(order=order), defects=defects)
    for _ in range(200):
        store.create(2_000 * SECOND)
    exported = set(store.export().numbers)
    page, total = store.page(per_page=2_000)
    assert total == len(page)
    everyone = set(range(1_200))
    hidden, shown = (set(page.numbers), exported)[:: 1 if shows is ListShows.FEWER else -1]
    assert shown == everyone
    assert 80 < len(everyone - hidden) < 160
    assert store.count() == len(exported)
    assert len(list(store.rows())) == 1_200


@pytest.mark.parametrize("sort", ["created_at", "-updated_date", "full_name"])
def test_hide_a_record(sort: str) -> None:
    store = Store(range(0, 10 * SECOND, SECOND))
    first, second, *_ = store.rows()
    store.hide(first.contact.id, Side.EXPORT)
    store.hide(second.contact.id, Side.LIST)
    exported = {row.contact.id for row in store.rows(store.export())}
    page = {row.contact.id for row in store.rows(store.page(sort=sort)[0])}
    assert exported ^ page == {first.contact.id, second.contact.id}
    assert second.contact.id in exported
    assert len(store.export(after=0, before=1)) == 0
    assert store.find(first.contact.id) == first


def test_hidden_records_in_a_filter() -> None:
    store = Store(range(0, 100 * SECOND, SECOND))
    half = matching(list_id="list-half")
    before = store.count(where=half)
    [chosen, *_] = store.rows(store.export(where=half))
    store.hide(chosen.contact.id, Side.EXPORT)
    assert store.count(where=half) == before - 1
    assert store.page(where=half)[1] == before


def test_before_call(serve: Serve, export: Export, client: httpx.Client) -> None:
    sandbox = serve(contacts=10, quotas=Quotas(exports=2))
    [oldest, *_] = sandbox.store.rows()
    made: list[str] = []
    sandbox.before_call[2] = lambda: sandbox.store.delete(oldest.contact.id)
    sandbox.before_call[3] = lambda: made.append(
        sandbox.store.create(sandbox.workspace.now()).contact.id
    )
    assert len(export(sandbox)) == 10
    assert listed(client, sandbox)["meta"]["total"] == 9
    assert export(sandbox)[-1]["id"] == made[0]
    sandbox.before_call[4] = sandbox.workspace.quota.reset
    assert len(export(sandbox)) == 10
