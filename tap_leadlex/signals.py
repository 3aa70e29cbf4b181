"""Signals, which end a run wherever it is: when they may come."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay SIGINT and SIGTERM until the end of a `with` block.

    The handler writes a STATE and exits, wherever the program is: in the middle of a line that
    waits for a full pipe, or halfway through a change of the state.

    A thread that starts in the block never takes these signals. Otherwise it could take one that
    the main thread delays, and the handler would run at once.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
