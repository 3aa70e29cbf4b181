"""The budget of a run, whatever the number of streams: export calls, and waits for the quota."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import tenacity

from tap_leadlex import timestamps
from tap_leadlex.api import quota
from tap_leadlex.api.client import date
from tap_leadlex.errors import (
    BrokenExportError,
    GatewayError,
    OversizedError,
    QuotaError,
    RunStopped,
    TransportError,
    UnreachableError,
)
from tap_leadlex.progress import RunLog, export_calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_leadlex.api.export import Export
    from tap_leadlex.clock import Clock
    from tap_leadlex.planning.windows import ExportRequest

    Attempt: TypeAlias = Callable[[ExportRequest], Export]

# Every attempt draws on the quota. If less can be asked for, that comes before a third attempt.
TRIES = 3
TRIES_IF_DIVISIBLE = 2
_LONGEST_SILENCE = timedelta(minutes=1)


class Budget:
    """Makes export calls as far as the settings allow.

    Args:
        max_exports: The most export calls of the run; `None` for any number.
        wait: How long the run may wait for the quota in all.
    """

    def __init__(self, max_exports: int | None, wait: timedelta, clock: Clock) -> None:
        self._max_exports = max_exports
        self._wait = wait
        self._clock = clock
        self.calls = 0  # made so far
        self.stop: RunStopped | None = None  # why no more calls are possible in this run

    def export(self, request: ExportRequest, attempt: Attempt, run_log: RunLog) -> Export | None:
        """Make an export by calling `attempt`, with retries and waits if need be.

        Returns:
            The export, with its batch open; `None` if it does not arrive at this size.

        Raises:
            RunStopped: If the budget is used up.
            LeadLexError: If LeadLex refuses, or the export cannot be used.
        """
        refusals = 0
        while True:
            try:
                return self._with_retries(request, attempt, run_log)
            except QuotaError as error:
                refusals += 1
                self._wait_or_stop(error, refusals, run_log)
            except UnreachableError:
                raise
            except BrokenExportError as error:
                window = request.window
                if isinstance(error, GatewayError) and request.divisible:
                    run_log.info(f"Window {window}: {error} Retrying with half as many rows.")
                    return None
                msg = (
                    f"Window {window}: {error} No records of this export were emitted. Run again "
                    "to export this window again."
                )
                raise type(error)(msg) from error

    def _with_retries(self, request: ExportRequest, attempt: Attempt, run_log: RunLog) -> Export:
        def stop(state: tenacity.RetryCallState) -> bool:
            too_big = isinstance(_error(state), GatewayError) and request.divisible
            return state.attempt_number >= (TRIES_IF_DIVISIBLE if too_big else TRIES)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_a_retry),
            stop=stop,
            wait=tenacity.wait_exponential_jitter(multiplier=2, max=60),
            sleep=self._clock.sleep,
            before_sleep=lambda state: run_log.retrying(_error(state)),
            reraise=True,
        )
        return retrying(self._spend, request, attempt)

    def _spend(self, request: ExportRequest, attempt: Attempt) -> Export:
        """Make one call, unless the run has made as many as it may."""
        if self._max_exports is not None and self.calls >= self._max_exports:
            self.stop = RunStopped(
                "max_exports",
                f"max_exports is reached ({export_calls(self.calls)})",
                "Run again to continue, or raise max_exports.",
            )
            raise self.stop
        self.calls += 1
        try:
            return attempt(request)
        except UnreachableError:
            self.calls -= 1  # LeadLex has not seen it
            raise

    def _wait_or_stop(self, error: QuotaError, refusals: int, run_log: RunLog) -> None:
        """Wait until the quota reopens, or stop the run."""
        now = date(error.headers) or self._clock.now()
        decision = quota.decide(error.headers, now, refusals=refusals, allowed=self._wait)
        opens = timestamps.plain(timestamps.floor(decision.opens))
        when = f"it reopens at {opens}" if decision.told else f"it reopens by {opens} at the latest"
        if decision.wait is None:
            opens_in = decision.opens - now
            self.stop = RunStopped(
                "quota",
                f"the export quota is used up ({export_calls(self.calls)}); {when}",
                "Run again then, or set quota_wait_seconds to at least "
                f"{opens_in.total_seconds():.0f} to wait.",
                opens_in,
            )
            raise self.stop
        left = decision.wait
        self._wait -= left
        while left > timedelta(0):
            run_log.waiting(when, left)
            nap = min(left, _LONGEST_SILENCE)
            self._clock.sleep(nap.total_seconds())
            left -= nap


def _worth_a_retry(error: BaseException) -> bool:
    """Return whether the same request may succeed; connecting has been tried again already."""
    hopeless = OversizedError | UnreachableError
    return isinstance(error, TransportError) and not isinstance(error, hopeless)


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
