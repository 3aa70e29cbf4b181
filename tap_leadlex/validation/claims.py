"""What a Singer state claims of the contacts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.instants import is_fixed_width, seconds


class BadStateError(ValueError):
    """A state that the next run cannot read; the message says what is wrong, without values."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a state says; instants are seconds since 1970.

    Attributes:
        position: Every contact created before it was delivered, by the incremental runs or by the
            refresh; `None` where the state claims nothing.
        refreshing: Whether a full refresh is under way, which begins anew at the beginning.
        since: From which creation instant on; `None` for the beginning of history.
        delivered: How many contacts were, by all runs since then; `None` where it does not say.
        list_id: The list that the position was earned under.
        tags: The tags that it was earned under.
        explicit: Whether the state itself says from where on and under which filters.
    """

    position: float | None = None
    refreshing: bool = False
    since: float | None = None
    delivered: int | None = None
    list_id: str | None = None
    tags: tuple[str, ...] = ()
    explicit: bool = False


def read(value: object, stream: str) -> Claim:
    """Read the value of a STATE, or of a file that `--state` takes.

    Args:
        value: The value, as JSON gave it.
        stream: The stream's name.

    Raises:
        BadStateError: If its form is wrong. Keys that are not known are passed over.
    """
    entry = _within(_within(value, "bookmarks", "value"), stream, "bookmarks")
    bookmark = _instant(entry, "replication_key_value")
    expected = CONTACTS.replication_key
    if bookmark is not None and entry.get("replication_key", expected) != expected:
        msg = f"replication_key is not {expected}"
        raise BadStateError(msg)
    refresh = _within(entry, "refresh", stream) if entry.get("refresh") is not None else {}
    source = refresh or entry
    filters = _within(source, "filters", stream)
    list_id, tags = filters.get("list_id"), filters.get("tags") or []
    if not isinstance(list_id, str | None) or not isinstance(tags, list):
        msg = "filters: list_id must be text and tags an array"
        raise BadStateError(msg)
    delivered = source.get("delivered")
    return Claim(
        position=_instant(refresh, "until") if refresh else bookmark,
        refreshing=bool(refresh),
        since=_instant(source, "since"),
        delivered=delivered if type(delivered) is int else None,
        list_id=list_id,
        tags=tuple(sorted(map(str, tags))),
        explicit="filters" in source,
    )


def _instant(entry: dict[str, Any], name: str) -> float | None:
    printed = entry.get(name)
    if printed is None:
        return None
    if not isinstance(printed, str) or (instant := seconds(printed)) is None:
        msg = f"{name} is no date"
        raise BadStateError(msg)
    if not is_fixed_width(printed):
        msg = f"{name} is not in the one form that sorts as text"
        raise BadStateError(msg)
    return instant


def _within(value: object, name: str, where: str) -> dict[str, Any]:
    """Step into an object; an absent name is an empty object."""
    if not isinstance(value, dict):
        msg = f"{where} is no object"
        raise BadStateError(msg)
    inner = value.get(name, {})
    if not isinstance(inner, dict):
        msg = f"{name} is no object"
        raise BadStateError(msg)
    return inner
