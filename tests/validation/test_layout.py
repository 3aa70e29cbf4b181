"""What stream maps, flattening and filters change on purpose is no finding."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.sandbox import Quotas, Sandbox
from tap_leadlex.validation.catalogue import Check
from tap_leadlex.validation.layout import Match
from tests.stream_maps import DOCUMENTED
from tests.support import config_for, run
from tests.validation.syncs import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_OFF_THE_SCHEMA = [
    name
    for name, config in DOCUMENTED.items()
    # A filter leaves no trace there, nor do made-up values.
    if not re.search(r"__filter__|fake\.", json.dumps(config))
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=60, quotas=Quotas(exports=None)) as sandbox:
        yield sandbox


def synced(sandbox: Sandbox, config: dict[str, Any]) -> list[bytes]:
    return run(config_for(sandbox, export_limit=20, **config)).out.encode().splitlines()


@pytest.mark.parametrize("content", ["sample", "all"])
@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_documented_map_is_no_finding(sandbox: Sandbox, name: str, content: str) -> None:
    config = DOCUMENTED[name]
    outcome = judge(sandbox, synced(sandbox, config), tap_config=config, content=content)
    assert [(one.kind.code, one.detail) for one in outcome.findings] == []
    assert outcome.exit_code == 0, outcome.stopped


@pytest.mark.parametrize("name", READ_OFF_THE_SCHEMA)
def test_a_map_is_read_off_the_schema(sandbox: Sandbox, name: str) -> None:
    outcome = judge(sandbox, synced(sandbox, DOCUMENTED[name]))
    assert [(one.kind.code, one.detail) for one in outcome.findings] == []
    assert outcome.exit_code == 0, outcome.stopped


RENAMED = {"stream_maps": {"contacts": {"mail": "email", "email": None}}}
COMPUTED = {"stream_maps": {"contacts": {"email": "(email or '').lower()"}}}
KEPT = {"stream_maps": {"contacts": {"__filter__": "bool(email)"}, "x": {"__source__": "contacts"}}}


def test_a_renamed_column_is_compared_all_the_same(sandbox: Sandbox) -> None:
    stream = synced(sandbox, RENAMED)
    outcome = judge(sandbox, stream, tap_config=RENAMED, content="all")
    assert outcome.exit_code == 0
    assert outcome.contents is not None
    assert outcome.contents.columns["mail"][Match.EQUAL] == 60
    spoilt = [line.replace(b'"mail":"', b'"mail":"x') for line in stream]
    found = judge(sandbox, spoilt, tap_config=RENAMED, content="all").findings
    assert [(one.kind.code, one.detail) for one in found] == [("different-value", "mail")]


def test_a_computed_column_is_said_to_be_out_of_reach(sandbox: Sandbox) -> None:
    outcome = judge(sandbox, synced(sandbox, COMPUTED), tap_config=COMPUTED, content="all")
    assert outcome.exit_code == 0
    assert outcome.unreachable == ["email"]
    assert outcome.verdict == "nothing found in what was checked"


def test_a_filter_puts_the_count_out_of_reach(sandbox: Sandbox) -> None:
    outcome = judge(sandbox, synced(sandbox, KEPT), tap_config=KEPT)
    assert outcome.exit_code == 0
    assert "__filter__" in outcome.skipped[Check.COMPLETENESS]
    assert any(note.startswith("x: ") for note in outcome.notes)
