"""One validation of a stream, from the first count to the outcome."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tap_leadlex.validation.api import LeadLex
from tap_leadlex.validation.calls import ApiError
from tap_leadlex.validation.comparison import FirstCount
from tap_leadlex.validation.counts import Counter
from tap_leadlex.validation.coverage import coverage, known_start
from tap_leadlex.validation.findings import Check, Findings
from tap_leadlex.validation.live import compare_with_leadlex
from tap_leadlex.validation.outcome import Outcome
from tap_leadlex.validation.sources import DownstreamEndedError
from tap_leadlex.validation.stream import Expectation, StreamValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_leadlex.validation.messages import Values
    from tap_leadlex.validation.options import Options

_INFERRED = (
    "Counted from the first contact of the stream on. To have its beginning checked too, give "
    "--state, --start-date or --first-sync."
)
_ENDED_EARLY = "The program after this one ended before the stream did; see its log."


class StreamValidation:
    """Validates one stream.

    Attributes:
        validator: What has been seen of the stream.
        findings: What was found so far.
        expected: How many contacts LeadLex held before; `None` where nobody counted.
    """

    def __init__(self, options: Options, source: str, *, live: bool) -> None:
        """Begin; with a key and a live stream, count before anything of it is read.

        Args:
            options: What this validation is told.
            source: What is validated, in words.
            live: Whether the tap runs now, rather than having run some time ago.
        """
        self._options = options
        self._began = time.monotonic()
        self._outcome = Outcome(source)
        self.findings = Findings()
        self._live = live
        self.validator = StreamValidator(
            self.findings,
            Expectation(
                options.stream,
                options.state,
                options.lookback,
                time.time(),
                options.sample,
                options.seed,
            ),
        )
        self._api = api_of(options)
        self._first = self._count_first() if live and self._api else None
        self.expected = None if self._first is None else self._first.contacts

    def run(self, blocks: Iterable[list[bytes]], watch: Callable[[int], None]) -> Outcome:
        """Validate.

        Args:
            blocks: The lines of the stream, some at a time.
            watch: Told the number of contacts so far, now and then.

        Returns:
            What it came to.
        """
        validator, outcome = self.validator, self._outcome
        take = validator.line
        with self._api or nullcontext():
            try:
                for lines in blocks:
                    for line in lines:
                        take(line)
                    watch(validator.records)
            except DownstreamEndedError:
                outcome.stopped = dict.fromkeys(Check, _ENDED_EARLY)
            else:
                validator.end()
                self._compare()
        outcome.findings = self.findings.worst_first()
        outcome.lines = validator.lines
        outcome.contacts = len(validator.ledger)
        outcome.repeats = validator.keys.repeats
        outcome.windows = validator.bookmarks.log.windows
        outcome.calls = self._api.made if self._api else 0
        outcome.seconds = time.monotonic() - self._began
        return outcome

    @property
    def acknowledged(self) -> Values | None:
        """The state that may be acknowledged: the last one of a stream without findings."""
        return None if self.findings or self._outcome.stopped else self.validator.state

    def _count_first(self) -> FirstCount | None:
        """Count what LeadLex holds before the sync reads it."""
        api, start = self._api, known_start(self._options, self._options.state)
        if api is None or self._tags():
            return None
        try:
            return FirstCount(start, Counter(api).since(start), api.now)
        except ApiError as error:
            self._outcome.notes.append(f"No count before the sync: {error}")
            return None

    def _compare(self) -> None:
        """Do the checks that need LeadLex."""
        api, validator, outcome = self._api, self.validator, self._outcome
        if api is None:
            why = "no api_key, so LeadLex was not asked"
            outcome.skipped |= {Check.COMPLETENESS: why, Check.CONTENT: why}
            return
        claim = validator.bookmarks.claim
        if claim.explicit and claim.list_id != api.list_id:
            api.list_id, self._first = claim.list_id, None
        covered = coverage(self._options, validator, self._first)
        if covered.range is None:
            outcome.skipped[Check.COMPLETENESS] = "no STATE says how far the sync got"
        elif self._tags():
            why = "the sync was filtered by tags, which LeadLex's list cannot count"
            outcome.skipped[Check.COMPLETENESS] = why
        if covered.inferred:
            outcome.notes.append(_INFERRED)
        compare_with_leadlex(
            api,
            self.findings,
            outcome,
            validator.ledger,
            validator.sample.drawn,
            covered=covered.range,
            since=covered.since,
            by_month=self._options.by_month,
        )

    def _tags(self) -> tuple[str, ...]:
        claim = self.validator.bookmarks.claim
        return claim.tags if claim.explicit else self._options.tags


def api_of(options: Options) -> LeadLex | None:
    """Make the API's client, `None` where there is no key."""
    if options.api_key is None:
        return None
    state = options.state
    list_id = state.list_id if state is not None and state.explicit else options.list_id
    return LeadLex(options.api_url, options.api_key, list_id=list_id, budget=options.max_calls)
