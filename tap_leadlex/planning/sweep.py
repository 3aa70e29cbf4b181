"""Leads a sweep through its steps: asks what it wants to know, hands on what is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.api.export import Export
from tap_leadlex.planning.windows import Answer, Edge, Remark

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from tap_leadlex.api.budget import Patience, Stop
    from tap_leadlex.api.listing import ContactList
    from tap_leadlex.planning.planner import Sweep
    from tap_leadlex.planning.windows import Ask, Reply


def run(
    sweep: Sweep,
    patience: Patience,
    contacts: ContactList,
    close: Callable[[Export], None],
    keep: Callable[[], None],
    logger: logging.Logger,
) -> Stop | None:
    """Run a sweep to its end, or as far as the quota takes it.

    Args:
        sweep: What to ask for.
        patience: Gets exports.
        contacts: Finds edges.
        close: Takes each export that was not full: writes its records and moves the bookmark.
        keep: Notes what the sweep has learnt from an export: the run may end at the next call.
        logger: Where remarks of the sweep go.

    Returns:
        Why the run ended early; `None` if it did not.
    """
    steps = sweep.steps()
    reply: Reply = None
    learnt = False
    while True:
        try:
            step = steps.send(reply)
        except StopIteration:
            return None
        reply = None
        if isinstance(step, Remark):
            logger.info("%s", step.text)
            continue
        if learnt:
            keep()
        if isinstance(step, Edge):
            reply = contacts.edge(step)
        else:
            told = _answer(step, patience, close)
            if not isinstance(told, Answer):
                return told
            reply, told = told, None  # what it showed is not kept while the next one is read
            learnt = True


def _answer(ask: Ask, patience: Patience, close: Callable[[Export], None]) -> Answer | Stop | None:
    """Export a window, and close it unless the export was full.

    Returns:
        What it told; or why the run ends, which is `None` where LeadLex's clock ends it: what lies
        beyond that is for a later run.
    """
    export = patience.export(ask)
    if not isinstance(export, Export):
        return export
    with export.batch:
        if not export.answer.full:
            close(export)
            if export.window != ask.window:
                return None
    return export.answer
