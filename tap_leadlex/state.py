"""What the state says about a sync, and how it moves. Pure: works on the state's dict.

Next to the SDK's `replication_key` and `replication_key_value`, a stream's state has:

- `filters` and `since`: the filters and the start date for which the bookmark is true;
- `delivered`: how many records there are up to the bookmark;
- `drift_checked`: when they were last compared with LeadLex's count;
- `under_way`: present while an interrupted sync still has windows to close;
- `plan`: what that sync knows about the windows to come;
- `version`: the version of the last finished full refresh;
- `refresh`: a full refresh under way, with a plan of its own, or null. It is never left out,
  because Meltano merges the state of a run with `--full-refresh` into the previous state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from tap_leadlex import timestamps
from tap_leadlex.errors import StateError
from tap_leadlex.planning.windows import Boundary, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.scope import Scope
    from tap_leadlex.settings import Settings

DRIFT_INTERVAL = timedelta(days=1)


class Delivered(NamedTuple):
    """What a bookmark vouches for: this many records, created in [since, until)."""

    since: datetime | None
    until: datetime
    records: int


class SyncState(ABC):
    """How far a sync is. Raises `StateError` if the state is invalid or does not fit the run."""

    start: datetime | None  # of the next window; `None` for the beginning of history
    under_way: bool  # an earlier run was interrupted there
    caught_up: bool  # an earlier sync ended there, so that only new records follow
    plan: Plan  # what an interrupted run knew about the windows to come
    version: int | None  # of the records, if they have one

    def __init__(self, state: dict[str, Any], scope: Scope, settings: Settings) -> None:
        self._state = state
        self._scope = scope
        self._limit = settings.export_limit
        self._reader = _Reader(state, scope.resource.name)
        self._bookmark = self._reader.instant("replication_key_value")

    @abstractmethod
    def close(self, end: datetime, created: Sequence[datetime], plan: Plan, *, done: bool) -> None:
        """Move to the end of a window whose records, created at these instants, are delivered."""

    @abstractmethod
    def save(self, plan: Plan) -> None:
        """Keep what is known about the windows to come, in case the run ends here."""

    @abstractmethod
    def finish(self) -> tuple[int | None, str | None]:
        """End the sync, and return a version to activate and a warning, if any.

        Activation makes the target delete all records of other versions.
        """

    @abstractmethod
    def due_check(self, now: datetime) -> Delivered | None:
        """Return what to compare with LeadLex's count, if that is due."""

    def checked(self, now: datetime) -> None:
        """Take note of the comparison."""
        self._state["drift_checked"] = timestamps.canonical(now)

    def _write_bookmark(
        self, end: datetime, filters: object, since: datetime | None, delivered: int | None
    ) -> None:
        self._state |= {
            "replication_key": self._scope.resource.replication_key,
            "replication_key_value": timestamps.canonical(end),
            "filters": filters,
            "since": _written(since),
        }
        if delivered is not None:
            self._state["delivered"] = delivered

    def _write_plan(self, entry: dict[str, Any], plan: Plan) -> None:
        entry.pop("plan", None)
        if plan:
            fences = [[timestamps.canonical(each.end), _written(each.fits_from)] for each in plan]
            entry["plan"] = {"export_limit": self._limit, "fences": fences}

    def _forget_sync(self) -> None:
        self._state.pop("under_way", None)
        self._state.pop("plan", None)


class IncrementalState(SyncState):
    """A sync from the bookmark on."""

    def __init__(self, state: dict[str, Any], scope: Scope, settings: Settings) -> None:
        super().__init__(state, scope, settings)
        # What comes between the runs of a refresh belongs to it: otherwise its activation would
        # delete those records.
        refresh = state.get("refresh")
        self.version = None
        if isinstance(refresh, dict):
            self.version = _Reader(refresh, scope.resource.name).count("version")
        self.under_way = "under_way" in state
        self.caught_up = self._bookmark is not None and not self.under_way
        self.plan = self._reader.plan(self._limit)
        self._comparable = (
            settings.check_drift and scope.listed_alike and not settings.lookback_seconds
        )
        self.start = self._since = settings.start_date
        self._delivered: int | None = 0
        if self._bookmark is None:
            state.setdefault("refresh", None)
            return
        self._check_filters(settings)
        if settings.start_date is None or settings.start_date <= self._bookmark:
            self._since = self._reader.instant("since")
            self._delivered = self._reader.count("delivered")
            look_back = self._bookmark - timedelta(seconds=settings.lookback_seconds)
            self.start = max(look_back, settings.start_date or look_back)

    def close(self, end: datetime, created: Sequence[datetime], plan: Plan, *, done: bool) -> None:
        """Move the bookmark. A look-back that closes windows below it never moves it back."""
        if done:
            self._forget_sync()
        else:
            self.save(plan)
        before = self._bookmark
        if before is not None and end <= before:
            return
        if self._delivered is not None:
            self._delivered += sum(before is None or instant >= before for instant in created)
        self._bookmark = end
        self._write_bookmark(end, self._scope.filters, self._since, self._delivered)

    def save(self, plan: Plan) -> None:
        """Keep the plan; the sync is under way."""
        self._state["under_way"] = True
        self._write_plan(self._state, plan)

    def finish(self) -> tuple[None, None]:
        """End the sync; there is nothing to activate."""
        self._forget_sync()
        return None, None

    def due_check(self, now: datetime) -> Delivered | None:
        """Return what to compare with LeadLex's count, at most once a day."""
        if self._bookmark is None or self._delivered is None or not self._comparable:
            return None
        checked = self._reader.instant("drift_checked")
        if checked is not None and timedelta(0) <= now - checked < DRIFT_INTERVAL:
            return None
        return Delivered(self._since, self._bookmark, self._delivered)

    def _check_filters(self, settings: Settings) -> None:
        """Raise unless the bookmark is true for the filters of this run."""
        ways_out = (
            "Restore the setting, run a full refresh (omit --state, or select FULL_TABLE), or use "
            "a separate state."
        )
        if (self._state.get("filters") or self._scope.no_filters) != self._scope.filters:
            names = " or ".join(each.name for each in self._scope.resource.filters)
            msg = f"The state was written with different values of {names}. {ways_out}"
            raise StateError(msg)
        since = self._reader.instant("since")
        if since is not None and (settings.start_date is None or settings.start_date < since):
            msg = (
                f"The sync of this state began at {timestamps.plain(since)}, but start_date is "
                f"earlier or not set: {self._scope.resource.records} created before "
                f"{timestamps.plain(since)} would never be synced. {ways_out}"
            )
            raise StateError(msg)


class RefreshState(SyncState):
    """A full refresh: everything again under one version, over as many runs as the quota needs."""

    def __init__(
        self, state: dict[str, Any], scope: Scope, settings: Settings, version: int
    ) -> None:
        super().__init__(state, scope, settings)
        self._bounded = settings.end_date is not None
        wanted = {"filters": scope.filters, "since": _written(settings.start_date)}
        refresh = state.get("refresh")
        self.under_way = isinstance(refresh, dict) and wanted == {
            key: refresh.get(key) for key in wanted
        }
        if not self.under_way:
            version = max(version, (self._reader.count("version") or 0) + 1)
            refresh = {"version": version, "delivered": 0, **wanted}
        self._refresh: dict[str, Any] = refresh or {}
        reader = _Reader(self._refresh, scope.resource.name)
        self.version = reader.count("version")
        self.caught_up = False
        self.plan = reader.plan(self._limit)
        self._delivered = reader.count("delivered") or 0
        self._until = reader.instant("until")
        self._since = settings.start_date
        self.start = self._until or settings.start_date

    def close(self, end: datetime, created: Sequence[datetime], plan: Plan, *, done: bool) -> None:  # noqa: ARG002 - `finish` ends it
        """Note how far the refresh is; the bookmark of incremental runs stays."""
        self._until = end
        self._delivered += len(created)
        self._refresh |= {"until": timestamps.canonical(end), "delivered": self._delivered}
        self.save(plan)

    def save(self, plan: Plan) -> None:
        """Keep the plan."""
        self._write_plan(self._refresh, plan)
        self._state["refresh"] = self._refresh

    def finish(self) -> tuple[int | None, str | None]:
        """End the refresh: incremental runs continue where it ended.

        Its version is not activated if it ended before the bookmark or at `end_date`: the target
        would delete the later records.
        """
        self._state |= {"refresh": None, "version": self.version}
        before_bookmark = self._until and self._bookmark and self._until < self._bookmark
        if self._until is None or self._bounded or before_bookmark:
            return None, (
                f"The full refresh did not read the newest {self._scope.resource.records}, so "
                "deleted ones stay in the destination. Remove end_date and refresh again."
            )
        filters = self._refresh["filters"]
        self._write_bookmark(self._until, filters, self._since, self._delivered)
        self._forget_sync()
        return self.version, None

    def due_check(self, now: datetime) -> None:
        """Return nothing: everything has just been delivered."""


class _Reader:
    """Reads a part of the state, refusing what the tap cannot have written."""

    def __init__(self, entry: dict[str, Any], stream: str) -> None:
        self._entry = entry
        self._stream = stream

    def instant(self, key: str) -> datetime | None:
        text = self._entry.get(key)
        try:
            return None if text is None else timestamps.parse_given(text)
        except (AttributeError, TypeError, ValueError):
            self._refuse(key)

    def count(self, key: str) -> int | None:
        count = self._entry.get(key)
        if count is not None and (not isinstance(count, int) or count < 0):
            self._refuse(key)
        return count

    def plan(self, limit: int) -> Plan:
        """Read the plan; nothing if it was made for exports of another size."""
        plan = self._entry.get("plan")
        if plan is None:
            return ()
        try:
            if plan["export_limit"] != limit:
                return ()
            return [
                Boundary(timestamps.parse(end), fits_from and timestamps.parse(fits_from))
                for end, fits_from in plan["fences"]
            ]
        except (AttributeError, KeyError, TypeError, ValueError):
            self._refuse("plan")

    def _refuse(self, key: str) -> NoReturn:
        msg = (
            f"The state of the stream {self._stream} has an invalid '{key}'. Pass a state that "
            "this tap wrote, or omit --state."
        )
        raise StateError(msg) from None


def _written(instant: datetime | None) -> str | None:
    return None if instant is None else timestamps.canonical(instant)
