"""The list of a resource, for example `GET /v1/contacts`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tap_leadlex.sandbox import parameters
from tap_leadlex.sandbox.defects import ListedDate
from tap_leadlex.sandbox.errors import ApiError
from tap_leadlex.sandbox.fault_answers import substitute
from tap_leadlex.sandbox.faults import ListFault
from tap_leadlex.sandbox.instants import DAY, from_datetime, printer
from tap_leadlex.sandbox.readings import ListMode
from tap_leadlex.sandbox.resource import NO_FILTER, Field, Filter, Kind
from tap_leadlex.sandbox.row import Row
from tap_leadlex.sandbox.store import Store
from tap_leadlex.sandbox.workspace import Call, Workspace

SHALLOW_ROWS = 10_000
"""In the mode `shallow`, pages that start after this many records are empty."""

_ERROR = ApiError(500, "internal_error", "Something went wrong")
_REFUSALS = {
    ListMode.FORBIDDEN: ListFault.FORBIDDEN,
    ListMode.MISSING: ListFault.MISSING,
    ListMode.LIMITED: ListFault.TOO_MANY,
}

_LISTED_DATES = {
    ListedDate.YEAR_1: from_datetime(datetime(1, 1, 1, tzinfo=UTC)),
    ListedDate.YEAR_1899: from_datetime(datetime(1899, 12, 30, tzinfo=UTC)),
}


class Page(NamedTuple):
    """A page as the list shows it; `total` is None if the list does not print it."""

    rows: list[Row]
    total: int | None


def list_records(workspace: Workspace, store: Store, request: Request) -> Response:
    """Answer a call of the list, with the fault that is set for its number."""
    call: Call = request.state.call
    query, reading, resource = request.query_params, store.reading, store.resource
    fault = workspace.list_faults.get(call.nth) or _REFUSALS.get(reading.list_mode)
    if fault and (answer := substitute(fault)):
        return answer
    if (echo := workspace.echo(call)) and (answer := echo.response(workspace.key, workspace.store)):
        return answer
    number = parameters.whole_number(query, "page", 1)
    per_page = parameters.per_page(query, reading)
    bounds = {name: parameters.instant(query, name) for name in resource.list_bounds}
    rows, total = page_shown(
        store,
        page=number,
        per_page=per_page,
        sort=parameters.sort(query, resource),
        after=bounds.get("created_after"),
        before=bounds.get("created_before"),
        where=parameters.filters(query, store, in_list=True),
    )
    call.rows = len(rows)
    meta = {"page": number, "per_page": per_page}
    if total is not None:
        meta["total"] = total
    show = printer(reading, store.defects)
    shown = [as_json(row, resource.listed, show) for row in rows]
    body: dict[str, object] = {"data": {resource.list_key: shown}, "meta": meta}
    if fault is ListFault.ERROR_WITH_DATA:
        body |= _ERROR.envelope()
    return JSONResponse(body)


def page_shown(
    store: Store,
    *,
    page: int = 1,
    per_page: int = 50,
    sort: str = "created_at",
    after: int | None = None,
    before: int | None = None,
    where: Filter = NO_FILTER,
) -> Page:
    """Return a page with the effects of the list mode and of the defects, except refusals."""
    mode = store.reading.list_mode
    chosen, total = store.page(
        page=page, per_page=per_page, sort=sort, after=after, before=before, where=where
    )
    rows = list(store.rows(chosen))
    too_deep = mode is ListMode.SHALLOW and (page - 1) * per_page >= SHALLOW_ROWS
    if mode is ListMode.EMPTY or too_deep:
        rows = []
    if mode is ListMode.DATE_BEFORE_WINDOW and after is not None:
        rows = [row._replace(created=after - DAY) for row in rows]
    if (created := _LISTED_DATES.get(store.defects.listed_date)) is not None:
        rows = [row._replace(created=created) for row in rows]
    return Page(rows, _counted(max(0, total + store.defects.total_error), mode))


def _counted(total: int, mode: ListMode) -> int | None:
    match mode:
        case ListMode.WRONG_TOTAL:
            return total // 2
        case ListMode.NEAR_TOTAL:
            return total + 3
        case ListMode.NO_TOTAL:
            return None
        case _:
            return total


def as_json(
    row: Row, fields: tuple[Field, ...], show: Callable[[int], str]
) -> Mapping[str, object]:
    """Return the JSON object with those fields."""
    return {field.name: _json_value(field, row, show) for field in fields}


def _json_value(field: Field, row: Row, show: Callable[[int], str]) -> object:
    value = field.get(row)
    match field.kind:
        case Kind.TEXT:
            return value or None
        case Kind.NUMBER:
            return value
        case Kind.TAGS:
            return list(value)
        case Kind.INSTANT:
            return None if value is None else show(value)
