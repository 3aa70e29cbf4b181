"""Check 5 in full: exports of the validator's own, compared value by value in bounded memory."""

from __future__ import annotations

import csv
import io
import os
import sys
from math import ceil, floor, inf, isnan
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_leadlex.validation.api import EXPORT_LIMIT, Listed, updated
from tap_leadlex.validation.content import Compared, Contents, Verdict, differences
from tap_leadlex.validation.errors import ApiError, CannotValidateError
from tap_leadlex.validation.instants import plain, seconds
from tap_leadlex.validation.layout import CREATED, KEY, Match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from tap_leadlex.validation.api import LeadLex
    from tap_leadlex.validation.completeness import Range
    from tap_leadlex.validation.delivered import Delivered
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.layout import Layout

_FULL = 0.96
"""The share of an export's limit that is planned with: contacts may have come meanwhile."""
_SHOWN = 100
_ASKED = 50
"""Ask LeadLex at most so often whether a contact that differs was changed since."""


class Seen(NamedTuple):
    """What the exports showed.

    Attributes:
        contents: The comparison of values.
        rows: Contacts of the range in LeadLex.
        missing: Those that did not arrive.
        surplus: The creation instants of those that only arrived.
    """

    contents: Contents
    rows: int
    missing: Sequence[Listed]
    surplus: Sequence[float]


class FullComparison:
    """Compares every value of every contact of a range."""

    def __init__(
        self, api: LeadLex, findings: Findings, layout: Layout, delivered: Delivered, covered: Range
    ) -> None:
        """Start.

        Args:
            api: What to ask.
            findings: Where to add what is found.
            layout: How records are compared.
            delivered: What arrived, with its records.
            covered: What the sync is said to cover.
        """
        self._api = api
        self._findings = findings
        self._layout = layout
        self._delivered = delivered
        self._covered = covered
        self._seen = bytearray(len(delivered))
        self._missing: list[Listed] = []
        self._differing: list[Compared] = []
        self._rows = 0
        self._contents = Contents(of=len(delivered), every=True)

    def windows(self, contacts: int | None) -> list[tuple[float | None, float]]:
        """Return the ranges to export, each with fewer contacts than one export carries.

        Args:
            contacts: How many contacts LeadLex counts, if it does.

        Raises:
            ApiError: If LeadLex's list is needed and does not answer.
        """
        covered, created = self._covered, self._delivered.sorted
        most = max(contacts or 0, len(self._delivered))
        parts = max(ceil(most / (_FULL * EXPORT_LIMIT)), 1)
        inner = {
            float(floor(created[len(created) * part // parts]))
            for part in range(1, parts)
            if created
        }
        if not created and parts > 1:
            # What arrived has no dates to plan by: LeadLex's list does.
            pages = (most * part // parts for part in range(1, parts))
            listed = (self._api.page(page=page, per_page=1).contacts for page in pages)
            inner = {float(floor(each[0].created)) for each in listed if each}
        low = -inf if covered.start is None else covered.start
        ends = [*sorted(each for each in inner if low < each < covered.end), covered.end]
        return list(zip([covered.start, *ends], ends, strict=False))

    def compare(self, windows: Sequence[tuple[float | None, float]], tags: Sequence[str]) -> Seen:
        """Export the ranges and compare.

        Args:
            windows: The ranges.
            tags: The tags that the sync was filtered by.

        Raises:
            ApiError: If LeadLex does not send a whole export.
        """
        columns = {KEY: None, CREATED: None}
        columns |= {each.column: None for each in self._fields()}
        for start, end in windows:
            query: dict[str, Any] = {"limit": EXPORT_LIMIT, "fields": ",".join(columns)}
            if start is not None:
                query["created_after"] = plain(floor(start) - 1)
            query["created_before"] = plain(ceil(end) + 1)
            if tags:
                query["tag"] = list(tags)
            with self._api.export(query) as body:
                self._window(body, start, end)
        contents, since = self._contents, self._covered.since
        contents.contacts = sum(self._seen)
        when = self._updated([one.identity for one in self._differing])
        for one in self._differing:
            if when.get(one.identity, -inf) < since:
                contents.add(one, self._findings)
                contents.compared.append(one)
        contents.changed = len(self._differing) - len(contents.compared)
        del contents.compared[_SHOWN:]
        when = self._updated([one.identity for one in self._missing])
        missing = [
            Listed(one.identity, one.created, when.get(one.identity)) for one in self._missing
        ]
        unseen = self._delivered.unseen(self._seen, self._covered.start, self._covered.end)
        created = (self._delivered.created[position] for position in unseen)
        surplus = [self._covered.end if isnan(each) else each for each in created]
        return Seen(contents, self._rows, missing, surplus)

    def _fields(self) -> Iterator[Any]:
        """Yield how the properties of the first record are compared."""
        if len(self._delivered):
            for name in self._delivered.record(0):
                if (how := self._layout.field(name)) is not None:
                    yield how

    def _window(self, body: IO[bytes], start: float | None, end: float) -> None:
        rows = 0
        for row in rows_of(body):
            rows += 1
            created = seconds(row[CREATED])
            if created is None:
                msg = "LeadLex's export has a created_at that is not a date-time."
                raise ApiError(msg)
            if (start is None or created >= start) and created < end:
                self._row(row, created)
        if rows >= EXPORT_LIMIT:
            msg = (
                f"Could not compare: more than {EXPORT_LIMIT:,} contacts in one export, so LeadLex "
                "may have truncated it."
            )
            raise ApiError(msg)

    def _row(self, row: dict[str, str], created: float) -> None:
        self._rows += 1
        position = self._delivered.position(row[KEY])
        if position is None:
            self._missing.append(Listed(row[KEY], created, None))
            return
        if self._seen[position]:
            return
        self._seen[position] = 1
        equal, found = differences(self._layout, self._delivered.record(position), row)
        for name in equal:
            self._contents.count(name, Match.EQUAL)
        if found:
            self._differing.append(Compared(row[KEY], Verdict.DIFFERENT, found))

    def _updated(self, identities: Sequence[str]) -> dict[str, float]:
        """Ask LeadLex when contacts were last changed: some of them, if they are many.

        If all of these were changed since the sync started, so were the others, as far as this
        program can tell.
        """
        when: dict[str, float] = {}
        asked = identities[:: max(len(identities) // _ASKED, 1)]
        for identity in asked:
            if self._api.left <= 1:
                return when
            try:
                contact = self._api.contact(identity)
            except ApiError:
                return when
            changed = None if contact is None else updated(contact)
            if changed is not None:
                when[identity] = changed
        if len(when) == len(asked) and all(each >= self._covered.since for each in when.values()):
            when = dict.fromkeys(identities, self._covered.end) | when
        return when


def rows_of(body: IO[bytes]) -> Iterator[dict[str, str]]:
    """Yield the rows of an export, or of another CSV file.

    Raises:
        CannotValidateError: If it is truncated or not CSV.
    """
    if body.seek(0, os.SEEK_END):
        body.seek(-1, os.SEEK_END)
        if body.read(1) != b"\n":
            msg = "The CSV is truncated: it does not end with a line break."
            raise ApiError(msg)
    body.seek(0)
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(body, encoding="utf-8-sig", newline="")
    try:
        lines = csv.reader(text, strict=True)
        header = next(lines, [])
        if KEY not in header or CREATED not in header:
            msg = f"LeadLex's export lacks the column {KEY} or {CREATED}."
            raise ApiError(msg)
        for cells in lines:
            if len(cells) != len(header):
                msg = "LeadLex's export has a row of another length than its header."
                raise ApiError(msg)
            yield dict(zip(header, cells, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        msg = f"LeadLex's export is not valid CSV ({type(error).__name__})."
        raise ApiError(msg) from None
    finally:
        text.detach()


def needs(windows: Sequence[object], most: int) -> str:
    """Say how many export calls the full comparison takes.

    Raises:
        CannotValidateError: If it may not take so many.
    """
    number = len(windows)
    calls = f"{number} export call{'s' * (number != 1)}"
    if number > most:
        msg = (
            f"--content all needs {calls}, but --max-exports is {most}. LeadLex allows ten an hour "
            "for the workspace: raise --max-exports, or compare a sample."
        )
        raise CannotValidateError(msg)
    return f"--content all takes {calls} of the ten that LeadLex allows an hour"
