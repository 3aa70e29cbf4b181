"""Singer messages: a line in, a message out."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

Values: TypeAlias = dict[str, Any]


class Schema(msgspec.Struct, tag_field="type", tag="SCHEMA"):
    """Describes a stream."""

    stream: str
    schema: Values
    key_properties: list[str] = []
    bookmark_properties: list[str] | None = None


class Record(msgspec.Struct, tag_field="type", tag="RECORD"):
    """One contact; `record` is its JSON text, decoded by `values_of`."""

    stream: str
    record: msgspec.Raw
    version: int | None = None
    time_extracted: str | None = None


class State(msgspec.Struct, tag_field="type", tag="STATE"):
    """What the next run may rely on."""

    value: Values


class ActivateVersion(msgspec.Struct, tag_field="type", tag="ACTIVATE_VERSION"):
    """Tells the target to drop the rows of all other versions."""

    stream: str
    version: int


class Batch(msgspec.Struct, tag_field="type", tag="BATCH"):
    """Names files in place of records; this tap never sends it."""

    stream: str


Message: TypeAlias = Schema | Record | State | ActivateVersion | Batch


class Flaw(StrEnum):
    """Why a line is no message."""

    JSON = "it is no JSON"
    TYPE = "its type is unknown"
    FORM = "its type is known, its form is wrong"


class UnreadableError(ValueError):
    """A line that is no Singer message.

    Attributes:
        flaw: Why.
        name: The type it gives; empty where it gives none.
    """

    def __init__(self, flaw: Flaw, name: str = "") -> None:
        """Say what is wrong with the line."""
        super().__init__(flaw)
        self.flaw = flaw
        self.name = name


_TYPES = {"SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION", "BATCH"}
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_decode_message: Callable[[bytes], Message] = msgspec.json.Decoder(Message).decode
_decode_values = msgspec.json.Decoder(Values).decode
_decode_any = msgspec.json.Decoder().decode


def read(line: bytes) -> Message:
    """Read one line.

    Raises:
        UnreadableError: If it is no Singer message.
    """
    try:
        return _decode_message(line)
    except msgspec.ValidationError:
        raise _unfit(line) from None
    except _NO_JSON:
        raise UnreadableError(Flaw.JSON) from None


def values_of(record: Record) -> Values:
    """Decode the values of a record.

    Raises:
        UnreadableError: If they are no JSON object.
    """
    try:
        return _decode_values(record.record)
    except msgspec.ValidationError:
        raise UnreadableError(Flaw.FORM, "RECORD") from None
    except _NO_JSON:
        raise UnreadableError(Flaw.JSON) from None


def _unfit(line: bytes) -> UnreadableError:
    """Tell a message of an unknown type from a known one in a wrong form."""
    try:
        found = _decode_any(line)
    except _NO_JSON:
        return UnreadableError(Flaw.JSON)
    name = found.get("type") if isinstance(found, dict) else None
    if not isinstance(name, str):
        return UnreadableError(Flaw.FORM)
    return UnreadableError(Flaw.FORM if name in _TYPES else Flaw.TYPE, name)
