"""Histories: a workspace that its users change, and the runs of a tap that follow it.

A history is a number of nights. Users change the workspace, then the tap runs, from the last state
that the destination confirmed. After each run, the destination is compared with the workspace.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import ceil, log2
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self, TypeAlias

import pytest

from tap_leadlex.sandbox import Change, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.readings import ListMode
from tests.support.clock import FakeClock
from tests.support.records import record_of
from tests.support.runs import config_for
from tests.support.states import FULL_TABLE

if TYPE_CHECKING:
    from tap_leadlex.sandbox.row import Row
    from tests.support.common import Json
    from tests.support.runs import Run


_DRIFT_CHECK = 2 * (2 + 8)
"""Its list calls for the ends of the ledger and for eight other boundaries."""
_WHAT_TO_DO = 2
"""The list calls that decide about a full refresh that is due."""

Rows: TypeAlias = "dict[str, Row]"


@dataclass(frozen=True, kw_only=True)
class Night:
    """Some hours of changes, and the run at their end.

    Attributes:
        changes: The kinds and the numbers of the changes.
        hours: The time that they take.
        meanwhile: Changes during the run, by the number of the call before which they are made.
        full_table: Whether the catalog of the run asks for a full refresh.
        max_exports: The setting of the run.
        killed_at: Which share of its output arrives before the tap is killed; None if all does.
        loses: Whether the destination then loses what no STATE has confirmed.
    """

    changes: list[tuple[Change, int]]
    hours: int
    meanwhile: dict[int, tuple[Change, int]] = field(default_factory=dict)
    full_table: bool = False
    max_exports: int | None = None
    killed_at: float | None = None
    loses: bool = False


@dataclass(frozen=True, kw_only=True)
class History:
    """A workspace, how it is synced, and its nights.

    Attributes:
        nights: The nights.
        contacts: The contacts that it starts with.
        limit: The rows of an export.
        exports_an_hour: LeadLex's quota.
        reading: How LeadLex answers.
        settings: Further settings of the tap.
    """

    nights: list[Night]
    contacts: int
    limit: int
    exports_an_hour: int | None
    reading: Reading
    settings: Json


@dataclass
class Destination:
    """Keeps contacts by id, and deletes those of other versions on ACTIVATE_VERSION.

    Attributes:
        contacts: The contacts, by id.
        state: The last state that it confirmed.
        activated: Whether the last run activated a version.
    """

    contacts: dict[str, Json] = field(default_factory=dict)
    state: Json | None = None
    activated: bool = False
    _versions: dict[str, int | None] = field(default_factory=dict)

    def take(self, lines: list[str], *, loses: bool) -> None:
        """Process the messages of a run.

        Args:
            lines: The messages.
            loses: Whether to lose the contacts after the last STATE.
        """
        messages = [json.loads(line) for line in lines]
        if loses:
            states = [number for number, each in enumerate(messages) if each["type"] == "STATE"]
            del messages[states[-1] + 1 if states else 0 :]
        self.activated = False
        for message in messages:
            match message:
                case {"type": "RECORD", "record": record}:
                    self.contacts[record["id"]] = record
                    self._versions[record["id"]] = message.get("version")
                case {"type": "ACTIVATE_VERSION", "version": version}:
                    self.activated = True
                    self._versions = {
                        key: held for key, held in self._versions.items() if held == version
                    }
                    self.contacts = {key: self.contacts[key] for key in self._versions}
                case {"type": "STATE", "value": state}:
                    self.state = state


class Syncs:
    """The runs of a history, one after the other.

    Attributes:
        sandbox: The workspace.
        destination: Where it is synced to.
        run: The last run.
        finished: Whether the last run was neither stopped nor killed.
    """

    def __init__(self, history: History) -> None:
        """Start the sandbox.

        Args:
            history: The history.
        """
        self._history = history
        self._clock = FakeClock()
        self.sandbox = Sandbox(
            contacts=history.contacts,
            reading=history.reading,
            quotas=Quotas(exports=history.exports_an_hour),
            clock=self._clock,
        )
        self.destination = Destination()
        self.run: Run | None = None
        self.finished = False
        self._rows = self._now()
        self._owed = set(self._rows)
        self._touched: set[str] = set()  # since the refresh under way began
        self._continued = False
        self._ledger: list[tuple[str, int, str]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the sandbox."""
        self._stack.enter_context(self.sandbox)
        folder = self._stack.enter_context(TemporaryDirectory())
        self._report = Path(folder, "report.jsonl")
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the sandbox."""
        self._stack.close()

    @property
    def repaired(self) -> int:
        """How many ranges the last run exported again."""
        last = self._report.read_text("utf-8").splitlines()[-1]
        return sum(stream["repaired"] for stream in json.loads(last)["streams"])

    def play(self, night: Night) -> None:
        """Change the workspace, run the tap, and compare."""
        self._change(night)
        contacts = self._contacts
        self._continued = bool(contacts.get("refresh"))
        if not self._continued:
            self._touched = set()  # a refresh that starts now sees the workspace as it is
        self._ledger = contacts.get("ledger") or []
        config = config_for(
            self.sandbox,
            export_limit=self._history.limit,
            run_report=str(self._report),
            **self._history.settings,
        )
        if night.max_exports:
            config["max_exports"] = night.max_exports
        held = set(self.destination.contacts)
        exports, look_ups = len(self.sandbox.exports), len(self.sandbox.list_calls)
        cutoff = from_datetime(self._clock.at.replace(microsecond=0))
        before = self._rows
        seen = [before]
        for call, (kind, number) in night.meanwhile.items():
            self.sandbox.before_call[len(self.sandbox.calls) + call] = partial(
                self._change_meanwhile, kind, number, seen
            )
        self.run = self._clock.run(
            config, state=self.destination.state, catalog=FULL_TABLE if night.full_table else None
        )
        self.sandbox.before_call.clear()
        assert self.run.exit_code == 0, self.run.log
        assert not self.run.failures, self.run.log
        self._rows = seen[-1]
        moved = set().union(*(_different(before, rows) for rows in seen))
        self._touched |= moved
        self._owed |= {
            key for key in self._rows.keys() - before if self._rows[key].created >= cutoff
        }
        self._check_records(seen, cutoff)
        if not moved:
            self._check_calls(
                len(self.sandbox.exports) - exports, len(self.sandbox.list_calls) - look_ups
            )
        self._deliver(night)
        self.finished = (
            night.killed_at is None
            and "; completeness " in self.run.log
            and "Stopped: " not in self.run.log
        )
        self._check_destination(held, cutoff)

    @property
    def _contacts(self) -> Json:
        """The stream's part of the state."""
        found: Json = (self.destination.state or {}).get("bookmarks", {}).get("contacts", {})
        return found

    def _now(self) -> Rows:
        return {row.contact.id: row for row in self.sandbox.store.rows()}

    def _change(self, night: Night) -> None:
        """Make the changes of a night, the same time apart."""
        changes = [kind for kind, number in night.changes for _ in range(number)]
        for kind in changes:
            self._clock.at += timedelta(hours=night.hours) / (len(changes) + 1)
            self._make(kind)
        self._clock.at += timedelta(hours=night.hours) / (len(changes) + 1)
        before, self._rows = self._rows, self._now()
        self._touched |= _different(before, self._rows)
        closed = max(
            self._contacts.get("replication_key_value") or "",
            (self._contacts.get("refresh") or [{}])[0].get("until") or "",
        )
        for key in self._rows.keys() - before:
            # What is created with an earlier date is beyond an incremental run.
            if record_of(self._rows[key], "%Y-%m-%dT%H:%M:%S.%fZ")["created_at"] >= closed:
                self._owed.add(key)

    def _make(self, kind: Change) -> None:
        self.sandbox.changes.make(kind, from_datetime(self._clock.at))

    def _change_meanwhile(self, kind: Change, number: int, seen: list[Rows]) -> None:
        for _ in range(number):
            self._make(kind)
        seen.append(self._now())

    def _deliver(self, night: Night) -> None:
        assert self.run is not None
        lines = self.run.out.split("\n")[:-1]
        if night.killed_at is not None:
            lines = lines[: int(len(lines) * night.killed_at)]
        self.destination.take(lines, loses=night.killed_at is not None and night.loses)

    def _check_records(self, seen: list[Rows], cutoff: int) -> None:
        """Every record is a contact as it was during the run, and none comes twice in a sweep.

        A range that changed after the run had synced it is exported again at its end.
        """
        assert self.run is not None
        messages = self.run.of_type("RECORD")
        times = Counter((each["record"]["id"], each.get("version")) for each in messages)
        most = 1 + bool(self.repaired)
        assert max(times.values(), default=0) <= most, "a contact comes too often"
        for record in self.run.records:
            rows = [rows[record["id"]] for rows in seen if record["id"] in rows]
            assert record in map(record_of, rows)
            assert all(row.created < cutoff for row in rows)

    def _check_calls(self, exports: int, look_ups: int) -> None:
        """The run keeps within the bounds that the documentation states."""
        assert self.run is not None
        limit, records = self._history.limit, len(self.run.records)
        refused = self._history.reading.list_mode is ListMode.FORBIDDEN
        refreshes = "full_refresh_days" in self._history.settings
        stopped = "Stopped: " in self.run.log
        contacts = self._contacts
        caught_up = contacts.get("replication_key_value") and not contacts.get("under_way")
        one_sweep = caught_up and "version" not in self.run.out
        mirrored = self._history.settings.get("full_refresh_days") == 0 and not self._continued
        if not stopped and records < 0.95 * limit and (one_sweep or (mirrored and not refused)):
            most = 1 + refused  # one more checks a suspicious number of rows
        else:
            most = ceil(records / (0.95 * limit)) + 2 * (1 + refreshes)
            most *= 1 + 3 * refused  # a sample of few rows says little about the others
        most += self.repaired + stopped
        assert exports <= most, f"{exports} exports for {records} contacts"
        most = 2 * max(exports, 1) + _DRIFT_CHECK + _WHAT_TO_DO * refreshes
        changed = sum(count != len(here) for count, here in self._stretches())
        most += changed * 2 * ceil(log2(len(self._ledger) + 1))
        assert look_ups <= most, f"{look_ups} list calls for {exports} exports"

    def _stretches(self) -> list[tuple[int, set[str]]]:
        """Return, for each stretch of the ledger, its count and the contacts that are there."""
        times = sorted((row.created, key) for key, row in self._rows.items())
        found, first = [], 0
        for end, count, _ in self._ledger:
            last = bisect_left(times, (from_datetime(datetime.fromisoformat(end)), ""))
            found.append((count, {key for _, key in times[first:last]}))
            first = last
        return found

    def settle(self) -> None:
        """Run every day without changes, until the daily check has compared every boundary.

        Then every contact is in the destination, unless as many are gone from the same stretch.
        """
        quiet = 0
        for _ in range(200):
            self.play(Night(changes=[], hours=24))
            quiet = 0 if self.repaired else quiet + self.finished
            if quiet > 3 * ceil(len(self._ledger) / 8) + 1:
                break
        else:
            pytest.fail("the repairs never end")
        assert self._ledger
        if not self._rows and self._history.reading.list_mode is ListMode.NO_TOTAL:
            return  # an empty list that says no total may be one that shows nothing
        there = self.destination.contacts
        ghosts = [each for key, each in there.items() if key not in self._rows]
        start = ""
        for (count, here), (end, _, mark) in zip(self._stretches(), self._ledger, strict=True):
            assert mark == "ok"
            assert count == len(here), f"the stretch to {end} has another number of contacts"
            missing = len(here - there.keys())
            gone = sum(start <= each["created_at"] < end for each in ghosts)
            assert missing <= gone, f"{missing} contacts are missing before {end}"
            start = end

    def _check_destination(self, held: set[str], cutoff: int) -> None:
        """The destination has what the last run promises."""
        there = self.destination.contacts
        due = {key: record_of(row) for key, row in self._rows.items() if row.created < cutoff}
        if self.destination.activated:
            # What changed since the refresh began may have been read before.
            kept = {key: each for key, each in there.items() if key not in self._touched}
            still = {key: each for key, each in due.items() if key not in self._touched}
            assert kept == still, "a refresh ends with another content than the workspace has"
        else:
            assert there.keys() >= held, "a contact disappeared from the destination"
        self._check_refreshed()
        if self.finished:
            missing = self._owed & due.keys() - there.keys()
            assert not missing, f"{len(missing)} contacts are missing"

    def _check_refreshed(self) -> None:
        """A finished run leaves no full refresh that is due."""
        days = self._history.settings.get("full_refresh_days")
        if not self.finished or days is None:
            return
        age = self._clock.at - datetime.fromisoformat(self._contacts["refreshed"])
        assert age < timedelta(days=days) or not age or self._continued, "a full refresh is due"


def _different(before: Rows, after: Rows) -> set[str]:
    return {key for key in before.keys() | after if before.get(key) != after.get(key)}
