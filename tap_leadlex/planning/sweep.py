"""The loop of a sync: ask the planner, export, learn, close the window, save the plan."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, TypeVar

from tap_leadlex.planning.windows import ExportRequest, ExportResult, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from tap_leadlex.planning.planner import Planner

Result = TypeVar("Result", bound=ExportResult)


class Actions(Protocol[Result]):
    """The side effects of a sweep: over HTTP in the tap, over a model of LeadLex in tests."""

    def export(self, request: ExportRequest) -> AbstractContextManager[Result | None]:
        """Make one export, open inside the `with` block; `None` if it is too big to arrive."""

    def deliver(self, parts: Sequence[Result]) -> None:
        """Deliver the records of a window."""

    def close(self, parts: Sequence[Result], plan: Plan, *, done: bool) -> None:
        """Move the bookmark past a window whose records are delivered, and save the plan."""

    def save(self, plan: Plan) -> None:
        """Save the plan: the run may end at its next call."""


def sweep(planner: Planner, actions: Actions[Result]) -> None:
    """Export the windows of a run and close them in ascending order.

    The planner learns from an export, and settles doubts by others, before any record of it is
    delivered.

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
    """Make one export, and those that settle a doubt about it; close its window if possible."""
    with ExitStack() as exports:

        def export(request: ExportRequest) -> Result | None:
            return exports.enter_context(actions.export(request))

        verdict = planner.learn(request, export(request), export)
        if not verdict.parts:
            actions.save(planner.plan)
            return
        actions.deliver(verdict.parts)
        if verdict.error:
            raise verdict.error
        actions.close(verdict.parts, planner.plan, done=planner.done)
