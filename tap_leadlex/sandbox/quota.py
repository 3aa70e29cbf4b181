"""Quotas: how many calls a workspace has left, and the headers that describe them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime

from tap_leadlex.sandbox.instants import DAY, SECOND, show, to_datetime
from tap_leadlex.sandbox.readings import Precision, ResetStyle, RetryAfter

_DAY_SECONDS = DAY // SECOND
_PRO_DAILY = 1_000


@dataclass(frozen=True, kw_only=True)
class Quotas:
    """The sizes of the quotas; None means unlimited.

    Attributes:
        exports: Export calls per window.
        window_seconds: The length of that window.
        aligned: Whether windows start at whole multiples of their length instead of rolling.
        daily: Calls of any kind per day; the day starts at midnight UTC.
        minute: Calls of any kind per rolling minute.
        refused_count: Whether refused calls count too.
        separate: Whether each resource has an export quota of its own.
    """

    exports: int | None = 10
    window_seconds: int = 3_600
    aligned: bool = False
    daily: int | None = None
    minute: int | None = None
    refused_count: bool = False
    separate: bool = False


@dataclass
class Window:
    """One quota: `size` calls per `seconds`, rolling or aligned. Times are in microseconds."""

    size: int | None
    seconds: int
    aligned: bool = False
    _calls: deque[int] = field(default_factory=deque)

    def spent(self, now: int) -> bool:
        """Return whether no call is left."""
        self._drop_old(now)
        return self.size is not None and len(self._calls) >= self.size

    def use(self, now: int) -> None:
        """Count a call."""
        self._calls.append(now)

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()

    def remaining(self, now: int, size: int) -> int:
        """Return how many of `size` calls are left."""
        self._drop_old(now)
        return max(0, size - len(self._calls))

    def resets_at(self, now: int) -> int:
        """Return when the next call becomes available."""
        length = self.seconds * SECOND
        if self.aligned:
            return (now // length + 1) * length
        return self._calls[0] + length if self._calls else now + length

    def _drop_old(self, now: int) -> None:
        length = self.seconds * SECOND
        horizon = now // length * length if self.aligned else now - length + 1
        while self._calls and self._calls[0] < horizon:
            self._calls.popleft()


class QuotaBook:
    """The quotas of one workspace, and the calls that count against them.

    Attributes:
        exports: The export quota; with `separate`, that of the first resource.
        daily: The daily quota.
        minute: The quota per minute.
    """

    def __init__(self, quotas: Quotas, first: str = "contacts") -> None:
        self._quotas = quotas
        self.exports = self._new_window()
        self._exports = {first: self.exports}
        self.daily = Window(quotas.daily, _DAY_SECONDS, aligned=True)
        self.minute = Window(quotas.minute, 60)

    def exports_of(self, resource: str) -> Window:
        """Return the export quota of a resource."""
        if not self._quotas.separate:
            return self.exports
        return self._exports.setdefault(resource, self._new_window())

    def take(self, now: int, *, export: str | None) -> Window | None:
        """Count a call made now; return the window that refuses it, or None.

        Args:
            now: The time of the call.
            export: The resource that the call exports, or None if it is not an export.
        """
        windows = [self.minute, self.daily]
        if export is not None:
            windows.append(self.exports_of(export))
        refusing = next((window for window in windows if window.spent(now)), None)
        if refusing is None or self._quotas.refused_count:
            for window in windows:
                window.use(now)
        return refusing

    def reset(self) -> None:
        """Restore all quotas."""
        for window in (*self._exports.values(), self.daily, self.minute):
            window.clear()

    def _new_window(self) -> Window:
        return Window(self._quotas.exports, self._quotas.window_seconds, self._quotas.aligned)


def headers(window: Window, now: int, style: ResetStyle) -> Mapping[str, str]:
    """Return the `X-RateLimit-*` headers for `window`."""
    if style is ResetStyle.NONE:
        return {}
    size = _PRO_DAILY if window.size is None else window.size
    remaining = window.remaining(now, size)
    reset = window.resets_at(now)
    shown = {
        ResetStyle.EPOCH_S: str(-(-reset // SECOND)),
        ResetStyle.EPOCH_MS: str(-(-reset // 1_000)),
        ResetStyle.SECONDS_LEFT: str(-(-(reset - now) // SECOND)),
        ResetStyle.ISO: show(-(-reset // SECOND) * SECOND, Precision.S),
    }[style]
    return {
        "X-RateLimit-Limit": str(size),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": shown,
    }


def retry_after(window: Window, now: int, form: RetryAfter) -> Mapping[str, str]:
    """Return the `Retry-After` header of a call that `window` refused."""
    seconds = -(-(window.resets_at(now) - now) // SECOND)
    match form:
        case RetryAfter.NONE:
            return {}
        case RetryAfter.SECONDS:
            return {"Retry-After": str(seconds)}
        case RetryAfter.DATE:
            return {
                "Retry-After": format_datetime(to_datetime(now + seconds * SECOND), usegmt=True)
            }
