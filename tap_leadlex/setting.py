"""How one setting is declared: its words, its JSON schema, its rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Setting:
    """The declaration of a setting."""

    title: str
    description: str
    rule: str  # what its value must be; completes "Setting 'x' must be ..."
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})  # without null
    required: bool = False  # for a sync
    secret: bool = False
    # Turns a value that fits the schema into its typed form, or raises ValueError.
    parse: Callable[[Any], Any] = field(default=lambda value: value)
