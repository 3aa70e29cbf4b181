"""A table that a sync has filled, read and never written."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from math import isnan
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from tap_leadlex.resources import CONTACTS, Kind
from tap_leadlex.validation import catalogue
from tap_leadlex.validation.comparison import Range
from tap_leadlex.validation.errors import CannotValidateError
from tap_leadlex.validation.findings import Check, Findings
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.keys import Keys
from tap_leadlex.validation.ledger import Ledger
from tap_leadlex.validation.live import compare_with_leadlex
from tap_leadlex.validation.outcome import Outcome
from tap_leadlex.validation.protocol import KEY, REPLICATION_KEY
from tap_leadlex.validation.sample import Drawn, Sample
from tap_leadlex.validation.validation import api_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_leadlex.validation.options import Options

_BLOCK = 5_000
_DELETED = "_sdc_deleted_at"
_LEAST = 1e-6
_NO_STREAM = "a table holds no messages"


def validate_table(options: Options, url: str, table: str, watch: Callable[[int], None]) -> Outcome:
    """Compare a table with LeadLex.

    Args:
        options: What this validation is told.
        url: SQLAlchemy's URL of the database.
        table: The table's name, with its schema before a dot if it needs one.
        watch: Told the number of rows so far, now and then.

    Raises:
        CannotValidateError: If the table cannot be read.
    """
    began = time.monotonic()
    outcome, findings, ledger = Outcome(f"the table {table}"), Findings(), Ledger()
    outcome.skipped = {Check.PROTOCOL: _NO_STREAM, Check.BOOKMARKS: _NO_STREAM}
    keys = Keys(findings, ledger)
    sample = Sample(options.sample, options.seed)
    for number, row in enumerate(_rows(url, table), start=1):
        created = _instant(row[REPLICATION_KEY])
        if created is None:
            findings.add(catalogue.BAD_DATE, identity=row[KEY])
        if keys.record(number, row[KEY], hash(repr(tuple(row.values()))), created) and (
            sample.wants_next()
        ):
            sample.take(Drawn(_as_record(row), None))
        if number % _BLOCK == 0:
            watch(number)
    outcome.contacts, outcome.repeats = len(ledger), keys.repeats
    _ask(options, outcome, findings, ledger, sample)
    outcome.findings = findings.worst_first()
    outcome.seconds = time.monotonic() - began
    return outcome


def _ask(
    options: Options, outcome: Outcome, findings: Findings, ledger: Ledger, sample: Sample
) -> None:
    """Do the checks that need LeadLex."""
    api = api_of(options)
    if api is None:
        why = "no api_key, so LeadLex was not asked"
        outcome.skipped |= {Check.COMPLETENESS: why, Check.CONTENT: why}
        return
    created = [instant for instant in ledger.created if not isnan(instant)]
    end = options.state.position if options.state is not None else None
    if end is None:
        end = max(created, default=0.0) + _LEAST
    if options.tags:
        why = "the sync was filtered by tags, which LeadLex's list cannot count"
        outcome.skipped[Check.COMPLETENESS] = why
    with api:
        compare_with_leadlex(
            api,
            findings,
            outcome,
            ledger,
            sample.drawn,
            covered=Range(options.start, end, end),
            since=end,
            by_month=True,
        )
        outcome.calls = api.made


def _rows(url: str, name: str) -> Iterator[Mapping[str, Any]]:
    """Give the rows of a table that are not marked as deleted."""
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        schema, _, plain_name = name.rpartition(".")
        columns = sa.inspect(engine).get_columns(plain_name, schema=schema or None)
        names = [column["name"] for column in columns]
        for needed in (KEY, REPLICATION_KEY):
            if needed not in names:
                msg = f"The table {name} has no column {needed}."
                raise CannotValidateError(msg)
        table = sa.table(plain_name, *map(sa.column, names), schema=schema or None)
        query = sa.select(*(table.c[each] for each in names if not each.startswith("_sdc_")))
        if _DELETED in names:
            query = query.where(table.c[_DELETED].is_(None))
        with engine.connect() as connection:
            _forbid_writing(connection)
            streamed = connection.execution_options(yield_per=_BLOCK, stream_results=True)
            for row in streamed.execute(query).mappings():
                yield {str(column): value for column, value in row.items()}
    except (SQLAlchemyError, ImportError) as error:
        msg = f"The destination cannot be read ({type(error).__name__}): check URL and --table."
        raise CannotValidateError(msg) from None


def _forbid_writing(connection: sa.Connection) -> None:
    """Have the database itself refuse writes, where it knows how."""
    match connection.dialect.name:
        case "sqlite":
            connection.execute(sa.text("PRAGMA query_only = ON"))
        case "postgresql":
            connection.execute(sa.text("SET TRANSACTION READ ONLY"))


def _instant(value: object) -> float | None:
    if isinstance(value, datetime):
        return seconds(value.isoformat())
    return seconds(value)


def _as_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row the form of a record; targets without arrays keep tags as JSON text."""
    record = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }
    for column in CONTACTS.columns:
        text = record.get(column.name)
        if column.kind is Kind.TAGS and isinstance(text, str):
            with suppress(msgspec.DecodeError):
                record[column.name] = msgspec.json.decode(text)
    return record
