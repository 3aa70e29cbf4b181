"""Changes that the sandbox makes by itself and on request."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.sandbox import Change, Reading, Sandbox, Store
from tap_leadlex.sandbox.changes import Changes
from tap_leadlex.sandbox.instants import FIVE_YEARS, HOUR, SECOND, to_datetime
from tap_leadlex.sandbox.readings import Precision, Presence
from tap_leadlex.sandbox.row import Row

Serve = Callable[..., Sandbox]
Rates: TypeAlias = dict[Change, float]

NOW = 20_000 * 24 * HOUR
EVERY_KIND: Rates = dict.fromkeys(Change, 60)


def workspace(rates: Rates, contacts: int = 40, **options: Any) -> tuple[Store, Changes]:  # noqa: ANN401
    store = Store(range(0, contacts * SECOND, SECOND), reading=Reading(**options))
    return store, Changes(store, rates, since=NOW)


def changed(kind: Change, contacts: int = 40, **options: Any) -> tuple[list[Row], list[Row]]:  # noqa: ANN401
    """Return the rows before and after one change, without those that are the same."""
    store, changes = workspace({}, contacts, **options)
    before = list(store.rows())
    changes.make(kind, NOW)
    after = list(store.rows())
    assert changes.made == {kind: 1}
    return [row for row in before if row not in after], [row for row in after if row not in before]


def test_create() -> None:
    [], [made] = changed(Change.CREATE)
    assert made.created == made.updated == NOW


def test_back_date() -> None:
    store, changes = workspace({}, contacts=0)
    for _ in range(200):
        changes.make(Change.BACK_DATE, NOW)
    ages = [NOW - row.created for row in store.rows()]
    assert 0 < min(ages) < FIVE_YEARS / 20
    assert FIVE_YEARS * 19 / 20 < max(ages) <= FIVE_YEARS + SECOND


def test_edit() -> None:
    [before], [after] = changed(Change.EDIT)
    assert (after.created, after.updated) == (before.created, NOW)
    assert after.contact.id == before.contact.id
    assert after.contact.full_name == before.contact.full_name
    assert after.contact.email != before.contact.email


@pytest.mark.parametrize(("updates", "moved"), [(Presence.YES, True), (Presence.NO, False)])
def test_tag(updates: Presence, *, moved: bool) -> None:
    [before], [after] = changed(Change.TAG, tagging_updates=updates)
    assert after.contact._replace(tags=()) == before.contact._replace(tags=())
    assert after.contact.tags[:-1] == before.contact.tags
    assert (after.updated == NOW) is moved


def test_a_contact_with_every_tag_keeps_them() -> None:
    store, changes = workspace({}, contacts=1)
    for _ in range(100):
        changes.make(Change.TAG, NOW)
    [row] = store.rows()
    assert len(row.contact.tags) == len(set(row.contact.tags)) > 10


def test_merge() -> None:
    store, changes = workspace({}, contacts=0)
    texts = {"full_name": "Ann", "email": "", "phone": "1", "tags": ("a", "b")}
    other = {"full_name": "Anna", "email": "ann@example.com", "phone": "", "tags": ("b", "c")}
    rows = [store.create(SECOND, texts), store.create(2 * SECOND, other)]
    changes.make(Change.MERGE, NOW)
    [kept] = store.rows()
    [before] = [row for row in rows if row.contact.id == kept.contact.id]
    assert (kept.created, kept.updated) == (before.created, NOW)
    assert kept.contact.full_name == before.contact.full_name
    assert (kept.contact.email, kept.contact.phone) == ("ann@example.com", "1")
    assert kept.contact.tags == (("a", "b", "c") if before == rows[0] else ("b", "c", "a"))


def test_delete() -> None:
    [_], [] = changed(Change.DELETE)


@pytest.mark.parametrize(
    ("kind", "contacts"), [(Change.EDIT, 0), (Change.TAG, 0), (Change.MERGE, 1), (Change.DELETE, 0)]
)
def test_too_few_contacts(kind: Change, contacts: int) -> None:
    store, changes = workspace({kind: 60}, contacts)
    changes.apply_due(NOW + HOUR)
    assert len(store) == contacts
    assert not changes.made
    store.create(SECOND)
    store.create(SECOND)
    changes.apply_due(NOW + HOUR + 60 * SECOND)
    assert changes.made == {kind: 1}


def test_changes_are_the_same_time_apart() -> None:
    store, changes = workspace({Change.CREATE: 120})
    for seconds, made in [(-60, 0), (29.9, 0), (30, 1), (29, 1), (60, 2), (3_600, 120)]:
        changes.apply_due(NOW + int(seconds * SECOND))
        assert changes.made[Change.CREATE] == made
    created = [row.created - NOW for row in store.rows()][-120:]
    assert created == [number * 30 * SECOND for number in range(1, 121)]


@given(st.lists(st.integers(0, 2 * HOUR), max_size=20), st.sampled_from(Precision))
def test_the_changes_do_not_depend_on_who_asks_and_when(
    asked: list[int], precision: Precision
) -> None:
    (store, changes), (other, others) = (
        workspace(EVERY_KIND, precision=precision) for _ in range(2)
    )
    changes.apply_due(NOW + 2 * HOUR)
    for elapsed in (*sorted(asked), 2 * HOUR):
        others.apply_due(NOW + elapsed)
    assert list(store.rows()) == list(other.rows())
    assert changes.made == others.made == dict.fromkeys(Change, 120)


def test_the_seed_decides_what_changes() -> None:
    def ids(seed: int) -> Iterable[str]:
        store = Store(range(0, 100 * SECOND, SECOND))
        Changes(store, {Change.DELETE: 30}, since=NOW, seed=seed).apply_due(NOW + HOUR)
        return [row.contact.id for row in store.rows()]

    assert ids(1) == ids(1) != ids(2)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_is_a_positive_number(rate: float) -> None:
    with pytest.raises(ValueError, match="A rate must be a positive number"):
        workspace({Change.EDIT: rate})


def test_every_response_shows_what_is_due(serve: Serve, client: httpx.Client, clock: Any) -> None:  # noqa: ANN401
    sandbox = serve(contacts=10, nasty=False, clock=clock, change_rates={Change.CREATE: 1})
    requests: list[Callable[[], int]] = [
        lambda: client.get(f"{sandbox.url}/contacts").json()["meta"]["total"],
        lambda: len(client.get(f"{sandbox.url}/contacts/export").text.splitlines()) - 1,
        lambda: httpx.get(f"{sandbox.origin}/sandbox").json()["contacts"],
        lambda: httpx.get(f"{sandbox.origin}/sandbox/changes").json()["create"] + 10,
        lambda: len(sandbox.store),
    ]
    for number, request in enumerate(requests, start=11):
        clock.advance(3_600)
        assert request() == number


def test_a_restarted_sandbox_has_the_same_contacts(serve: Serve, clock: Any) -> None:  # noqa: ANN401
    since = datetime(2026, 6, 1, tzinfo=UTC)
    first = serve(clock=lambda: since, changes_since=since, change_rates=EVERY_KIND)
    assert not first.changes.made
    first.workspace.clock = clock
    clock.advance(-timedelta(days=13).total_seconds())
    later = serve(clock=clock, changes_since=since, change_rates=EVERY_KIND)
    assert later.changes.made[Change.EDIT] > 1_000
    assert list(first.store.rows()) == list(later.store.rows())


def test_changes_on_request(serve: Serve, clock: Any) -> None:  # noqa: ANN401
    sandbox = serve(contacts=100, clock=clock, change_rates={Change.CREATE: 10})
    control = sandbox.origin + "/sandbox/changes"
    clock.advance(3_600)
    made = httpx.post(f"{control}?edit=20&delete=5&back-date=7").json()
    assert made == httpx.get(control).json()
    counts = {"create": 10, "back-date": 7, "edit": 20, "tag": 0, "merge": 0, "delete": 5}
    assert made == {**counts, "contacts": 112}
    edited = [row for row in sandbox.store.rows() if row.updated > row.created]
    assert 10 < len(edited) <= 20
    assert {to_datetime(row.updated) for row in edited} == {clock.now}
    for wrong in ("edit=0", "edit=x", "burn=1"):
        answer = httpx.post(f"{control}?{wrong}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
