"""Settings from environment variables: one reader for each type, and misspelt names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tap_leadlex.names import bare, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PREFIX = "TAP_LEADLEX_"
_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_READERS: dict[str, Callable[[str], Any]] = {
    "boolean": lambda text: _BOOLEANS[text.lower()],
    "integer": int,
    "array": json.loads,
    "object": json.loads,
}
# Read by the SDK itself.
_LOG_LEVEL = "loglevel"


def read(environment: Mapping[str, str], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are set; an empty variable is not.

    A text that its type cannot read stays a text, which the check of the settings then refuses.

    Args:
        environment: The environment variables.
        properties: The JSON schemas of the settings, by name.
    """
    given = {name: environment.get(f"{PREFIX}{name.upper()}") for name in properties}
    return {name: _value(text, properties[name]) for name, text in given.items() if text}


def unknown(environment: Mapping[str, str], names: Iterable[str]) -> Iterator[str]:
    """Yield a line for each variable that looks like a setting of the tap but is not.

    Args:
        environment: The environment variables.
        names: The settings.
    """
    known = {f"{PREFIX}{name.upper()}" for name in (*names, _LOG_LEVEL)}
    # Meltano sets a variable for each part of an object, and those of a plugin that inherits.
    others = tuple(f"{name}_" for name in known)
    inherited = tuple(name.removeprefix(PREFIX.rstrip("_")) for name in known)
    for variable in sorted(environment):
        ours = variable.startswith(PREFIX) and not variable.startswith(others)
        ours = ours and "__" not in variable and not variable.endswith(inherited)
        if ours and variable not in known and environment[variable]:
            near = suggestion(variable, known)
            yield f"The environment variable {bare(variable)} is not a setting.{near}"


def _value(text: str, rule: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    for kind in rule["type"]:
        try:
            return _READERS[kind](text)
        except (KeyError, RecursionError, ValueError):
            continue
    return text
