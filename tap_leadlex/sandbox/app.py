"""The application: the API behind the gateway, and the sandbox's own controls."""

from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from tap_leadlex.sandbox import parameters
from tap_leadlex.sandbox.changes import Change
from tap_leadlex.sandbox.contact_endpoints import ContactEndpoints
from tap_leadlex.sandbox.errors import ApiError, invalid
from tap_leadlex.sandbox.export import export_records
from tap_leadlex.sandbox.gateway import Gateway
from tap_leadlex.sandbox.listing import list_records
from tap_leadlex.sandbox.store import Store
from tap_leadlex.sandbox.workspace import PREFIX, Workspace


def make_app(workspace: Workspace) -> Starlette:
    """Return the application that serves `workspace`."""
    controls = Controls(workspace)
    endpoints = [
        route for store in workspace.stores.values() for route in _routes(workspace, store)
    ]
    endpoints += ContactEndpoints(workspace).routes()
    return Starlette(
        routes=[
            Mount(PREFIX, Gateway(Router(endpoints, redirect_slashes=False), workspace)),
            Route("/sandbox", controls.summary),
            Route("/sandbox/calls", controls.calls),
            Route("/sandbox/quota/reset", controls.reset_quota, methods=["POST"]),
            Route("/sandbox/contacts", controls.create, methods=["POST"]),
            Route("/sandbox/changes", controls.changes),
            Route("/sandbox/changes", controls.change, methods=["POST"]),
        ]
    )


def _routes(workspace: Workspace, store: Store) -> list[Route]:
    """Return the routes of the export and of the list of a resource."""

    async def export(request: Request) -> Response:
        return export_records(workspace, store, request)

    async def listing(request: Request) -> Response:
        return list_records(workspace, store, request)

    return [Route(store.resource.export_path, export), Route(store.resource.list_path, listing)]


class Controls:
    """The sandbox's own endpoints, for tests and demos: no key, no quota, not logged."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def summary(self, _request: Request) -> Response:
        """`GET /sandbox`: the number of records and calls."""
        workspace = self._workspace
        workspace.catch_up()
        return JSONResponse(
            {
                **{name: len(store) for name, store in workspace.stores.items()},
                "calls": len(workspace.calls),
                "exports": len(workspace.exports),
                "list_calls": len(workspace.list_calls),
            }
        )

    async def calls(self, _request: Request) -> Response:
        """`GET /sandbox/calls`: the log of calls."""
        return JSONResponse([asdict(call) for call in self._workspace.calls])

    async def reset_quota(self, _request: Request) -> Response:
        """`POST /sandbox/quota/reset`: restore all quotas."""
        self._workspace.quota.reset()
        return Response(status_code=204)

    async def create(self, request: Request) -> Response:
        """`POST /sandbox/contacts?count=250`: create that many generated contacts, dated now."""
        try:
            count = parameters.whole_number(request.query_params, "count", 1)
        except ApiError as error:
            return error.response()
        self._workspace.catch_up()
        now = self._workspace.now()
        for _ in range(count):
            self._workspace.store.create(now)
        return JSONResponse({"created": count, "contacts": len(self._workspace.store)}, 201)

    async def changes(self, _request: Request) -> Response:
        """`GET /sandbox/changes`: the number of changes of each kind."""
        self._workspace.catch_up()
        return self._changes_made()

    async def change(self, request: Request) -> Response:
        """`POST /sandbox/changes?edit=100&delete=40`: make so many changes of each kind now."""
        query = request.query_params
        try:
            if unknown := query.keys() - set(Change):
                raise invalid(**dict.fromkeys(unknown, f"must be one of {', '.join(Change)}"))
            wanted = [(Change(name), parameters.whole_number(query, name, 1)) for name in query]
        except ApiError as error:
            return error.response()
        self._workspace.catch_up()
        now = self._workspace.now()
        for kind, count in wanted:
            for _ in range(count):
                self._workspace.changes.make(kind, now)
        return self._changes_made()

    def _changes_made(self) -> Response:
        made = self._workspace.changes.made
        return JSONResponse(
            {**{kind: made[kind] for kind in Change}, "contacts": len(self._workspace.store)}
        )
