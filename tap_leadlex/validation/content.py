"""Check 5: a sample of contacts, each compared with LeadLex field by field."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tap_leadlex.resources import CONTACTS, Kind
from tap_leadlex.validation import catalogue
from tap_leadlex.validation.api import alias, updated
from tap_leadlex.validation.calls import ApiError
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.protocol import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tap_leadlex.validation.api import LeadLex
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.messages import Values
    from tap_leadlex.validation.sample import Drawn

_KINDS = {column.name: column.kind for column in CONTACTS.columns}
_SLACK = 600.0
"""Seconds that an export may take between LeadLex's reading and our noting the time."""


class Verdict(StrEnum):
    """What came of one contact of the sample."""

    SAME = "same"
    DIFFERENT = "different"
    CHANGED = "changed in LeadLex since"
    GONE = "not in LeadLex"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs; the values are for `--show-values` alone."""

    name: str
    delivered: object
    leadlex: object


@dataclass(frozen=True, slots=True)
class Compared:
    """One contact of the sample."""

    identity: str
    verdict: Verdict
    differences: Sequence[Difference] = ()


@dataclass(slots=True)
class Contents:
    """What the sample says.

    Attributes:
        compared: The contacts that were read.
        drawn: How many were drawn.
        stopped: Why not all were read; empty where they were.
    """

    compared: list[Compared] = field(default_factory=list)
    drawn: int = 0
    stopped: str = ""


def compare_sample(
    api: LeadLex,
    findings: Findings,
    sample: Iterable[Drawn],
    *,
    since: float,
    deletable: Callable[[], int | None],
) -> Contents:
    """Read the contacts of a sample from LeadLex and compare.

    Args:
        api: Whom to ask.
        findings: Where to put what is found.
        sample: The contacts.
        since: When the sync began, for contacts that do not tell when they were extracted.
        deletable: Says how many contacts may have been deleted meanwhile; `None` where nobody
            knows.

    Returns:
        What was compared, as far as LeadLex answered.
    """
    drawn = [one for one in sample if isinstance(one.values.get(KEY), str)]
    contents = Contents(drawn=len(drawn))
    try:
        for one in drawn:
            contents.compared.append(_compare(api, one, since))
    except ApiError as error:
        contents.stopped = str(error)
    for compared in contents.compared:
        for difference in compared.differences:
            findings.add(
                catalogue.DIFFERENT_VALUE, detail=difference.name, identity=compared.identity
            )
    if gone := [one for one in contents.compared if one.verdict is Verdict.GONE]:
        allowed = deletable()
        if len(gone) > (len(contents.compared) // 2 if allowed is None else allowed):
            for absent in gone:
                findings.add(catalogue.UNKNOWN_CONTACT, identity=absent.identity)
    return contents


def differences(delivered: Values, contact: Mapping[str, Any]) -> list[Difference]:
    """Compare a record with a contact, over the fields that both have."""
    found = []
    for name, value in delivered.items():
        other = alias(contact, name)
        if other is not None and not _equal(name, value, contact[other]):
            found.append(Difference(name, value, contact[other]))
    return found


def _compare(api: LeadLex, drawn: Drawn, since: float) -> Compared:
    identity = drawn.values[KEY]
    contact = api.contact(identity)
    if contact is None:
        return Compared(identity, Verdict.GONE)
    found = differences(drawn.values, contact)
    if not found:
        return Compared(identity, Verdict.SAME)
    read = since if drawn.extracted is None else drawn.extracted - _SLACK
    changed = updated(contact)
    if changed is not None and changed >= read:
        return Compared(identity, Verdict.CHANGED)
    return Compared(identity, Verdict.DIFFERENT, found)


def _equal(name: str, delivered: object, leadlex: object) -> bool:
    """Compare two values as LeadLex's two pages print one: it heals empty names on reading."""
    kind = _KINDS.get(name)
    if kind is Kind.TAGS:
        return _tags(delivered) == _tags(leadlex)
    if kind is Kind.TIMESTAMP:
        one, two = seconds(delivered), seconds(leadlex)
        return one is not None and two is not None and abs(one - two) < 1
    if isinstance(leadlex, dict | list):
        return True
    if name == "full_name" and not delivered:
        return True
    return _text(delivered) == _text(leadlex)


def _text(value: object) -> str:
    # The tap removes NUL, which databases refuse.
    return "" if value is None else str(value).replace("\0", "")


def _tags(value: object) -> list[str]:
    """Give tags without order; a comma within a tag cannot be told from one between two."""
    tags = value if isinstance(value, list) else [value]
    parts = ",".join(map(_text, tags)).split(",")
    return sorted(part.strip() for part in parts if part.strip())
