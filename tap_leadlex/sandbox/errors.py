"""The error envelope of the API."""

from collections.abc import Mapping

from starlette.responses import JSONResponse


class ApiError(Exception):
    """An answer that is not a success."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the error.

        Args:
            status: HTTP status.
            code: The machine-readable code, as documented.
            message: For people.
            fields: What is wrong with which field or parameter.
        """
        super().__init__(message)
        self.status = status
        self.code = code
        self.fields = fields

    def response(self) -> JSONResponse:
        """Return the envelope."""
        error: dict[str, object] = {"code": self.code, "message": str(self)}
        if self.fields:
            error["details"] = {"fields": dict(self.fields)}
        return JSONResponse({"error": error}, self.status)


def invalid(**fields: str) -> ApiError:
    """Return the error for parameters or fields that are not valid."""
    message = "; ".join(f"{name}: {what}" for name, what in fields.items())
    return ApiError(400, "validation_error", message, fields=fields)


def no_contact() -> ApiError:
    """Return the error for a contact id that nobody has."""
    return ApiError(404, "not_found", "Contact not found")


TOO_MANY = ApiError(429, "rate_limited", "Rate limit exceeded")
