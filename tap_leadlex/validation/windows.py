"""The windows of a run, as its states closed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST = 256


@dataclass(frozen=True, slots=True)
class Window:
    """What lies between two bookmarks.

    Attributes:
        start: The earlier bookmark, seconds since 1970; `None` where there was none.
        end: The later one.
        contacts: Contacts delivered between the two.
        exports: Exports that these came from, told apart by when they were received.
        line: The line of the STATE.
    """

    start: float | None
    end: float
    contacts: int
    exports: int
    line: int


class WindowLog:
    """Windows in order; when there are very many, neighbours are joined."""

    def __init__(self) -> None:
        """Begin empty."""
        self._windows: list[Window] = []
        self._contacts = 0
        self._exports = 0
        self._extracted: str | None = None

    @property
    def windows(self) -> Sequence[Window]:
        """The windows so far."""
        return self._windows

    def count(self, extracted: str | None) -> None:
        """Count a contact.

        Args:
            extracted: When its export was received, as printed.
        """
        self._contacts += 1
        if extracted != self._extracted:
            self._extracted = extracted
            self._exports += 1

    def close(self, start: float | None, end: float, line: int) -> None:
        """Close a window over the contacts counted since the last, unless it is none at all."""
        if start is not None and end <= start and not self._contacts:
            return
        self._windows.append(Window(start, end, self._contacts, self._exports, line))
        self._contacts = self._exports = 0
        if len(self._windows) > _MOST:
            pairs = zip(self._windows[::2], self._windows[1::2], strict=False)
            odd = self._windows[len(self._windows) // 2 * 2 :]
            self._windows = [_joined(*pair) for pair in pairs] + odd


def _joined(one: Window, two: Window) -> Window:
    return Window(
        one.start, two.end, one.contacts + two.contacts, one.exports + two.exports, two.line
    )
