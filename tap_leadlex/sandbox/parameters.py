"""Reads and checks the query parameters of the export and of the list."""

from starlette.datastructures import QueryParams

from tap_leadlex.sandbox import csv_body, instants
from tap_leadlex.sandbox.errors import ApiError, invalid
from tap_leadlex.sandbox.readings import PerPage, Reading, Unknown
from tap_leadlex.sandbox.resource import Field, Filter, ServedResource
from tap_leadlex.sandbox.store import Store

MAX_PER_PAGE = 100


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


def sort(query: QueryParams, resource: ServedResource) -> str:
    """Return the sort key of the list, with its `-` if it has one."""
    if not resource.sorts:
        return "id"
    wanted = query.get("sort", resource.sorts[0])
    if wanted.removeprefix("-") not in resource.sorts:
        raise invalid(sort=f"must be one of {', '.join(resource.sorts)}")
    return wanted


def filters(query: QueryParams, store: Store, *, in_list: bool) -> Filter:
    """Return the filters of the list or of the export; parameters it does not know are ignored."""
    pairs = set()
    for parameter in store.resource.filters:
        if not (parameter.in_list if in_list else parameter.in_export):
            continue
        for value in query.getlist(parameter.name):
            unknown = parameter.known is not None and value not in parameter.known
            if unknown and store.reading.unknown_list is Unknown.REFUSED:
                what = parameter.name.removesuffix("_id")
                raise ApiError(404, f"{what}_not_found", f"{what.capitalize()} not found")
            pairs.add((parameter.name, value))
    return frozenset(pairs)


def columns(query: QueryParams, store: Store) -> list[Field]:
    """Return the columns of an export."""
    names = [name.strip() for name in query.get("fields", "").split(",") if name.strip()]
    resource = store.resource
    known = {field.name for field in resource.columns + resource.further_columns}
    unknown = [name for name in names if name not in known]
    if unknown and store.reading.unknown_field is Unknown.REFUSED:
        raise invalid(fields=f"unknown: {', '.join(unknown)}")
    return csv_body.columns_of(resource, names, store.reading.column_order)
