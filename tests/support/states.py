"""States and catalogs of the contacts stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.common import Json

FULL_TABLE: Json = {
    "streams": [
        {
            "tap_stream_id": "contacts",
            "key_properties": ["id"],
            "schema": {},
            "metadata": [
                {
                    "breadcrumb": [],
                    "metadata": {"selected": True, "replication-method": "FULL_TABLE"},
                }
            ],
        }
    ]
}
"""A catalog that asks for a full refresh."""


def bookmark(state: Json) -> str | None:
    """Return the bookmark in a state, if there is one."""
    value: str | None = state.get("bookmarks", {}).get("contacts", {}).get("replication_key_value")
    return value


def refresh_in(state: Json) -> Json | None:
    """Return the full refresh under way in a state, if there is one."""
    refresh = state.get("bookmarks", {}).get("contacts", {}).get("refresh")
    return refresh[0] if refresh else None


def said(state: Json) -> Json:
    """Return what a state says of contacts: the keys that are not null, at any depth.

    Without what was seen of exports, which says nothing about how far the sync is, and without the
    ledger.
    """

    def without_nulls(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: without_nulls(each) for name, each in value.items() if each is not None}

    contacts = without_nulls(state["bookmarks"]["contacts"])
    assert isinstance(contacts, dict)
    for key in ("largest", "fields", "unsettled", "ledger"):
        contacts.pop(key, None)
    return {"withheld": 0, **contacts}


def merge(new: Json, into: Json) -> Json:
    """Merge a state into an earlier one, as Meltano does with --full-refresh."""
    for key, value in new.items():
        if isinstance(value, dict):
            merge(value, into.setdefault(key, {}))
        else:
            into[key] = value
    return into


def state_at(instant: str) -> Json:
    """Return a state with that bookmark."""
    contacts = {"replication_key": "created_at", "replication_key_value": instant}
    return {"bookmarks": {"contacts": contacts}}


def written_before(name: str) -> Json:
    """Return a state that the previous release wrote, from `tests/states`."""
    path = Path(__file__).parents[1] / "states" / f"{name}.json"
    state: Json = json.loads(path.read_text("utf-8"))
    return state
