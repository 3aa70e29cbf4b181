"""Check 3: states tell the truth about the contacts around them."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from tap_leadlex.validation import catalogue, claims
from tap_leadlex.validation.windows import WindowLog

if TYPE_CHECKING:
    from tap_leadlex.validation.claims import Claim
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.messages import State

_CLOCK_SLACK = 300.0
"""Seconds that two clocks may differ."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where the run is said to begin.

    Attributes:
        claim: The claim of the state that it was given; `None` where that is not known.
        lookback: Seconds before the bookmark that it repeats on purpose.
    """

    claim: Claim | None = None
    lookback: float = 0.0


class Bookmarks:
    """Takes contacts and states in order.

    Attributes:
        bookmark: The highest bookmark that this run claimed, seconds since 1970, or `None`.
        filters: The last claim that named its filters, or `None`.
        log: The windows that the states closed.
    """

    def __init__(
        self, findings: Findings, stream: str, resumption: Resumption, now: float = inf
    ) -> None:
        """Begin.

        Args:
            findings: Where to put what is found.
            stream: The stream that holds LeadLex's contacts.
            resumption: Where the run is said to begin.
            now: The present, seconds since 1970.
        """
        self._findings = findings
        self._stream = stream
        self._lookback = resumption.lookback
        self._now = now
        self.bookmark: float | None = None
        self.filters: Claim | None = None
        self.log = WindowLog()
        self._stated = False
        self._resumed = self._known = (
            None if resumption.claim is None else resumption.claim.bookmark
        )
        if resumption.claim is not None and resumption.claim.filtered:
            self.filters = resumption.claim
        # Contacts created before it may not come any more.
        self._floor = -inf if self._resumed is None else self._resumed - self._lookback
        self._newest = -inf
        self._newest_place: tuple[int, object] = (0, None)
        self._pending = 0
        self._versioned = False

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
            version: Its table version; only a full refresh has one, which begins anew below the
                bookmark of the incremental runs.
            extracted: When its export came, as printed.
        """
        self.log.count(extracted)
        self._pending += 1
        self._versioned = version is not None
        if created is None:
            self._findings.add(catalogue.BAD_DATE, line=line, identity=identity)
            return
        if created > self._newest:
            self._newest = created
            self._newest_place = line, identity
        if created < self._floor and not self._versioned:
            self._below_floor(line, identity, created)

    def state(self, line: int, message: State) -> None:
        """Take a STATE."""
        try:
            claim = claims.read(message.value, self._stream)
        except claims.BadStateError as error:
            self._stated = True
            self._pending = 0
            self._findings.add(catalogue.BAD_STATE, line=line, detail=str(error))
            return
        if claim.filtered:
            self._compare_filters(line, claim)
        if claim.bookmark is None:
            self._without_bookmark(line)
        else:
            self._advance(line, claim.bookmark)

    def end(self) -> None:
        """Take the end of the stream."""
        if self._pending and self._stated:
            self._findings.add(catalogue.UNCLOSED, count=self._pending)
        elif not self._stated:
            self._findings.add(catalogue.NO_STATE)

    def _without_bookmark(self, line: int) -> None:
        """Take a STATE without a bookmark: it claims nothing, so it may not follow one."""
        if self._known is not None:
            self._findings.add(catalogue.BOOKMARK_BACK, line=line, detail="it is gone")

    def _advance(self, line: int, bookmark: float) -> None:
        self._stated = True
        if self._resumed is None:
            self._resumed = bookmark
        if self._known is not None and bookmark < self._known:
            self._findings.add(catalogue.BOOKMARK_BACK, line=line)
        if self._newest >= bookmark and not self._versioned:
            at, identity = self._newest_place
            self._findings.add(catalogue.RECORD_AHEAD, line=at, identity=identity)
        if bookmark > self._now + _CLOCK_SLACK:
            self._findings.add(catalogue.FUTURE_BOOKMARK, line=line)
        self.log.close(self._known, bookmark, line)
        self._known = max(bookmark, self._known or bookmark)
        self.bookmark = max(bookmark, self.bookmark or bookmark)
        self._floor = max(self._floor, bookmark)
        self._newest = -inf
        self._pending = 0

    def _below_floor(self, line: int, identity: object, created: float) -> None:
        if self.bookmark is None:
            self._findings.add(catalogue.BEFORE_RESUME, line=line, identity=identity)
        elif self._resumed is None or not (
            self._resumed - self._lookback <= created < self._resumed
        ):
            self._findings.add(catalogue.BOOKMARK_AHEAD, line=line, identity=identity)

    def _compare_filters(self, line: int, claim: Claim) -> None:
        earlier, self.filters = self.filters, claim
        if earlier and (earlier.list_id, earlier.tags) != (claim.list_id, claim.tags):
            self._findings.add(catalogue.FILTERS_CHANGED, line=line)
