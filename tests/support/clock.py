"""The only fake clock of the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_leadlex.clock import Clock
from tests.support.runs import run

if TYPE_CHECKING:
    from tests.support.common import Json
    from tests.support.runs import Run


@dataclass
class FakeClock:
    """A clock that stands still until a test moves it or the tap waits.

    A sandbox takes it as its `clock`, and `run` runs a tap by it.

    Attributes:
        at: LeadLex's time.
        skew: How far this machine's clock is ahead of LeadLex's.
        slept: The tap's waits so far, in seconds.
    """

    at: datetime = datetime(2026, 7, 1, 12, tzinfo=UTC)
    skew: timedelta = timedelta(0)
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        """Return LeadLex's time."""
        return self.at

    def local(self) -> datetime:
        """Return this machine's time."""
        return self.at + self.skew

    def sleep(self, seconds: float) -> None:
        """Move the clock on instead of waiting."""
        assert seconds >= 0
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    def run(self, config: Json, **options: Any) -> Run:  # noqa: ANN401 - as `run` has them
        """Run the tap by this clock."""
        return run(config, clock=Clock(now=self.local, sleep=self.sleep), **options)
