"""The endpoints of single contacts: read, create, edit, delete."""

from collections.abc import Mapping
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tap_leadlex.sandbox import instants
from tap_leadlex.sandbox.errors import ApiError, invalid
from tap_leadlex.sandbox.instants import DAY, FIVE_YEARS, printer
from tap_leadlex.sandbox.row import Row
from tap_leadlex.sandbox.workspace import Workspace

_MAX_BULK = 500
_TEXTS = ("full_name", "email", "phone", "job_title", "company_name", "linkedin_url")


class ContactEndpoints:
    """The endpoints of single contacts."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._store = workspace.store

    def routes(self) -> list[Route]:
        """Return the routes, relative to the prefix of the API."""
        return [
            Route("/contacts", self.create, methods=["POST"]),
            Route("/contacts/bulk", self.create_many, methods=["POST"]),
            Route("/contacts/{id}", self.get),
            Route("/contacts/{id}", self.edit, methods=["PATCH"]),
            Route("/contacts/{id}", self.delete, methods=["DELETE"]),
        ]

    async def get(self, request: Request) -> Response:
        """`GET /v1/contacts/{id}`."""
        if (row := self._store.find(request.path_params["id"])) is None:
            raise _not_found()
        return JSONResponse({"data": self._show(row)})

    async def create(self, request: Request) -> Response:
        """`POST /v1/contacts`."""
        row = self._store.create(*new_contact(await _json(request), self._workspace.now()))
        return JSONResponse({"data": self._show(row)}, 201)

    async def create_many(self, request: Request) -> Response:
        """`POST /v1/contacts/bulk`; creates nothing if one of the contacts is invalid."""
        body = await _json(request)
        bodies = body.get("contacts") if isinstance(body, dict) else None
        if not isinstance(bodies, list) or not 0 < len(bodies) <= _MAX_BULK:
            raise invalid(contacts=f"must be an array of 1 to {_MAX_BULK} contacts")
        now = self._workspace.now()
        accepted = [new_contact(one, now) for one in bodies]
        shown = [self._show(self._store.create(*contact)) for contact in accepted]
        return JSONResponse({"data": {"created": len(shown), "contacts": shown}}, 201)

    async def edit(self, request: Request) -> Response:
        """`PATCH /v1/contacts/{id}`."""
        values = contact_values(await _json(request))
        row = self._store.edit(request.path_params["id"], values, self._workspace.now())
        if row is None:
            raise _not_found()
        return JSONResponse({"data": self._show(row)})

    async def delete(self, request: Request) -> Response:
        """`DELETE /v1/contacts/{id}`."""
        if not self._store.delete(request.path_params["id"]):
            raise _not_found()
        return JSONResponse({"data": {"deleted": True, "id": request.path_params["id"]}})

    def _show(self, row: Row) -> Mapping[str, object]:
        """Return the object of a single contact; its names differ from those in the list."""
        contact = row.contact
        show = printer(self._store.reading, self._store.defects)
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
            "created_date": show(row.created),
            "updated_date": show(row.updated),
        }


def contact_values(body: object) -> Mapping[str, Any]:
    """Return the values in the body of a write, under the store's names."""
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
    """Return the creation instant and the values of a new contact.

    `created_date` counts if it is an ISO 8601 date at most 24 hours after and five years before
    `now`. Otherwise the contact is created at `now`.
    """
    values = contact_values(body)
    if not (values.get("full_name") or values.get("email")):
        raise invalid(full_name="a contact needs a name or an email")
    try:
        created = instants.parse(cast("Mapping[str, str]", body)["created_date"])
    except (KeyError, TypeError, ValueError):
        return now, values
    return created if now - FIVE_YEARS <= created <= now + DAY else now, values


def _not_found() -> ApiError:
    return ApiError(404, "not_found", "Contact not found")


async def _json(request: Request) -> object:
    try:
        return await request.json()
    except ValueError:
        raise invalid(body="must be JSON") from None
