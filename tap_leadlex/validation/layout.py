"""Which delivered property holds which column of LeadLex, and how the two are compared. Pure.

A sync as the tap writes it needs no layout of its own. Stream maps (`--tap-config`) and import
files (`--mapping`) rename, derive and drop properties on purpose.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from tap_leadlex.resources import CONTACTS, RESOURCES, Kind
from tap_leadlex.validation.errors import CannotValidateError
from tap_leadlex.validation.instants import moment, seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_leadlex.validation.messages import Schema

KEY, CREATED = CONTACTS.key, CONTACTS.replication_key
KINDS = {column.name: column.kind for column in CONTACTS.columns}
KNOWN_STREAMS = {*(resource.name for resource in RESOURCES), "refreshes"}
_NULL = {None, "__NULL__"}
_NAME = re.compile(r"[A-Za-z_]\w*")


class Match(StrEnum):
    """How a delivered value compares with LeadLex's."""

    EQUAL = "equal"
    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "extra"


class Compare(StrEnum):
    """How texts are compared."""

    EXACT = "exact"
    LOOSE = "loose"  # without regard to case and white space
    WORDS = "words"  # the same words, in any order and without regard to commas


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one delivered property is compared with a column of LeadLex."""

    column: str
    compare: Compare = Compare.EXACT
    separator: str | None = None  # of tags in one text
    format: str | None = None  # of a date, as for strftime, if it is not ISO 8601
    join: tuple[str, ...] = ()  # properties whose texts belong to this one, such as the last name

    @property
    def kind(self) -> Kind:
        """What the column holds."""
        return KINDS.get(self.column, Kind.TEXT)

    @property
    def is_text(self) -> bool:
        """Whether the column holds text."""
        return self.kind is Kind.TEXT

    def match(self, delivered: object, leadlex: object) -> Match:
        """Compare two values; nulls and empty texts count as no value."""
        here, there = self._plain(delivered, here=True), self._plain(leadlex, here=False)
        if here == there or not (here or there):
            return Match.EQUAL
        if not here or not there:
            return Match.EXTRA if here else Match.MISSING
        equal = self._alike(here, there)
        return Match.EQUAL if equal else Match.DIFFERENT

    def _plain(self, value: object, *, here: bool) -> Any:  # noqa: ANN401, PLR0911 - comparable
        if value is None:
            return ""
        if self.kind is Kind.TAGS:
            return self._tags(value, here=here)
        # The tap removes NUL, which databases refuse.
        text = str(value).replace("\0", "")
        if self.kind is Kind.TIMESTAMP:
            instant = None if here and self.format else seconds(value)
            if instant is None:
                return text
            return moment(instant).strftime(self.format) if self.format else instant
        match self.compare:
            case Compare.LOOSE:
                return " ".join(text.casefold().split())
            case Compare.WORDS:
                return sorted(text.replace(",", " ").split())
            case Compare.EXACT:
                return text

    def _tags(self, value: object, *, here: bool) -> object:
        """Return tags without order; a comma within a tag looks like one between two."""
        if isinstance(value, str) and here:
            with suppress(msgspec.DecodeError):
                decoded = msgspec.json.decode(value)
                value = decoded if isinstance(decoded, list) else value
        if isinstance(value, str) and here and self.separator is None:
            return value.strip()
        if isinstance(value, list):
            value = ",".join("" if tag is None else str(tag) for tag in value)
        text = str(value).replace("\0", "")
        if self.separator:
            text = text.replace(self.separator, ",")
        return sorted(part for tag in text.split(",") if (part := tag.strip()))

    def _alike(self, here: Any, there: Any) -> bool:  # noqa: ANN401 - comparable values
        if self.kind is Kind.TAGS and isinstance(here, str):
            for tag in sorted(there, key=len, reverse=True):
                if tag not in here:
                    return False
                here = here.replace(tag, "", 1)
            return not any(char.isalnum() for char in here)
        if isinstance(here, float) and isinstance(there, float):
            # LeadLex may print an instant finer on one page than on another.
            return abs(here - there) < 1
        return bool(here == there)


@dataclass(slots=True)
class Layout:
    """What the delivered records look like."""

    stream: str | None = None  # of the contacts, if its SCHEMA need not tell
    key: str | None = KEY  # the property that holds the id, if any
    created: str | None = CREATED  # the property that holds the creation instant, if any
    fields: dict[str, Field] = field(default_factory=dict)  # others compare by their name
    derived: set[str] = field(default_factory=set)  # computed or retyped: not comparable
    only_named: bool = False  # whether only `fields` are compared
    filtered: bool = False  # whether a stream map leaves contacts out
    mapped: bool = False  # whether stream maps are known to change records
    others: frozenset[str] = frozenset()  # further streams made of the contacts

    def field(self, name: str) -> Field | None:
        """Return how a property is compared; `None` if it is out of reach."""
        if name in self.derived:
            return None
        found = self.fields.get(name)
        return Field(name) if found is None and not self.only_named else found

    def value(self, name: str, values: Mapping[str, Any]) -> object:
        """Return the value of a property, with those that belong to it."""
        how = self.fields.get(name)
        if how is None or not how.join:
            return values[name]
        return " ".join(str(values.get(each) or "") for each in (name, *how.join))

    def joined(self) -> set[str]:
        """Return the properties that are compared as a part of another."""
        return {name for how in self.fields.values() for name in how.join}

    @property
    def required(self) -> list[str]:
        """The properties that no record may lack."""
        return [name for name in (self.key, self.created) if name is not None]

    def has_stream(self, name: str) -> bool:
        """Return whether a stream is one that LeadLex has, or is made of one."""
        return name == self.stream or name in KNOWN_STREAMS or name in self.others

    def could_be(self, schema: Schema) -> bool:
        """Return whether a SCHEMA under another name describes contacts."""
        names = schema.properties.keys()
        return (
            schema.stream not in KNOWN_STREAMS
            and schema.key_properties == [KEY]
            and (schema.bookmark_properties == [CREATED] or CREATED not in names)
            and bool(names & KINDS.keys() - {KEY})
        )

    def adapt(self, schema: Schema) -> None:
        """Learn from the SCHEMA what a stream map changed.

        A map with `"__else__": null` removes `required`, and then properties; another type shows
        that an expression computes the values.
        """
        if "required" not in schema.schema:
            self.mapped = True
            if CREATED not in schema.properties:
                self.created = None
        for name in schema.properties:
            types, how = schema.types(name), self.field(name)
            if types and "string" not in types and how is not None and how.kind is not Kind.TAGS:
                self.derived.add(name)


def for_stream(stream: str | None, config: Mapping[str, Any] | None) -> Layout:
    """Return the layout of a stream, by its name and the tap's config, so far as they are given."""
    maps = (config or {}).get("stream_maps")
    if not isinstance(maps, dict) or not maps:
        return Layout(stream)
    made = {
        name: each
        for name, each in {CONTACTS.name: {}, **maps}.items()
        if isinstance(each, dict) and each.get("__source__", name) == CONTACTS.name
    }
    named = {str(each.get("__alias__", name)): each for name, each in made.items()}
    names = list(named)
    chosen = stream if stream in named else next(iter(names), stream)
    others = frozenset(named.keys() - {chosen})
    return replace(_mapped(named.get(chosen or "", {})), stream=chosen, others=others)


def _mapped(definition: Mapping[str, Any]) -> Layout:
    """Return the layout that one stream map leads to."""
    layout = Layout(filtered="__filter__" in definition, mapped=bool(definition))
    layout.only_named = "__else__" in definition and definition["__else__"] in _NULL
    for name, expression in definition.items():
        if name.startswith("__") or expression in _NULL:
            continue
        if isinstance(expression, str) and _NAME.fullmatch(expression):
            layout.fields[name] = Field(expression)
        else:
            layout.derived.add(name)
    removed = {name for name, each in definition.items() if each in _NULL} | layout.derived

    def holder(column: str) -> str | None:
        if column not in removed and (not layout.only_named or column in layout.fields):
            return column
        return next((name for name, one in layout.fields.items() if one.column == column), None)

    layout.key, layout.created = holder(KEY), holder(CREATED)
    return layout


def for_mapping(content: bytes) -> Layout:
    """Return the layout of a destination whose columns a mapping file names."""
    try:
        given = msgspec.json.decode(content, type=dict[str, str | Field])
    except msgspec.DecodeError as error:
        msg = f"--mapping: the file is not a mapping of columns ({error})."
        raise CannotValidateError(msg) from None
    fields = {name: Field(each) if isinstance(each, str) else each for name, each in given.items()}
    holders = {each.column: name for name, each in reversed(fields.items())}
    if KEY not in holders:
        msg = f"--mapping: no column holds LeadLex's {KEY}, by which contacts are matched."
        raise CannotValidateError(msg)
    return Layout(
        key=holders[KEY], created=holders.get(CREATED), fields=fields, only_named=True, mapped=True
    )
