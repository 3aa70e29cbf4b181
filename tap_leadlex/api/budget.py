"""What one export may cost: tries again, waits for the quota, or stops in good order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import tenacity

from tap_leadlex import timestamps
from tap_leadlex.api import quota
from tap_leadlex.api.client import date
from tap_leadlex.errors import BrokenExportError, GatewayError, QuotaError, TransportError
from tap_leadlex.planning.windows import Answer

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping

    from tap_leadlex.api.export import Export, Exporter
    from tap_leadlex.clock import Clock
    from tap_leadlex.planning.windows import Ask, Window
    from tap_leadlex.settings import Settings

# Every try draws on the quota. Where less can be asked for at once, that is tried before a third.
TRIES = 3
TRIES_IF_DIVISIBLE = 2
_LONGEST_SILENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Stop:
    """The run has to end here, in good order.

    Attributes:
        by: What ended it: `quota`, or the setting that did.
        reason: Why, as the beginning of a sentence.
        advice: What to do to have it go on, as a sentence.
        opens_in: How long it takes until the quota opens; `None` where that ended nothing.
    """

    by: str
    reason: str
    advice: str
    opens_in: timedelta | None = None


class Patience:
    """Gets exports out of an exporter, as far as the settings allow."""

    def __init__(
        self, exporter: Exporter, settings: Settings, clock: Clock, logger: logging.Logger
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            exporter: What makes the calls.
            settings: What they may cost: `max_exports` and `quota_wait_seconds`.
            clock: The local clock.
            logger: The stream's logger.
        """
        self._exporter = exporter
        self._max_exports = settings.max_exports
        self._allowed = timedelta(seconds=settings.quota_wait_seconds)
        self._clock = clock
        self._log = logger

    def export(self, ask: Ask) -> Export | Answer | Stop:
        """Export a window, with retries and waits as far as the settings allow.

        Args:
            ask: The window.

        Returns:
            What came back, with its batch open; or that it is too big to arrive, or that the run
            has to end.

        Raises:
            LeadLexError: If LeadLex refuses, or its answers cannot be used.
        """
        refusals = 0
        while True:
            try:
                return self._tried(ask)
            except _OutOfCallsError:
                return Stop(
                    "max_exports",
                    f"max_exports is reached ({self._exporter.calls} calls)",
                    "Run again to go on from there, or raise max_exports.",
                )
            except QuotaError as error:
                refusals += 1
                stop = self._wait_or_stop(error.headers, refusals)
                if stop:
                    return stop
            except GatewayError as error:
                if ask.divisible:
                    self._log.info("Window %s: %s Asking for less at once.", ask.window, error)
                    return Answer(full=False, too_big=True)
                raise _placed(error, ask.window) from error
            except BrokenExportError as error:
                raise _placed(error, ask.window) from error

    def _tried(self, ask: Ask) -> Export:
        """Make one call, and others where it broke on the way."""
        tries = TRIES_IF_DIVISIBLE if ask.divisible else TRIES
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransportError),
            stop=_stop_after(tries),
            wait=tenacity.wait_exponential_jitter(multiplier=2, max=60),
            sleep=self._clock.sleep,
            before_sleep=self._tell_of_retry,
            reraise=True,
        )
        return retrying(self._attempt, ask)

    def _attempt(self, ask: Ask) -> Export:
        """Make one call, unless the run has made as many as it may."""
        if self._max_exports is not None and self._exporter.calls >= self._max_exports:
            raise _OutOfCallsError
        return self._exporter.export(ask)

    def _wait_or_stop(self, headers: Mapping[str, str], refusals: int) -> Stop | None:
        """Wait until the quota opens, or tell to stop."""
        now = date(headers) or self._clock.now()
        decision = quota.decide(headers, now, refusals=refusals, allowed=self._allowed)
        opens = timestamps.plain(timestamps.floor(decision.opens))
        when = f"it opens at {opens}" if decision.told else f"it opens by {opens} at the latest"
        if decision.wait is None:
            opens_in = decision.opens - now
            return Stop(
                "quota",
                f"the quota of LeadLex is used up ({self._exporter.calls} export calls); {when}",
                "Run again then to go on from there, or let a run wait with "
                f"quota_wait_seconds (at least {opens_in.total_seconds():.0f}).",
                opens_in,
            )
        left = decision.wait
        self._allowed -= left
        while left > timedelta(0):
            self._log.info(
                "Waiting for the quota of LeadLex: %s (%.0f s left).", when, left.total_seconds()
            )
            nap = min(left, _LONGEST_SILENCE)
            self._clock.sleep(nap.total_seconds())
            left -= nap
        return None

    def _tell_of_retry(self, state: tenacity.RetryCallState) -> None:
        """Say why a call is repeated: it costs quota."""
        self._log.warning(
            "%s Trying again (one more of the export calls).",
            state.outcome.exception() if state.outcome else "",
        )


class _OutOfCallsError(Exception):
    """The run has made as many export calls as it may."""


def _stop_after(tries: int) -> Callable[[tenacity.RetryCallState], bool]:
    """Stop after some tries; a server that cannot be reached at all is tried as often as any."""

    def stop(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        return state.attempt_number >= (tries if isinstance(error, GatewayError) else TRIES)

    return stop


def _placed(error: BrokenExportError, window: Window) -> BrokenExportError:
    """Say of an error at which window the run ends."""
    msg = (
        f"Window {window}: {error} Nothing of it was handed on and the bookmark stays before it: "
        "run again to go on from there."
    )
    return type(error)(msg)
