"""The export of a resource, for example `GET /v1/contacts/export`."""

from starlette.requests import Request
from starlette.responses import Response

from tap_leadlex.sandbox import csv_body, parameters
from tap_leadlex.sandbox.delivery import CsvResponse
from tap_leadlex.sandbox.errors import ApiError
from tap_leadlex.sandbox.fault_answers import substitute
from tap_leadlex.sandbox.faults import ON_THE_WIRE, spoil, spoil_columns
from tap_leadlex.sandbox.readings import Compression
from tap_leadlex.sandbox.store import Store
from tap_leadlex.sandbox.workspace import Call, Workspace

DEFAULT_LIMIT = 10_000
MAX_LIMIT = 50_000


def export_records(workspace: Workspace, store: Store, request: Request) -> Response:
    """Answer an export call, with the fault that is set for its number."""
    call: Call = request.state.call
    fault = workspace.faults.get(call.nth)
    if fault and (answer := substitute(fault)):
        return answer
    echo = workspace.echo(call)
    if echo and (answer := echo.response(workspace.key, workspace.store)):
        return answer
    query, reading = request.query_params, store.reading
    columns = parameters.columns(query, store)
    limit = parameters.whole_number(query, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    chosen = store.export(
        after=parameters.instant(query, "created_after"),
        before=parameters.instant(query, "created_before"),
        limit=limit if workspace.export_cap is None else min(limit, workspace.export_cap),
        where=parameters.filters(query, store, in_list=False),
    )
    if workspace.max_export_rows is not None and len(chosen) > workspace.max_export_rows:
        raise ApiError(504, "gateway_timeout", "The export took too long")
    call.rows = len(chosen)
    if fault:
        columns = spoil_columns(fault, columns)
    if echo:
        columns = columns + echo.columns(workspace.key, workspace.store)
    records = csv_body.records(store.rows(chosen), columns, reading, store.defects)
    accepts_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    return CsvResponse(
        [spoil(fault, list(records))] if fault else csv_body.chunks(records),
        filename=f"{store.resource.name}-export.csv",
        framing=reading.framing,
        compress=accepts_gzip and reading.compression is Compression.GZIP,
        fault=fault if fault in ON_THE_WIRE else None,
        stall=workspace.stall,
    )
