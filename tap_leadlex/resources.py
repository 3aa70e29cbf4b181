"""The table of streams: everything that makes a stream that stream, as data.

Another exported stream is another entry of `RESOURCES`. Facts about the API: docs.leadlex.com.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from tap_leadlex.setting import Setting


class Kind(Enum):
    """What a cell of an export holds, and so the type of its property."""

    TEXT = auto()
    TAGS = auto()  # one cell, joined by commas
    TIMESTAMP = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export, and the property of that name that it becomes."""

    name: str
    kind: Kind = Kind.TEXT
    description: str | None = None
    # Of a text, if its form is known: stream maps are tried on it.
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of an export."""

    name: str  # of the setting that holds its value: a string or an array of strings
    setting: Setting
    parameter: str  # of the query; repeated for each value of an array
    listed: bool  # the list knows it, too, by the same parameter


@dataclass(frozen=True, slots=True)
class ExtraColumns:
    """The setting (an array) that names further columns of an export: nullable strings."""

    name: str
    setting: Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One exported stream."""

    name: str
    record: str  # what messages call one record
    records: str
    export_path: str  # of the CSV export, below `api_url`
    list_path: str  # of the JSON list
    list_key: str  # where the list has its entries, below `data`
    # What an entry of the list calls the replication key; pages of the documentation disagree.
    list_created: tuple[str, ...]
    permission: str  # that the API key needs
    columns: tuple[Column, ...]  # the standard ones, in the order of the export
    key: str = "id"
    replication_key: str = "created_at"  # by which windows are cut
    filters: tuple[Filter, ...] = ()  # in the order of the query
    extra_columns: ExtraColumns | None = None


_NOT_BLANK = {"type": "string", "pattern": r"\S"}
_COLUMN_NAME = {"type": "string", "pattern": r'^[^\s,"\\\x00-\x1f]+(?![\s\S])'}

CONTACTS = Resource(
    name="contacts",
    record="contact",
    records="contacts",
    export_path="/contacts/export",
    list_path="/contacts",
    list_key="contacts",
    list_created=("created_at", "created_date"),
    permission="read:contacts",
    columns=(
        Column("id", description="LeadLex's id"),
        Column("full_name", example="Ada Lovelace"),
        Column("email", example="ada@example.org"),
        Column("phone", example="+442079460000"),
        Column("job_title", example="Partner"),
        Column("company_name", example="Engines, Inc."),
        Column("linkedin_url", example="https://www.linkedin.com/in/ada-lovelace"),
        Column("tags", Kind.TAGS, "Tags, without order"),
        Column("created_at", Kind.TIMESTAMP, "Creation, UTC"),
    ),
    filters=(
        Filter(
            "list_id",
            Setting(
                "List id", "Sync only members of this list.", "a list id, not empty", _NOT_BLANK
            ),
            parameter="list_id",
            listed=True,
        ),
        Filter(
            "tags",
            Setting(
                "Tags",
                "Sync only contacts that have all of these tags.",
                "an array of tags, none of them empty",
                {"type": "array", "items": _NOT_BLANK},
            ),
            parameter="tag",
            listed=False,
        ),
    ),
    extra_columns=ExtraColumns(
        "extra_fields",
        Setting(
            "Extra fields",
            "Further export columns. Each becomes a nullable string property.",
            "an array of column names, without white space, commas, quotes or backslashes",
            {"type": "array", "items": _COLUMN_NAME},
        ),
    ),
)

RESOURCES: tuple[Resource, ...] = (CONTACTS,)
