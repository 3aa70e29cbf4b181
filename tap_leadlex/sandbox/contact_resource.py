"""The contacts, described as a served resource."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from zlib import crc32

from tap_leadlex.sandbox.contacts import Book
from tap_leadlex.sandbox.record_book import scramble
from tap_leadlex.sandbox.resource import (
    CREATED_AT,
    UPDATED_DATE,
    Field,
    FilterParameter,
    Kind,
    ServedResource,
    ValueOf,
    field,
)

LISTS: Mapping[str, float] = {"list-half": 0.5, "list-tenth": 0.1, "list-rare": 0.001}
"""The contact lists of every workspace, and the share of the contacts in each."""

_full_name = attrgetter("record.full_name")
_NAMES = ("id", "full_name", "email", "phone", "job_title", "company_name", "linkedin_url")
_TEXTS = tuple(map(field, _NAMES))


def _is_member(list_id: str, _value_of: ValueOf) -> Callable[[int], bool]:
    salt, share = crc32(list_id.encode()), LISTS.get(list_id, 0) * 2**32
    return lambda number: scramble(number ^ salt) < share


def _has_tag(tag: str, value_of: ValueOf) -> Callable[[int], bool]:
    return lambda number: tag in value_of(number, "tags")


def _is_found(part: str, value_of: ValueOf) -> Callable[[int], bool]:
    part = part.casefold()
    return lambda number: any(
        part in value_of(number, name).casefold() for name in ("full_name", "email")
    )


CONTACTS = ServedResource(
    name="contacts",
    export_path="/contacts/export",
    list_path="/contacts",
    list_key="contacts",
    book=Book,
    columns=(*_TEXTS, field("tags", Kind.TAGS), CREATED_AT),
    further_columns=(
        UPDATED_DATE,
        Field("first_name", lambda row: _full_name(row).partition(" ")[0]),
        Field("last_name", lambda row: _full_name(row).partition(" ")[2]),
    ),
    listed=(*_TEXTS, CREATED_AT, UPDATED_DATE),
    filters=(
        FilterParameter(name="list_id", test=_is_member, known=frozenset(LISTS)),
        FilterParameter(name="tag", test=_has_tag, in_list=False),
        FilterParameter(name="search", test=_is_found, in_export=False),
    ),
    sorts=("created_at", "updated_date", "full_name"),
)
