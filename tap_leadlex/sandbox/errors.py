"""The error envelope of the API."""

from collections.abc import Mapping

from starlette.responses import JSONResponse


class ApiError(Exception):
    """A response that reports an error.

    Args:
        status: The HTTP status.
        code: The machine-readable code, as documented.
        message: The text for people.
        fields: Which field or parameter is invalid, and why.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fields = fields

    def response(self) -> JSONResponse:
        """Return the response."""
        return JSONResponse(self.envelope(), self.status)

    def envelope(self) -> dict[str, object]:
        """Return the JSON of the response."""
        error: dict[str, object] = {"code": self.code, "message": str(self)}
        if self.fields:
            error["details"] = {"fields": dict(self.fields)}
        return {"error": error}


def invalid(**fields: str) -> ApiError:
    """Return the error for parameters or fields that are invalid."""
    message = "; ".join(f"{name}: {what}" for name, what in fields.items())
    return ApiError(400, "validation_error", message, fields=fields)


TOO_MANY = ApiError(429, "rate_limited", "Rate limit exceeded")
