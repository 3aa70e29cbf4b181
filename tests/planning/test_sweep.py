"""The loop of a sync: in which order it asks, exports, learns, delivers and saves."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.errors import DenseInstantError, RunStopped, WithheldError
from tap_leadlex.planning.proof import Verdict
from tap_leadlex.planning.sweep import sweep
from tap_leadlex.planning.windows import Boundary, ExportRequest, ExportResult, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

START, HOUR = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1)
WINDOWS = [Window(START + number * HOUR, START + (number + 1) * HOUR) for number in range(3)]
CLOSED, FULL, LOST, DOUBTED, SHORT = "closed", "full", "lost", "doubted", "short"


class Script:
    """A planner and its actions in one: it plays given outcomes and notes what happens.

    Attributes:
        events: What happened, in order.
        failing: What `learn` raises for the last outcome, if anything.
    """

    def __init__(self, *outcomes: str, stop: bool = False, failing: bool = False) -> None:
        self._outcomes = outcomes
        self._at = 0
        self._stop = stop
        self._failing = failing
        self.events: list[str] = []

    @property
    def done(self) -> bool:
        """Whether all outcomes were played."""
        return self._at == len(self._outcomes)

    @property
    def plan(self) -> Sequence[Boundary]:
        """A plan that says how many outcomes were learned."""
        return [Boundary(START + self._at * HOUR)]

    def next(self) -> ExportRequest | None:
        """Return the next request."""
        self.events.append("next")
        if self.done and not self._stop:
            return None
        return ExportRequest(WINDOWS[min(self._at, 2)], 10)

    def learn(
        self,
        request: ExportRequest,
        result: ExportResult | None,
        export: Callable[[ExportRequest], ExportResult | None],
    ) -> Verdict[ExportResult]:
        """Learn an outcome."""
        outcome = self._outcomes[self._at]
        assert (result is None) == (outcome == LOST)
        self.events.append("learn")
        parts = [result] if result else []
        if outcome == DOUBTED and (other := export(request)):
            parts.append(other)
        self._at += 1
        if self.done and self._failing:
            raise DenseInstantError
        error = WithheldError("One contact is missing.") if outcome == SHORT else None
        return Verdict(() if outcome in {FULL, LOST} else tuple(parts), error=error)

    @contextmanager
    def export(self, request: ExportRequest) -> Iterator[ExportResult | None]:
        """Play an outcome."""
        if self._at == len(self._outcomes):
            raise RunStopped(by="max_exports", reason="It is reached", advice="Run again.")
        self.events.append("open")
        outcome = self._outcomes[self._at]
        yield None if outcome == LOST else ExportResult(request.window, outcome == FULL)
        self.events.append("release")

    def deliver(self, parts: Sequence[ExportResult]) -> None:
        """Deliver the records of a window."""
        self.events.append(f"deliver {len(parts)}")

    def close(self, parts: Sequence[ExportResult], plan: Sequence[Boundary], *, done: bool) -> None:
        """Close a window."""
        assert parts
        assert plan == self.plan
        self.events.append("close, done" if done else "close")

    def save(self, plan: Sequence[Boundary]) -> None:
        """Save the plan."""
        assert plan == self.plan
        self.events.append("save")


def play(script: Script) -> list[str]:
    """Sweep; return what happened."""
    planner: Any = script
    sweep(planner, script)
    return script.events


def test_a_window_is_learned_from_before_it_is_delivered() -> None:
    one = ["open", "learn", "deliver 1", "close, done", "release"]

    assert play(Script(CLOSED)) == ["next", *one, "next"]


def test_the_plan_is_saved_before_each_further_call() -> None:
    assert play(Script(CLOSED, CLOSED)) == [
        *["next", "open", "learn", "deliver 1", "close", "release"],
        *["next", "save", "open", "learn", "deliver 1", "close, done", "release"],
        "next",
    ]


@pytest.mark.parametrize("outcome", [FULL, LOST])
def test_what_cannot_be_closed_is_saved_as_a_plan(outcome: str) -> None:
    assert play(Script(outcome, CLOSED)) == [
        *["next", "open", "learn", "save", "release"],
        *["next", "save", "open", "learn", "deliver 1", "close, done", "release"],
        "next",
    ]


def test_an_export_that_contradicts_an_earlier_one_is_not_delivered() -> None:
    script = Script(CLOSED, CLOSED, failing=True)

    with pytest.raises(DenseInstantError):
        play(script)

    assert script.events.count("close") == 1
    assert "close, done" not in script.events


def test_an_export_that_settles_a_doubt_is_delivered_with_the_first_one() -> None:
    assert play(Script(DOUBTED)) == [
        *["next", "open", "learn", "open", "deliver 2", "close, done", "release", "release"],
        "next",
    ]


def test_a_window_that_lacks_records_is_delivered_but_not_closed() -> None:
    script = Script(SHORT)

    with pytest.raises(WithheldError):
        play(script)

    assert script.events == ["next", "open", "learn", "deliver 1"]


def test_a_stop_comes_after_the_plan_is_saved() -> None:
    script = Script(CLOSED, FULL, stop=True)

    with pytest.raises(RunStopped):
        play(script)

    assert script.events[-2:] == ["next", "save"]
