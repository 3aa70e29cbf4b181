"""How one setting is declared: its words, its JSON schema, its rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Setting:
    """The declaration of a setting.

    Attributes:
        rule: What its value must be; completes "Setting 'x' must be ...".
        schema: The JSON schema of its value, apart from null.
        required: Whether a sync needs it.
        parse: Turns a value that fits the schema into its typed form, or raises ValueError.
    """

    title: str
    description: str
    rule: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False
    secret: bool = False
    parse: Callable[[Any], Any] = field(default=lambda value: value)
