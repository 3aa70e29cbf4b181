"""JSON schemas of streams: a verdict in under a microsecond, reasons without values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema_rs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_leadlex.validation.messages import Schema, Values


class BadSchemaError(ValueError):
    """The schema itself is none."""


class Described:
    """A stream as its SCHEMA describes it.

    Attributes:
        message: The SCHEMA.
        is_valid: Whether a record's values fit, formats included.
    """

    def __init__(self, message: Schema) -> None:
        """Compile the schema.

        Args:
            message: The SCHEMA.

        Raises:
            BadSchemaError: If it is no JSON schema.
        """
        self.message = message
        try:
            self._validator = jsonschema_rs.validator_for(message.schema, validate_formats=True)
        except (ValueError, TypeError) as error:
            raise BadSchemaError from error
        self.is_valid = self._validator.is_valid

    def complaints(self, values: Values) -> Iterator[str]:
        """Say which properties break which rules, without any value.

        Yields:
            A property and the rule of the schema that it breaks.
        """
        try:
            errors = self._validator.iter_errors(values)
        except ValueError:
            yield "nested too deeply"
            return
        for error in errors:
            rule = next((str(step) for step in reversed(error.schema_path)), "")
            path = error.instance_path
            yield f"{path[0]}: {rule}" if path else rule
