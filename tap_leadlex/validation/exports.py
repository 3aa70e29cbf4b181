"""Check 5 in full: exports of the validator's own, compared value by value in bounded memory."""

from __future__ import annotations

import csv
import io
import os
import sys
from dataclasses import replace
from itertools import pairwise
from math import ceil, floor, inf, isnan
from typing import IO, TYPE_CHECKING, Any

from tap_leadlex.validation.api import EXPORT_LIMIT, Listed, updated
from tap_leadlex.validation.content import Compared, Contents, Verdict, differences
from tap_leadlex.validation.errors import ApiError, CannotValidateError
from tap_leadlex.validation.findings import counted
from tap_leadlex.validation.instants import plain, seconds
from tap_leadlex.validation.layout import CREATED, KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


class FullComparison:
    """Compares every value of every contact of a range."""

    def __init__(self, api: LeadLex, layout: Layout, delivered: Delivered, covered: Range) -> None:
        self.contents = Contents(of=len(delivered), every=True)
        self.rows = 0  # contacts of the range in LeadLex
        self.missing: list[Listed] = []  # those that did not arrive
        self.surplus: list[float] = []  # when those that only arrived were created
        self._api = api
        self._layout = layout
        self._delivered = delivered
        self._covered = covered
        self._seen = bytearray(len(delivered))
        self._differing: list[Compared] = []

    def windows(self, contacts: int | None, most: int) -> list[tuple[float, float]]:
        """Return the ranges to export, each with fewer contacts than one export carries.

        `contacts` is their number by LeadLex's count, `None` if it is not known. If the sync has no
        dates, planning needs LeadLex's list.

        Raises:
            CannotValidateError: If more than `most` exports are needed, or the list fails.
        """
        covered, created = self._covered, self._delivered.sorted
        known = max(contacts or 0, len(self._delivered))
        parts = max(ceil(known / (_FULL * EXPORT_LIMIT)), 1)
        shares = [part / parts for part in range(1, parts)]
        if created:
            inner = {created[int(share * len(created))] for share in shares}
        else:
            # What arrived has no dates to plan by: LeadLex's list does.
            pages = [self._api.page(page=int(share * known), per_page=1) for share in shares]
            inner = {page.contacts[0].created for page in pages if page.contacts}
        low = -inf if covered.start is None else covered.start
        ends = sorted(end for end in map(floor, inner) if low < end < covered.end)
        windows = list(pairwise([low, *ends, covered.end]))
        if len(windows) > most:
            msg = (
                f"--content all needs {_calls(windows)}, but --max-exports is {most}. LeadLex "
                "allows ten an hour for the workspace: raise --max-exports, or compare a sample."
            )
            raise CannotValidateError(msg)
        return windows

    def compare(
        self, windows: Sequence[tuple[float, float]], tags: Sequence[str], findings: Findings
    ) -> None:
        """Export the ranges by the sync's tags and compare; raise `ApiError` if one fails."""
        names = self._delivered.record(0) if len(self._delivered) else ()
        fields = filter(None, map(self._layout.field, names))
        columns = dict.fromkeys((KEY, CREATED, *(each.column for each in fields)))
        for start, end in windows:
            query: dict[str, Any] = {"limit": EXPORT_LIMIT, "fields": ",".join(columns)}
            if start > -inf:
                query["created_after"] = plain(floor(start) - 1)
            query["created_before"] = plain(ceil(end) + 1)
            if tags:
                query["tag"] = list(tags)
            with self._api.export(query) as body:
                self._compare_export(body, start, end)
        contents, since = self.contents, self._covered.since
        contents.contacts = sum(self._seen)
        when = self._updated([one.identity for one in self._differing])
        for one in self._differing:
            if when.get(one.identity, -inf) < since:
                contents.add(one, findings)
                contents.compared.append(one)
        contents.changed = len(self._differing) - len(contents.compared)
        del contents.compared[_SHOWN:]
        when = self._updated([one.identity for one in self.missing])
        self.missing = [replace(one, updated=when.get(one.identity)) for one in self.missing]
        unseen = self._delivered.unseen(self._seen, self._covered.start, self._covered.end)
        self.surplus = [self._covered.end if isnan(created) else created for created in unseen]

    def _compare_export(self, body: IO[bytes], start: float, end: float) -> None:
        for number, row in enumerate(rows_of(body), start=1):
            if number == EXPORT_LIMIT:
                msg = (
                    f"Could not compare: {EXPORT_LIMIT:,} contacts or more in one export, so "
                    "LeadLex may have truncated it."
                )
                raise ApiError(msg)
            created = seconds(row[CREATED])
            if created is None:
                msg = "LeadLex's export has a created_at that is not a date-time."
                raise ApiError(msg)
            if start <= created < end:
                self._compare_row(row, created)

    def _compare_row(self, row: dict[str, str], created: float) -> None:
        self.rows += 1
        place = self._delivered.place(row[KEY])
        if place is None:
            self.missing.append(Listed(row[KEY], created, None))
        elif not self._seen[place]:
            self._seen[place] = 1
            equal, found = differences(self._layout, self._delivered.record(place), row)
            self.contents.count(equal)
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
    """Yield the rows of an export; raise `ApiError` if it is truncated or not CSV."""
    problem = ""
    if body.seek(0, os.SEEK_END):
        body.seek(-1, os.SEEK_END)
        problem = "" if body.read(1) == b"\n" else "is truncated: it does not end with a line break"
    body.seek(0)
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(body, encoding="utf-8-sig", newline="")
    try:
        lines = csv.reader(text, strict=True)
        header = next(lines, [])
        if not {KEY, CREATED} <= set(header):
            problem = problem or f"lacks the column {KEY} or {CREATED}"
        for cells in lines if not problem else ():
            if len(cells) != len(header):
                problem = "has a row of another length than its header"
                break
            yield dict(zip(header, cells, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        problem = f"is not valid CSV ({type(error).__name__})"
    finally:
        text.detach()
    if problem:
        msg = f"LeadLex's export {problem}."
        raise ApiError(msg)


def needs(windows: Sequence[object]) -> str:
    """Say how many export calls the full comparison takes."""
    return f"--content all takes {_calls(windows)} of the ten that LeadLex allows an hour"


def _calls(windows: Sequence[object]) -> str:
    return counted(len(windows), "export call")
