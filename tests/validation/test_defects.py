"""Every planted defect is caught, under the right check."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.sandbox import Quotas, Sandbox
from tests.support import config_for, run
from tests.validation.defects import CATALOGUE, Defect
from tests.validation.syncs import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTACTS = 60


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(contacts=CONTACTS, seed=5, quotas=Quotas(exports=None)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def clean(sandbox: Sandbox) -> str:
    done = run(config_for(sandbox, export_limit=20))
    assert len(done.states) > 3
    assert len(done.records) == CONTACTS
    return done.out


def test_the_catalogue_is_large_enough() -> None:
    assert len({defect.name for defect in CATALOGUE}) == len(CATALOGUE) >= 40
    assert len({defect.check for defect in CATALOGUE}) == 5


def test_the_options_alone_find_nothing(sandbox: Sandbox, clean: str) -> None:
    for told in {str(defect.options): defect.options for defect in CATALOGUE}.values():
        given = {"sample": 0, "max_calls": 500} | told
        assert judge(sandbox, clean.encode().splitlines(), **given).exit_code == 0, told


def test_the_sync_that_is_spoiled_is_clean(sandbox: Sandbox, clean: str) -> None:
    outcome = judge(sandbox, clean.encode().splitlines(), sample=100, max_calls=500, by_month=True)
    assert outcome.exit_code == 0
    assert outcome.contents is not None
    assert len(outcome.contents.compared) == CONTACTS


@pytest.mark.parametrize("defect", CATALOGUE, ids=lambda defect: defect.name)
def test_a_planted_defect_is_caught(sandbox: Sandbox, clean: str, defect: Defect) -> None:
    messages = [json.loads(line) for line in clean.splitlines()]
    spoilt = defect.spoil(messages, Random(defect.name))  # noqa: S311 - seeded on purpose
    lines = defect.raw([json.dumps(message, ensure_ascii=False).encode() for message in spoilt])
    outcome = judge(sandbox, lines, **{"sample": 0, "max_calls": 500} | defect.options)
    caught = {(finding.kind.check, finding.kind.code) for finding in outcome.findings}
    assert (defect.check, defect.code) in caught
    assert outcome.exit_code == 1
