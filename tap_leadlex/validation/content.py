"""Check 5 by a sample: contacts drawn at random, each compared with LeadLex field by field."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Any

from tap_leadlex.validation.api import alias, updated
from tap_leadlex.validation.catalogue import Kind
from tap_leadlex.validation.errors import ApiError
from tap_leadlex.validation.layout import KEY, KINDS, Match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tap_leadlex.validation.api import LeadLex
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.layout import Layout
    from tap_leadlex.validation.messages import Values

SLACK = 600.0
"""Seconds that an export may take between LeadLex's reading and the tap's noting the time."""
_RARE = 0.01
"""The share of contacts with a defect for which a sample's chance to miss it is given."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A contact of the sample, with when it was read from LeadLex (`None` if unknown)."""

    values: Values
    extracted: float | None


class Sample:
    """Contacts drawn while they arrive, each with the same chance (reservoir sampling)."""

    def __init__(self, size: int, seed: int) -> None:
        self.drawn: list[Drawn] = []
        self._size = size
        self._draw = Random(seed).random  # noqa: S311 - a sample, not a secret
        self._seen = 0

    def place(self) -> int | None:
        """Count one more contact; return its place in the sample, if it belongs there."""
        self._seen += 1
        full = len(self.drawn) == self._size
        place = int(self._draw() * self._seen) if full else len(self.drawn)
        return place if place < self._size else None

    def take(self, place: int, drawn: Drawn) -> None:
        """Put the contact just counted in its place."""
        self.drawn[place : place + 1] = [drawn]


class Verdict(StrEnum):
    """What the comparison of one contact says."""

    SAME = "same"
    DIFFERENT = "different"
    CHANGED = "changed in LeadLex since"
    GONE = "not in LeadLex"
    UNCOMPARABLE = "could not compare"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs; the values are for `--show-values` alone."""

    name: str
    match: Match
    delivered: object
    leadlex: object


@dataclass(frozen=True, slots=True)
class Compared:
    """One contact that was compared."""

    identity: str
    verdict: Verdict
    differences: Sequence[Difference] = ()


@dataclass(slots=True)
class Contents:
    """What the comparison of so many `contacts`, `of` those that arrived, says."""

    compared: list[Compared] = field(default_factory=list)  # if all were, those that differ
    contacts: int = 0
    of: int = 0
    columns: dict[str, Counter[Match]] = field(default_factory=dict)  # by delivered property
    every: bool = False  # whether every contact was to be compared
    changed: int = 0  # how many differ because LeadLex changed them after the sync started
    stopped: str = ""  # why not all were compared that were asked for

    def count(self, names: Iterable[str], match: Match = Match.EQUAL) -> None:
        """Count one value of each of some columns."""
        for name in names:
            self.columns.setdefault(name, Counter())[match] += 1

    def add(self, compared: Compared, findings: Findings) -> None:
        """Report a contact that differs."""
        for each in compared.differences:
            self.count([each.name], each.match)
            findings.add(Kind.DIFFERENT_VALUE, detail=each.name, identity=compared.identity)

    @property
    def complete(self) -> bool:
        """Whether each contact that arrived was compared."""
        return self.contacts == self.of and (self.every or self.of > 0)

    def summary(self) -> str:
        """Return what was compared and what that proves."""
        if self.every:
            some = f" of {self.of:,}" if self.contacts < self.of else ""
            return f"every value of {self.contacts:,}{some} contacts compared"
        text = f"{self.contacts:,} of {self.of:,} contacts compared"
        if 0 < self.contacts < self.of:
            missed = 100 * chance_to_miss(self.of, self.contacts)
            text += f": a defect in 1 % of the contacts would be missed with {missed:.0f} %"
        return text


def chance_to_miss(contacts: int, drawn: int) -> float:
    """Return the chance that a sample has none of the contacts with a rare defect."""
    whole = contacts - ceil(contacts * _RARE)
    chance = 1.0
    for number in range(drawn):
        chance *= max(whole - number, 0) / (contacts - number)
    return chance


def differences(
    layout: Layout, delivered: Values, contact: Mapping[str, Any]
) -> tuple[list[str], list[Difference]]:
    """Return the properties of a record that equal LeadLex's contact, and those that differ."""
    equal, found = [], []
    for name in delivered:
        how = layout.field(name)
        other = None if how is None else alias(contact, how.column)
        if how is None or other is None or isinstance(contact[other], dict):
            continue
        value = layout.value(name, delivered)
        match = how.match(value, contact[other])
        # LeadLex makes up a missing name when it shows a single contact.
        made_up = how.column == "full_name" and not value and "first_name" in contact
        if match is Match.EQUAL or made_up:
            equal.append(name)
        else:
            found.append(Difference(name, match, value, contact[other]))
    return equal, found


def compare_sample(
    api: LeadLex,
    findings: Findings,
    layout: Layout,
    sample: Sample,
    *,
    since: float,
    deletable: Callable[[], int | None],
) -> Contents:
    """Read the contacts of a sample from LeadLex and compare, as far as it answers.

    The sync started at `since`; `deletable` returns how many contacts at most were deleted
    meanwhile, if it is known.
    """
    contents = Contents()
    try:
        for one in sample.drawn:
            identity = one.values.get(layout.key or "")
            if isinstance(identity, str):
                contact = api.contact(identity)
                contents.compared.append(_compare(layout, identity, one, contact, since, contents))
    except ApiError as error:
        contents.stopped = str(error)
    verdicts = Counter(one.verdict for one in contents.compared)
    contents.contacts = verdicts.total() - verdicts[Verdict.UNCOMPARABLE]
    contents.changed = verdicts[Verdict.CHANGED]
    for compared in contents.compared:
        contents.add(compared, findings)
    if gone := [one for one in contents.compared if one.verdict is Verdict.GONE]:
        allowed = deletable()
        if len(gone) > (len(contents.compared) // 2 if allowed is None else allowed):
            for absent in gone:
                findings.add(Kind.UNKNOWN_CONTACT, identity=absent.identity)
    if contents.compared and not contents.contacts:
        contents.stopped = "Could not compare: LeadLex's answers do not show the contacts' fields."
    return contents


def _compare(
    layout: Layout,
    identity: str,
    drawn: Drawn,
    contact: Mapping[str, Any] | None,
    since: float,
    contents: Contents,
) -> Compared:
    if contact is None:
        return Compared(identity, Verdict.GONE)
    equal, found = differences(layout, drawn.values, contact)
    columns = {how.column for name in drawn.values if (how := layout.field(name)) is not None}
    compared = {*equal, *(each.name for each in found)} - {layout.key}
    if (not compared and columns & KINDS.keys() - {KEY}) or contact.get(KEY) != identity:
        return Compared(identity, Verdict.UNCOMPARABLE)
    changed = updated(contact)
    read = since if drawn.extracted is None else drawn.extracted - SLACK
    if found and changed is not None and changed >= read:
        return Compared(identity, Verdict.CHANGED)
    contents.count(equal)
    return Compared(identity, Verdict.DIFFERENT if found else Verdict.SAME, found)
