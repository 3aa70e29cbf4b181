"""Trials: taps that are stopped at random moments, and others that go on from there.

One trial has a sandbox, a target, and several taps one after the other. Each tap but the last is
stopped at a random moment; the next one starts from the last STATE that the target confirmed. At
the end the target must hold what LeadLex holds.
"""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tap_leadlex.sandbox import History, Quotas, Reading, Sandbox
from tap_leadlex.sandbox.faults import ListFault
from tap_leadlex.sandbox.readings import Bound, Order
from tests.support.processes import Ending, TapProcess
from tests.support.records import by_id, truth
from tests.support.runs import env_for
from tests.support.states import FULL_TABLE
from tests.support.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.common import Json

_LIMIT = 50
_VARIANTS = 24
_END = "2026-06-02T00:00:00Z"
"""After all contacts that a sandbox starts with, so every run has the same cut-off."""


@dataclass(frozen=True)
class Variant:
    """What a trial syncs.

    Attributes:
        contacts: The number of contacts.
        history: When they were created.
        reading: How LeadLex answers.
        list_refused: Whether LeadLex refuses the contact list.
        refresh: Whether this is a full refresh.
        pace: Seconds that the target takes for each read.
    """

    contacts: int
    history: History
    reading: Reading
    list_refused: bool
    refresh: bool
    pace: float

    @classmethod
    def draw(cls, number: int) -> Variant:
        """Return variant `number`."""
        random = Random(number)  # noqa: S311 - variety, not secrecy
        return cls(
            contacts=random.randint(100, 400),
            history=random.choice([History.EVEN, History.GROWING]),
            reading=Reading(
                order=random.choice(list(Order)),
                lower=random.choice(list(Bound)),
                upper=random.choice(list(Bound)),
            ),
            list_refused=random.random() < 1 / 4,
            refresh=random.random() < 1 / 3,
            pace=random.choice([0, 0.002]),
        )

    def sandbox(self) -> Sandbox:
        """Return a sandbox for it, always with the same contacts."""
        return Sandbox(
            contacts=self.contacts,
            history=self.history,
            reading=self.reading,
            quotas=Quotas(exports=None),
            list_faults=dict.fromkeys(range(1, 1_000 * self.list_refused), ListFault.FORBIDDEN),
        )

    def start(self, sandbox: Sandbox, folder: Path, target: Target) -> TapProcess:
        """Start a tap from the last STATE that the target confirmed."""
        target.restart()
        limits: dict[str, object] = {"export_limit": _LIMIT}
        if not self.refresh:
            limits["end_date"] = _END
        catalog = FULL_TABLE if self.refresh else None
        return TapProcess(
            folder, target, env_for(sandbox, **limits), catalog=catalog, pace=self.pace
        )


@dataclass(frozen=True)
class Trial:
    """The outcome of one trial.

    Attributes:
        endings: How its taps were stopped.
        extra: The exports beyond those of an undisturbed sync.
        list_refused: Whether LeadLex refused the contact list.
    """

    endings: list[Ending]
    extra: int
    list_refused: bool


def attempt(seed: int) -> Trial:
    """Run the trial of one seed.

    Raises:
        AssertionError: If the tap broke a promise.
    """
    random = Random(seed)  # noqa: S311 - variety, not secrecy
    number = random.randrange(_VARIANTS)
    variant = Variant.draw(number)
    exports = _undisturbed(number)
    target = Target(_LIMIT)
    endings: list[Ending] = []
    with variant.sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        for ending in random.choices(list(Ending), k=random.randint(1, 3)):
            with variant.start(sandbox, Path(folder), target) as tap:
                moment = _moment(random, variant, sandbox, target)
                while not moment() and tap.read(0.001):
                    pass
                tap.read(random.uniform(0, 0.01))
                endings.append(ending)
                tap.check(ending, tap.stop(ending))
            if _is_done(target.state):
                break
        else:
            with variant.start(sandbox, Path(folder), target) as tap:
                tap.check(None, tap.end())
        assert _is_done(target.state)
        assert target.records == by_id(truth(sandbox)), "the target and LeadLex differ"
        assert len(set(target.activated)) == variant.refresh, "a refresh activates one version"
        extra = len(sandbox.exports) - exports
    # A target that dies loses what the pipe holds, too: the end of the window before.
    allowed = len(endings) + endings.count(Ending.GONE)
    if variant.list_refused and variant.reading.order in {Order.SHUFFLED, Order.BY_ID}:
        # Rows in no order are a sample. A sample of 50 says little, so windows come back full.
        allowed += 3 * len(endings)
    assert extra <= allowed, f"{extra} extra exports: {endings}"
    return Trial(endings, extra, list_refused=variant.list_refused)


@functools.cache
def _undisturbed(number: int) -> int:
    """Return the exports that a sync of a variant needs if nothing stops it."""
    variant, target = Variant.draw(number), Target(_LIMIT)
    with variant.sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        with variant.start(sandbox, Path(folder), target) as tap:
            tap.check(None, tap.end())
        return len(sandbox.exports)


def _moment(
    random: Random, variant: Variant, sandbox: Sandbox, target: Target
) -> Callable[[], bool]:
    """Choose when to stop a tap: at some call, or at the arrival of some contact."""
    left = variant.contacts - len(target.kept)
    if random.random() < 1 / 2:
        calls = len(sandbox.calls) + random.randint(1, 2 + 2 * left // _LIMIT)
        return lambda: len(sandbox.calls) >= calls
    contacts = len(target.kept) + random.randint(1, max(left, 1))
    return lambda: len(target.kept) + len(target.pending) >= contacts


def _is_done(state: Json | None) -> bool:
    """Return whether a state is that of a finished sync."""
    contacts = (state or {}).get("bookmarks", {}).get("contacts", {})
    return "version" in contacts or contacts.get("replication_key_value", "") >= _END[:-1]
