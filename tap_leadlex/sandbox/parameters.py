"""The query parameters and body fields of the API, checked."""

from collections.abc import Mapping
from typing import Any, cast

from starlette.datastructures import QueryParams

from tap_leadlex.sandbox import csv_body, instants
from tap_leadlex.sandbox.errors import ApiError, invalid
from tap_leadlex.sandbox.filters import LISTS, Filter
from tap_leadlex.sandbox.instants import DAY
from tap_leadlex.sandbox.readings import PerPage, Reading, Unknown

MAX_PER_PAGE = 100
SORTS = ("created_at", "updated_date", "full_name")
_TEXTS = ("full_name", "email", "phone", "job_title", "company_name", "linkedin_url")
_FIVE_YEARS = 5 * 365 * DAY


def whole_number(query: QueryParams, name: str, default: int, maximum: int | None = None) -> int:
    """Return the positive whole number called `name`."""
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise invalid(**{name: "must be a positive integer"})
    if maximum is not None and int(text) > maximum:
        raise invalid(**{name: f"must be at most {maximum}"})
    return int(text)


def instant(query: QueryParams, name: str) -> int | None:
    """Return the date called `name` in microseconds since 1970 UTC."""
    if name not in query:
        return None
    try:
        return instants.parse(query[name])
    except ValueError:
        raise invalid(**{name: "must be an ISO 8601 date"}) from None


def per_page(query: QueryParams, reading: Reading) -> int:
    """Return the size of a page of the list."""
    refused = reading.per_page is PerPage.REFUSED
    wanted = whole_number(query, "per_page", 50, MAX_PER_PAGE if refused else None)
    return min(wanted, MAX_PER_PAGE)


def sort(query: QueryParams) -> str:
    """Return the sort key of the list, with its `-` if it has one."""
    wanted = query.get("sort", "created_at")
    if wanted.removeprefix("-") not in SORTS:
        raise invalid(sort=f"must be one of {', '.join(SORTS)}")
    return wanted


def filters(query: QueryParams, reading: Reading) -> Filter:
    """Return the filters of an export or of the list."""
    list_id = query.get("list_id")
    if list_id not in (None, *LISTS) and reading.unknown_list is Unknown.REFUSED:
        raise ApiError(404, "list_not_found", "List not found")
    return Filter(
        list_id=list_id,
        tags=frozenset(query.getlist("tag")),
        search=query.get("search"),
    )


def columns(query: QueryParams, reading: Reading) -> list[str]:
    """Return the columns of an export."""
    names = [name.strip() for name in query.get("fields", "").split(",") if name.strip()]
    unknown = [name for name in names if name not in csv_body.KNOWN]
    if unknown and reading.unknown_field is Unknown.REFUSED:
        raise invalid(fields=f"unknown: {', '.join(unknown)}")
    return csv_body.columns_of(names, reading.column_order)


def contact_values(body: object) -> Mapping[str, Any]:
    """Return the values that the body of a write gives, under the store's names."""
    if not isinstance(body, dict):
        raise invalid(body="must be an object")
    values: dict[str, Any] = {name: body[name] or "" for name in _TEXTS if name in body}
    if "company" in body:
        values["company_name"] = body["company"] or ""
    if "full_name" not in values and ("first_name" in body or "last_name" in body):
        parts = (body.get("first_name"), body.get("last_name"))
        values["full_name"] = " ".join(str(part) for part in parts if part)
    if wrong := {name: "must be a string" for name in values if not isinstance(values[name], str)}:
        raise invalid(**wrong)
    if "tags" in body:
        tags = body["tags"]
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise invalid(tags="must be an array of strings")
        values["tags"] = tuple(tags)
    return values


def new_contact(body: object, now: int) -> tuple[int, Mapping[str, Any]]:
    """Return when a contact to create was created, and its values; it needs a name or an email.

    `created_date` is believed when it is an ISO 8601 date, at most 24 hours ahead of `now` and at
    most five years back; else the contact was created now.
    """
    values = contact_values(body)
    if not (values.get("full_name") or values.get("email")):
        raise invalid(full_name="a contact needs a name or an email")
    try:
        created = instants.parse(cast("Mapping[str, str]", body)["created_date"])
    except (KeyError, TypeError, ValueError):
        return now, values
    return created if now - _FIVE_YEARS <= created <= now + DAY else now, values
