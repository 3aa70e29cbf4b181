"""What the tests share: runs of the tap, a clock, a raw server, states and the expected records."""

from tests.support.clock import FakeClock
from tests.support.common import FIELDS, PROGRAM, TIMEOUT, Json
from tests.support.records import by_id, record_of, truth
from tests.support.runs import (
    Run,
    assert_refused,
    catalog_without,
    config_for,
    env_for,
    run,
    run_process,
    run_program,
)
from tests.support.server import RawServer
from tests.support.states import (
    FULL_TABLE,
    bookmark,
    merge,
    refresh_in,
    said,
    state_at,
    written_before,
)

__all__ = [
    "FIELDS",
    "FULL_TABLE",
    "PROGRAM",
    "TIMEOUT",
    "FakeClock",
    "Json",
    "RawServer",
    "Run",
    "assert_refused",
    "bookmark",
    "by_id",
    "catalog_without",
    "config_for",
    "env_for",
    "merge",
    "record_of",
    "refresh_in",
    "run",
    "run_process",
    "run_program",
    "said",
    "state_at",
    "truth",
    "written_before",
]
