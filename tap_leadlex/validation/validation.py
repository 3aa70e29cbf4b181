"""One validation, from the first count to the outcome."""

from __future__ import annotations

import time
from contextlib import nullcontext
from math import isnan
from typing import TYPE_CHECKING

from tap_leadlex.validation.api import LeadLex
from tap_leadlex.validation.catalogue import Check, Kind
from tap_leadlex.validation.completeness import FirstCount, Range, covered, known_start
from tap_leadlex.validation.content import SLACK
from tap_leadlex.validation.counts import Counter
from tap_leadlex.validation.errors import ApiError
from tap_leadlex.validation.findings import Findings
from tap_leadlex.validation.live import Arrived, LiveChecks
from tap_leadlex.validation.messages import DownstreamEndedError
from tap_leadlex.validation.outcome import Outcome
from tap_leadlex.validation.stream import StreamValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_leadlex.validation.delivered import Delivered
    from tap_leadlex.validation.destination import Destination
    from tap_leadlex.validation.messages import Values
    from tap_leadlex.validation.options import Options

_OUR_SLACK, _LEADLEX_SLACK = 300.0, 5.0
"""Seconds by which a bookmark may be later than the clock of this machine, or than LeadLex's."""
_LEAST = 1e-6
_NO_STREAM = "a table has no messages"
_NO_KEY = "not asked: no key"
_ENDED_EARLY = "The program after this one ended before the stream did; read its log."
_INFERRED = (
    "Counted from the first contact of the stream on. To have the start checked too, pass --state, "
    "--start-date or --first-sync."
)


class Validation:
    """Validates one stream or one destination."""

    def __init__(
        self,
        options: Options,
        source: str,
        *,
        live: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Start; with a key and a `live` stream, count before anything of it is read.

        `source` names what is validated; `say` tells the user something beforehand.
        """
        self.findings = Findings()
        self._options = options
        self._say = say
        self._began = time.monotonic()
        self._outcome = Outcome(source)
        list_id, self._tags = options.filters
        self._api = None
        if options.api_key is not None:
            url, key, budget = options.api_url, options.api_key, options.max_calls
            self._api = LeadLex(url, key, list_id=list_id, budget=budget)
        self._state: Values | None = None
        self._ahead: float | None = None  # LeadLex's clock before ours
        self._first = self._count_first() if live else None
        self.expected = None if self._first is None else self._first.contacts

    def stream(self, blocks: Iterable[list[bytes]], watch: Callable[[int], object]) -> Outcome:
        """Validate the lines of a stream, some at a time; `watch` learns how many contacts came."""
        validator = StreamValidator(self.findings, self._options, self._latest)
        outcome = self._outcome
        take = validator.line
        with self._api or nullcontext():
            try:
                for lines in blocks:
                    for line in lines:
                        take(line)
                    watch(validator.records)
            except DownstreamEndedError:
                outcome.stopped = dict.fromkeys(Check, _ENDED_EARLY)
            else:
                validator.end()
                self._ask_about_stream(validator)
        self._state = validator.state
        outcome.lines = validator.lines
        outcome.windows = validator.bookmarks.windows
        return self._ended(validator.delivered)

    def destination(self, place: Destination, watch: Callable[[int], object]) -> Outcome:
        """Validate a table or CSV files; `watch` learns how many rows came."""
        options = self._options
        self._outcome.skipped = {Check.PROTOCOL: _NO_STREAM, Check.BOOKMARKS: _NO_STREAM}
        arrived = place.read(options, self.findings, watch)
        delivered = arrived.delivered
        end: float | None = options.state.position if options.state is not None else None
        if end is None:
            newest = max((each for each in delivered.created if not isnan(each)), default=None)
            end = (place.written or time.time()) if newest is None else newest + _LEAST
        with self._api or nullcontext():
            known = Range(options.start_date, end, end)
            self._ask(arrived, known, options.tags, by_month=True)
        return self._ended(delivered)

    @property
    def acknowledged(self) -> Values | None:
        """The state that may be acknowledged: the last one of a stream without findings."""
        return None if self.findings or self._outcome.stopped else self._state

    def _ended(self, delivered: Delivered) -> Outcome:
        outcome = self._outcome
        delivered.close()
        outcome.findings = self.findings.worst_first()
        outcome.contacts, outcome.repeats = len(delivered), delivered.repeats
        if self._api is not None:
            outcome.calls, outcome.exports = self._api.made, self._api.exports
        outcome.seconds = time.monotonic() - self._began
        return outcome

    def _latest(self) -> float:
        """Return the latest bookmark that is possible by now."""
        if self._ahead is None:
            return time.time() + _OUR_SLACK
        return time.time() + self._ahead + _LEADLEX_SLACK

    def _count_first(self) -> FirstCount | None:
        """Count what LeadLex has before the sync reads it."""
        api, options = self._api, self._options
        if api is None:
            return None
        start = known_start(options, options.state, lookback=options.lookback_seconds)
        try:
            contacts = Counter(api).since(start)
        except ApiError as error:
            self._outcome.notes.append(f"No count before the sync: {error}")
            return None
        self._ahead = api.now - time.time()
        return None if self._tags else FirstCount(start, contacts, api.now)

    def _ask_about_stream(self, validator: StreamValidator) -> None:
        """Do the checks that need LeadLex, over the range that the states claim."""
        marks, options, outcome = validator.bookmarks, self._options, self._outcome
        claim, api = marks.track.claim, self._api
        tags = claim.tags if claim.explicit else options.tags
        if api is not None and claim.explicit and claim.list_id != api.list_id:
            api.list_id, self._first = claim.list_id, None
        if self._first is not None:
            since = self._first.at
        elif validator.extracted is not None:
            since = validator.extracted - SLACK
        else:
            since = marks.position or time.time()
        known = covered(options, marks, validator.delivered, since, self._first)
        if known is None:
            outcome.skipped[Check.COMPLETENESS] = "no STATE says how far the sync got"
        elif known.inferred and api is not None:
            outcome.notes.append(_INFERRED)
        for name, number in validator.unchecked.items():
            outcome.notes.append(f"{name}: {number:,} records, compared with their SCHEMA only.")
        if validator.layout.created is None and marks.track.repaired:
            why = "the tap exported ranges again, and without dates nothing tells them apart"
            outcome.skipped[Check.COMPLETENESS] = why
        known = known or Range(None, marks.position or time.time(), since)
        self._ask(validator.arrived, known, tags, by_month=options.by_month)
        self._say_where_lost()

    def _ask(
        self, arrived: Arrived, known: Range, tags: tuple[str, ...], *, by_month: bool
    ) -> None:
        """Compare what arrived with LeadLex."""
        outcome = self._outcome
        arrived.describe(outcome)
        if self._api is None:
            outcome.skipped |= dict.fromkeys((Check.COMPLETENESS, Check.CONTENT), _NO_KEY)
            return
        checks = LiveChecks(self._api, self._options, self.findings, outcome, arrived)
        checks.run(known, tags, self._say, by_month=by_month)

    def _say_where_lost(self) -> None:
        """Make one finding of missing contacts and the states that count them."""
        findings, notes = self.findings, self._outcome.notes
        if not findings.of(Kind.MISSING) + findings.of(Kind.COUNT_MISMATCH):
            return
        if uncounted := findings.of(Kind.UNCOUNTED):
            findings.drop(Kind.UNCOUNTED)
            notes.append(
                f"Missing contacts: the tap counted {uncounted:,} of them as delivered, so they "
                "were lost after it."
            )
        else:
            notes.append(
                "Missing contacts: the states count no more contacts than arrived. The tap did not "
                "deliver them, or their ids were changed after it."
            )
