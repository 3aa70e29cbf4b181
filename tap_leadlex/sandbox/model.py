"""LeadLex without HTTP: what an export request and a look-up of the list show of a store.

Property tests, benchmarks and pictures sweep it with the tap's own loop, in no time.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress

from tap_leadlex import timestamps
from tap_leadlex.errors import GatewayError, ListError, RunStopped
from tap_leadlex.planning.planner import Planner
from tap_leadlex.planning.proof import Proof, Prover
from tap_leadlex.planning.sweep import sweep
from tap_leadlex.planning.windows import (
    Boundary,
    ExportRequest,
    ExportResult,
    Listed,
    ListPage,
    Window,
)
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox.instants import SECOND, from_datetime, to_datetime
from tap_leadlex.sandbox.listing import page_shown
from tap_leadlex.sandbox.readings import ListMode, Precision
from tap_leadlex.sandbox.store import Store

_REFUSED = {ListMode.FORBIDDEN: 403, ListMode.MISSING: 404, ListMode.LIMITED: 429}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelExport(ExportResult):
    """The result of an export of the model.

    Attributes:
        numbers: The numbers of the records inside the window.
    """

    numbers: Sequence[int]


class Model:
    """A workspace that is swept, with what came of it.

    Args:
        store: The records that exports show.
        listed: The records that the list shows; the same if not given. If it differs, as under a
            filter that the list does not know, the list proves nothing.
        largest: The most rows that the gateway can stream; `None` for any number.
        cap: The most rows that any export has, whatever is requested; `None` for no cap.
        cuts: The rows that are left of exports, by their number from 1.

    Attributes:
        requests: The exports so far, in order.
        look_ups: How many look-ups of the list there were.
        closed: The closed windows, in order.
        delivered: The numbers of the records that were delivered, in order.
        plan: The plan saved last.
        notices: What the planner told the user.
        warnings: What the user was warned of.
        proof: What the completeness of the last run rests on.
        cap_found: At how many rows exports are truncated, as the runs have found.
        after_export: What happens after an export, by its number from 1.
        max_exports: The number of exports, of all runs, after which a run stops.
    """

    def __init__(
        self,
        store: Store,
        *,
        listed: Store | None = None,
        largest: int | None = None,
        cap: int | None = None,
        cuts: Mapping[int, int] | None = None,
    ) -> None:
        self.store = store
        self.listed = store if listed is None else listed
        self.largest = largest
        self.cap = cap
        self.cuts = cuts or {}
        self.requests: list[ExportRequest] = []
        self.look_ups = 0
        self.closed: list[Window] = []
        self.delivered = array("q")
        self.plan: Sequence[Boundary] = ()
        self.notices: list[str] = []
        self.warnings: list[str] = []
        self.proof: Proof | None = None
        self.cap_found: int | None = None
        self.after_export: dict[int, Callable[[], object]] = {}
        self.max_exports: int | None = None

    def sync(
        self,
        whole: Window,
        limit: int,
        *,
        whole_first: bool = False,
        use_list: bool = True,
        accept_short: bool = False,
        largest_recent: int = 0,
    ) -> bool:
        """Sweep a range in one run, from the plan that the last run saved.

        Args:
            whole: The range of the run.
            limit: The rows to ask for in one export.
            whole_first: Whether to try the whole range in one export first.
            use_list: Whether the list may be asked.
            accept_short: Whether to accept that exports withhold records that the list shows.
            largest_recent: The rows of the largest export of the last days.

        Returns:
            Whether all windows are closed; otherwise `max_exports` stopped the run.
        """
        prover = Prover(
            CONTACTS,
            self.page if use_list and self.listed is self.store else None,
            self.warnings.append,
            accept_short=accept_short,
            largest=largest_recent,
            cap=self.cap_found,
        )
        planner = Planner(
            CONTACTS,
            whole,
            min(limit, self.cap_found or limit),
            read=self.page if use_list else None,
            notify=self.notices.append,
            prover=prover,
            whole_first=whole_first,
            plan=self.plan,
        )
        try:
            sweep(planner, self)
        except RunStopped:
            return False
        finally:
            self.proof, self.cap_found = prover.proof, prover.cap
        return True

    def page(self, start: datetime | None, number: int, per_page: int) -> ListPage:
        """Return a page of the list from a second before a start on."""
        self.look_ups += 1
        mode = self.listed.reading.list_mode
        if mode in _REFUSED:
            msg = f"HTTP {_REFUSED[mode]}"
            raise ListError(msg)
        after = None if start is None else from_datetime(start - timestamps.SECOND)
        rows, total = page_shown(self.listed, page=number, per_page=per_page, after=after)
        entries = [
            Listed(self._printed(row.created), str(self.listed.book.number(row.record.id)))
            for row in rows
        ]
        return ListPage(entries, total)

    @contextmanager
    def export(self, request: ExportRequest) -> Iterator[ModelExport | None]:
        """Make one export."""
        if self.max_exports is not None and len(self.requests) >= self.max_exports:
            raise RunStopped(by="max_exports", reason="max_exports is reached", advice="Run again.")
        self.requests.append(request)
        after = None if request.after is None else from_datetime(request.after)
        before = from_datetime(request.before)
        most = min(request.limit, self.cap or request.limit)
        rows = self.store.export(after=after, before=before, limit=most)
        rows = rows.pick(range(min(len(rows), self.cuts.get(len(self.requests), len(rows)))))
        self.after_export.get(len(self.requests), lambda: None)()
        if self.largest is not None and len(rows) > self.largest:
            if not request.divisible:
                raise GatewayError
            yield None
            return
        yield self._result(request, rows.times, rows.numbers)

    def deliver(self, parts: Sequence[ModelExport]) -> None:
        """Deliver the records of a window."""
        for part in parts:
            self.delivered.extend(part.numbers)

    def close(
        self,
        parts: Sequence[ModelExport],
        plan: Sequence[Boundary],
        *,
        done: bool,  # noqa: ARG002 - a model has no state
    ) -> None:
        """Close a window."""
        self.closed.append(parts[0].window)
        self.plan = plan

    def save(self, plan: Sequence[Boundary]) -> None:
        """Save the plan."""
        self.plan = plan

    def _result(
        self, request: ExportRequest, times: Sequence[int], numbers: Sequence[int]
    ) -> ModelExport:
        """Return what the rows of an export show, as the tap's exporter does."""
        printed = [self._printed(time) for time in times]
        keys = list(map(str, numbers))
        inside = [
            instant in request.window and (not request.only or key in request.only)
            for instant, key in zip(printed, keys, strict=True)
        ]
        return ModelExport(
            window=request.window,
            full=len(times) >= request.limit,
            created=list(compress(printed, inside)),
            resolution=min(map(timestamps.resolution, printed), default=timestamps.SECOND),
            rows=len(times),
            keys=list(compress(keys, inside)),
            stray=request.stray(min(printed), max(printed)) if printed else timedelta(0),
            beside=[
                (key, instant)
                for key, instant in zip(keys, printed, strict=True)
                if instant not in request.window
            ],
            numbers=list(compress(numbers, inside)),
        )

    def _printed(self, kept: int) -> datetime:
        """Return the instant that LeadLex prints for one that it keeps."""
        if self.store.reading.precision is Precision.US_SHOWN_AS_S:
            kept -= kept % SECOND
        return to_datetime(kept)
