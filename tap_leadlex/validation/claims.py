"""What a Singer state claims of the contacts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tap_leadlex.validation.instants import is_fixed_width, seconds


class BadStateError(ValueError):
    """A state that the next run cannot read; the message says what is wrong, without values."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a state says.

    Attributes:
        bookmark: Every contact created before it was delivered, seconds since 1970; `None` where
            the state claims nothing.
        list_id: The list that the bookmark was earned under.
        tags: The tags that it was earned under.
        filtered: Whether the state says under which filters it was earned.
    """

    bookmark: float | None = None
    list_id: str | None = None
    tags: tuple[str, ...] = ()
    filtered: bool = False


def read(value: object, stream: str) -> Claim:
    """Read the value of a STATE, or a file that `--state` takes.

    Args:
        value: The value, as JSON gave it.
        stream: The stream's name.

    Raises:
        BadStateError: If its form is wrong. Keys that are not known are passed over.
    """
    bookmarks = _within(value, "bookmarks", "value")
    entry = _within(bookmarks, stream, "bookmarks")
    filters = _within(entry, "filters", stream)
    list_id, tags = filters.get("list_id"), filters.get("tags") or []
    if not isinstance(list_id, str | None) or not isinstance(tags, list):
        msg = "filters: list_id must be text and tags an array"
        raise BadStateError(msg)
    return Claim(
        _bookmark(entry), list_id, tuple(sorted(map(str, tags))), filtered="filters" in entry
    )


def _bookmark(entry: dict[str, Any]) -> float | None:
    printed = entry.get("replication_key_value")
    if printed is None:
        return None
    if entry.get("replication_key", "created_at") != "created_at":
        msg = "replication_key is not created_at"
        raise BadStateError(msg)
    if not isinstance(printed, str) or (instant := seconds(printed)) is None:
        msg = "replication_key_value is no date"
        raise BadStateError(msg)
    if not is_fixed_width(printed):
        msg = "replication_key_value is not in the one form that sorts as text"
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
