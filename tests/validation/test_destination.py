"""A destination's table against LeadLex."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tap_leadlex.sandbox.instants import SECOND, from_datetime
from tap_leadlex.sandbox.workspace import utc_now
from tap_leadlex.validation.catalogue import Check
from tap_leadlex.validation.claims import Claim, Instant
from tap_leadlex.validation.destination import Destination
from tap_leadlex.validation.errors import CannotValidateError
from tap_leadlex.validation.validation import Validation
from tests.support import config_for, run
from tests.validation.syncs import options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox
    from tap_leadlex.validation.outcome import Outcome

COLUMNS = "id, full_name, email, phone, job_title, company_name, linkedin_url, tags, created_at"


class Filled:
    """A sandbox, and a table that a sync of it has filled."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        """Sync, and fill."""
        self.sandbox = sandbox
        self.path = folder / "warehouse.db"
        done = run(config_for(sandbox))
        rows = [{**one, "tags": json.dumps(one["tags"])} for one in done.records]
        self.execute(f"CREATE TABLE contacts ({COLUMNS}, _sdc_deleted_at, _sdc_extracted_at)")
        for row in rows:
            marks = ", ".join("?" * len(row))
            self.execute(
                f"INSERT INTO contacts ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 - ours
                *row.values(),
            )

    def execute(self, statement: str, *values: Any) -> None:  # noqa: ANN401 - any value
        """Change the table."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(statement, values)

    def validate(self, table: str = "contacts", **more: Any) -> Outcome:  # noqa: ANN401 - any option
        """Compare the table with the sandbox."""
        told = options(self.sandbox, **{"sample": 60, "max_calls": 300} | more)
        place = Destination([f"sqlite:///{self.path}"], table)
        return Validation(told, place.name, live=False).destination(place, lambda _: None)


@pytest.fixture
def filled(serve: Callable[..., Sandbox], tmp_path: Path) -> Filled:
    return Filled(serve(contacts=60, seed=3), tmp_path)


def found(outcome: Outcome) -> list[str]:
    return [finding.kind.code for finding in outcome.findings]


def test_a_complete_table_is_clean(filled: Filled) -> None:
    outcome = filled.validate()
    assert found(outcome) == []
    assert outcome.exit_code == 0
    assert outcome.comparison is not None
    assert outcome.comparison.buckets
    assert outcome.contents is not None
    assert {one.verdict for one in outcome.contents.compared} == {"same"}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM contacts WHERE rowid = 30", "missing"),
        ("UPDATE contacts SET _sdc_deleted_at = '2026-01-01' WHERE rowid = 30", "missing"),
        ("DELETE FROM contacts WHERE rowid < 20", "missing"),
        ("INSERT INTO contacts SELECT * FROM contacts WHERE rowid = 30", "repeat"),
        ("UPDATE contacts SET id = NULL WHERE rowid = 30", "empty-id"),
        ("UPDATE contacts SET created_at = NULL WHERE rowid = 30", "bad-date"),
        ("UPDATE contacts SET full_name = substr(full_name, 1, 3)", "different-value"),
        ("UPDATE contacts SET tags = '[]'", "different-value"),
        ("UPDATE contacts SET id = 'x' || id", "unknown-contact"),
    ],
)
def test_a_wrong_table_is_found_out(filled: Filled, statement: str, code: str) -> None:
    filled.execute(statement)
    outcome = filled.validate()
    assert code in found(outcome)
    assert outcome.exit_code == 1


def test_what_changed_in_leadlex_since_is_no_finding(filled: Filled) -> None:
    store, now = filled.sandbox.store, from_datetime(utc_now())
    rows = list(store.rows())
    store.create(now)
    store.edit(rows[5].contact.id, {"full_name": "Somebody Else"}, now)
    store.delete(rows[9].contact.id)
    late = store.create(rows[20].created + SECOND)
    store.edit(late.contact.id, {}, now)
    outcome = filled.validate()
    assert found(outcome) == []
    assert len(outcome.notes) == 3


def test_a_table_is_compared_from_its_start_date_on(filled: Filled) -> None:
    filled.execute("DELETE FROM contacts WHERE rowid <= 20")
    start = list(filled.sandbox.store.rows())[20].created / SECOND
    assert found(filled.validate(start_date=start)) == []
    assert "missing" in found(filled.validate())


def test_a_state_says_how_far_a_table_has_to_go(filled: Filled) -> None:
    filled.execute("DELETE FROM contacts WHERE rowid = 60")
    assert found(filled.validate()) == []
    state = Claim(position=Instant(utc_now().timestamp()))
    assert "missing" in found(filled.validate(state=state))


def test_a_table_is_compared_under_its_filters(filled: Filled) -> None:
    outcome = filled.validate(list_id="list-half")
    assert outcome.comparison is not None
    assert 0 < outcome.comparison.leadlex < outcome.comparison.sync == 60
    outcome = filled.validate(tags=("lead",))
    assert "tags" in outcome.skipped[Check.COMPLETENESS]
    assert outcome.exit_code == 0


def test_the_table_is_only_read(filled: Filled) -> None:
    before = filled.path.read_bytes()
    filled.path.chmod(0o400)
    assert filled.validate().exit_code == 0
    assert filled.path.read_bytes() == before


def test_without_a_key_only_keys_are_checked(filled: Filled) -> None:
    outcome = filled.validate(api_key=None)
    assert outcome.exit_code == 0
    assert len(outcome.skipped) == 4
    assert outcome.verdict == "nothing found in what was checked"


@pytest.mark.parametrize(
    ("table", "problem"),
    [("nobody", "NoSuchTableError"), ("other", "The table other has no column created_at")],
)
def test_a_table_that_is_none_of_ours_is_told_in_a_line(
    filled: Filled, table: str, problem: str
) -> None:
    filled.execute("CREATE TABLE other (id, name)")
    with pytest.raises(CannotValidateError, match=problem) as told:
        filled.validate(table)
    assert "\n" not in str(told.value)
