"""The gateway in front of every endpoint: log, key, quotas, latency, headers, error envelope."""

import asyncio
import logging
import re
from collections.abc import Mapping
from email.utils import format_datetime
from hmac import compare_digest
from http import HTTPStatus
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tap_leadlex.sandbox import quota
from tap_leadlex.sandbox.errors import TOO_MANY, ApiError
from tap_leadlex.sandbox.instants import to_datetime
from tap_leadlex.sandbox.quota import Window
from tap_leadlex.sandbox.readings import HeaderWindow, Presence
from tap_leadlex.sandbox.workspace import Call, Workspace

_log = logging.getLogger(__name__)
_SEARCHED = re.compile(r"(search=)[^&]*")  # may contain a contact's name
_CODES = {404: "not_found", 405: "method_not_allowed"}


class Gateway:
    """ASGI middleware around the API of one workspace.

    The endpoints find their call in `scope["state"]["call"]`.
    """

    def __init__(self, app: ASGIApp, workspace: Workspace) -> None:
        self._app = app
        self._workspace = workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call to the application, or refuse it."""
        call = self._workspace.log_call(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            request_id=f"req_{uuid4().hex}",
        )
        scope["state"]["call"] = call
        window = self._described_window(call)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(self._headers(call, window))
                if echo := self._workspace.echo(call):
                    echo.change(headers, self._workspace.key, self._workspace.store)
            await send(message)

        try:
            if action := self._workspace.before_call.get(len(self._workspace.calls)):
                action()
            await asyncio.sleep(self._workspace.latency)
            self._workspace.catch_up()
            self._check_key(scope)
            exported = call.resource if call.is_export else None
            if refusing := self._workspace.quota.take(call.at, export=exported):
                if self._workspace.reading.header_window is HeaderWindow.HOURLY:
                    window = refusing
                await TOO_MANY.response()(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except ApiError as error:
            await error.response()(scope, receive, send_with_headers)
        except HTTPException as error:
            code = _CODES.get(error.status_code, "error")
            response = ApiError(error.status_code, code, error.detail).response()
            await response(scope, receive, send_with_headers)
        finally:
            query = _SEARCHED.sub(r"\1...", call.query)
            _log.info(
                '"%s %s?%s" %d, %d rows, %s',
                *(call.method, call.path, query, call.status, call.rows, call.request_id),
            )

    def _check_key(self, scope: Scope) -> None:
        scheme, _, key = Headers(scope=scope).get("Authorization", "").partition(" ")
        good = compare_digest(key.strip().encode(), self._workspace.key.encode())
        if scheme.lower() != "bearer" or not good:
            raise ApiError(401, "invalid_key", "Invalid or expired API key")

    def _described_window(self, call: Call) -> Window:
        """Return the quota that the headers of the response describe."""
        hourly = self._workspace.reading.header_window is HeaderWindow.HOURLY
        book = self._workspace.quota
        return book.exports_of(call.resource) if call.is_export and hourly else book.daily

    def _headers(self, call: Call, window: Window) -> Mapping[str, str]:
        now, reading = self._workspace.now(), self._workspace.reading
        headers = {"X-Request-ID": call.request_id, **quota.headers(window, now, reading.reset)}
        if reading.date_header is Presence.YES:
            headers["Date"] = format_datetime(to_datetime(now), usegmt=True)
        if call.status == HTTPStatus.TOO_MANY_REQUESTS:
            headers |= quota.retry_after(window, now, reading.retry_after)
        return headers
