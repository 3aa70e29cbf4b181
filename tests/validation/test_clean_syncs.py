"""Two hundred syncs of random sandboxes, contacts changing meanwhile: no false alarm."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.sandbox import History, Quotas, Reading, Sandbox, Store
from tap_leadlex.sandbox.contacts import Book
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.readings import (
    Bound,
    DateForm,
    ListMode,
    Order,
    Precision,
)
from tap_leadlex.sandbox.workspace import utc_now
from tap_leadlex.validation.catalogue import Check
from tests.stream_maps import DOCUMENTED
from tests.support import config_for, run
from tests.validation.syncs import full_refresh, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.sandbox.columns import Columns
    from tap_leadlex.validation.outcome import Outcome
    from tests.support import Json, Run

SYNCS = 200
PER_TEST = 10
RUNS = [
    ["first", "next"],
    ["half", "second"],
    ["first", "refresh"],
    ["stopped", "stopped", "second"],
    ["killed", "killed", "second"],
    ["first", "stopped refresh", "next", "refresh"],
    ["first", "mirrored", "stopped mirrored", "mirrored"],
]
"""The runs of one sync, each from the state of the one before."""


class RestlessStore(Store):
    """A workspace that people work in while it is exported."""

    restless: Random | None = None

    def export(self, **query: Any) -> Columns:  # noqa: ANN401 - the query of the base class
        """Change something before each export."""
        if self.restless is not None:
            for _ in range(self.restless.randint(0, 2)):
                self.change(self.restless)
        return super().export(**query)

    def change(self, random: Random) -> None:
        """Create, back-date, edit or delete a contact."""
        now = from_datetime(utc_now())
        rows = list(self.rows())
        match random.choice(["create", "back-date", "edit", "delete"]):
            case "create":
                self.create(now)
            case "back-date":
                created = now - random.randrange(1, 700) * 86_400_000_000
                row = self.create(created)
                self.edit(row.contact.id, {}, now)
            case "edit" if rows:
                chosen = random.choice(rows).contact.id
                self.edit(chosen, {"full_name": "Somebody Else", "tags": ("moved",)}, now)
            case "delete" if rows:
                self.delete(random.choice(rows).contact.id)


def restless_sandbox(random: Random) -> tuple[Sandbox, int]:
    """Make a random workspace, and the limit of an export that can carry its densest instant."""
    reading = Reading(
        order=random.choice(list(Order)),
        lower=random.choice(list(Bound)),
        upper=random.choice(list(Bound)),
        list_lower=random.choice(list(Bound)),
        precision=random.choice(list(Precision)),
        date_form=random.choice(list(DateForm)),
        list_mode=random.choice([*[ListMode.OK] * 5, ListMode.SHALLOW, ListMode.NEAR_TOTAL]),
    )
    history = random.choice([History.EVEN, History.GROWING, History.BURSTS, History.MIGRATION])
    seed = random.randrange(1000)
    end = from_datetime(utc_now() - timedelta(days=random.choice([0, 1, 200])))
    times = make(history, random.choice([1, 7, 40, 120]), seed, end - 700 * 86_400_000_000, end)
    store = RestlessStore(times, book=Book(seed), reading=reading, seed=seed)
    limits = [200, 50_000] if history is History.BURSTS else [30, 60, 50_000]
    return Sandbox(store=store, quotas=Quotas(exports=None)), random.choice(limits)


@pytest.mark.parametrize("batch", range(SYNCS // PER_TEST))
def test_a_clean_sync_raises_no_alarm(batch: int) -> None:
    for seed in range(batch * PER_TEST, (batch + 1) * PER_TEST):
        for name, mode, outcome in syncs(Random(seed)):  # noqa: S311 - a choice of tests
            found = [(one.kind.code, one.detail, one.places) for one in outcome.findings]
            assert not found, f"seed {seed}, {name}"
            # A stream map may filter; a run that stopped early may have closed no window.
            assert outcome.skipped.keys() <= {Check.COMPLETENESS}, f"seed {seed}, {name}"
            # Counts of a list that contradicts itself may be refused; both checks need them.
            refusable = (
                {Check.COMPLETENESS, Check.CONTENT} if mode is ListMode.NEAR_TOTAL else set()
            )
            assert outcome.stopped.keys() <= refusable, f"seed {seed}, {name}: {outcome.stopped}"


def run_restless(store: RestlessStore, random: Random, config: Json, **more: Any) -> Run:  # noqa: ANN401
    """Run the tap while people work in the workspace."""
    store.restless = random
    try:
        return run(config, **more)
    finally:
        store.restless = None


def syncs(random: Random) -> Iterator[tuple[str, ListMode, Outcome]]:
    """Sync a random workspace, perhaps the rest of it in a second run, perhaps in full again."""
    sandbox, limit = restless_sandbox(random)
    with sandbox:
        maps = random.choice([{}, {}, *DOCUMENTED.values()])
        more = maps | random.choice([{}, {}, {"full_refresh_days": 0}, {"full_refresh_days": 1}])
        config = config_for(sandbox, export_limit=limit, settle_seconds=60, **more)
        store = sandbox.store
        assert isinstance(store, RestlessStore)
        told = {
            "by_month": random.random() < 0.3,
            "sample": 5,
            "content": random.choice(["sample", "all"]),
            "tap_config": maps,
        }
        state = None
        half = config | {"end_date": (utc_now() - timedelta(days=450)).isoformat()}
        stopped = config | {"max_exports": random.randint(1, 3)}
        mirrored = {"full_refresh_days": 0}
        settings = {
            "half": half,
            "stopped": stopped,
            "stopped refresh": stopped,
            "mirrored": config | mirrored,
            "stopped mirrored": stopped | mirrored,
        }
        for name in random.choice(RUNS):
            sync = partial(
                run_restless,
                *(store, random, settings.get(name, config)),
                state=state,
                catalog=full_refresh(config) if "refresh" in name else None,
            )
            done, outcome = validate(sandbox, sync, **told)
            assert done.exit_code == 0, done.failures
            yield name, store.reading.list_mode, outcome
            # A run that is killed leaves the last STATE that it wrote before that.
            written = done.states[: random.randint(1, len(done.states))]
            state = written[-1] if name == "killed" else done.state
            for _ in range(10):
                store.change(random)
