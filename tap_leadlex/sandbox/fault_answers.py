"""The faults that replace the whole response."""

from collections.abc import Callable, Mapping
from functools import partial

from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from tap_leadlex.sandbox import endless
from tap_leadlex.sandbox.delivery import gone
from tap_leadlex.sandbox.errors import TOO_MANY, ApiError
from tap_leadlex.sandbox.faults import ERROR_TEXT, HTML_TEXT, Fault, ListFault

ELSEWHERE = "http://127.0.0.1:9/elsewhere"


class ResetResponse(Response):
    """Resets the connection instead of responding."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Reset the connection."""
        scope["state"]["connection"].reset()
        await gone(receive)


def _html(status: int) -> Response:
    """Return the response of a gateway in front of the API, which does not use its envelope."""
    return HTMLResponse(HTML_TEXT, status)


_ANSWERS: Mapping[str, Callable[[], Response]] = {
    "403": ApiError(
        403, "insufficient_permissions", "The key lacks the required permission"
    ).response,
    "404": ApiError(404, "not_found", "No such endpoint").response,
    "429": TOO_MANY.response,
    "500": ApiError(500, "internal_error", "Something went wrong").response,
    "502": partial(_html, 502),
    "503": partial(_html, 503),
    "504": partial(_html, 504),
    "redirect": partial(RedirectResponse, ELSEWHERE, 302),
    "json-200": partial(Response, ERROR_TEXT, media_type="application/json"),
    "html-200": partial(_html, 200),
    "reset": ResetResponse,
    "endless-headers": endless.headers,
    "endless-informational": endless.informational,
    "endless-line": endless.line,
    "endless-gzip": endless.gzip,
}


def substitute(fault: Fault | ListFault) -> Response | None:
    """Return the response that replaces the records, or None if the fault does not replace it."""
    make = _ANSWERS.get(fault)
    return make() if make else None
