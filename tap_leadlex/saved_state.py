"""What a saved state may contain, key by key; what this tap did not write is refused. Pure.

A dataclass field declares a key of the state and how it is read; null means the same as absent.
Keys that are not declared are ignored, unless they look like a misspelling of one that is.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Annotated, Any, Self, TypeVar, get_args

from tap_leadlex import timestamps
from tap_leadlex.errors import StateError
from tap_leadlex.planning.ledger import MOST_STRETCHES, Ledger, Stretch
from tap_leadlex.planning.windows import BEGINNING, Boundary, Plan
from tap_leadlex.resources import Resource

MAX_FENCES = 10_000
"""The most boundaries that a plan keeps."""
MAX_AHEAD = timedelta(days=1)
"""How far an instant in a state may be ahead of this machine's clock, which may be slow."""
_MAX_COUNT = 10**15
_NOT_OURS = (
    'This is not a tap-leadlex state. Pass the "value" of the last STATE message (an object with '
    "'bookmarks'), or omit --state."
)
_BOOKMARK = "replication_key_value"
_PARTITIONS = "partitions"
_UNSETTLED = "unsettled"
# The keys that the SDK writes and removes by itself.
_OF_THE_SDK = (
    "progress_markers",
    _PARTITIONS,
    "replication_key_signpost",
    "starting_replication_value",
)
# The least similarity (0 to 1) of a misspelling, and the longest name worth comparing.
_SIMILAR = 0.85
_LONGEST_NAME = 64
# The most keys of a stream's part; the tap and the SDK write fewer than twenty.
_MOST_KEYS = 100
# The condition of a stretch of the ledger. A number says which went stale earlier, from 2 on.
_FRESH, _STALE = "ok", "stale"

T = TypeVar("T")


class _InvalidKeyError(ValueError):
    """A key whose value this tap cannot have written; the message is the key."""


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_COUNT:
        raise ValueError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _instant(value: object) -> datetime:
    return timestamps.parse_credible(_text(value))


def _filters(value: object) -> dict[str, str | list[str]]:
    """Read the filters that are set."""
    if not isinstance(value, dict):
        raise TypeError
    return {
        name: list(map(_text, each)) if isinstance(each, list) else _text(each)
        for name, each in value.items()
        if each is not None
    }


def _largest(value: object) -> tuple[int, datetime]:
    if not isinstance(value, list):
        raise TypeError
    rows, instant = value
    return _count(rows), _instant(instant)


def _unsettled(value: object) -> tuple[datetime | None, int]:
    if not isinstance(value, list):
        raise TypeError
    start, records = value
    return None if start is None else _instant(start), _count(records)


def _stretches(value: object) -> tuple[Stretch, ...]:
    """Read the stretches of a ledger."""
    if not isinstance(value, list) or len(value) > MOST_STRETCHES:
        raise TypeError
    stretches = tuple(_stretch(*each) for each in value)
    if any(one.end >= two.end for one, two in pairwise(stretches)):
        raise ValueError
    return stretches


def _stretch(end: object, records: object, condition: object) -> Stretch:
    word, _, place = _text(condition).partition(" ")
    if word not in {_FRESH, _STALE} or (place and word == _FRESH):
        raise ValueError
    stale = 0 if word == _FRESH else int(place or 1)
    if word == _STALE and not stale:
        raise ValueError
    return Stretch(_instant(end), _count(records), _count(stale))


def written_ledger(ledger: Ledger | None) -> list[Any] | None:
    """Return a ledger as the state keeps it."""
    if ledger is None or not all(timestamps.is_credible(each.end) for each in ledger.stretches):
        return None
    orders = sorted({each.stale for each in ledger.stretches} - {0})
    names = {order: f"{_STALE} {place}" for place, order in enumerate(orders, 1)}
    names |= {0: _FRESH} | dict.fromkeys(orders[:1], _STALE)
    return [
        [timestamps.canonical(each.end), each.records, names[each.stale]]
        for each in ledger.stretches
    ]


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """The plan of an interrupted sync.

    It is written as an array. An earlier release wrote an object, which Meltano cannot merge into
    null.
    """

    export_limit: int
    boundaries: Plan

    @classmethod
    def read(cls, value: object) -> Self:
        """Read a plan; raise `TypeError` or `ValueError` if it is not one."""
        if isinstance(value, dict):
            value = [value.get("export_limit"), value.get("fences")]
        if not isinstance(value, list):
            raise TypeError
        limit, fences = value
        if not isinstance(fences, list) or len(fences) > MAX_FENCES:
            raise ValueError
        return cls(_count(limit), [_boundary(*fence) for fence in fences])

    def written(self) -> list[Any] | None:
        """Return the plan as the state keeps it: the farthest boundary and the nearest ones."""
        credible = [each for each in self.boundaries if timestamps.is_credible(each.end)]
        kept = [*credible[:1], *credible[1:][1 - MAX_FENCES :]]
        return [self.export_limit, [_fence(each) for each in kept]] if kept else None


def _boundary(end: object, fits_from: object) -> Boundary:
    instant = _instant(end)
    if instant.microsecond:  # LeadLex may ignore fractions, and this run has not seen that
        raise ValueError
    if fits_from is None:
        return Boundary(instant)
    start = timestamps.parse(_text(fits_from))
    if start != BEGINNING and not timestamps.is_credible(start):
        raise ValueError
    return Boundary(instant, start)


def _fence(boundary: Boundary) -> list[str | None]:
    start = boundary.fits_from
    kept = start and (start == BEGINNING or timestamps.is_credible(start))
    return [
        timestamps.canonical(boundary.end),
        timestamps.canonical(start) if start and kept else None,
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRefresh:
    """A full refresh under way.

    It is written in an array. An earlier release wrote the object alone, which Meltano cannot merge
    into null.
    """

    began: Annotated[datetime | None, _instant] = None
    version: Annotated[int | None, _count] = None
    delivered: Annotated[int | None, _count] = None
    filters: Annotated[dict[str, str | list[str]] | None, _filters] = None
    since: Annotated[datetime | None, _instant] = None
    until: Annotated[datetime | None, _instant] = None
    plan: Annotated[SavedPlan | None, SavedPlan.read] = None
    withheld: Annotated[int | None, _count] = None
    contradicted: Annotated[bool | None, _flag] = None
    ledger: Annotated[tuple[Stretch, ...] | None, _stretches] = None

    @classmethod
    def read(cls, value: object) -> Self:
        """Read a refresh; raise `TypeError` or `ValueError` if it is not one."""
        if isinstance(value, list):
            (value,) = value
        return _read(cls, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """A stream's part of the state."""

    replication_key: Annotated[str | None, _text] = None
    replication_key_value: Annotated[datetime | None, _instant] = None
    filters: Annotated[dict[str, str | list[str]] | None, _filters] = None
    since: Annotated[datetime | None, _instant] = None
    delivered: Annotated[int | None, _count] = None
    drift_checked: Annotated[datetime | None, _instant] = None
    under_way: Annotated[bool | None, _flag] = None
    plan: Annotated[SavedPlan | None, SavedPlan.read] = None
    version: Annotated[int | None, _count] = None
    refresh: Annotated[SavedRefresh | None, SavedRefresh.read] = None
    refresh_first: Annotated[bool | None, _flag] = None
    refreshed: Annotated[datetime | None, _instant] = None
    activated: Annotated[bool | None, _flag] = None
    cap: Annotated[int | None, _count] = None
    largest: Annotated[tuple[int, datetime] | None, _largest] = None
    fields: Annotated[str | None, _text] = None
    unsettled: Annotated[tuple[datetime | None, int] | None, _unsettled] = None
    withheld: Annotated[int | None, _count] = None
    ledger: Annotated[tuple[Stretch, ...] | None, _stretches] = None
    repair: Annotated[SavedPlan | None, SavedPlan.read] = None

    @classmethod
    def read(cls, entry: Mapping[str, Any], resource: Resource) -> Self:
        """Read a stream's part of the state.

        Raises:
            StateError: If this tap cannot have written it.
        """
        # Taps that are not on the SDK call the bookmark by the name of the replication key.
        if resource.replication_key in entry or len(entry) > _MOST_KEYS:
            raise StateError(_NOT_OURS)
        unknown = entry.keys() - {*KEYS, *_OF_THE_SDK}
        for key in KEYS:
            if entry.get(key) is None and _misspelled(key, unknown):
                msg = (
                    f"The state of the stream {resource.name} has a key that looks like '{key}' "
                    "but is spelled differently. Correct it or remove it."
                )
                raise StateError(msg)
        if entry.get(_PARTITIONS):
            raise _invalid(_PARTITIONS, resource)
        try:
            saved = _read(cls, entry)
        except _InvalidKeyError as error:
            raise _invalid(str(error), resource) from None
        if saved.replication_key_value is None and saved.about_bookmark:
            raise _invalid(_BOOKMARK, resource)
        start = saved.unsettled[0] if saved.unsettled else None
        if start and saved.replication_key_value and start > saved.replication_key_value:
            raise _invalid(_UNSETTLED, resource)
        if saved.replication_key_value and saved.replication_key != resource.replication_key:
            msg = (
                f"The bookmark of the stream {resource.name} is not one of "
                f"{resource.replication_key}: replication_key is missing or names another "
                f"property. Pass a state that this tap wrote, or omit --state."
            )
            raise StateError(msg)
        return saved

    @property
    def about_bookmark(self) -> bool:
        """Whether a key is there that only a bookmark has."""
        about = (self.replication_key, self.since, self.delivered, self.drift_checked)
        return any(each is not None for each in about)

    @property
    def reached(self) -> Iterable[datetime]:
        """The instants that the sync and a refresh have reached."""
        until = self.refresh.until if self.refresh else None
        return filter(None, (self.replication_key_value, until))


KEYS = tuple(each.name for each in fields(SavedState))
"""The keys of a stream's part of the state."""


def check(state: Mapping[str, Any], resources: Collection[Resource], now: datetime) -> None:
    """Check that a run can continue from a state.

    Raises:
        StateError: If this tap cannot have written it.
    """
    bookmarks = state.get("bookmarks", None if state else {})
    names = {each.name: each for each in resources}
    if not _is_readable(bookmarks) or any(_misspelled(name, state) for name in names):
        raise StateError(_NOT_OURS)
    for name, resource in names.items():
        if present := name in bookmarks:
            saved = SavedState.read(bookmarks[name], resource)
            if any(instant > now + MAX_AHEAD for instant in saved.reached):
                msg = (
                    f"The bookmark of the stream {name} is more than a day ahead of this "
                    f"machine's clock: {resource.records} created before it would never be "
                    f"synced. Correct the clock, or move the bookmark back, or omit --state."
                )
                raise StateError(msg)
        others = [other for other in bookmarks if other not in names]
        if _plain(name) in map(_plain, others) or (not present and _misspelled(name, others)):
            msg = (
                f"The state has a stream whose name looks like {name} but is spelled differently. "
                "Correct it or remove it."
            )
            raise StateError(msg)


def knows(state: Mapping[str, Any], resources: Iterable[Resource]) -> bool:
    """Return whether a checked state has a stream of this tap, or no stream at all."""
    bookmarks = state.get("bookmarks", {})
    return not bookmarks or any(each.name in bookmarks for each in resources)


def _read(kind: type[T], entry: object) -> T:
    """Read the keys that a dataclass declares."""
    if not isinstance(entry, dict):
        raise TypeError
    values = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if (value := entry.get(each.name)) is not None:
            try:
                _, read = get_args(each.type)
                values[each.name] = read(value)
            except _InvalidKeyError:
                raise
            except (TypeError, ValueError):
                raise _InvalidKeyError(each.name) from None
    return kind(**values)


def _invalid(key: str, resource: Resource) -> StateError:
    msg = (
        f"The state of the stream {resource.name} has an invalid '{key}'. Pass a state that this "
        "tap wrote, or omit --state."
    )
    return StateError(msg)


def _is_readable(bookmarks: object) -> bool:
    """Return whether the SDK can go through bookmarks, those of other taps among them."""
    return isinstance(bookmarks, dict) and all(
        _has_markers(part)
        and isinstance(part.get("partitions", []), list)
        and all(map(_has_markers, part.get("partitions", [])))
        for part in bookmarks.values()
    )


def _has_markers(part: object) -> bool:
    """Return whether a part of the state is an object whose progress markers are one, too."""
    return isinstance(part, dict) and isinstance(part.get("progress_markers", {}), dict)


def _misspelled(name: str, others: Iterable[str]) -> bool:
    """Return whether one of the other names looks like a misspelling of a name, or is equal."""
    short = [_plain(other) for other in others if len(other) <= _LONGEST_NAME]
    return bool(get_close_matches(_plain(name), short, n=1, cutoff=_SIMILAR))


def _plain(name: str) -> str:
    """Return the letters and digits of a name, in lower case."""
    return "".join(filter(str.isalnum, name.casefold()))
