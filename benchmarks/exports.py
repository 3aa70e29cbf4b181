"""Counts the exports that a sync of many contacts needs, with this tap and with other methods.

    python benchmarks/exports.py --json exports.json

The tap's real sweep reads the sandbox's store, without HTTP. The other methods are small models.
The exit code is 1 if the sweep missed a contact or exceeded a bound.
"""  # noqa: INP001 - a program, not a package

from __future__ import annotations

import argparse
import json
import sys
from array import array
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from tap_leadlex.planning.windows import Window
from tap_leadlex.sandbox import History, Reading, Store
from tap_leadlex.sandbox.histories import START, make
from tap_leadlex.sandbox.instants import SECOND, from_datetime, to_datetime
from tap_leadlex.sandbox.model import Model
from tap_leadlex.sandbox.readings import Bound, Order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tap_leadlex.sandbox.columns import Columns

FULL_SIZE = 50_000
SIZES = (120_000, 180_000, 260_000, 500_000, 1_000_000, 2_000_000)
HISTORIES = (History.EVEN, History.GROWING, History.BURSTS, History.MIGRATION)
BURSTY = (History.BURSTS, History.MIGRATION)
CUTOFF = datetime(2026, 7, 1, tzinfo=UTC)
DAY = 86_400 * SECOND
LISTS_PER_EXPORT = 2
QUOTA = 10
HEAD = (
    "| history | contacts | row order | fewest | with the list | without | ten a run, with "
    "| ten a run, without | one day | one month | halving | keyset |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Cost:
    """The cost of one method of reading all contacts.

    Attributes:
        exports: Calls of the export.
        lists: Calls of the contact list.
        lost: Contacts that were never delivered.
        repeated: Contacts that were delivered more than once.
    """

    exports: int
    lists: int = 0
    lost: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class Case:
    """The same contacts, read with several methods."""

    history: History
    contacts: int
    order: Order
    fewest: int
    ways: dict[str, Cost]


class Server:
    """A store with a model of LeadLex, and a count of what the other methods requested and kept.

    Args:
        times: When the contacts were created.
        order: The row order of the export.
        limit: The rows of one export.
    """

    def __init__(self, times: Sequence[int], order: Order, limit: int) -> None:
        # Inclusive on both sides: the most expensive case, with rows outside the window.
        reading = Reading(order=order, lower=Bound.INCLUSIVE, upper=Bound.INCLUSIVE)
        self._store = Store(times, reading=reading)
        self.limit = limit
        self.forget()

    def forget(self) -> None:
        """Reset the counts."""
        self._exports = 0
        self._kept = array("q")

    def model(self) -> Model:
        """Return a model of LeadLex over the store."""
        return Model(self._store)

    def export(self, after: int | None, before: int | None) -> Columns:
        """Return one export."""
        self._exports += 1
        return self._store.export(after=after, before=before, limit=self.limit)

    def keep(self, numbers: Iterable[int]) -> None:
        """Deliver contacts."""
        self._kept.extend(numbers)

    @property
    def cost(self) -> Cost:
        """The cost so far."""
        return self.cost_of(self._exports, 0, self._kept)

    def cost_of(self, exports: int, look_ups: int, numbers: Sequence[int]) -> Cost:
        """Compare the delivered contacts with the store."""
        seen = bytearray(len(self._store))
        for number in numbers:
            seen[number] = 1
        distinct = seen.count(1)
        return Cost(exports, look_ups, len(self._store) - distinct, len(numbers) - distinct)


def ours(server: Server, whole: Window, *, use_list: bool, whole_first: bool = False) -> Cost:
    """Read a range as the tap does, in one run."""
    model = server.model()
    model.sync(whole, server.limit, whole_first=whole_first, use_list=use_list)
    return server.cost_of(len(model.requests), model.look_ups, model.delivered)


def stopped(server: Server, whole: Window, *, use_list: bool) -> Cost:
    """Read a range as the tap does, in runs that the quota stops."""
    model = server.model()
    left = whole
    model.max_exports = QUOTA
    while not model.sync(left, server.limit, use_list=use_list):
        left = Window(model.closed[-1].end if model.closed else whole.start, whole.end)
        model.max_exports = len(model.requests) + QUOTA
    return server.cost_of(len(model.requests), model.look_ups, model.delivered)


def fixed_windows(server: Server, bounds: Iterator[int]) -> Cost:
    """Read windows of fixed bounds, full or not, like a declarative source with a step."""
    server.forget()
    for start, end in pairwise(bounds):
        server.keep(server.export(start, end - SECOND).numbers)
    return server.cost


def days() -> Iterator[int]:
    """Return the bounds of the days."""
    yield from range(START, from_datetime(CUTOFF) + 1, DAY)


def months() -> Iterator[int]:
    """Return the bounds of the months."""
    first = to_datetime(START)
    while first <= CUTOFF:
        yield from_datetime(first)
        first = (first + timedelta(days=31)).replace(day=1)


def halving(server: Server) -> Cost:
    """Read everything, and halve each full window in time, like tap-salesforce."""
    server.forget()
    left = [(START, from_datetime(CUTOFF))]
    while left:
        start, end = left.pop()
        rows = server.export(start, end - SECOND)
        if len(rows) < server.limit or end - start <= SECOND:
            server.keep(rows.numbers)
        else:
            middle = (start + end) // 2 // SECOND * SECOND
            left += [(middle, end), (start, middle)]
    return server.cost


def keyset(server: Server) -> Cost:
    """Continue from the latest contact so far: complete only if the server sorts ascending."""
    server.forget()
    after: int | None = None
    while True:
        rows = server.export(after, None)
        server.keep(rows.numbers)
        latest = max(rows.times, default=after)
        if len(rows) < server.limit or latest == after:
            return server.cost
        after = latest


def measure(history: History, contacts: int, limit: int) -> Iterator[Case]:
    """Read one history with all methods, in every row order."""
    # With a smaller limit, thin out the history: as many exports, as dense at each instant.
    thin = FULL_SIZE // limit
    times = make(history, contacts * thin)[::thin]
    whole = Window(None, CUTOFF)
    server = Server(times, Order.ASCENDING, limit)
    whatever_the_order = {
        "one day": fixed_windows(server, days()),
        "one month": fixed_windows(server, months()),
        "halving": halving(server),
    }
    for order in Order:
        server = Server(times, order, limit)
        ways = {
            "with the list": ours(server, whole, use_list=True),
            "without the list": ours(server, whole, use_list=False),
            "with the list, ten a run": stopped(server, whole, use_list=True),
            "without the list, ten a run": stopped(server, whole, use_list=False),
            **whatever_the_order,
            "keyset": keyset(server),
        }
        yield Case(history, contacts, order, ceil(contacts / limit), ways)


def talkative(cases: Sequence[Case]) -> Iterator[str]:
    """Name the ways that take too many look-ups of the list, on average over all cases."""
    for way in ("with the list", "with the list, ten a run"):
        lists = sum(case.ways[way].lists for case in cases)
        exports = sum(case.ways[way].exports for case in cases)
        if lists > LISTS_PER_EXPORT * exports:
            yield f"{way}: {lists} look-ups for {exports} exports"


def incremental(history: History, contacts: int, limit: int) -> tuple[Cost, Cost]:
    """Read new contacts that fit one export, and read again without new contacts."""
    thin = FULL_SIZE // limit
    times = make(history, contacts * thin)[::thin]
    server = Server(times, Order.SHUFFLED, limit)
    bookmark = to_datetime(times[-int(0.9 * limit)] // SECOND * SECOND)
    news = ours(server, Window(bookmark, CUTOFF), whole_first=True, use_list=True)
    nothing = Window(CUTOFF, CUTOFF + timedelta(days=1))
    return news, ours(server, nothing, whole_first=True, use_list=True)


def misses(case: Case) -> Iterator[str]:
    """Return the bounds that a case exceeds."""
    with_list, without = 1.05 + 2 / case.fewest, 3.5 if case.history in BURSTY else 2.0
    bounds = {
        "with the list": with_list,
        "without the list": without,
        "with the list, ten a run": with_list,
        "without the list, ten a run": without,
    }
    for way, bound in bounds.items():
        cost = case.ways[way]
        name = f"{case.history}, {case.contacts:,}, {case.order}, {way}"
        if cost.exports / case.fewest > bound:
            yield f"{name}: {cost.exports} exports for {case.fewest}, more than {bound:.2f} times"
        if cost.lost or cost.repeated:
            yield f"{name}: {cost.lost:,} contacts lost, {cost.repeated:,} repeated"


def row(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"


def line(case: Case) -> str:
    """Return a case as a line of the table."""
    names = [case.history.value, f"{case.contacts:,}", case.order.value, str(case.fewest)]
    return row([*names, *(spread([cost]) for cost in case.ways.values())])


def summary(cases: Sequence[Case]) -> Iterator[str]:
    """Return the cases with the most contacts, with all row orders in one line."""
    most = max(case.contacts for case in cases)
    for history in HISTORIES:
        same = [case for case in cases if (case.history, case.contacts) == (history, most)]
        ways = (spread([case.ways[way] for case in same]) for way in same[0].ways)
        yield row([history.value, f"{most:,}", "any", str(same[0].fewest), *ways])


def spread(costs: Sequence[Cost]) -> str:
    """Return the minimum and maximum numbers of exports and of lost contacts."""
    exports = _range([cost.exports for cost in costs])
    lost = _range([cost.lost for cost in costs])
    return exports if lost == "0" else f"{exports}, {lost} lost"


def _range(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def say(text: str) -> None:
    """Print a line immediately."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Measure, print the table, and check the bounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="+", default=SIZES)
    parser.add_argument("--limit", type=int, default=FULL_SIZE, help="a divisor of 50,000")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()

    failures: list[str] = []
    cases: list[Case] = []
    say(HEAD)
    for history in HISTORIES:
        for contacts in given.contacts:
            for case in measure(history, contacts, given.limit):
                say(line(case))
                cases.append(case)
                failures += misses(case)
    say(f"\n{HEAD}")
    for text in summary(cases):
        say(text)
    say("")
    later = {}
    for history in HISTORIES:
        news, nothing = incremental(history, max(given.contacts), given.limit)
        later[history] = {"news": news.exports, "nothing new": nothing.exports}
        say(f"{history}, incremental: news {news.exports}, nothing new {nothing.exports}.")
        if (news.exports, nothing.exports, nothing.lists) != (1, 1, 1):
            failures.append(f"{history}: an incremental run took more than one export")
    if given.json:
        figures = {
            "limit": given.limit,
            "cases": [asdict(case) for case in cases],
            "incremental": later,
        }
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(figures, indent=1))
    failures += talkative(cases)
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
