"""What a run does: its parts, each one sweep with a state of its own, in their order. Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Part(Enum):
    """What a sweep is for."""

    NEWS = "records created since the bookmark"
    REFRESH = "all records again, under one version"


def parts(*, full_table: bool) -> Sequence[Part]:
    """Return the parts of a run."""
    return [Part.REFRESH if full_table else Part.NEWS]
