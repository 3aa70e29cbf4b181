"""Leads a sweep through its steps: asks what it wants to know, hands on what is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.exports import Export
from tap_leadlex.patience import Stop
from tap_leadlex.windows import Ask, Edge, Remark

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from tap_leadlex.listing import ContactList
    from tap_leadlex.patience import Patience
    from tap_leadlex.sweep import Sweep
    from tap_leadlex.windows import Reply


def run(
    sweep: Sweep,
    patience: Patience,
    contacts: ContactList,
    close: Callable[[Export], None],
    logger: logging.Logger,
) -> Stop | None:
    """Run a sweep to its end, or as far as the quota takes it.

    Args:
        sweep: What to ask for.
        patience: Gets exports.
        contacts: Finds edges.
        close: Takes each export that was not full: writes its records and moves the bookmark.
        logger: Where remarks of the sweep go.

    Returns:
        Why the run ended early; `None` if it did not.
    """
    steps = sweep.steps()
    reply: Reply = None
    while True:
        try:
            step = steps.send(reply)
        except StopIteration:
            return None
        if isinstance(step, Remark):
            logger.info("%s", step.text)
            reply = None
        elif isinstance(step, Edge):
            reply = contacts.edge(step)
        else:
            got = patience.export(step)
            if isinstance(got, Stop):
                return got
            reply = got.answer if isinstance(got, Export) else got
            if isinstance(got, Export) and _is_last(got, step, close):
                return None


def _is_last(export: Export, ask: Ask, close: Callable[[Export], None]) -> bool:
    """Close a window unless its export was full; tell whether LeadLex's clock ends the run there.

    What lies beyond that clock is for a later run.
    """
    with export.batch:
        if export.answer.full:
            return False
        close(export)
        return export.window != ask.window
