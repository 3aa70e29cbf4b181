"""The list of a resource, for example `GET /v1/contacts`."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tap_leadlex.sandbox import parameters
from tap_leadlex.sandbox.errors import ApiError
from tap_leadlex.sandbox.fault_answers import substitute
from tap_leadlex.sandbox.faults import ListFault
from tap_leadlex.sandbox.instants import DAY, show
from tap_leadlex.sandbox.readings import ListMode, Reading
from tap_leadlex.sandbox.resource import NO_FILTER, Field, Filter, Kind
from tap_leadlex.sandbox.store import Row, Store
from tap_leadlex.sandbox.workspace import Call, Workspace

SHALLOW_ROWS = 10_000
"""In the mode `shallow`, pages that start after this many records are empty."""

_ERROR = ApiError(500, "internal_error", "Something went wrong")
_REFUSALS = {
    ListMode.FORBIDDEN: ListFault.FORBIDDEN,
    ListMode.MISSING: ListFault.MISSING,
    ListMode.LIMITED: ListFault.TOO_MANY,
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
    shown = [as_json(row, resource.listed, reading) for row in rows]
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
    """Return a page as the list mode shows it; modes that refuse the call are handled earlier."""
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
    return Page(rows, _counted(total, mode))


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


def as_json(row: Row, fields: tuple[Field, ...], reading: Reading) -> Mapping[str, object]:
    """Return the JSON object with those fields."""
    return {field.name: _json_value(field, row, reading) for field in fields}


def _json_value(field: Field, row: Row, reading: Reading) -> object:
    value = field.get(row)
    match field.kind:
        case Kind.TEXT:
            return value or None
        case Kind.NUMBER:
            return value
        case Kind.TAGS:
            return list(value)
        case Kind.INSTANT:
            return None if value is None else show(value, reading.precision, reading.date_form)
