"""Leads bytes through a validation: from a pipe, as a tee or as a target, or from a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from tap_leadlex.validation.findings import printable
from tap_leadlex.validation.progress import Progress
from tap_leadlex.validation.sources import chunks_of, lines_of, passed_on
from tap_leadlex.validation.validation import StreamValidation

if TYPE_CHECKING:
    from pathlib import Path

    from tap_leadlex.validation.options import Options
    from tap_leadlex.validation.outcome import Outcome


def validate_file(options: Options, path: Path) -> Outcome:
    """Validate a recorded stream.

    Args:
        options: What this validation is told.
        path: The file.
    """
    validation = StreamValidation(options, printable(path.name), live=False)
    with path.open("rb") as file:
        return _run(validation, file.fileno())


def validate_pipe(options: Options, *, tee: bool) -> Outcome:
    """Validate standard input.

    Args:
        options: What this validation is told.
        tee: Pass every byte on to standard output. Else print the last state there, as a target
            does, but only when nothing was found: what is wrong must not be acknowledged.
    """
    validation = StreamValidation(options, "standard input", live=True)
    outcome = _run(validation, sys.stdin.fileno(), sys.stdout.fileno() if tee else None)
    if not tee and validation.acknowledged is not None:
        sys.stdout.buffer.write(msgspec.json.encode(validation.acknowledged) + b"\n")
        sys.stdout.flush()
    return outcome


def validate_destination(options: Options, url: str, table: str) -> Outcome:
    """Validate a table.

    Args:
        options: What this validation is told.
        url: SQLAlchemy's URL of the database.
        table: The table's name.
    """
    # SQLAlchemy takes longer to import than all the rest, and streams do not need it.
    from tap_leadlex.validation.destination import validate_table  # noqa: PLC0415

    progress = Progress(sys.stderr, None)
    try:
        return validate_table(options, url, table, progress.update)
    finally:
        progress.clear()


def _run(validation: StreamValidation, source: int, sink: int | None = None) -> Outcome:
    progress = Progress(sys.stderr, validation.expected)
    chunks = chunks_of(source)
    if sink is not None:
        chunks = passed_on(chunks, sink)
    try:
        return validation.run(lines_of(chunks), progress.update)
    finally:
        progress.clear()
