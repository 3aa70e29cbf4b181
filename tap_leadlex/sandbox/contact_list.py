"""`GET /v1/contacts`."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tap_leadlex.sandbox import parameters
from tap_leadlex.sandbox.fault_answers import substitute
from tap_leadlex.sandbox.faults import ListFault
from tap_leadlex.sandbox.instants import DAY, show
from tap_leadlex.sandbox.readings import ListMode, Reading
from tap_leadlex.sandbox.store import Row
from tap_leadlex.sandbox.workspace import Call, Workspace

SHALLOW_ROWS = 10_000
"""In the mode `shallow`, pages that begin after that many contacts are empty."""

_REFUSALS = {
    ListMode.FORBIDDEN: ListFault.FORBIDDEN,
    ListMode.MISSING: ListFault.MISSING,
    ListMode.LIMITED: ListFault.TOO_MANY,
}


def list_contacts(workspace: Workspace, request: Request) -> Response:
    """Answer a call of the contact list, with the fault that is set for its number."""
    call: Call = request.state.call
    query, reading = request.query_params, workspace.reading
    fault = workspace.list_faults.get(workspace.list_calls.index(call) + 1)
    fault = fault or _REFUSALS.get(reading.list_mode)
    if fault and (answer := substitute(fault)):
        return answer
    page, per_page = parameters.whole_number(query, "page", 1), parameters.per_page(query, reading)
    after = parameters.instant(query, "created_after")
    chosen, total = workspace.store.page(
        page=page,
        per_page=per_page,
        sort=parameters.sort(query),
        after=after,
        where=parameters.filters(query, reading),
    )
    rows = list(workspace.store.rows(chosen))
    too_deep = reading.list_mode is ListMode.SHALLOW and (page - 1) * per_page >= SHALLOW_ROWS
    if reading.list_mode is ListMode.EMPTY or too_deep:
        rows = []
    if reading.list_mode is ListMode.DATE_BEFORE_WINDOW and after is not None:
        rows = [row._replace(created=after - DAY) for row in rows]
    call.rows = len(rows)
    meta = {"page": page, "per_page": per_page, "total": _counted(total, reading.list_mode)}
    if reading.list_mode is ListMode.NO_TOTAL:
        del meta["total"]
    return JSONResponse({"data": {"contacts": [_show(row, reading) for row in rows]}, "meta": meta})


def _counted(total: int, mode: ListMode) -> int:
    match mode:
        case ListMode.WRONG_TOTAL:
            return total // 2
        case ListMode.NEAR_TOTAL:
            return total + 3
        case _:
            return total


def _show(row: Row, reading: Reading) -> Mapping[str, object]:
    contact = row.contact
    return {
        "id": contact.id,
        "full_name": contact.full_name or None,
        "email": contact.email or None,
        "phone": contact.phone or None,
        "job_title": contact.job_title or None,
        "company_name": contact.company_name or None,
        "linkedin_url": contact.linkedin_url or None,
        "created_at": show(row.created, reading.precision, reading.date_form),
        "updated_date": show(row.updated, reading.precision, reading.date_form),
    }
