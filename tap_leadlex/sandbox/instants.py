"""Converts between ISO 8601 texts and instants: whole microseconds since 1970-01-01 UTC."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tap_leadlex.sandbox.defects import DateError, Defects
from tap_leadlex.sandbox.readings import DateForm, Precision, Reading, Rounding, Step

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
FIVE_YEARS = 5 * 365 * DAY

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive because `show` adds the zone
_EPOCH_UTC = _EPOCH.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNIT = {Precision.S: SECOND, Precision.MS: 1_000, Precision.US: 1, Precision.US_SHOWN_AS_S: 1}
_TIMESPEC = {
    Precision.S: "seconds",
    Precision.MS: "milliseconds",
    Precision.US: "microseconds",
    Precision.US_SHOWN_AS_S: "seconds",
}
_SUFFIX = {
    DateForm.Z: "Z",
    DateForm.OFFSET: "+00:00",
    DateForm.OTHER_OFFSET: "+02:00",
    DateForm.BARE: "",
}
_STEP = {Step.US: 1, Step.MS: 1_000, Step.S: SECOND}
_AHEAD = 2 * 3_600 * SECOND
_DATE_LENGTH = len("2026-04-15")
_SHIFT = {form: _AHEAD if form is DateForm.OTHER_OFFSET else 0 for form in DateForm}


def from_datetime(moment: datetime) -> int:
    """Return the instant of `moment`; without a zone it is in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH_UTC) // _MICROSECOND


def to_datetime(instant: int) -> datetime:
    """Return `instant` as a datetime in UTC."""
    return _EPOCH_UTC + timedelta(microseconds=instant)


def parse(text: str) -> int:
    """Return the instant of an ISO 8601 text; a date without a time is its midnight in UTC.

    Raises:
        ValueError: `text` is not a date.
    """
    return from_datetime(datetime.fromisoformat(text))


def stored(instant: int, precision: Precision) -> int:
    """Return `instant` as a server with that precision stores it."""
    return instant - instant % _UNIT[precision]


def stepped(instant: int, step: Step, rounding: Rounding) -> int:
    """Return `instant` rounded to a step."""
    size = _STEP[step]
    match rounding:
        case Rounding.DOWN:
            return instant // size * size
        case Rounding.UP:
            return -(-instant // size) * size
        case Rounding.NEAREST:
            return (instant + size // 2) // size * size


def printer(reading: Reading, defects: Defects) -> Callable[[int], str]:
    """Return the function that prints an instant."""
    precision, form = reading.precision, reading.date_form
    match defects.date_error:
        case DateError.NONE:
            return lambda instant: show(instant, precision, form)
        case DateError.LOCAL_TIME:
            return lambda instant: show(instant + _AHEAD, precision, DateForm.BARE)
        case DateError.DATE_ONLY:
            return lambda instant: show(instant, precision)[:_DATE_LENGTH]


def show(instant: int, precision: Precision, form: DateForm = DateForm.Z) -> str:
    """Return `instant` as a server with that precision and date form prints it."""
    local = _EPOCH + timedelta(microseconds=instant + _SHIFT[form])
    return local.isoformat(timespec=_TIMESPEC[precision]) + _SUFFIX[form]
