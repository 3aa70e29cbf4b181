"""What a run does: its parts, each one sweep with a state of its own, in their order. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from tap_leadlex import timestamps
from tap_leadlex.saved_state import MAX_AHEAD
from tap_leadlex.state import refresh_under_way, why_unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tap_leadlex.saved_state import SavedState
    from tap_leadlex.scope import Scope
    from tap_leadlex.settings import Settings

# Schedulers start a nightly run a little earlier or later than the night before.
SLACK = timedelta(hours=4)


class Part(Enum):
    """What a sweep is for."""

    NEWS = "records created since the bookmark"
    REFRESH = "all records again, under one version"


class Agenda(NamedTuple):
    """What a run does."""

    parts: Sequence[Part]
    one_export: bool = False  # the refresh should fit one


class Due(NamedTuple):
    """Why a full refresh is due."""

    reason: str  # a sentence
    surprising: bool = False  # the user may not have meant it


def due(saved: SavedState, scope: Scope, settings: Settings, now: datetime) -> Due | None:
    """Return why the settings ask for a full refresh in this run; `None` if they do not."""
    if settings.full_refresh_days is None or not settings.refreshes:
        return None
    if refresh := refresh_under_way(saved, scope, settings):
        began = f" that began at {_seconds(refresh.began)}" if refresh.began else ""
        return Due(f"Continuing the full refresh{began}.")
    if why_unusable(saved, scope, settings):
        return Due(
            "Starting a full refresh, because the state was written with other filters or another "
            f"start_date. At its end, {scope.resource.records} that no longer match are deleted.",
            surprising=True,
        )
    if saved.refreshed is None:
        return Due("Starting the first full refresh.")
    age = now - saved.refreshed
    days = timedelta(days=settings.full_refresh_days)
    if age >= days - SLACK or not days or age < -MAX_AHEAD:
        return Due(f"Starting a full refresh: the last one began at {_seconds(saved.refreshed)}.")
    return None


def with_refresh(
    saved: SavedState,
    *,
    usable: bool,
    fits_one_export: Callable[[], bool],
    has_news: Callable[[], bool],
) -> Agenda:
    """Return what a run does if a full refresh is due.

    A refresh that reads to the end brings the new records as well. They come first only if it may
    not get there in this run.

    Args:
        saved: The state.
        usable: Whether its bookmark is one to continue from.
        fits_one_export: Says, by a look-up, whether one export carries what is left to refresh.
        has_news: Says, by a look-up, whether there may be records after the bookmark.
    """
    if not usable or saved.refresh_first:
        return Agenda([Part.REFRESH])
    if fits_one_export():
        return Agenda([Part.REFRESH], one_export=True)
    return Agenda([Part.NEWS, Part.REFRESH] if has_news() else [Part.REFRESH])


def _seconds(instant: datetime) -> str:
    return timestamps.plain(timestamps.floor(instant))
