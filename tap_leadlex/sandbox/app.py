"""The application: the contacts endpoints behind the gateway, and the sandbox's own controls."""

from collections.abc import Mapping
from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from tap_leadlex.sandbox import parameters
from tap_leadlex.sandbox.contact_list import list_contacts
from tap_leadlex.sandbox.errors import ApiError, invalid, no_contact
from tap_leadlex.sandbox.export import export_contacts
from tap_leadlex.sandbox.gateway import Gateway
from tap_leadlex.sandbox.instants import show
from tap_leadlex.sandbox.store import Row
from tap_leadlex.sandbox.workspace import PREFIX, Workspace

_MAX_BULK = 500


def make_app(workspace: Workspace) -> Starlette:
    """Return the application that serves `workspace`."""
    api = Api(workspace)
    controls = Controls(workspace)
    endpoints = Router(
        [
            Route("/contacts/export", api.export),
            Route("/contacts", api.list),
            Route("/contacts", api.create, methods=["POST"]),
            Route("/contacts/bulk", api.create_many, methods=["POST"]),
            Route("/contacts/{id}", api.get),
            Route("/contacts/{id}", api.edit, methods=["PATCH"]),
            Route("/contacts/{id}", api.delete, methods=["DELETE"]),
        ],
        redirect_slashes=False,
    )
    return Starlette(
        routes=[
            Mount(PREFIX, Gateway(endpoints, workspace)),
            Route("/sandbox", controls.summary),
            Route("/sandbox/calls", controls.calls),
            Route("/sandbox/quota/reset", controls.reset_quota, methods=["POST"]),
            Route("/sandbox/contacts", controls.create, methods=["POST"]),
        ]
    )


class Api:
    """The documented endpoints."""

    def __init__(self, workspace: Workspace) -> None:
        """Serve `workspace`."""
        self._workspace = workspace
        self._store = workspace.store

    async def export(self, request: Request) -> Response:
        """`GET /v1/contacts/export`."""
        return export_contacts(self._workspace, request)

    async def list(self, request: Request) -> Response:
        """`GET /v1/contacts`."""
        return list_contacts(self._workspace, request)

    async def get(self, request: Request) -> Response:
        """`GET /v1/contacts/{id}`."""
        if (row := self._store.find(request.path_params["id"])) is None:
            raise no_contact()
        return JSONResponse({"data": self._show(row)})

    async def create(self, request: Request) -> Response:
        """`POST /v1/contacts`."""
        row = self._store.create(
            *parameters.new_contact(await _json(request), self._workspace.now())
        )
        return JSONResponse({"data": self._show(row)}, 201)

    async def create_many(self, request: Request) -> Response:
        """`POST /v1/contacts/bulk`: all or, when one of them is not valid, none."""
        body = await _json(request)
        bodies = body.get("contacts") if isinstance(body, dict) else None
        if not isinstance(bodies, list) or not 0 < len(bodies) <= _MAX_BULK:
            raise invalid(contacts=f"must be an array of 1 to {_MAX_BULK} contacts")
        now = self._workspace.now()
        accepted = [parameters.new_contact(one, now) for one in bodies]
        shown = [self._show(self._store.create(*contact)) for contact in accepted]
        return JSONResponse({"data": {"created": len(shown), "contacts": shown}}, 201)

    async def edit(self, request: Request) -> Response:
        """`PATCH /v1/contacts/{id}`."""
        values = parameters.contact_values(await _json(request))
        row = self._store.edit(request.path_params["id"], values, self._workspace.now())
        if row is None:
            raise no_contact()
        return JSONResponse({"data": self._show(row)})

    async def delete(self, request: Request) -> Response:
        """`DELETE /v1/contacts/{id}`."""
        if not self._store.delete(request.path_params["id"]):
            raise no_contact()
        return JSONResponse({"data": {"deleted": True, "id": request.path_params["id"]}})

    def _show(self, row: Row) -> Mapping[str, object]:
        """Return the single-contact object, whose names differ from the list's."""
        contact, reading = row.contact, self._workspace.reading
        name = contact.full_name or contact.email.partition("@")[0]
        first, _, last = name.partition(" ")
        return {
            "id": contact.id,
            "first_name": first,
            "last_name": last,
            "full_name": name,
            "email": contact.email or None,
            "phone": contact.phone or None,
            "job_title": contact.job_title or None,
            "company": contact.company_name or None,
            "related_company_id": None,
            "linkedin_url": contact.linkedin_url or None,
            "priority": None,
            "tags": list(contact.tags),
            "custom_fields": {},
            "created_date": show(row.created, reading.precision, reading.date_form),
            "updated_date": show(row.updated, reading.precision, reading.date_form),
        }


class Controls:
    """The sandbox's own endpoints, for tests and demos: no key, no quota, not logged."""

    def __init__(self, workspace: Workspace) -> None:
        """Serve `workspace`."""
        self._workspace = workspace

    async def summary(self, _request: Request) -> Response:
        """`GET /sandbox`: the figures."""
        workspace = self._workspace
        return JSONResponse(
            {
                "contacts": len(workspace.store),
                "calls": len(workspace.calls),
                "exports": len(workspace.exports),
                "list_calls": len(workspace.list_calls),
            }
        )

    async def calls(self, _request: Request) -> Response:
        """`GET /sandbox/calls`: the log."""
        return JSONResponse([asdict(call) for call in self._workspace.calls])

    async def reset_quota(self, _request: Request) -> Response:
        """`POST /sandbox/quota/reset`: all calls are free again."""
        self._workspace.quota.reset()
        return Response(status_code=204)

    async def create(self, request: Request) -> Response:
        """`POST /sandbox/contacts?count=250`: that many generated contacts, created now."""
        try:
            count = parameters.whole_number(request.query_params, "count", 1)
        except ApiError as error:
            return error.response()
        now = self._workspace.now()
        for _ in range(count):
            self._workspace.store.create(now)
        return JSONResponse({"created": count, "contacts": len(self._workspace.store)}, 201)


async def _json(request: Request) -> object:
    try:
        return await request.json()
    except ValueError:
        raise invalid(body="must be JSON") from None
