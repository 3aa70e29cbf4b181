"""How a sync starts from the state, and how it moves it. Pure: works on the state's dict.

Next to the SDK's `replication_key` and `replication_key_value`, a stream's state has:

- `filters` and `since`: the filters and the start date for which the bookmark is true;
- `delivered`: how many records there are up to the bookmark;
- `drift_checked`: when the ledger was last compared with LeadLex's list;
- `under_way`: true while an interrupted sync still has windows to close;
- `plan`: what that sync knows about the windows to come;
- `version`: the version of the last finished full refresh;
- `refresh`: a full refresh under way, with a plan of its own;
- `refresh_first`: true if the last run had no export left for a full refresh that is due;
- `refreshed`: when the last finished full refresh began, if the tap refreshes by itself;
- `activated`: whether its version was activated;
- `cap`: at how many rows LeadLex truncates exports, if it does;
- `largest`, `fields`: a recent large export, as its rows and its time, and the fields it had;
- `unsettled`: the start of the last window, and its records, if the list could not confirm it;
- `repair`: what is known about the windows of the stretch that is being read again;
- `withheld`: how many records up to the bookmark the list shows and the export withholds;
- `ledger`: how many records there are up to the bookmark in each stretch of time, as the list
  counts them, and whether a stretch has changed since it was delivered.

Meltano merges the state of a run with `--full-refresh` into the previous state, so a key that is
left out would come back. Keys that end are written as null, and keys that belong together are
written together.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_leadlex import timestamps
from tap_leadlex.errors import StateError
from tap_leadlex.planning.ledger import Ledger
from tap_leadlex.planning.windows import BEGINNING, Window
from tap_leadlex.saved_state import SavedPlan, SavedRefresh, SavedState, written_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.planning.ledger import Stretch
    from tap_leadlex.planning.windows import Plan
    from tap_leadlex.scope import Scope
    from tap_leadlex.settings import Settings

# A check is due once a day, although schedulers are not punctual.
DRIFT_INTERVAL = timedelta(hours=20)
# For so long the size of an export shows that LeadLex does not truncate smaller ones.
LARGEST_AGE = timedelta(days=7)


class Delivered(NamedTuple):
    """A window whose records are delivered."""

    window: Window
    created: Sequence[datetime]  # the instants of its records
    withheld: int = 0  # how many records more the list shows in it
    countable: bool = True  # the list shows all of its records


class Check(NamedTuple):
    """What to compare with the list."""

    ledger: Ledger  # empty if the state has none
    bookmark: datetime
    until: datetime  # the look-back delivers later records again
    records: int  # that the list should show up to the bookmark


def why_unusable(saved: SavedState, scope: Scope, settings: Settings) -> str | None:
    """Return why the bookmark is not true for the settings of a run, and what to do; or nothing."""
    ways_out = (
        "Restore the setting, run a full refresh (omit --state, or select FULL_TABLE), or use a "
        "separate state."
    )
    if not scope.filters_like(saved.filters):
        names = " or ".join(each.name for each in scope.resource.filters)
        return f"The state was written with different values of {names}. {ways_out}"
    since = saved.since
    if since is not None and (settings.start_date is None or settings.start_date < since):
        return (
            f"The sync of this state began at {timestamps.plain(since)}, but start_date is earlier "
            f"or not set: {scope.resource.records} created before {timestamps.plain(since)} would "
            f"never be synced. {ways_out}"
        )
    return None


def refresh_under_way(saved: SavedState, scope: Scope, settings: Settings) -> SavedRefresh | None:
    """Return the refresh under way, unless it has other filters or another start date."""
    refresh = saved.refresh
    if refresh is None or refresh.version is None or refresh.since != settings.start_date:
        return None
    return refresh if scope.filters_like(refresh.filters) else None


class SyncState(ABC):
    """How far a sweep is. Raises `StateError` if the state is invalid or does not fit the run."""

    start: datetime | None  # of the next window; `None` for the beginning of history
    end: datetime | None = None  # of the last window; `None` for the cut-off of the run
    under_way: bool  # an earlier run was interrupted there
    caught_up: bool  # an earlier sync ended there, so that only new records follow
    plan: Plan  # what an interrupted run knew about the windows to come
    version: int | None  # of the records, if they have one
    from_scratch: bool  # no earlier run has delivered anything

    def __init__(self, state: dict[str, Any], scope: Scope, settings: Settings) -> None:
        self._saved = SavedState.read(state, scope.resource)
        self._state = state
        self._scope = scope
        self._limit = settings.export_limit
        self._lookback = timedelta(seconds=settings.lookback_seconds)
        self._ledger: Ledger | None = None
        self._delivered: int | None = 0  # the count, if there is no ledger
        self._bookmark = self._saved.replication_key_value
        self._largest = self._saved.largest
        self._fields = self._saved.fields
        self.cap = self._saved.cap  # at how many rows LeadLex truncates exports
        self.withheld = self._saved.withheld or 0  # records that only the list shows
        self.unsettled = self._saved.unsettled  # the last window's start and records
        self.contradicted = False  # the list shows that records are missing, but not which

    @abstractmethod
    def close(self, delivered: Delivered, plan: Plan, *, done: bool) -> None:
        """Move to the end of a window whose records are delivered."""

    @abstractmethod
    def save(self, plan: Plan) -> None:
        """Keep what is known about the windows to come, in case the run ends here."""

    @abstractmethod
    def finish(self) -> tuple[int | None, str | None]:
        """End the sync, and return a version to activate and a warning, if any.

        Activation makes the target delete all records of other versions.
        """

    def largest(self, now: datetime, fields: str) -> int:
        """Return how many rows the largest recent export of these fields had."""
        if self._largest and (
            self._saved.fields not in {None, fields} or now - self._largest[1] > LARGEST_AGE
        ):
            self._largest = None
        return self._largest[0] if self._largest else 0

    def exported(self, rows: int, now: datetime, fields: str) -> None:
        """Take note of the size of an export, to be written with what follows from it."""
        if self._largest is None or rows >= self._largest[0]:
            self._largest = (rows, now)
        self._fields = fields

    @property
    def limit(self) -> int:
        """How many rows to ask for in an export."""
        return self._limit if self.cap is None else min(self._limit, self.cap)

    @property
    def least_end(self) -> datetime | None:
        """Where the sweep must end at the earliest, if that matters."""
        return None

    @property
    def doubtful(self) -> tuple[Window, int] | None:
        """The last window and its records, if the list must still confirm it."""
        return None

    def read_again(self, window: Window, records: int) -> None:  # noqa: B027 - nothing doubtful
        """Go back to the start of a window, of which this many records were delivered."""

    def checked(self, now: datetime) -> None:
        """Take note of the comparison with the list."""
        self._state["drift_checked"] = timestamps.canonical(now)

    def _read_ledger(
        self,
        stretches: tuple[Stretch, ...],
        since: datetime | None,
        end: datetime | None,
        delivered: int | None,
    ) -> Ledger | None:
        """Return a saved ledger; nothing if what else is saved contradicts it.

        There is none if the list counts other records than the export.
        """
        ledger = Ledger(since, stretches)
        reached = ledger.boundaries[-1]
        contradicted = (
            (since and stretches and stretches[0].end <= since)
            or (end and (reached is None or reached < end))
            or (delivered is not None and ledger.total != delivered + self.withheld)
        )
        return None if contradicted or not self._scope.listed_alike else ledger

    def _with(self, delivered: Delivered, *, done: bool) -> Ledger | None:
        """Return the ledger after the delivery of a window.

        After the last window, the look-back of the next run needs a boundary to start at.
        """
        if self._ledger is None:
            return None
        end = max([delivered.window.end, *(each.end for each in self._ledger.stretches[-1:])])
        after = self._ledger.closed(
            delivered.window,
            delivered.created,
            withheld=delivered.withheld,
            countable=delivered.countable,
            split=end - self._lookback if done else None,
        )
        return after.merged(self.limit, end - self._lookback)

    @property
    def _written_delivered(self) -> int | None:
        if self._ledger is None:
            return self._delivered
        return max(self._ledger.total - self.withheld, 0)

    def _write_bookmark(self, end: datetime, since: datetime | None) -> None:
        """Write everything that is about the bookmark."""
        self._state |= {
            "replication_key": self._scope.resource.replication_key,
            "replication_key_value": timestamps.canonical(end),
            "filters": self._scope.filters,
            "since": _written(since),
            "delivered": self._written_delivered,
            "under_way": self._state.get("under_way"),
            "plan": self._state.get("plan"),
            "withheld": self.withheld,
            "unsettled": self._written_unsettled,
            "ledger": written_ledger(self._ledger),
            "repair": self._state.get("repair"),
        }
        self._write_sizes()

    @property
    def _written_unsettled(self) -> list[Any] | None:
        if self.unsettled is None:
            return None
        start, records = self.unsettled
        if start and not timestamps.is_credible(start):
            return None
        return [_written(start), records]

    def _write_sizes(self) -> None:
        """Write what exports have shown about their sizes."""
        self._state["cap"] = self.cap
        if self._largest:
            rows, instant = self._largest
            self._state |= {
                "largest": [rows, timestamps.canonical(instant)],
                "fields": self._fields,
            }

    def _written_plan(self, plan: Plan) -> list[Any] | None:
        return SavedPlan(self._limit, plan).written()

    def _read_plan(self, saved: SavedPlan | None) -> Plan:
        """Return a plan, or nothing if it was made for exports of another size."""
        return saved.boundaries if saved and saved.export_limit == self._limit else ()

    def _forget_sync(self) -> None:
        self._state |= {key: None for key in ("under_way", "plan") if key in self._state}


class IncrementalState(SyncState):
    """A sync from the bookmark on."""

    def __init__(self, state: dict[str, Any], scope: Scope, settings: Settings) -> None:
        super().__init__(state, scope, settings)
        self.under_way = bool(self._saved.under_way)
        self.from_scratch = self._bookmark is None
        self.caught_up = not self.from_scratch and not self.under_way
        self.plan = self._read_plan(self._saved.plan)
        self._comparable = settings.check_drift and scope.listed_alike
        self.start = self._since = settings.start_date
        self._ledger = self._read_ledger((), self._since, None, None)
        if self._bookmark is None:
            state.setdefault("refresh", None)
        else:
            self._continue(self._bookmark, settings)
        self.version = self._version(settings)

    def _continue(self, bookmark: datetime, settings: Settings) -> None:
        """Continue from the bookmark, or from where a refresh under way is if that is later."""
        if problem := why_unusable(self._saved, self._scope, settings):
            raise StateError(problem)
        since, delivered = self._saved.since, self._saved.delivered
        stretches = self._saved.ledger
        refresh = refresh_under_way(self._saved, self._scope, settings)
        if settings.refreshes and refresh and refresh.until and refresh.until > bookmark:
            self._bookmark = bookmark = refresh.until
            since, delivered, stretches = refresh.since, refresh.delivered, refresh.ledger
            self.withheld, self.unsettled = refresh.withheld or 0, None
        if settings.start_date is None or settings.start_date <= bookmark:
            self._since, self._delivered = since, delivered
            self._ledger = self._read_ledger(stretches or (), since, bookmark, delivered)
            look_back = bookmark - self._lookback
            self.start = max(look_back, settings.start_date or look_back)
        else:
            self.withheld = 0

    def _version(self, settings: Settings) -> int | None:
        """Return the version of a refresh under way: its activation must not delete the records.

        Those that the refresh is still to read need none if it continues by itself. If they are
        deleted before it reads them, its activation deletes them.
        """
        refresh = self._saved.refresh
        if refresh is None:
            return None
        unread = refresh.until is None or (self.start or BEGINNING) >= refresh.until
        return None if settings.refreshes and unread else refresh.version

    @property
    def doubtful(self) -> tuple[Window, int] | None:
        """The last window and its records, if the list must still confirm it."""
        if self.unsettled is None or self._bookmark is None or self.start != self._bookmark:
            return None
        start, records = self.unsettled
        return Window(start, self._bookmark), records

    def read_again(self, window: Window, records: int) -> None:
        """Go back to the start of a window, of which this many records were delivered."""
        self.start, self._bookmark, self.unsettled = window.start, window.start, None
        if self._delivered is not None:
            self._delivered = max(self._delivered - records, 0)

    def close(self, delivered: Delivered, plan: Plan, *, done: bool) -> None:
        """Move the bookmark. A look-back that closes windows below it never moves it back."""
        if done:
            self._forget_sync()
        else:
            self.save(plan)
        self._ledger = self._with(delivered, done=done)
        before, end = self._bookmark, delivered.window.end
        if before is not None and end <= before:
            return
        if self._delivered is not None:
            new = sum(before is None or instant >= before for instant in delivered.created)
            self._delivered += new
        self._bookmark = end
        if timestamps.is_credible(end):
            self._write_bookmark(end, self._since)

    def save(self, plan: Plan) -> None:
        """Keep the plan; the sync is under way."""
        self._state |= {"under_way": True, "plan": self._written_plan(plan)}
        self._write_sizes()

    def finish(self) -> tuple[None, None]:
        """End the sync; there is nothing to activate."""
        self._forget_sync()
        return None, None

    def due_check(self, now: datetime) -> Check | None:
        """Return what to compare with the list, at most once a day."""
        if self._bookmark is None or not self._comparable:
            return None
        checked = self._saved.drift_checked
        if checked is not None and timedelta(0) <= now - checked < DRIFT_INTERVAL:
            return None
        ledger, records = self._ledger, self._delivered
        if ledger is None and records is None:
            return None
        return Check(
            ledger or Ledger(self._since),
            self._bookmark,
            self._bookmark - self._lookback,
            ledger.total if ledger else (records or 0) + self.withheld,
        )

    def stale_windows(self) -> Sequence[Window]:
        """Return what is to be read again, in that order."""
        return self._ledger.stale_windows(self.limit) if self._ledger else ()

    def keep(self, ledger: Ledger | None) -> None:
        """Write a ledger that was made by counting, or in which stretches are marked."""
        self._ledger = ledger
        self._write_ledger()

    def _write_ledger(self) -> None:
        """Write what was delivered, without moving the bookmark."""
        self._state |= {
            "delivered": self._written_delivered,
            "withheld": self.withheld,
            "ledger": written_ledger(self._ledger),
        }


class RepairState(IncrementalState):
    """A window below the bookmark, of stale stretches, that is read again. The bookmark stays."""

    def __init__(
        self, state: dict[str, Any], scope: Scope, settings: Settings, window: Window
    ) -> None:
        super().__init__(state, scope, settings)
        self.start, self.end = window.start, window.end
        self.version = self._version(settings)
        self.under_way = False
        plan = self._read_plan(self._saved.repair)
        self.plan = plan if plan and plan[0].end == window.end else ()
        inside = self._ledger.records_in(window) if self._ledger else 0
        self.caught_up = inside < self.limit  # one export is tried first

    @property
    def doubtful(self) -> None:
        """Nothing: it is about the bookmark."""

    def close(self, delivered: Delivered, plan: Plan, *, done: bool) -> None:  # noqa: ARG002 - its plan is empty then
        """Count what came."""
        self._ledger = self._with(delivered, done=False)
        self._write_ledger()
        self.save(plan)

    def save(self, plan: Plan) -> None:
        """Keep the plan: a full export must not be tried in vain again."""
        self._state["repair"] = self._written_plan(plan)
        self._write_sizes()

    def finish(self) -> tuple[None, None]:
        """Do nothing: the bookmark stays."""
        return None, None


class RefreshState(SyncState):
    """A full refresh: everything again under one version, over as many runs as the quota needs."""

    def __init__(
        self, state: dict[str, Any], scope: Scope, settings: Settings, version: int, now: datetime
    ) -> None:
        super().__init__(state, scope, settings)
        self._bounded = settings.end_date is not None
        self._repeats = settings.refreshes
        refresh = refresh_under_way(self._saved, scope, settings)
        self.under_way = refresh is not None
        if refresh is None:
            given_up = self._saved.refresh and self._saved.refresh.version
            version = max(version, 1 + max(self._saved.version or 0, given_up or 0))
            refresh = SavedRefresh(began=now, version=version, since=settings.start_date)
        self.began = refresh.began  # unknown if an earlier release began it
        self._refreshed = refresh.began or now
        self._until = refresh.until
        self.version = refresh.version
        self.withheld = refresh.withheld or 0
        self.contradicted = bool(refresh.contradicted)
        self.from_scratch = self._until is None
        self.caught_up = False
        self.plan = self._read_plan(refresh.plan)
        self._delivered = refresh.delivered or 0
        self._since = settings.start_date
        self._ledger = self._read_ledger(
            refresh.ledger or (), self._since, self._until, self._delivered
        )
        self._refresh: dict[str, Any] = {
            "began": _written(self.began),
            "version": self.version,
            "delivered": self._delivered,
            "filters": scope.filters,
            "since": _written(settings.start_date),
            "until": _written(self._until),
            "plan": None,
            "withheld": self.withheld,
            "contradicted": self.contradicted,
            "ledger": written_ledger(self._ledger),
        }
        self.start = max(filter(None, (self._until, settings.start_date)), default=None)

    @property
    def left(self) -> int | None:
        """How many of the records that incremental runs delivered are still to be read."""
        delivered = self._saved.delivered
        return None if delivered is None else delivered - (self._delivered or 0)

    @property
    def least_end(self) -> datetime | None:
        """The bookmark: a refresh that ends before it cannot be activated."""
        return None if self._bounded else self._bookmark

    def close(self, delivered: Delivered, plan: Plan, *, done: bool) -> None:
        """Note how far the refresh is; the bookmark of incremental runs stays."""
        self._until = delivered.window.end
        self._delivered = (self._delivered or 0) + len(delivered.created)
        self._ledger = self._with(delivered, done=done)
        if timestamps.is_credible(self._until):
            self._refresh |= {
                "until": timestamps.canonical(self._until),
                "delivered": self._delivered,
                "withheld": self.withheld,
                "contradicted": self.contradicted,
                "ledger": written_ledger(self._ledger),
            }
        self.save(plan)

    def save(self, plan: Plan) -> None:
        """Keep the plan."""
        self._refresh["plan"] = self._written_plan(plan)
        self._state |= {"refresh": [self._refresh], "refresh_first": None}
        self._write_sizes()

    def finish(self) -> tuple[int | None, str | None]:
        """End the refresh: incremental runs continue where it ended.

        Its version is not activated if it ended before the bookmark or at `end_date`: the target
        would delete the later records.
        """
        self._state |= {"refresh": None, "refresh_first": None, "version": self.version}
        records = self._scope.resource.records
        before_bookmark = self._until and self._bookmark and self._until < self._bookmark
        if self._until is None or self._bounded or before_bookmark:
            return None, (
                f"The full refresh did not read the newest {records}, so deleted ones stay in the "
                "destination. Remove end_date and refresh again."
            )
        self._forget_sync()
        self._write_bookmark(self._until, self._since)
        complete = not self.withheld and not self.contradicted
        if self._repeats:
            self._state |= {
                "refreshed": timestamps.canonical(self._refreshed),
                "activated": complete and self.began is not None,
            }
        if complete:
            return self.version, None
        if self.withheld:
            return None, (
                f"The full refresh lacks {self.withheld:,} {records} that LeadLex withholds, so "
                "deleted ones stay in the destination."
            )
        return None, (
            f"LeadLex's {self._scope.resource.record} list shows more {records} than the full "
            "refresh received, so deleted ones stay in the destination until the next one."
        )


def _written(instant: datetime | None) -> str | None:
    return None if instant is None else timestamps.canonical(instant)
