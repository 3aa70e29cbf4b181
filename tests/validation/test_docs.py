"""The documentation names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from tap_leadlex.validation.catalogue import Check
from tap_leadlex.validation.cli import main

TEXT = (Path(__file__).parents[2] / "docs/validation.md").read_text(encoding="utf-8")


def test_every_option_is_documented_and_no_other() -> None:
    ours = {option for parameter in main.params for option in parameter.opts} - {"--version"}
    assert set(re.findall(r"`(--[a-z-]+)", TEXT)) == ours


def test_every_check_is_documented() -> None:
    assert [re.escape(check) for check in Check] == re.findall(
        r"^\d\. \*\*(\w+)\*\*", TEXT, re.MULTILINE
    )
