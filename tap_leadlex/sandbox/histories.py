"""Histories: when the contacts of a workspace were created.

A history is a sorted `array('q')` of microseconds since 1970 UTC: eight bytes per contact. The same
arguments always return the same history.
"""

from array import array
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from math import sqrt
from random import Random
from typing import TypeAlias

from tap_leadlex.sandbox.instants import SECOND, from_datetime

Times: TypeAlias = "array[int]"

START = from_datetime(datetime(2023, 1, 1, tzinfo=UTC))
END = from_datetime(datetime(2026, 6, 1, tzinfo=UTC))

_CHUNK = 500  # LeadLex accepts 500 contacts per call, so imported contacts share instants in groups
_IMPORT = 60_000  # the largest import; with the smallest gap it takes one minute
_GAPS = (SECOND // 2, 2 * SECOND)
_TWO_HOURS = 7_200 * SECOND


class History(StrEnum):
    """The named histories."""

    EVEN = "even"
    GROWING = "growing"
    BURSTS = "bursts"
    MIGRATION = "migration"
    SECOND = "second"
    INSTANT = "instant"


def make(history: History, count: int, seed: int = 0, start: int = START, end: int = END) -> Times:
    """Return the sorted creation instants of `count` contacts in [start, end)."""
    return _MAKERS[history](count, Random(f"{history}:{seed}"), start, end)  # noqa: S311


def _even(count: int, random: Random, start: int, end: int) -> Times:
    step = (end - start) / max(count, 1)
    draw = random.random
    return array("q", (start + int((i + draw()) * step) for i in range(count)))


def _growing(count: int, random: Random, start: int, end: int) -> Times:
    """The rate rises linearly from zero."""
    draw, span = random.random, end - start
    return array("q", (start + int(span * sqrt((i + draw()) / count)) for i in range(count)))


def _bursts(count: int, random: Random, start: int, end: int) -> Times:
    """Imports create nine contacts in ten; the others are created one by one."""
    times = _even(count // 10, random, start, end)
    while (left := count - len(times)) > 0:
        size = min(left, random.randint(_CHUNK, _IMPORT))
        gap = random.randint(*_GAPS)
        first = random.randrange(start, max(start + 1, end - gap * (_IMPORT // _CHUNK)))
        times.extend(first + i // _CHUNK * gap for i in range(size))
    return _sorted(times)


def _migration(count: int, random: Random, start: int, end: int) -> Times:
    """95 % are created within two hours, 40 % of the way through; the rest evenly."""
    moved = count * 95 // 100
    begin = start + (end - start) * 2 // 5
    times = _even(moved, random, begin, min(begin + _TWO_HOURS, end))
    times.extend(_even(count - moved, random, start, end))
    return _sorted(times)


def _second(count: int, random: Random, start: int, end: int) -> Times:
    """All are created within one second, at different microseconds."""
    begin = (start + end) // 2 // SECOND * SECOND
    return _even(count, random, begin, begin + SECOND)


def _instant(count: int, _random: Random, start: int, end: int) -> Times:
    """All are created at one instant."""
    return array("q", [(start + end) // 2]) * count


def _sorted(times: Iterable[int]) -> Times:
    return array("q", sorted(times))


_MAKERS: dict[History, Callable[[int, Random, int, int], Times]] = {
    History.EVEN: _even,
    History.GROWING: _growing,
    History.BURSTS: _bursts,
    History.MIGRATION: _migration,
    History.SECOND: _second,
    History.INSTANT: _instant,
}
