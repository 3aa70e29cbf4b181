"""Check 2: no contact twice, none without an id."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

from tap_leadlex.validation import catalogue

if TYPE_CHECKING:
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.ledger import Ledger


class Keys:
    """Takes contacts in order and enters them into the ledger.

    Attributes:
        repeats: Contacts that came again.
    """

    def __init__(self, findings: Findings, ledger: Ledger) -> None:
        """Begin.

        Args:
            findings: Where to put what is found.
            ledger: Where to enter the contacts.
        """
        self._findings = findings
        self._ledger = ledger
        self.repeats = 0

    def record(self, line: int, identity: object, content: int, created: float | None) -> bool:
        """Take a contact.

        Args:
            line: Its line.
            identity: Its id, or whatever stands in its place.
            content: A digest of all its values.
            created: Its creation instant, if it has one.

        Returns:
            Whether it is a contact not seen before.
        """
        if not isinstance(identity, str) or not identity.strip():
            self._findings.add(catalogue.EMPTY_ID, line=line)
            return False
        earlier = self._ledger.add(identity, content, nan if created is None else created)
        if earlier is None:
            return True
        self.repeats += 1
        kind = catalogue.REPEAT if earlier == content else catalogue.CONFLICT
        self._findings.add(kind, line=line, identity=identity)
        return False
