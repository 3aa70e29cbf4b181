"""A table or CSV files that a sync has filled, read and never written."""

from __future__ import annotations

import csv
import sys
from contextlib import suppress
from datetime import date, datetime
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from tap_leadlex.resources import Kind as Holds
from tap_leadlex.validation.catalogue import Kind
from tap_leadlex.validation.content import Drawn, Sample
from tap_leadlex.validation.delivered import Delivered
from tap_leadlex.validation.errors import CannotValidateError
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.live import Arrived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.layout import Layout
    from tap_leadlex.validation.messages import Values
    from tap_leadlex.validation.options import Options

_BLOCK = 5_000
_DELETED = "_sdc_deleted_at"
_OF_TARGETS = "_sdc_"


class Destination:
    """The rows of a table, or of all the CSV files that a sync was written to."""

    def __init__(self, places: Sequence[str], table: str) -> None:
        """Take SQLAlchemy's URL of a database with a table's name, or paths of CSV files."""
        self._files = [Path(place) for place in places if "://" not in place]
        self._urls = [place for place in places if "://" in place]
        self._table = table
        if len(self._urls) > 1 or (self._urls and self._files):
            msg = "--destination: name one database, or any number of CSV files."
            raise CannotValidateError(msg)

    @property
    def name(self) -> str:
        """What is validated, in words."""
        if self._urls:
            return f"the table {self._table}"
        return ", ".join(path.name for path in self._files)

    @property
    def written(self) -> float | None:
        """When the files were last written, seconds since 1970; `None` for a table."""
        times = [path.stat().st_mtime for path in self._files if path.exists()]
        return max(times, default=None)

    def read(self, options: Options, findings: Findings, watch: Callable[[int], object]) -> Arrived:
        """Read all rows and check their keys; raise `CannotValidateError` if that is impossible."""
        layout = options.layout()
        if layout.key is None:
            msg = "The stream map of --tap-config removes the id, by which contacts are matched."
            raise CannotValidateError(msg)
        dated = layout.field(layout.created or "")
        if dated is None or dated.format is not None:
            layout.created = None
        delivered = Delivered(keep_records=options.keep_records)
        sample = Sample(options.sample_size, options.seed)
        names: Sequence[str] = ()
        for number, row in enumerate(self._rows(layout), start=1):
            names = names or list(row)
            created = nan if layout.created is None else seconds(row[layout.created])
            identity = row[layout.key]
            if created is None:
                findings.add(Kind.BAD_DATE, identity=identity)
            if not isinstance(identity, str) or not identity.strip():
                findings.add(Kind.EMPTY_ID, line=number)
                continue
            record = msgspec.json.encode(row, enc_hook=str) if options.keep_records else None
            content = hash(repr(tuple(row.values())))
            again = delivered.add(identity, content, created, record=record)
            if again is not None:
                findings.add(again, line=number, identity=identity)
            elif (place := sample.place()) is not None:
                sample.take(place, Drawn(row, None))
            if number % _BLOCK == 0:
                watch(number)
        return Arrived(layout, names, delivered, sample)

    def _rows(self, layout: Layout) -> Iterator[Values]:
        """Yield each row as a record."""
        for url in self._urls:
            for row in _table(url, self._table, layout.required):
                yield _as_record(row, layout)
        for path in self._files:
            yield from _file(path, layout.required)


def _file(path: Path, needed: Sequence[str]) -> Iterator[Values]:
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            _require(needed, rows.fieldnames or (), path.name)
            for row in rows:
                if None in row or None in row.values():
                    msg = f"{path.name}, line {rows.line_num}: a row of another length."
                    raise CannotValidateError(msg)
                yield dict(row)
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        msg = f"{path.name} cannot be read as CSV ({type(error).__name__})."
        raise CannotValidateError(msg) from None


def _table(url: str, name: str, needed: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a table that are not marked as deleted."""
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        schema, _, plain_name = name.rpartition(".")
        columns = sa.inspect(engine).get_columns(plain_name, schema=schema or None)
        names = [column["name"] for column in columns]
        _require(needed, names, f"The table {name}")
        table = sa.table(plain_name, *map(sa.column, names), schema=schema or None)
        query = sa.select(*(table.c[each] for each in names if not each.startswith(_OF_TARGETS)))
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


def _require(needed: Sequence[str], names: Sequence[str], where: str) -> None:
    for name in needed:
        if name not in names:
            msg = f"{where} has no column {name}."
            raise CannotValidateError(msg)


def _forbid_writing(connection: sa.Connection) -> None:
    """Have the database itself refuse writes, if it can."""
    match connection.dialect.name:
        case "sqlite":
            connection.execute(sa.text("PRAGMA query_only = ON"))
        case "postgresql":
            connection.execute(sa.text("SET TRANSACTION READ ONLY"))


def _as_record(row: Mapping[str, Any], layout: Layout) -> Values:
    """Give a row the form of a record; targets without arrays keep tags as JSON text."""
    record = {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in row.items()
    }
    for name, text in record.items():
        how = layout.field(name)
        if how is not None and how.kind is Holds.TAGS and isinstance(text, str):
            with suppress(msgspec.DecodeError):
                record[name] = msgspec.json.decode(text)
    return record
