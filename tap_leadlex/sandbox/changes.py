"""Changes to the contacts that the sandbox makes by itself, as the users of a workspace do."""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from heapq import merge
from itertools import count
from math import isfinite
from random import Random
from threading import RLock
from typing import Any, NamedTuple

from tap_leadlex.sandbox import pools
from tap_leadlex.sandbox.instants import FIVE_YEARS, HOUR, SECOND
from tap_leadlex.sandbox.readings import Presence
from tap_leadlex.sandbox.row import Row
from tap_leadlex.sandbox.store import Store


class Change(StrEnum):
    """The kinds of changes."""

    CREATE = "create"
    BACK_DATE = "back-date"
    EDIT = "edit"
    TAG = "tag"
    MERGE = "merge"
    DELETE = "delete"


_TAGS = (*pools.COMMON_TAGS, *pools.PRACTICE_TAGS)
_NEEDED = {
    Change.CREATE: 0,
    Change.BACK_DATE: 0,
    Change.EDIT: 1,
    Change.TAG: 1,
    Change.MERGE: 2,
    Change.DELETE: 1,
}
"""How many contacts a change needs."""


class _Due(NamedTuple):
    at: int
    change: Change


class Changes:
    """Changes contacts at a rate and on request.

    The changes up to an instant depend only on the contacts, the rates, the start and the seed.
    They are applied when something asks for the contacts.

    Args:
        store: The contacts.
        rates: How many changes of each kind there are in an hour.
        since: The instant after which the changes start.
        seed: A different seed changes different contacts.

    Attributes:
        made: The number of changes of each kind so far.

    Raises:
        ValueError: A rate is not a positive number.
    """

    def __init__(
        self, store: Store, rates: Mapping[Change, float], *, since: int, seed: int = 0
    ) -> None:
        if wrong := [rate for rate in rates.values() if not (isfinite(rate) and rate > 0)]:
            msg = f"A rate must be a positive number, not {wrong[0]}"
            raise ValueError(msg)
        self.made: Counter[Change] = Counter()
        self._store = store
        self._random = Random(f"changes:{seed}")  # noqa: S311 - variety, not secrecy
        self._schedule = merge(*(_schedule(kind, rate, since) for kind, rate in rates.items()))
        self._next = next(self._schedule, None)
        self._lock = RLock()

    def apply_due(self, now: int) -> None:
        """Make the changes that are due."""
        with self._lock:
            while self._next and self._next.at <= now:
                self.make(self._next.change, self._next.at)
                self._next = next(self._schedule)

    def make(self, change: Change, now: int) -> None:
        """Make one change, unless there are too few contacts for it."""
        with self._lock:
            if len(self._store) < _NEEDED[change]:
                return
            match change:
                case Change.CREATE:
                    self._store.create(now)
                case Change.BACK_DATE:
                    self._store.create(now - self._random.randint(SECOND, FIVE_YEARS))
                case Change.EDIT:
                    self._edit(now)
                case Change.TAG:
                    self._tag(now)
                case Change.MERGE:
                    self._merge(now)
                case Change.DELETE:
                    self._store.delete(self._choose(1)[0].record.id)
            self.made[change] += 1

    def _edit(self, now: int) -> None:
        """Let a contact change jobs."""
        [row] = self._choose(1)
        job = self._store.book.record(self._random.getrandbits(32))
        names = ("email", "phone", "job_title", "company_name")
        self._store.edit(row.record.id, {name: getattr(job, name) for name in names}, now)

    def _tag(self, now: int) -> None:
        [row] = self._choose(1)
        tags = row.contact.tags
        further = self._random.choice([tag for tag in _TAGS if tag not in tags] or _TAGS)
        moves = self._store.reading.tagging_updates is Presence.YES
        self._store.edit(
            row.record.id,
            {"tags": tuple(dict.fromkeys((*tags, further)))},
            now if moves else row.updated,
        )

    def _merge(self, now: int) -> None:
        """Delete a contact and add its values to another, whose own values stay."""
        [kept, retired] = (row.contact for row in self._choose(2))
        values: dict[str, Any] = {
            name: value for name, value in retired._asdict().items() if not getattr(kept, name)
        }
        values["tags"] = tuple(dict.fromkeys(kept.tags + retired.tags))
        self._store.edit(kept.id, values, now)
        self._store.delete(retired.id)

    def _choose(self, number: int) -> list[Row]:
        """Return different contacts."""
        positions = self._random.sample(range(len(self._store)), number)
        return [self._store.row(position) for position in positions]


def _schedule(change: Change, rate: float, since: int) -> Iterator[_Due]:
    """Yield the instants of the changes of one kind: the same time apart."""
    return (_Due(since + int(number * HOUR / rate), change) for number in count(1))
