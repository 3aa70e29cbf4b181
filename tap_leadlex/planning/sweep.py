"""The loop of a sync: ask the planner, export, learn, close the window, save the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from tap_leadlex.planning.windows import ExportRequest, ExportResult, Plan

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tap_leadlex.planning.planner import Planner

Result = TypeVar("Result", bound=ExportResult)


class Actions(Protocol[Result]):
    """The side effects of a sweep: over HTTP in the tap, over a model of LeadLex in tests."""

    def export(self, request: ExportRequest) -> AbstractContextManager[Result | None]:
        """Make one export, open inside the `with` block; `None` if it is too big to arrive."""

    def close(self, result: Result, plan: Plan, *, done: bool) -> None:
        """Deliver the records of a window, then move the bookmark and save the plan."""

    def save(self, plan: Plan) -> None:
        """Save the plan: the run may end at its next call."""


def sweep(planner: Planner, actions: Actions[Result]) -> None:
    """Export the windows of a run and close them in ascending order.

    The planner learns from an export before its records are delivered: it may contradict others.

    Raises:
        RunStopped: If the run may not make another export call.
        LeadLexError: If the sync cannot be completed.
    """
    learned = False
    while request := planner.next():
        if learned:  # choosing may have cost a look-up, which the next run can then save
            actions.save(planner.plan)
        _export(request, planner, actions)
        learned = True


def _export(request: ExportRequest, planner: Planner, actions: Actions[Result]) -> None:
    """Make one export and close its window, if it can."""
    with actions.export(request) as result:
        planner.learn(request, result)
        if result is None or result.full:
            actions.save(planner.plan)
        else:
            actions.close(result, planner.plan, done=planner.done)
