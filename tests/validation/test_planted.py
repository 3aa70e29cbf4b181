"""A hundred and fifty random defects, in streams and tables: none is missed.

`make plant` plants thousands.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.validation.planted import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFECTS = 150
PER_TEST = 15


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    with Field() as field:
        yield field


@pytest.mark.parametrize("batch", range(DEFECTS // PER_TEST))
def test_no_planted_defect_is_missed(field: Field, batch: int) -> None:
    for seed in range(batch * PER_TEST, (batch + 1) * PER_TEST):
        planted = field.plant(Random(seed))  # noqa: S311 - seeded on purpose
        assert not planted.missed, f"seed {seed}: {planted.names}"
        if any(planted.expected):
            assert planted.outcome.exit_code == 1
