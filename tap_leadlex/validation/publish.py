"""Brings an outcome to where people and machines look for it."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tap_leadlex.validation.reports import github
from tap_leadlex.validation.reports.html import page
from tap_leadlex.validation.reports.machine import as_json
from tap_leadlex.validation.reports.table import table

if TYPE_CHECKING:
    from tap_leadlex.validation.outcome import Outcome

_NARROW, _WIDE = 60, 100


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports that were asked for.

    Attributes:
        json: Where the one for machines goes.
        html: Where the page goes.
        show_values: Whether contacts' values may be shown.
    """

    json: Path | None
    html: Path | None
    show_values: bool


def publish(outcome: Outcome, reports: Reports) -> None:
    """Write all reports; the table goes to standard error.

    Args:
        outcome: What to tell.
        reports: Where.
    """
    show_values = reports.show_values
    width = min(max(shutil.get_terminal_size((_WIDE, 0)).columns, _NARROW), _WIDE)
    sys.stderr.write(table(outcome, width=width, show_values=show_values))
    if reports.json is not None:
        reports.json.write_bytes(as_json(outcome, show_values=show_values))
    if reports.html is not None:
        reports.html.write_text(page(outcome, show_values=show_values), encoding="utf-8")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(github.summary(outcome))
        for command in github.commands(outcome):
            sys.stderr.write(command + "\n")
