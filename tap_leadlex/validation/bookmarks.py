"""Check 3: states tell the truth about the contacts around them."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from tap_leadlex.validation import catalogue, claims
from tap_leadlex.validation.claims import Claim
from tap_leadlex.validation.windows import WindowLog

if TYPE_CHECKING:
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.messages import State

_CLOCK_SLACK = 300.0
"""Seconds that two clocks may differ."""


class Bookmarks:
    """Takes contacts and states in order.

    Attributes:
        origin: What the state that the run was given claims; `None` where nothing tells.
        claim: The last claim of this run, or the origin.
        position: The highest position that this run claimed, seconds since 1970, or `None`.
        refreshing: Whether this is a full refresh.
        log: The windows that the states closed.
    """

    def __init__(
        self,
        findings: Findings,
        stream: str,
        *,
        origin: Claim | None = None,
        lookback: float = 0.0,
        now: float = inf,
    ) -> None:
        """Begin.

        Args:
            findings: Where to put what is found.
            stream: The stream that holds LeadLex's contacts.
            origin: What the state claims that the run is said to have been given.
            lookback: Seconds before its bookmark that the run repeats on purpose.
            now: The present, seconds since 1970.
        """
        self._findings = findings
        self._stream = stream
        self._lookback = lookback
        self._now = now
        self.origin = origin
        self.position: float | None = None
        self.log = WindowLog()
        self._begun = self._stated = self._moved = False
        self._newest_place: tuple[int, object] = (0, None)
        self._newest = -inf
        self._fresh = 0
        self._start(origin or Claim())

    def begin(self) -> None:
        """Take the first SCHEMA: a STATE before it tells what the run was given."""
        self._begun = True

    def record(
        self,
        line: int,
        identity: object,
        created: float | None,
        version: int | None,
        extracted: str | None,
    ) -> None:
        """Take a contact.

        Args:
            line: Its line.
            identity: Its id.
            created: Its creation instant, if it has one.
            version: Its table version; only a full refresh has one.
            extracted: When its export came, as printed.
        """
        self.log.count(extracted)
        if version is not None and not self.refreshing:
            # It begins anew, below the bookmark of the incremental runs.
            self._start(Claim(refreshing=True))
        if created is None:
            self._findings.add(catalogue.BAD_DATE, line=line, identity=identity)
            return
        if created >= self._reached:
            self._fresh += 1
        if created > self._newest:
            self._newest = created
            self._newest_place = line, identity
        if created < self._floor:
            kind = catalogue.BOOKMARK_AHEAD if self._moved else catalogue.BEFORE_RESUME
            self._findings.add(kind, line=line, identity=identity)

    def state(self, line: int, message: State) -> None:
        """Take a STATE."""
        try:
            claim = claims.read(message.value, self._stream)
        except claims.BadStateError as error:
            self._stated = True
            self._fresh = 0
            self._findings.add(catalogue.BAD_STATE, line=line, detail=str(error))
            return
        if not self._begun:
            self._resume(line, claim)
            return
        self._compare_filters(line, claim)
        if claim.position is None and claim.refreshing:
            self._start(claim)
        elif claim.position is None:
            # It claims nothing, so it may not follow one that did.
            if self.claim.position is not None:
                self._findings.add(catalogue.BOOKMARK_BACK, line=line, detail="it is gone")
        elif claim.refreshing or not self._ends_bounded_refresh(claim):
            self._advance(line, claim, claim.position)

    def end(self) -> None:
        """Take the end of the stream."""
        if not self._stated and self.origin is None:
            self._findings.add(catalogue.NO_STATE)
        elif self._fresh:
            self._findings.add(catalogue.UNCLOSED, count=self._fresh)

    def _start(self, claim: Claim) -> None:
        """Go on from what a claim says."""
        self.claim = claim
        self.refreshing = claim.refreshing
        self._delivered: int | None = 0 if claim.position is None else claim.delivered
        self._reached = -inf if claim.position is None else claim.position
        # Contacts created before it may not come any more.
        self._floor = self._reached - self._lookback
        self._newest = -inf
        self._fresh = 0

    def _resume(self, line: int, claim: Claim) -> None:
        """Take the STATE that repeats what the run was given."""
        if self.origin is not None and self.origin.position != claim.position:
            self._findings.add(catalogue.RESUMED_ELSEWHERE, line=line)
        self.origin = claim
        self._start(claim)

    def _advance(self, line: int, claim: Claim, position: float) -> None:
        if claim.refreshing and not self.refreshing:
            self._start(Claim(refreshing=True))
        self._stated = True
        if position < self._reached:
            self._findings.add(catalogue.BOOKMARK_BACK, line=line)
        if self._newest >= position:
            at, identity = self._newest_place
            self._findings.add(catalogue.RECORD_AHEAD, line=at, identity=identity)
        if position > self._now + _CLOCK_SLACK:
            self._findings.add(catalogue.FUTURE_BOOKMARK, line=line)
        self._compare_delivered(line, claim)
        self.log.close(None if self._reached == -inf else self._reached, position, line)
        if position > self._reached:
            self._reached = self._floor = position
            self._moved = True
        self.claim = claim
        self.position = max(position, self.position or position)
        self._newest = -inf
        self._fresh = 0

    def _ends_bounded_refresh(self, claim: Claim) -> bool:
        """Tell whether a refresh ended below the bookmark, which then stays where it was."""
        return self.claim.refreshing and (claim.position or 0.0) < self._reached

    def _compare_filters(self, line: int, claim: Claim) -> None:
        earlier = self.claim
        if (
            claim.explicit
            and earlier.explicit
            and (earlier.list_id, earlier.tags) != (claim.list_id, claim.tags)
        ):
            self._findings.add(catalogue.FILTERS_CHANGED, line=line)

    def _compare_delivered(self, line: int, claim: Claim) -> None:
        """Hold the state's own count against the contacts that came since the last one."""
        before = self._delivered if claim.since == self.claim.since else 0
        self._delivered = claim.delivered
        if before is None or claim.delivered is None:
            return
        lost = claim.delivered - before - self._fresh
        if lost > 0:
            self._findings.add(catalogue.UNCOUNTED, line=line, count=lost)
