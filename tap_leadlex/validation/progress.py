"""A bar on a terminal; nothing where nobody looks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

_EVERY = 0.2
_WIDTH = 24


class Progress:
    """Tells how many contacts came, and how many a second."""

    def __init__(
        self,
        out: TextIO,
        expected: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            out: Where to draw; silent unless it is a terminal.
            expected: How many contacts there may be; `None` where nobody knows.
            clock: The time in seconds.
        """
        self._out = out
        self._expected = expected
        self._clock = clock
        self._began = self._drawn = clock()
        self._shown = out.isatty()

    def update(self, contacts: int) -> None:
        """Draw, unless that was done just now."""
        if not self._shown:
            return
        now = self._clock()
        if now - self._drawn >= _EVERY:
            self._drawn = now
            rate = contacts / (now - self._began)
            line = f"{contacts:,} contacts, {rate:,.0f} a second"
            self._out.write(f"\r\x1b[K{self._bar(contacts)}{line}")
            self._out.flush()

    def clear(self) -> None:
        """Wipe the bar away."""
        if self._shown:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def _bar(self, contacts: int) -> str:
        if not self._expected:
            return ""
        full = min(_WIDTH * contacts // self._expected, _WIDTH)
        return "[" + "#" * full + "." * (_WIDTH - full) + "] "
