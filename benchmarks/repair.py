"""Counts what it takes to deliver contacts that were back-dated into a workspace.

    python benchmarks/repair.py --json repair.json

The tap's real ledger, check and sweep read the sandbox's store, without HTTP. The exit code is 1 if
a contact was missed or a bound exceeded.
"""  # noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, log2
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tap_leadlex.planning.drift import ROTATED, changes
from tap_leadlex.planning.ledger import Ledger
from tap_leadlex.planning.ranks import LookUpsUsedError
from tap_leadlex.planning.windows import Window
from tap_leadlex.sandbox import History, Reading, Store
from tap_leadlex.sandbox.histories import START, make
from tap_leadlex.sandbox.instants import SECOND, from_datetime, to_datetime
from tap_leadlex.sandbox.model import Model, ModelExport
from tap_leadlex.sandbox.readings import ListMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.planning.windows import Boundary

FULL_SIZE = 50_000
CUTOFF = datetime(2026, 7, 1, tzinfo=UTC)
QUOTA = 10
SYNCS = (1, 1_000)
LATE = (1, 50, 5_000)
TOTALS = (ListMode.OK, ListMode.NO_TOTAL, ListMode.WRONG_TOTAL)
HEAD = (
    "| runs before | stretches | list's total | back-dated | changed stretches | look-ups "
    "| exports | runs |\n|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Repair:
    """The delivery of contacts that were back-dated.

    Attributes:
        totals: How the list counts.
        late: The contacts that were back-dated.
        stretches: The stretches of the ledger.
        changed: Those into which contacts were back-dated.
        look_ups: Look-ups of the list, for checks.
        exports: Exports of what has changed, without those of new contacts.
        runs: Runs until all contacts were delivered.
        missed: Contacts that were not delivered.
    """

    totals: ListMode
    late: int
    stretches: int
    changed: int
    look_ups: int
    exports: int
    runs: int
    missed: int


class Recorded(Model):
    """A model of LeadLex with a ledger of what is delivered from it."""

    def __init__(self, store: Store, limit: int, ledger: Ledger) -> None:
        super().__init__(store)
        self.ledger = ledger
        self._limit = limit

    def close(self, parts: Sequence[ModelExport], plan: Sequence[Boundary], *, done: bool) -> None:
        """Close a window and record it."""
        super().close(parts, plan, done=done)
        created = [instant for part in parts for instant in part.created]
        self.ledger = self.ledger.closed(parts[0].window, created).merged(self._limit)


def synced(times: Sequence[int], runs: int, limit: int) -> Ledger:
    """Return the ledger after some runs, each of which delivers its share of the contacts."""
    model = Recorded(Store(times), limit, Ledger(None))
    start = None
    for run in range(1, runs + 1):
        end = CUTOFF if run == runs else to_datetime(times[len(times) * run // runs])
        model.sync(Window(start, end), limit, whole_first=runs > 1)
        start = end
    return model.ledger


def repair(
    times: Sequence[int], late: Sequence[int], ledger: Ledger, limit: int, totals: ListMode
) -> Repair:
    """Back-date contacts into a workspace and deliver them, in runs with the exports of an hour."""
    model = Recorded(Store([*times, *late], reading=Reading(list_mode=totals)), limit, ledger)
    bounds = [None if each is None else from_datetime(each) for each in ledger.boundaries]
    now = [model.store.count(after=one, before=two) for one, two in pairwise(bounds)]
    changed = sum(each.records != there for each, there in zip(ledger.stretches, now, strict=True))
    runs = look_ups = 0
    complete = False
    while not complete or any(each.stale for each in model.ledger.stretches):
        runs += 1
        listed: dict[int, int] = {}
        before = model.look_ups
        if not complete:
            try:
                listed.update(changes(model.ledger, model.page, CUTOFF, CUTOFF.toordinal()))
                complete = True
            except LookUpsUsedError:
                complete = not listed
        look_ups += model.look_ups - before
        model.ledger = model.ledger.marked(listed)
        model.max_exports = len(model.requests) + QUOTA - 1  # one was for new contacts
        for window in model.ledger.stale_windows(limit):
            fits = model.ledger.records_in(window) < limit
            if not model.sync(window, limit, whole_first=fits):
                break
    return Repair(
        totals, len(late), len(bounds) - 1, changed, look_ups, len(model.requests), runs,
        len(model.store) - model.ledger.total,
    )  # fmt: skip


def misses(case: Repair) -> list[str]:
    """Return the bounds that a case exceeds."""
    most = {
        "look_ups": 1 + ROTATED + 2 * ceil(log2(case.stretches)) * case.changed,
        "exports": case.changed,
        "runs": ceil(case.exports / (QUOTA - 1)),
        "missed": 0,
    }
    figures = asdict(case)
    return [
        f"{case}: {name} above {bound}" for name, bound in most.items() if figures[name] > bound
    ]


def main() -> None:
    """Measure, print the table, and check the bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=2_000_000)
    parser.add_argument("--limit", type=int, default=FULL_SIZE)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()

    random = Random(0)  # noqa: S311 - variety, not secrecy
    times = make(History.GROWING, given.contacts)
    last = from_datetime(CUTOFF) - SECOND
    cases = []
    sys.stdout.write(f"{HEAD}\n")
    for syncs in SYNCS:
        ledger = synced(times, syncs, given.limit)
        for totals in TOTALS:
            for number in (max(1, each * given.limit // FULL_SIZE) for each in LATE):
                late = [random.randrange(START, last, SECOND) for _ in range(number)]
                case = repair(times, late, ledger, given.limit, totals)
                cases.append(case)
                sys.stdout.write(
                    f"| {syncs:,} | {case.stretches} | {totals} | {number:,} | {case.changed} "
                    f"| {case.look_ups} | {case.exports} | {case.runs} |\n"
                )
                sys.stdout.flush()
    if given.json:
        given.json.write_text(json.dumps([asdict(case) for case in cases], indent=1))
    if failures := [line for case in cases for line in misses(case)]:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
