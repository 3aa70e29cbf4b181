"""What a refusal's headers mean: every form, and none believed that makes no sense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.api.quota import LONGEST, SHORTEST, UNTOLD, Decision, decide

NOW = datetime(2026, 4, 17, 12, 0, 0, tzinfo=UTC)
FOR_EVER = timedelta(days=400)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
IN_TEN_MINUTES = NOW + 10 * MINUTE


def after(refusals: int = 1, allowed: timedelta = FOR_EVER, **headers: str) -> Decision:
    """Decide by the headers `reset` and `retry_after`."""
    names = {"reset": "X-RateLimit-Reset", "retry_after": "Retry-After"}
    named = {names[name]: value for name, value in headers.items()}
    return decide(named, NOW, refusals=refusals, allowed=allowed)


@pytest.mark.parametrize(
    "reset",
    [
        str(int(IN_TEN_MINUTES.timestamp())),
        f"{IN_TEN_MINUTES.timestamp():.3f}",
        str(int(IN_TEN_MINUTES.timestamp() * 1_000)),
        "600",
        "600.0",
        " 600 ",
        "2026-04-17T12:10:00Z",
        "2026-04-17T14:10:00+02:00",
        "2026-04-17T12:10:00.000000Z",
        "2026-04-17T12:10:00",
    ],
)
def test_every_form_of_the_reset_is_read(reset: str) -> None:
    assert after(reset=reset) == Decision(10 * MINUTE, IN_TEN_MINUTES, told=True)


@pytest.mark.parametrize(
    "retry_after",
    ["600", "600.0", format_datetime(IN_TEN_MINUTES, usegmt=True), "Fri, 17 Apr 2026 14:10 +0200"],
)
def test_every_form_of_retry_after_is_read(retry_after: str) -> None:
    assert after(retry_after=retry_after) == Decision(10 * MINUTE, IN_TEN_MINUTES, told=True)


def test_retry_after_goes_before_the_reset() -> None:
    assert after(retry_after="90", reset="600").wait == timedelta(seconds=90)


@pytest.mark.parametrize("retry_after", ["", "soon", "1e9", "nan", "inf", "-1e300", "Fri, 99"])
def test_the_reset_serves_where_retry_after_makes_no_sense(retry_after: str) -> None:
    assert after(retry_after=retry_after, reset="600").wait == 10 * MINUTE


@pytest.mark.parametrize(
    "reset",
    [
        "",
        "soon",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "9" * 400,
        "86401",
        "-86401",
        str(int((NOW + 2 * LONGEST).timestamp())),
        str(int((NOW - 2 * LONGEST).timestamp())),
        "2020-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_absurd_headers_count_as_none(reset: str) -> None:
    assert after(reset=reset) == after() == Decision(UNTOLD, NOW + UNTOLD, told=False)


@pytest.mark.parametrize("retry_after", ["0", "-5", "1", format_datetime(NOW, usegmt=True)])
def test_no_wait_is_so_short_that_it_makes_a_tight_loop(retry_after: str) -> None:
    assert after(retry_after=retry_after) == Decision(SHORTEST, NOW + SHORTEST, told=True)


def test_refusals_in_a_row_are_asked_less_and_less_often_but_every_hour() -> None:
    waits = [after(refusals, retry_after="0").wait for refusals in range(1, 12)]

    assert waits[:4] == [SHORTEST, 2 * SHORTEST, 4 * SHORTEST, 8 * SHORTEST]
    assert waits[-4:] == [UNTOLD] * 4


def test_a_longer_word_of_leadlex_outdoes_the_rising_floor() -> None:
    assert after(3, retry_after="3000").wait == timedelta(seconds=3_000)


def test_a_wait_beyond_the_allowance_is_a_stop_that_tells_when() -> None:
    just_enough = after(reset="600", allowed=10 * MINUTE)
    too_little = after(reset="600", allowed=10 * MINUTE - timedelta(seconds=1))

    assert just_enough.wait == 10 * MINUTE
    assert too_little == Decision(None, IN_TEN_MINUTES, told=True)


def test_the_quota_of_the_day_stops_a_run_that_may_wait_an_hour() -> None:
    decision = after(reset="43200", allowed=HOUR)

    assert decision == Decision(None, NOW + 12 * HOUR, told=True)


def test_by_default_every_refusal_is_a_stop() -> None:
    for retry_after in ("0", "1", "600"):
        assert after(retry_after=retry_after, allowed=timedelta(0)).wait is None


numbers = st.one_of(
    st.integers(),
    st.integers(-100_000, 100_000),
    st.integers(0, 2 * 10**9),
    st.integers(0, 2 * 10**12),
    st.floats(),
).map(str)
dates = st.datetimes().map(datetime.isoformat)
http_dates = st.datetimes(timezones=st.just(UTC)).map(lambda at: format_datetime(at, usegmt=True))
values = numbers | dates | http_dates | st.text(max_size=30)


@given(
    headers=st.dictionaries(st.sampled_from(["Retry-After", "X-RateLimit-Reset"]), values),
    refusals=st.integers(1, 50),
    allowed=st.timedeltas(timedelta(0), FOR_EVER),
)
def test_no_header_makes_a_tight_loop_or_a_wait_without_end(
    headers: dict[str, str], refusals: int, allowed: timedelta
) -> None:
    decision = decide(headers, NOW, refusals=refusals, allowed=allowed)

    assert SHORTEST <= decision.opens - NOW <= LONGEST
    if decision.wait is None:
        assert decision.opens - NOW > allowed
    else:
        assert decision.wait == decision.opens - NOW <= allowed


@given(
    seconds=st.integers(30, 86_400),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_all_forms_mean_the_same(seconds: int, now: datetime) -> None:
    now = now.replace(microsecond=0)
    opens = now + timedelta(seconds=seconds)
    forms = [
        {"Retry-After": str(seconds)},
        {"Retry-After": format_datetime(opens, usegmt=True)},
        {"X-RateLimit-Reset": str(seconds)},
        {"X-RateLimit-Reset": str(int(opens.timestamp()))},
        {"X-RateLimit-Reset": str(int(opens.timestamp()) * 1_000)},
        {"X-RateLimit-Reset": opens.isoformat()},
    ]

    for headers in forms:
        decision = decide(headers, now, refusals=1, allowed=FOR_EVER)
        assert decision == Decision(opens - now, opens, told=True)
