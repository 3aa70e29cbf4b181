"""Instants: every ISO 8601 form of one moment reads as that moment, and bookmarks sort as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex import timestamps

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

# A day away from the ends of time, where no offset leaves the calendar.
moments = st.datetimes(timezones=st.just(UTC)).filter(
    lambda moment: timedelta(days=1) < moment - FIRST < LAST - FIRST - timedelta(days=1)
)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Most of these are dates, in one of many forms; some name a day, an hour or a zone that is not.
like_dates = st.builds(
    "{}{}{}".format,
    st.dates().map(str) | st.sampled_from(["2026-02-30", "20260415", "2026-W16-3", "9999-12-31"]),
    st.sampled_from(["", "T09:00", " 09:00:00", "t23:59:59.123456789", "T24:00:00", "T09"]),
    st.sampled_from(["", "Z", "z", "+00:00", "-02:00", "+0530", "+25:00", "Zx"]),
)
timespecs = st.sampled_from(["seconds", "milliseconds", "microseconds"])


def cut(moment: datetime, timespec: str) -> datetime:
    """Give a moment in the precision in which it is printed."""
    return datetime.fromisoformat(moment.isoformat(timespec=timespec))


@given(moments, offsets, timespecs, st.sampled_from("Tt "))
def test_every_offset_and_precision_is_one_instant(
    moment: datetime, offset: timezone, timespec: str, separator: str
) -> None:
    local = moment.astimezone(offset)

    read = timestamps.parse(local.isoformat(separator, timespec))

    assert read == cut(moment, timespec)
    assert read.tzinfo is UTC


@given(moments, timespecs, st.sampled_from(["Z", "z", "+00:00", "-00:00", "+0000", "+00", ""]))
def test_every_way_to_say_utc_is_one_instant(moment: datetime, timespec: str, zone: str) -> None:
    text = moment.replace(tzinfo=None).isoformat(timespec=timespec) + zone

    assert timestamps.parse(text) == cut(moment, timespec)


@given(st.dates())
def test_a_bare_date_is_its_midnight(date: datetime) -> None:
    assert timestamps.parse(date.isoformat()) == datetime(
        date.year, date.month, date.day, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-15T09:00Z",
        "20260415T090000Z",
        "2026-W16-3T09:00:00Z",
        "2026-04-15T09:00:00,0Z",
        "2026-04-15T09:00:00.000000000Z",
        "2026-04-15T14:30:00+05:30",
    ],
)
def test_rarer_forms(text: str) -> None:
    assert timestamps.parse(text) == datetime(2026, 4, 15, 9, tzinfo=UTC)


def test_digits_beyond_microseconds_are_cut_off() -> None:
    assert timestamps.parse("2026-04-15T09:00:00.123456999Z").microsecond == 123456


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "15.04.2026",
        "2026-04",
        "2026-02-30",
        "2026-04-15T25:00:00Z",
        "2026-04-15T09:00:00ZZ",
        " 2026-04-15",
        "1776243600",
        "0001-01-01T00:00:00+02:00",
        "9999-12-31T23:59:59-02:00",
    ],
)
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is Python's
        timestamps.parse(text)


@given(st.text() | like_dates)
def test_any_text_reads_as_an_instant_in_utc_or_is_refused(text: str) -> None:
    try:
        instant = timestamps.parse(text)
    except ValueError:
        return

    assert instant.tzinfo is UTC
    assert timestamps.parse(timestamps.canonical(instant)) == instant


@given(moments, moments)
def test_canonical_texts_sort_as_their_instants(one: datetime, other: datetime) -> None:
    texts = timestamps.canonical(one), timestamps.canonical(other)

    assert (texts[0] < texts[1]) == (one < other)
    assert len(texts[0]) == len(texts[1]) == 27
    assert timestamps.parse(texts[0]) == one


@given(moments)
def test_plain_says_a_fraction_only_where_there_is_one(moment: datetime) -> None:
    text = timestamps.plain(moment)

    assert timestamps.parse(text) == moment
    assert ("." in text) == bool(moment.microsecond)
    assert text.endswith("Z")


@pytest.mark.parametrize(
    ("printed", "written"),
    [
        ("2026-04-15T09:00:00Z", "2026-04-15T09:00:00Z"),
        ("2026-04-15T09:00:00.120Z", "2026-04-15T09:00:00.120Z"),
        ("2026-04-15T09:00:00.000Z", "2026-04-15T09:00:00.000Z"),
        ("2026-04-15T09:00:00+00:00", "2026-04-15T09:00:00+00:00"),
        ("2026-04-15T11:00:00+02:00", "2026-04-15T09:00:00Z"),
        ("2026-04-15T09:00:00", "2026-04-15T09:00:00Z"),
        ("2026-04-15 09:00:00Z", "2026-04-15T09:00:00Z"),
        ("2026-04-15t09:00:00z", "2026-04-15T09:00:00Z"),
        ("2026-04-15T09:00Z", "2026-04-15T09:00:00Z"),
        ("2026-04-15", "2026-04-15T00:00:00Z"),
        ("20260415T090000.5Z", "2026-04-15T09:00:00.500000Z"),
    ],
)
def test_rfc_3339_in_utc_stays_as_printed(printed: str, written: str) -> None:
    assert timestamps.normalize(printed) == (timestamps.parse(printed), written)


@given(
    st.lists(
        st.sampled_from(["2026-04-15T09:00:00Z", "2026-04-15", "2026-04-15T11:00+02:00"]),
        min_size=1,
    )
)
def test_many_are_read_like_each(printed: list[str]) -> None:
    read, kept = timestamps.normalize_all(printed)

    assert list(zip(read, kept, strict=True)) == [timestamps.normalize(text) for text in printed]


def test_two_timestamps_in_one_text_are_not_read() -> None:
    with pytest.raises(ValueError, match="isoformat"):
        timestamps.normalize_all(["2026-04-15T09:00:00Z\n2026-04-15T09:00:00Z"])


@pytest.mark.parametrize("cut_off", range(1, len("2026-04-15T09:00:00.123+02:00")))
def test_an_instant_that_lost_its_end_is_not_complete(cut_off: int) -> None:
    whole = "2026-04-15T09:00:00.123+02:00"

    assert timestamps.is_complete(whole)
    assert not timestamps.is_complete(whole[:-cut_off])


@pytest.mark.parametrize(
    ("microsecond", "step"),
    [
        (0, timestamps.SECOND),
        (1_000, timestamps.MILLISECOND),
        (999_000, timestamps.MILLISECOND),
        (1, timestamps.MICROSECOND),
        (1_001, timestamps.MICROSECOND),
    ],
)
def test_resolution(microsecond: int, step: timedelta) -> None:
    instant = datetime(2026, 4, 15, tzinfo=UTC).replace(microsecond=microsecond)

    assert timestamps.resolution(instant) == step
    assert timestamps.floor(instant) == datetime(2026, 4, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "credible"),
    [
        ("1899-12-31T23:59:59Z", False),
        ("1900-01-01", True),
        ("2200-12-31T23:59:59Z", True),
        ("2201-01-01T00:00:00Z", False),
        ("2200-12-31T23:00:00-02:00", False),
    ],
)
def test_an_instant_that_is_far_away_must_be_a_mistake(text: str, credible: bool) -> None:  # noqa: FBT001 - a parameter
    assert timestamps.is_credible(timestamps.parse(text)) is credible
    try:
        assert timestamps.parse_credible(text) == timestamps.parse(text)
    except ValueError:
        assert not credible
