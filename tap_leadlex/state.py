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
from tap_leadlex.planning.windows import Boundary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.scope import Scope
    from tap_leadlex.settings import Settings

DRIFT_INTERVAL = timedelta(days=1)


class Ending(NamedTuple):
    """What remains to do when all windows of a sync are closed.

    Attributes:
        activate: The version to activate, which makes the target delete all other records; `None`
            for no version.
        warning: What the user should know, if anything.
    """

    activate: int | None = None
    warning: str | None = None


class Delivered(NamedTuple):
    """What a bookmark vouches for: this many records, created in [since, until)."""

    since: datetime | None
    until: datetime
    records: int


class SyncState(ABC):
    """How far a sync is.

    Attributes:
        start: Where the next window begins; `None` for the beginning of history.
        caught_up: Whether an earlier sync ended there, so that only new records follow.
        under_way: Whether an earlier sync was interrupted there.
        plan: What that sync knew about the windows to come, the nearest boundary last.
        version: The version of the records; `None` for no version.
    """

    start: datetime | None
    caught_up: bool
    under_way: bool
    plan: Sequence[Boundary]
    version: int | None

    @abstractmethod
    def close(
        self,
        end: datetime,
        created: Sequence[datetime],
        plan: Sequence[Boundary],
        *,
        done: bool,
    ) -> None:
        """Move to the end of a window whose records are all delivered.

        Args:
            end: The end of the window.
            created: The instants of its records.
            plan: What is known about the windows to come.
            done: Whether it is the last window of the sync.
        """

    @abstractmethod
    def save(self, plan: Sequence[Boundary]) -> None:
        """Keep what is known about the windows to come, in case the run ends here."""

    @abstractmethod
    def finish(self) -> Ending:
        """End the sync: all its windows are closed."""

    @abstractmethod
    def due_check(self, now: datetime) -> Delivered | None:
        """Return what to compare with LeadLex's count, if that is due."""

    @abstractmethod
    def checked(self, now: datetime) -> None:
        """Take note of the comparison."""


def open_state(
    state: dict[str, Any], scope: Scope, settings: Settings, *, refresh_version: int | None
) -> SyncState:
    """Return where a sync begins or continues.

    Args:
        state: The stream's state; it is changed in place.
        scope: What is synced.
        settings: The settings of the run.
        refresh_version: For a full refresh, the version of a new one; `None` for an incremental
            sync.

    Raises:
        StateError: If the state cannot be used, or does not fit the settings.
    """
    if refresh_version is None:
        return IncrementalState(state, scope, settings)
    return RefreshState(state, scope, settings, refresh_version)


class IncrementalState(SyncState):
    """A sync from the bookmark on.

    Args:
        state: The stream's state; it is changed in place.
        scope: What is synced.
        settings: The settings of the run.

    Raises:
        StateError: If the state cannot be used, or does not fit the settings.
    """

    def __init__(self, state: dict[str, Any], scope: Scope, settings: Settings) -> None:
        self._state = state
        self._scope = scope
        self._reader = reader = _Reader(state, scope.resource.name)
        self._bookmark = reader.instant("replication_key_value")
        # What comes between the runs of a refresh belongs to it: otherwise its activation would
        # delete those records.
        refresh = state.get("refresh")
        self.version = None
        if isinstance(refresh, dict):
            self.version = _Reader(refresh, scope.resource.name).count("version")
        self.under_way = "under_way" in state
        self.caught_up = self._bookmark is not None and not self.under_way
        self.plan = reader.plan(settings.export_limit)
        self._limit = settings.export_limit
        self._comparable = settings.check_drift and scope.listed_alike
        self._comparable = self._comparable and not settings.lookback_seconds
        self.start = settings.start_date
        self._since = settings.start_date
        self._delivered: int | None = 0
        if self._bookmark is None:
            state.setdefault("refresh", None)
            return
        self._check_filters(settings)
        if settings.start_date and settings.start_date > self._bookmark:
            return
        self._since = reader.instant("since")
        self._delivered = reader.count("delivered")
        look_back = self._bookmark - timedelta(seconds=settings.lookback_seconds)
        self.start = max(look_back, settings.start_date or look_back)

    def close(
        self,
        end: datetime,
        created: Sequence[datetime],
        plan: Sequence[Boundary],
        *,
        done: bool,
    ) -> None:
        """Move the bookmark. A look-back that closes windows below it never moves it back."""
        if done:
            self.finish()
        else:
            self.save(plan)
        before = self._bookmark
        if before is not None and end <= before:
            return
        if self._delivered is not None:
            self._delivered += sum(before is None or instant >= before for instant in created)
        self._bookmark = end
        _write_bookmark(
            self._state, self._scope, end, self._scope.filters, self._since, self._delivered
        )

    def save(self, plan: Sequence[Boundary]) -> None:
        """Keep the plan; the sync is under way."""
        self._state["under_way"] = True
        _write_plan(self._state, plan, self._limit)

    def finish(self) -> Ending:
        """End the sync; nothing is activated."""
        _forget_sync(self._state)
        return Ending()

    def due_check(self, now: datetime) -> Delivered | None:
        """Return what to compare with LeadLex's count, at most once a day."""
        if self._bookmark is None or self._delivered is None or not self._comparable:
            return None
        checked = self._reader.instant("drift_checked")
        if checked is not None and timedelta(0) <= now - checked < DRIFT_INTERVAL:
            return None
        return Delivered(self._since, self._bookmark, self._delivered)

    def checked(self, now: datetime) -> None:
        """Take note of the comparison."""
        self._state["drift_checked"] = timestamps.canonical(now)

    def _check_filters(self, settings: Settings) -> None:
        """Raise unless the bookmark is true for the filters of this run."""
        stored = self._state.get("filters") or self._scope.no_filters
        since = self._reader.instant("since")
        ways_out = (
            "Restore the setting, or refresh fully (without state, or as FULL_TABLE), or use "
            "another state id for it."
        )
        if stored != self._scope.filters:
            names = ", ".join(each.name for each in self._scope.resource.filters)
            msg = (
                f"The state was written with other filters ({names}) than this run has. {ways_out}"
            )
            raise StateError(msg)
        if since is not None and (settings.start_date is None or settings.start_date < since):
            msg = (
                f"The sync of this state began at {timestamps.plain(since)}, but start_date is "
                f"earlier now: what was created in between would never arrive. {ways_out}"
            )
            raise StateError(msg)


class RefreshState(SyncState):
    """A full refresh: everything again under one version, over as many runs as the quota needs.

    Args:
        state: The stream's state; it is changed in place.
        scope: What is synced.
        settings: The settings of the run.
        version: The version for a new refresh, later by the clock than any before.

    Raises:
        StateError: If the state cannot be used.
    """

    def __init__(
        self, state: dict[str, Any], scope: Scope, settings: Settings, version: int
    ) -> None:
        self._state = state
        self._scope = scope
        self._bounded = settings.end_date is not None
        wanted = {"filters": scope.filters, "since": _written(settings.start_date)}
        refresh = state.get("refresh")
        if isinstance(refresh, dict) and all(refresh.get(key) == wanted[key] for key in wanted):
            self.under_way = True
        else:
            self.under_way = False
            last = _Reader(state, scope.resource.name).count("version")
            refresh = {"version": max(version, (last or 0) + 1), "delivered": 0, **wanted}
        self._refresh = refresh
        reader = _Reader(self._refresh, scope.resource.name)
        self.version = reader.count("version")
        self.caught_up = False
        self.plan = reader.plan(settings.export_limit)
        self._limit = settings.export_limit
        self._delivered = reader.count("delivered") or 0
        self._until = reader.instant("until")
        self._since = settings.start_date
        self.start = self._until or settings.start_date

    def close(
        self,
        end: datetime,
        created: Sequence[datetime],
        plan: Sequence[Boundary],
        *,
        done: bool,  # noqa: ARG002 - `finish` ends the refresh
    ) -> None:
        """Note how far the refresh is; the bookmark of incremental runs stays."""
        self._until = end
        self._delivered += len(created)
        self._refresh["until"] = timestamps.canonical(end)
        self._refresh["delivered"] = self._delivered
        self.save(plan)

    def save(self, plan: Sequence[Boundary]) -> None:
        """Keep the plan."""
        _write_plan(self._refresh, plan, self._limit)
        self._state["refresh"] = self._refresh

    def finish(self) -> Ending:
        """End the refresh: incremental runs continue where it ended.

        Its version is not activated if it ended before the bookmark or at `end_date`: the target
        would delete the later records.
        """
        bookmark = _Reader(self._state, self._scope.resource.name).instant("replication_key_value")
        self._state["refresh"] = None
        self._state["version"] = self.version
        if self._until is None or self._bounded or (bookmark and self._until < bookmark):
            return Ending(
                warning=(
                    "The full refresh ended before the bookmark or at end_date, so deleted "
                    f"{self._scope.resource.records} stay in the destination: ACTIVATE_VERSION "
                    "would delete later ones with them."
                )
            )
        _write_bookmark(
            self._state,
            self._scope,
            self._until,
            self._refresh["filters"],
            self._since,
            self._delivered,
        )
        _forget_sync(self._state)
        return Ending(activate=self.version)

    def due_check(self, now: datetime) -> None:
        """Return nothing: everything has just been delivered."""

    def checked(self, now: datetime) -> None:
        """Do nothing: nothing is ever due."""


class _Reader:
    """Reads a part of the state, refusing what the tap cannot have written.

    Args:
        entry: The part.
        stream: The name of the stream, for messages.
    """

    def __init__(self, entry: dict[str, Any], stream: str) -> None:
        self._entry = entry
        self._stream = stream

    def instant(self, key: str) -> datetime | None:
        """Read an instant."""
        text = self._entry.get(key)
        try:
            instant = None if text is None else timestamps.parse(text)
        except (AttributeError, TypeError, ValueError):
            self._refuse(key)
        if instant is not None and instant.year < timestamps.FIRST_YEAR:
            self._refuse(key)
        return instant

    def count(self, key: str) -> int | None:
        """Read a number that is not negative."""
        count = self._entry.get(key)
        if count is not None and (not isinstance(count, int) or count < 0):
            self._refuse(key)
        return count

    def plan(self, limit: int) -> Sequence[Boundary]:
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


def _write_bookmark(
    state: dict[str, Any],
    scope: Scope,
    end: datetime,
    filters: dict[str, Any],
    since: datetime | None,
    delivered: int | None,
) -> None:
    state["replication_key"] = scope.resource.replication_key
    state["replication_key_value"] = timestamps.canonical(end)
    state["filters"] = filters
    state["since"] = _written(since)
    if delivered is not None:
        state["delivered"] = delivered


def _write_plan(entry: dict[str, Any], plan: Sequence[Boundary], limit: int) -> None:
    if plan:
        fences = [[timestamps.canonical(each.end), _written(each.fits_from)] for each in plan]
        entry["plan"] = {"export_limit": limit, "fences": fences}
    else:
        entry.pop("plan", None)


def _forget_sync(state: dict[str, Any]) -> None:
    """Remove what only a sync under way needs."""
    state.pop("under_way", None)
    state.pop("plan", None)


def _written(instant: datetime | None) -> str | None:
    return None if instant is None else timestamps.canonical(instant)
