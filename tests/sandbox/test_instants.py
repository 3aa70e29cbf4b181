"""Instants and their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.sandbox.instants import parse, show, stepped, stored
from tap_leadlex.sandbox.readings import DateForm, Precision, Rounding, Step

INSTANT = parse("2026-04-15T09:00:00.123456Z")


@pytest.mark.parametrize(
    ("precision", "form", "text"),
    [
        (Precision.S, DateForm.Z, "2026-04-15T09:00:00Z"),
        (Precision.MS, DateForm.Z, "2026-04-15T09:00:00.123Z"),
        (Precision.US, DateForm.Z, "2026-04-15T09:00:00.123456Z"),
        (Precision.US_SHOWN_AS_S, DateForm.Z, "2026-04-15T09:00:00Z"),
        (Precision.S, DateForm.OFFSET, "2026-04-15T09:00:00+00:00"),
        (Precision.S, DateForm.OTHER_OFFSET, "2026-04-15T11:00:00+02:00"),
        (Precision.MS, DateForm.BARE, "2026-04-15T09:00:00.123"),
    ],
)
def test_forms(precision: Precision, form: DateForm, text: str) -> None:
    assert show(INSTANT, precision, form) == text


@pytest.mark.parametrize(
    ("step", "rounding", "text"),
    [
        (Step.US, Rounding.UP, "2026-04-15T09:00:00.123456Z"),
        (Step.MS, Rounding.DOWN, "2026-04-15T09:00:00.123000Z"),
        (Step.MS, Rounding.UP, "2026-04-15T09:00:00.124000Z"),
        (Step.MS, Rounding.NEAREST, "2026-04-15T09:00:00.123000Z"),
        (Step.S, Rounding.DOWN, "2026-04-15T09:00:00Z"),
        (Step.S, Rounding.UP, "2026-04-15T09:00:01Z"),
        (Step.S, Rounding.NEAREST, "2026-04-15T09:00:00Z"),
    ],
)
def test_steps(step: Step, rounding: Rounding, text: str) -> None:
    assert stepped(INSTANT, step, rounding) == parse(text)


def test_half_a_step_is_rounded_up() -> None:
    half = parse("1969-12-31T23:59:59.500000Z")
    assert stepped(half, Step.S, Rounding.NEAREST) == 0
    assert stepped(half - 1, Step.S, Rounding.NEAREST) == -1_000_000
    assert stepped(half, Step.S, Rounding.DOWN) == -1_000_000


def test_a_bare_date_is_its_midnight() -> None:
    assert parse("2026-04-15") == parse("2026-04-15T00:00:00Z")


def test_invalid_dates_are_refused() -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        parse("yesterday")


@given(
    st.integers(parse("1900-01-01"), parse("2200-01-01")),
    st.sampled_from(Precision),
    st.sampled_from(DateForm),
)
def test_printed_dates_match_the_stored_value(
    instant: int, precision: Precision, form: DateForm
) -> None:
    kept = stored(instant, precision)
    shown = parse(show(kept, precision, form))
    if precision is Precision.US_SHOWN_AS_S:
        assert shown <= kept < shown + 1_000_000
    else:
        assert shown == kept
