"""A target that keeps contacts and checks the order of the messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.states import bookmark, refresh_in

if TYPE_CHECKING:
    from tests.support.common import Json


class Target:
    """A target that confirms a STATE once it has kept everything before it.

    Attributes:
        kept: The contacts with the version they came under, by id.
        state: The last STATE that it confirmed.
        pending: Contacts that no STATE has followed yet. They are lost if the target dies.
        states: The number of STATEs from the current tap.
        activated: The versions that were activated.
    """

    def __init__(self, limit: int) -> None:
        """Start empty.

        Args:
            limit: The rows of one export. A window holds fewer.
        """
        self._limit = limit
        self.kept: dict[str, tuple[Json, int | None]] = {}
        self.state: Json | None = None
        self.pending: dict[str, tuple[Json, int | None]] = {}
        self.states = 0
        self.activated: list[int] = []

    @property
    def records(self) -> list[Json]:
        """The contacts, by id."""
        return [self.kept[contact_id][0] for contact_id in sorted(self.kept)]

    def restart(self) -> None:
        """Lose what was not confirmed, as after a crash."""
        self.pending = {}
        self.states = 0

    def take(self, line: bytes) -> None:
        """Process one message."""
        match message := json.loads(line):
            case {"type": "RECORD", "record": record}:
                contact = (record, message.get("version"))
                if contact == self.kept.get(record["id"]):
                    closed = _closed_until(self.state)
                    assert closed is None or closed <= record["created_at"], "a closed window again"
                assert record["id"] not in self.pending, "a duplicate within one run"
                self.pending[record["id"]] = contact
                assert len(self.pending) < self._limit, "more than one window is open"
            case {"type": "STATE", "value": state}:
                self._keep()
                self.state = state
                self.states += 1
            case {"type": "ACTIVATE_VERSION", "version": version}:
                self._keep()
                self.activated.append(version)
                self.kept = {key: kept for key, kept in self.kept.items() if kept[1] == version}

    def _keep(self) -> None:
        self.kept |= self.pending
        self.pending = {}


def _closed_until(state: Json | None) -> str | None:
    """Return the end of the last closed window to the second, if there is one."""
    refresh = refresh_in(state or {})
    end: str | None = refresh["until"] if refresh else bookmark(state or {})
    return end and end.replace(".000000Z", "Z")
