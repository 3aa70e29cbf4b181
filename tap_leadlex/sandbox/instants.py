"""Converts between ISO 8601 texts and instants: whole microseconds since 1970-01-01 UTC."""

from datetime import UTC, datetime, timedelta

from tap_leadlex.sandbox.readings import DateForm, Precision

SECOND = 1_000_000
DAY = 86_400 * SECOND

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
_SHIFT = {form: 2 * 3600 * SECOND if form is DateForm.OTHER_OFFSET else 0 for form in DateForm}


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


def show(instant: int, precision: Precision, form: DateForm = DateForm.Z) -> str:
    """Return `instant` as a server with that precision and date form prints it."""
    local = _EPOCH + timedelta(microseconds=instant + _SHIFT[form])
    return local.isoformat(timespec=_TIMESPEC[precision]) + _SUFFIX[form]
