"""Singer streams made by hand, and what the validator says of them."""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING, Any

from tap_leadlex.validation.findings import Findings
from tap_leadlex.validation.stream import StreamValidator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_leadlex.validation.options import Options

SCHEMA: dict[str, Any] = {
    "type": "SCHEMA",
    "stream": "contacts",
    "schema": {
        "type": "object",
        "properties": {
            "id": {"type": ["string"]},
            "full_name": {"type": ["string", "null"]},
            "tags": {"type": ["array", "null"], "items": {"type": ["string"]}},
            "created_at": {"type": ["string"], "format": "date-time"},
        },
        "required": ["id", "created_at"],
    },
    "key_properties": ["id"],
    "bookmark_properties": ["created_at"],
}


def record(number: int, created: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any value
    """Make a RECORD; `more` replaces values, and None in `drop` removes them."""
    values = {"id": f"id-{number}", "full_name": "Ann Example", "tags": [], "created_at": created}
    return {
        "type": "RECORD",
        "stream": "contacts",
        "record": values | more,
        "time_extracted": "2026-05-01T00:00:00.000000+00:00",
    }


def state(bookmark: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any value
    """Make a STATE with that bookmark, printed as given."""
    entry = {"replication_key": "created_at", "replication_key_value": bookmark}
    return {"type": "STATE", "value": {"bookmarks": {"contacts": entry | more}}}


def clean() -> list[dict[str, Any]]:
    """Make a run of two windows with three contacts."""
    return [
        SCHEMA,
        record(1, "2026-01-01T00:00:00Z"),
        record(2, "2026-01-02T00:00:00Z"),
        state("2026-02-01T00:00:00.000000Z"),
        record(3, "2026-02-01T00:00:00Z"),
        state("2026-03-01T00:00:00.000000Z"),
    ]


def lines(messages: Iterable[dict[str, Any]]) -> list[bytes]:
    """Write messages out, a line each, without line ends."""
    return [json.dumps(message).encode() for message in messages]


def codes(
    stream: Iterable[bytes],
    options: Options | None = None,
    latest: Callable[[], float] = lambda: inf,
) -> list[str]:
    """Validate lines and give the codes of what was found, the worst first."""
    findings = Findings()
    validator = StreamValidator(findings, options, latest)
    for line in stream:
        validator.line(line)
    validator.end()
    return [finding.kind.code for finding in findings.worst_first()]
