"""Check 3: states tell the truth about the contacts around them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from math import inf, isnan, nan
from typing import TYPE_CHECKING

from tap_leadlex.validation import claims
from tap_leadlex.validation.catalogue import Kind
from tap_leadlex.validation.claims import Claim

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_leadlex.validation.findings import Findings

_MOST_WINDOWS = 256
_CLOCK_SLACK = 5.0
"""Seconds by which a bookmark may be later than the last export: clocks print whole seconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """The contacts delivered between two bookmarks, and how many exports they came from."""

    start: float | None
    end: float
    contacts: int
    exports: int

    def __add__(self, after: Window) -> Window:
        """Join two windows that adjoin."""
        contacts, exports = self.contacts + after.contacts, self.exports + after.exports
        return Window(self.start, after.end, contacts, exports)


class Track:
    """One bookmark, and the contacts since the STATE that last moved it."""

    def __init__(self, origin: Claim, lookback: float = 0.0) -> None:
        self.origin = origin  # what the run started from
        self.claim = origin  # what the last STATE said
        self._reached = -inf if origin.position is None else origin.position
        # Contacts created before it may no longer come, except in a stretch read again.
        self._floor = self._reached - lookback
        self._delivered = 0 if origin.position is None else origin.counted
        self._moved = self.repaired = False
        self.forget()

    def forget(self) -> None:
        """Start over with the contacts since the last STATE."""
        self._created = array("d")
        self._newest = -inf
        self._newest_place: tuple[int, object] = (0, None)
        self._early: list[tuple[Kind, float, int, object]] = []

    @property
    def reached(self) -> float | None:
        """The bookmark, `None` for the beginning of history."""
        return None if self._reached == -inf else self._reached

    @property
    def uncovered(self) -> int:
        """How many contacts no STATE covers yet."""
        return len(self._created)

    def defer(self, kind: Kind, line: int, identity: object, created: float | None) -> bool:
        """Judge a contact at the next STATE if it is from below the bookmark; return whether."""
        if created is None or created >= self._reached:
            return False
        self._early.append((kind, created, line, identity))
        return True

    def record(self, line: int, identity: object, created: float, *, new: bool) -> None:
        """Take a contact."""
        if created < self._reached:
            if created < self._floor:
                kind = Kind.BOOKMARK_AHEAD if self._moved else Kind.BEFORE_RESUME
                self.defer(kind, line, identity, created)
            return
        if new:
            self._created.append(created)
        if created > self._newest:
            self._newest, self._newest_place = created, (line, identity)

    def advance(self, findings: Findings, line: int, claim: Claim, position: float) -> None:
        """Take a STATE that moves this bookmark, or repeats it."""
        if self._newest >= position:
            at, identity = self._newest_place
            beyond = sum(created >= position for created in self._created)
            findings.add(Kind.RECORD_AHEAD, line=at, identity=identity, count=max(beyond, 1))
        self.judge_early(findings, claim)
        self._compare_delivered(findings, line, claim)
        if position > self._reached:
            self._reached = self._floor = position
            self._moved = True
        self.claim = claim
        self.forget()

    def judge_early(self, findings: Findings, claim: Claim) -> None:
        """Judge contacts from below the bookmark: the tap reads some stretches again on purpose."""
        ranges = self.claim.read_again(claim) if self._early else ()
        for kind, created, line, identity in self._early:
            if not any(low <= created < high or isnan(created) for low, high in ranges):
                findings.add(kind, line=line, identity=identity)

    def _compare_delivered(self, findings: Findings, line: int, claim: Claim) -> None:
        """Compare the state's own count with the contacts that came since the last one."""
        before = self._delivered if claim.since == self.claim.since else 0
        self._delivered = claim.counted
        if claim.ledger != self.claim.ledger and claim.position == self.claim.position:
            self.repaired = True  # a stretch was read again: its number is what came
            return
        if before is None or claim.counted is None:
            return
        if lost := claim.counted - before - len(self._created):
            kind = Kind.UNCOUNTED if lost > 0 else Kind.MISCOUNTED
            findings.add(kind, line=line, count=abs(lost))


class Bookmarks:
    """Takes contacts and states in order.

    Attributes:
        told: Whether the state that the run was given is known.
        track: The bookmark that this run moves: that of the incremental runs, or of a refresh.
        position: The highest position that this run claimed, seconds since 1970, or `None`.
        windows: The windows that the states closed; of very many, neighbours are joined.
    """

    def __init__(
        self,
        findings: Findings,
        origin: Claim | None = None,
        lookback: float = 0.0,
        latest: Callable[[], float] = lambda: inf,
    ) -> None:
        """Start from what the run is said to have been given.

        Before its bookmark, the run repeats `lookback` seconds on purpose; `latest` returns the
        latest bookmark that is possible by now.
        """
        self._findings = findings
        self._lookback = lookback
        self._latest = latest
        self._extracted_at = nan
        self._contacts = self._exports = 0
        self._begun = self._stated = False
        self._refresh: Track | None = None
        self.told = origin is not None
        self.position: float | None = None
        self.windows: list[Window] = []
        self._start(origin or Claim())

    @property
    def refreshing(self) -> bool:
        """Whether this run is a full refresh."""
        return self.track is self._refresh

    def begin(self) -> None:
        """Take the first SCHEMA or RECORD: a STATE before it shows what the run was given."""
        self._begun = True

    def extract(self, at: float | None) -> None:
        """Take another time of extraction: another export was received."""
        self._extracted_at = nan if at is None else at
        self._exports += 1

    def record(
        self,
        line: int,
        identity: object,
        created: float | None,
        version: int | None,
        again: Kind | None,
    ) -> None:
        """Take a contact.

        Its `created` is `None` if it is invalid, `nan` if no property holds it; `again` says what
        is wrong if it came before.
        """
        self._contacts += 1
        if again is not None and (
            version is not None or not self._incremental.defer(again, line, identity, created)
        ):
            self._findings.add(again, line=line, identity=identity)
        if version is not None and (
            self._refresh is None or self._refresh.claim.version not in {version, None}
        ):
            self.track = self._refresh = Track(Claim(version=version))
        if created is None:
            self._findings.add(Kind.BAD_DATE, line=line, identity=identity)
            return
        self._incremental.record(line, identity, created, new=again is None)
        if version is not None and self._refresh is not None:
            self._refresh.record(line, identity, created, new=again is None)

    def state(self, line: int, value: object) -> None:
        """Take the value of a STATE."""
        try:
            claim = claims.read(value)
        except claims.BadStateError as error:
            self._stated = True
            self._forget()
            self._findings.add(Kind.BAD_STATE, line=line, detail=str(error))
            return
        for each in (claim, claim.under_way):
            if each is not None and (problem := each.contradiction):
                self._findings.add(Kind.LEDGER, line=line, detail=problem)
        if not self._begun:
            # It repeats what the run was given.
            if self.told and self._incremental.origin.position != claim.position:
                self._findings.add(Kind.RESUMED_ELSEWHERE, line=line)
            self.told = True
            self._start(claim)
        elif claim.under_way is not None and (
            self._refresh is None or claim.under_way != self._refresh.claim
        ):
            self._move_refresh(line, claim.under_way)
        elif (
            claim.under_way is None
            and self._refresh is not None
            and (self.refreshing or claim.position == self._refresh.reached)
        ):
            self.track = self._refresh
            self._end_refresh(line, claim)
        else:
            self.track = self._incremental
            self._move(line, claim)

    def end(self) -> None:
        """Take the end of the stream."""
        self.track.judge_early(self._findings, self.track.claim)
        if not self._stated and not self.told:
            self._findings.add(Kind.NO_STATE)
        elif self.track.uncovered:
            self._findings.add(Kind.UNCLOSED, count=self.track.uncovered)

    def _start(self, claim: Claim) -> None:
        """Continue from what a state claims."""
        self.track = self._incremental = Track(claim, self._lookback)
        self._refresh = None if claim.under_way is None else Track(claim.under_way)

    def _move_refresh(self, line: int, claim: Claim) -> None:
        """Take a STATE of a full refresh, which may have started anew."""
        refresh = self._refresh
        if refresh is None or refresh.claim.version not in {claim.version, None}:
            refresh = Track(Claim(version=claim.version))
        self.track = self._refresh = refresh
        if claim.position is None:
            refresh.claim = claim
        else:
            self._move(line, claim)

    def _end_refresh(self, line: int, claim: Claim) -> None:
        """Take the STATE that ends a refresh: the bookmark is its end, or stays above it."""
        reached = self.track.reached
        if claim.position is None or (reached is not None and claim.position < reached):
            self._move(line, claim)
        elif claim.position == reached:
            self._stated = True
            self.track.advance(self._findings, line, claim, claim.position)
        self._incremental = Track(claim)

    def _move(self, line: int, claim: Claim) -> None:
        """Take a STATE that moves the bookmark of this run."""
        track, position, add = self.track, claim.position, self._findings.add
        earlier, reached = track.claim, track.reached
        filters = (claim.list_id, claim.tags)
        if claim.explicit and earlier.explicit and (earlier.list_id, earlier.tags) != filters:
            add(Kind.FILTERS_CHANGED, line=line)
        if position is None:
            # It claims nothing, so it may not follow one that did.
            if earlier.position is not None:
                add(Kind.BOOKMARK_BACK, line=line, detail="it is gone")
            return
        self._stated = True
        if reached is not None and position < reached:
            again = sum(window.contacts for window in self.windows if window.end > position)
            add(Kind.BOOKMARK_BACK, line=line, count=max(again, 1))
        latest = self._latest()
        if not isnan(self._extracted_at):
            latest = min(latest, self._extracted_at + _CLOCK_SLACK)
        if position > latest:
            add(Kind.FUTURE_BOOKMARK, line=line)
        track.advance(self._findings, line, claim, position)
        self._close(reached, position)
        self._forget()
        self.position = max(position, self.position or position)

    def _forget(self) -> None:
        """Start over with the contacts since the last STATE."""
        self._incremental.forget()
        if self._refresh is not None:
            self._refresh.forget()

    def _close(self, start: float | None, end: float) -> None:
        """Close a window over the contacts since the last, unless it is empty in every way."""
        if start is not None and end <= start and not self._contacts:
            return
        self.windows.append(Window(start, end, self._contacts, self._exports))
        self._contacts = self._exports = 0
        if len(self.windows) > _MOST_WINDOWS:
            odd = self.windows[len(self.windows) // 2 * 2 :]
            pairs = zip(self.windows[::2], self.windows[1::2], strict=False)
            self.windows = [one + two for one, two in pairs] + odd
