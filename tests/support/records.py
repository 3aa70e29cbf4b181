"""The records that a sync must deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.sandbox.instants import to_datetime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.sandbox import Sandbox
    from tap_leadlex.sandbox.row import Row
    from tests.support.common import Json


def truth(sandbox: Sandbox, printed: str = "%Y-%m-%dT%H:%M:%SZ") -> list[Json]:
    """Return the records of all contacts of a sandbox, oldest first.

    The sandbox itself is the witness here. `tests/test_completeness.py` does without it.

    Args:
        sandbox: The sandbox.
        printed: The format of `created_at`.
    """
    return [record_of(row, printed) for row in sandbox.store.rows()]


def record_of(row: Row, printed: str = "%Y-%m-%dT%H:%M:%SZ") -> Json:
    """Return the record that a contact of the sandbox must become."""
    contact = row.contact._asdict()
    tags = list(contact.pop("tags"))
    created_at = to_datetime(row.created).strftime(printed)
    return {
        **{name: value or None for name, value in contact.items()},
        "tags": tags,
        "created_at": created_at,
    }


def by_id(records: Sequence[Json]) -> list[Json]:
    """Sort records by id. A comparison then ignores their order but not duplicates."""
    return sorted(records, key=lambda record: str(record["id"]))
