"""Echoes: responses that contain the key, values of a contact, or control characters.

They test that a client's log does not repeat what a server sends.
"""

from base64 import b64encode
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from tap_leadlex.sandbox.errors import ApiError
from tap_leadlex.sandbox.fault_answers import ELSEWHERE
from tap_leadlex.sandbox.resource import Field

if TYPE_CHECKING:
    from tap_leadlex.sandbox.store import Store

_CONTROL = "\x1b[31mred\x07\x08\x7f\u202eabc\u202c"
_RATE_LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


class Place(StrEnum):
    """The part of a response that contains the echo."""

    REQUEST_ID = "request-id"
    CONTENT_TYPE = "content-type"
    CONTENT_ENCODING = "content-encoding"
    QUOTA_HEADERS = "quota-headers"
    ERROR_CODE = "error-code"
    ERROR_MESSAGE = "error-message"
    REDIRECT = "redirect"
    COLUMN_NAME = "column-name"


class Content(StrEnum):
    """What the echo consists of."""

    KEY = "key"
    KEY_PART = "key-part"
    KEY_BASE64 = "key-base64"
    VALUES = "values"
    CONTROL = "control"


class Echo(NamedTuple):
    """An echo in one response; in a list call, a column name has no effect."""

    place: Place
    content: Content

    def text(self, key: str, store: "Store") -> str:
        """Return the text to send."""
        match self.content:
            case Content.KEY:
                return key
            case Content.KEY_PART:
                return key[:-3]
            case Content.KEY_BASE64:
                return b64encode(key.encode()).decode()
            case Content.VALUES:
                row = next(store.rows(), None)
                return f"{row.contact.full_name} {row.contact.email}" if row else ""
            case Content.CONTROL:
                return _CONTROL

    def response(self, key: str, store: "Store") -> Response | None:
        """Return the response that replaces the ordinary one, if the place requires that."""
        text = self.text(key, store)
        match self.place:
            case Place.ERROR_CODE:
                return ApiError(500, text, "Something went wrong").response()
            case Place.ERROR_MESSAGE:
                return ApiError(500, "internal_error", text).response()
            case Place.REDIRECT:
                location = f"{ELSEWHERE}/{_as_header(text)}"
                return Response(status_code=302, headers={"Location": location})
            case _:
                return None

    def columns(self, key: str, store: "Store") -> list[Field]:
        """Return the columns to add to the export."""
        if self.place is not Place.COLUMN_NAME:
            return []
        return [Field(self.text(key, store), lambda _: "")]

    def change(self, headers: MutableHeaders, key: str, store: "Store") -> None:
        """Change the headers of the response."""
        text = _as_header(self.text(key, store))
        match self.place:
            case Place.REQUEST_ID:
                headers["X-Request-ID"] = text
            case Place.CONTENT_TYPE:
                headers["Content-Type"] = text
            case Place.CONTENT_ENCODING:
                headers["Content-Encoding"] = text
            case Place.QUOTA_HEADERS:
                for name in (*_RATE_LIMIT_HEADERS, "Retry-After"):
                    headers[name] = text


def _as_header(text: str) -> str:
    """Return the text whose Latin-1 bytes are those of `text` in UTF-8."""
    return text.encode().decode("latin-1")
