"""What a run does, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.agenda import Agenda, Part, due, with_refresh
from tap_leadlex.resources import CONTACTS, RESOURCES
from tap_leadlex.saved_state import SavedRefresh, SavedState
from tap_leadlex.settings import Settings, SettingsReader

if TYPE_CHECKING:
    from tests.support import Json

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEY: Json = {"api_key": "wbk_test"}
NEWS, REFRESH = Part.NEWS, Part.REFRESH


def settings(**values: object) -> Settings:
    """Return the settings of a run."""
    return SettingsReader(RESOURCES).read({**KEY, **values})


def why(saved: SavedState, now: datetime = NOW, **values: object) -> str | None:
    """Return why a full refresh is due."""
    found = settings(**values)
    reason = due(saved, found.scope(CONTACTS), found, now)
    return reason and reason.reason


def after(age: timedelta) -> SavedState:
    """Return a state in which the last full refresh began so long ago."""
    return SavedState(replication_key_value=NOW, refreshed=NOW - age)


def test_without_the_setting_no_refresh_is_ever_due() -> None:
    assert why(SavedState()) is None
    assert why(after(1_000 * DAY)) is None
    assert why(SavedState(refresh=SavedRefresh(version=1))) is None


def test_with_an_end_date_none_is_due_either() -> None:
    assert why(SavedState(), full_refresh_days=0, end_date="2026-01-01") is None


@pytest.mark.parametrize("saved", [SavedState(), SavedState(replication_key_value=NOW)])
def test_a_state_from_before_the_setting_is_refreshed_at_once(saved: SavedState) -> None:
    assert why(saved, full_refresh_days=365) == "Starting the first full refresh."


@pytest.mark.parametrize(
    ("days", "age", "is_due"),
    [
        (0, timedelta(0), True),
        (0, -HOUR, True),
        (1, 20 * HOUR, True),
        (1, 20 * HOUR - timedelta(seconds=1), False),
        (1, -HOUR, False),
        (1, -25 * HOUR, True),  # of a machine whose clock was fast
        (7, 7 * DAY - 4 * HOUR, True),
        (7, 6 * DAY, False),
    ],
)
def test_the_next_one_is_due_when_the_last_began_days_ago(
    days: int, age: timedelta, *, is_due: bool
) -> None:
    reason = why(after(age), full_refresh_days=days)

    assert (reason is not None) == is_due
    assert not reason or reason.startswith("Starting a full refresh: the last one began at 2026-")


def test_one_under_way_continues_whenever_the_last_one_was() -> None:
    saved = replace(after(HOUR), refresh=SavedRefresh(version=5, began=NOW - DAY))

    assert why(saved, full_refresh_days=7) == (
        "Continuing the full refresh that began at 2026-06-30T12:00:00Z."
    )


@pytest.mark.parametrize(
    ("saved", "values"),
    [
        (SavedState(replication_key_value=NOW, refreshed=NOW), {"list_id": "clients"}),
        (SavedState(replication_key_value=NOW, refreshed=NOW, since=NOW - DAY), {}),
    ],
)
def test_other_filters_make_one_due_and_the_user_hears_of_it(
    saved: SavedState, values: Json
) -> None:
    found = settings(full_refresh_days=7, **values)

    reason = due(saved, found.scope(CONTACTS), found, NOW)

    assert reason
    assert reason.surprising
    assert "with other filters or another start_date" in reason.reason


def test_one_under_way_with_other_filters_is_not_continued() -> None:
    saved = replace(after(HOUR), refresh=SavedRefresh(version=5, filters={"list_id": "clients"}))

    assert why(saved, full_refresh_days=7) is None


def unasked() -> bool:
    """Fail: this look-up is not needed."""
    raise AssertionError


@pytest.mark.parametrize(
    ("saved", "usable"), [(SavedState(), False), (SavedState(refresh_first=True), True)]
)
def test_a_refresh_without_a_bookmark_or_with_a_claim_is_the_run_and_needs_no_look_up(
    saved: SavedState, *, usable: bool
) -> None:
    agenda = with_refresh(saved, usable=usable, fits_one_export=unasked, has_news=unasked)

    assert agenda == Agenda([REFRESH])


def test_a_refresh_that_fits_one_export_is_the_run() -> None:
    agenda = with_refresh(SavedState(), usable=True, fits_one_export=lambda: True, has_news=unasked)

    assert agenda == Agenda([REFRESH], one_export=True)


@pytest.mark.parametrize(("news", "parts"), [(True, [NEWS, REFRESH]), (False, [REFRESH])])
def test_new_records_come_before_a_larger_one(*, news: bool, parts: list[Part]) -> None:
    agenda = with_refresh(
        SavedState(), usable=True, fits_one_export=lambda: False, has_news=lambda: news
    )

    assert agenda == Agenda(parts)


@given(st.integers(1, 36_500), st.floats(-4, 4), st.floats(-4, 4))
def test_nightly_runs_refresh_at_most_a_night_late_whatever_the_jitter(
    days: int, first: float, second: float
) -> None:
    """Each run starts up to two hours early or late."""
    began = NOW + first / 2 * HOUR

    def is_due(nights: int) -> bool:
        now = NOW + nights * DAY + second / 2 * HOUR
        return why(SavedState(refreshed=began), now, full_refresh_days=days) is not None

    assert is_due(days)
    assert not is_due(days - 1) or days == 1
