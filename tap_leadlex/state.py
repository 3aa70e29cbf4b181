"""What the state says of a sync, and how closed windows move it. Pure: works on the state's dict.

Beside the SDK's `replication_key` and `replication_key_value`, the stream's state holds
`filters` and `since`, under which the bookmark was earned, `delivered`, the contacts up to it,
`drift_checked`, when they were last compared with LeadLex's count, `under_way` as long as a sweep
has more to close, `plan`, what it found out about the windows to come, `version`, that of the last
full refresh, and `refresh` while one is under way; a refresh has a plan of its own.
Where none is, `refresh` is null and not left out: Meltano merges the state of a run with
`--full-refresh` into the one before, where a refresh could be that this run knew nothing of.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from tap_leadlex import timestamps
from tap_leadlex.api.table import REPLICATION_KEY
from tap_leadlex.errors import StateError
from tap_leadlex.planning.windows import Fence
from tap_leadlex.settings import FIRST_YEAR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.settings import Settings

DRIFT_INTERVAL = timedelta(days=1)


class Progress(Protocol):
    """How far a sync is.

    Attributes:
        start: Where the next window begins; `None` at the beginning of history.
        known: Whether that is where an earlier sweep ended.
        under_way: Whether an earlier sweep was stopped: it has left more than what is new.
        plan: What that sweep found out about the windows to come, the nearest fence last.
        version: The version that the records carry; `None` for none.
    """

    start: datetime | None
    known: bool
    under_way: bool
    plan: Sequence[Fence]
    version: int | None

    def close(self, end: datetime, seen: Sequence[datetime], *, last: bool) -> None:
        """Move the state to the end of a window whose contacts are all out.

        Args:
            end: The window's end.
            seen: The instants of its contacts.
            last: Whether it is the last window of the sweep.
        """

    def keep(self, plan: Sequence[Fence]) -> None:
        """Note how to go on, should the sweep be stopped here.

        Args:
            plan: What the sweep has found out about the windows to come.
        """


class Incremental:
    """A sync from the bookmark on."""

    def __init__(self, state: dict[str, Any], settings: Settings) -> None:
        """Find out where to go on.

        Args:
            state: The stream's state; it is changed in place.
            settings: The settings of this run.

        Raises:
            StateError: If the bookmark is no date, or does not hold for these settings.
        """
        self._state = state
        self._filters = _filters(settings)
        self._bookmark = bookmark(state)
        # What comes between the parts of a refresh belongs to it: activated, its version would take
        # away what it passed already and what comes again without it.
        refresh = state.get("refresh")
        self.version = _count(refresh, "version") if isinstance(refresh, dict) else None
        self.under_way = "under_way" in state
        self.known = self._bookmark is not None and not self.under_way
        self.plan = _plan(state, settings)
        self._limit = settings.export_limit
        self.start = settings.start_date
        if self._bookmark is None:
            state.setdefault("refresh", None)
            self._since = settings.start_date
            self._delivered: int | None = 0
            return
        _check_filters(state, settings)
        self._since = since(state)
        self._delivered = _count(state, "delivered")
        if settings.start_date and settings.start_date > self._bookmark:
            self._since, self._delivered = settings.start_date, 0
            return
        look_back = self._bookmark - timedelta(seconds=settings.lookback_seconds)
        self.start = max(look_back, settings.start_date or look_back)

    def close(self, end: datetime, seen: Sequence[datetime], *, last: bool) -> None:
        """Move the bookmark; a look-back closes windows below it again and takes nothing back."""
        if last:
            self.finish()
        else:
            self._state["under_way"] = True
        before = self._bookmark
        if before is not None and end <= before:
            return
        if self._delivered is not None:
            self._delivered += sum(before is None or instant >= before for instant in seen)
        self._bookmark = end
        _write(self._state, end, self._filters, self._since, self._delivered)

    def keep(self, plan: Sequence[Fence]) -> None:
        """Note how to go on."""
        self._state["under_way"] = True
        _write_plan(self._state, plan, self._limit)

    def finish(self) -> None:
        """End the sweep."""
        self._state.pop("under_way", None)
        self._state.pop("plan", None)


class FullTable:
    """A full refresh: everything again, under one version, over as many runs as the quota takes."""

    def __init__(self, state: dict[str, Any], settings: Settings, version: int) -> None:
        """Begin a refresh, or go on with one that was stopped.

        Args:
            state: The stream's state; it is changed in place.
            settings: The settings of this run.
            version: A version for a new refresh, later than any before by the clock.

        Raises:
            StateError: If the state holds no date where it must.
        """
        self._state = state
        self._bounded = settings.end_date is not None
        filters = {
            "filters": _filters(settings),
            "since": _printed(settings.start_date),
        }
        refresh = state.get("refresh")
        if not isinstance(refresh, dict) or any(refresh.get(k) != v for k, v in filters.items()):
            refresh = {
                "version": max(version, (_count(state, "version") or 0) + 1),
                "delivered": 0,
                **filters,
            }
        self._refresh = refresh
        self.version = _count(refresh, "version")
        self._delivered = _count(refresh, "delivered") or 0
        until = _instant(refresh, "until")
        self.known = False
        self.under_way = state.get("refresh") is refresh
        self.plan = _plan(refresh, settings)
        self._limit = settings.export_limit
        self.start = until or settings.start_date

    def close(self, end: datetime, seen: Sequence[datetime], *, last: bool) -> None:  # noqa: ARG002
        """Note how far the refresh is; the bookmark of incremental runs stays as it is."""
        self._refresh["until"] = timestamps.canonical(end)
        self._delivered += len(seen)
        self._refresh["delivered"] = self._delivered
        self._state["refresh"] = self._refresh

    def keep(self, plan: Sequence[Fence]) -> None:
        """Note how to go on."""
        _write_plan(self._refresh, plan, self._limit)
        self._state["refresh"] = self._refresh

    def finish(self) -> bool:
        """End the refresh: from here on incremental runs go on where it ended.

        Returns:
            Whether the version may be activated, which has the target delete what it does not
            hold: not when the refresh ended before the bookmark or at an `end_date`.
        """
        until, before = _instant(self._refresh, "until"), bookmark(self._state)
        self._state["refresh"] = None
        self._state["version"] = self.version
        if until is None or self._bounded or (before is not None and until < before):
            return False
        refresh = self._refresh
        _write(self._state, until, refresh["filters"], since(refresh), self._delivered)
        self._state.pop("under_way", None)
        self._state.pop("plan", None)
        return True


def bookmark(state: dict[str, Any]) -> datetime | None:
    """Read the bookmark: all contacts created before it are out.

    Args:
        state: The stream's state.

    Raises:
        StateError: If it is no date.
    """
    return _instant(state, "replication_key_value")


def since(state: dict[str, Any]) -> datetime | None:
    """Read where the sync began; `None` for the beginning of history.

    Args:
        state: The stream's state.

    Raises:
        StateError: If it is no date.
    """
    return _instant(state, "since")


def drift_is_due(state: dict[str, Any], now: datetime) -> bool:
    """Tell whether a day has passed since delivered contacts were compared with LeadLex's count."""
    checked = _instant(state, "drift_checked")
    return checked is None or not timedelta(0) <= now - checked < DRIFT_INTERVAL


def _write(
    state: dict[str, Any],
    end: datetime,
    filters: dict[str, Any],
    began: datetime | None,
    delivered: int | None,
) -> None:
    state["replication_key"] = REPLICATION_KEY
    state["replication_key_value"] = timestamps.canonical(end)
    state["filters"] = filters
    state["since"] = _printed(began)
    if delivered is not None:
        state["delivered"] = delivered


def _plan(entry: dict[str, Any], settings: Settings) -> Sequence[Fence]:
    """Read a plan; none where exports are larger or smaller now than it was made for."""
    plan = entry.get("plan")
    if plan is None:
        return ()
    try:
        if plan["export_limit"] != settings.export_limit:
            return ()
        return [
            Fence(timestamps.parse(end), fits_from and timestamps.parse(fits_from))
            for end, fits_from in plan["fences"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError):
        _refuse("plan")


def _write_plan(entry: dict[str, Any], plan: Sequence[Fence], limit: int) -> None:
    if plan:
        fences = [[timestamps.canonical(fence.end), _printed(fence.fits_from)] for fence in plan]
        entry["plan"] = {"export_limit": limit, "fences": fences}
    else:
        entry.pop("plan", None)


def _check_filters(state: dict[str, Any], settings: Settings) -> None:
    """Make sure that the bookmark holds for the filters of this run."""
    earned = state.get("filters") or {"list_id": None, "tags": []}
    began = since(state)
    ways = (
        "Put the setting back, or refresh fully (without state, or as FULL_TABLE), or use another "
        "state id for it."
    )
    if earned != _filters(settings):
        msg = f"The state was earned with other filters (list_id, tags) than this run has. {ways}"
        raise StateError(msg)
    if began is not None and (settings.start_date is None or settings.start_date < began):
        msg = (
            f"The state's sync began at {timestamps.plain(began)}, this run's start_date is "
            f"earlier: what lies between would never arrive. {ways}"
        )
        raise StateError(msg)


def _filters(settings: Settings) -> dict[str, Any]:
    return {"list_id": settings.list_id, "tags": sorted(settings.tags)}


def _printed(instant: datetime | None) -> str | None:
    return None if instant is None else timestamps.canonical(instant)


def _instant(state: dict[str, Any], key: str) -> datetime | None:
    printed = state.get(key)
    try:
        instant = None if printed is None else timestamps.parse(printed)
    except (AttributeError, TypeError, ValueError):
        _refuse(key)
    if instant is not None and instant.year < FIRST_YEAR:
        _refuse(key)
    return instant


def _count(state: dict[str, Any], key: str) -> int | None:
    count = state.get(key)
    if count is not None and (not isinstance(count, int) or count < 0):
        _refuse(key)
    return count


def _refuse(key: str) -> NoReturn:
    msg = (
        f"The state of the stream contacts cannot be used for its '{key}': hand in a state that "
        "this tap wrote, or none."
    )
    raise StateError(msg) from None
