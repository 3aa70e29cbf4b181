"""Stream maps: checked, and tried on made-up records, before the first call.

A map with a misspelt name would let through what it was meant to remove.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import logging
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from singer_sdk.exceptions import MapExpressionError, StreamMapConfigError
from singer_sdk.mapper import (
    MAPPER_ALIAS_OPTION,
    MAPPER_ELSE_OPTION,
    MAPPER_FILTER_OPTION,
    MAPPER_KEY_PROPERTIES_OPTION,
    MAPPER_SOURCE_OPTION,
    NULL_STRING,
    PluginMapper,
    RemoveRecordTransform,
    StreamMap,
)
from singer_sdk.plugin_base import JSONSchemaValidator
from singer_sdk.singerlib.json import serialize_json

from tap_leadlex.errors import SettingsError
from tap_leadlex.names import bare, quoted, suggestion
from tap_leadlex.resources import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from singer_sdk.singerlib import Catalog

    from tap_leadlex.resources import Column
    from tap_leadlex.scope import Scope

Record: TypeAlias = dict[str, Any]

_SETTING = "stream_maps"
_FAKER = "needs the package faker. Install the extra tap-leadlex[faker]."
_NULLS = (None, NULL_STRING)
_TEXTS = (MAPPER_ALIAS_OPTION, MAPPER_SOURCE_OPTION, MAPPER_FILTER_OPTION)
_OPTIONS = (*_TEXTS, MAPPER_ELSE_OPTION, MAPPER_KEY_PROPERTIES_OPTION)

# Made-up values. A text of unknown form may be any of three: an expression must accept one.
_TEXTS_OF_ANY_FORM = ("text", "1", "2026-01-31T08:00:00Z")
_FULL = {Kind.TAGS: ["client", "m&a"], Kind.TIMESTAMP: "2026-01-31T08:00:00Z"}
_EMPTY: dict[Kind, Any] = {Kind.TEXT: None, Kind.TAGS: []}


def check(config: Mapping[str, Any], scopes: Mapping[str, Scope]) -> None:
    """Check the form of the stream maps, and that the names in them exist.

    Args:
        config: The settings.
        scopes: What the tap can export, by stream.

    Raises:
        SettingsError: If a map is invalid, or names a stream or a property that does not exist.
    """
    if config.get("faker_config") and not importlib.util.find_spec("faker"):
        msg = f"Setting 'faker_config' {_FAKER}"
        raise SettingsError(msg)
    for name, definition in config.get(_SETTING, {}).items():
        if name == MAPPER_ELSE_OPTION:
            if definition not in _NULLS:
                _refuse("must be null.", name)
        elif isinstance(definition, dict):
            _check_map(name, definition, scopes)
        elif definition in _NULLS:
            _sources(name, name, scopes)
        else:
            _refuse("must be an object, or null to drop the stream.", name)


def try_out(config: Mapping[str, Any], scopes: Mapping[str, Scope], catalog: Catalog) -> list[str]:
    """Try the expressions on made-up records of the streams that a run exports.

    Returns:
        A warning for each expression whose result does not fit the type of its property.

    Raises:
        SettingsError: If an expression fails.
    """
    warnings: list[str] = []
    for stream, entry in ((name, entry) for name, entry in catalog.items() if name in scopes):
        properties = entry.schema.to_dict()["properties"]
        columns = [column for column in scopes[stream].columns if column.name in properties]
        for name, definition in config.get(_SETTING, {}).items():
            if isinstance(definition, dict) and stream in _sources(
                name, definition.get(MAPPER_SOURCE_OPTION, name), scopes
            ):
                trial = _Trial(config, catalog, stream, columns)
                trial.of_map(name, definition)
                warnings += trial.warnings.values()
    return warnings


def check_outputs(maps: Iterable[StreamMap]) -> None:
    """Raise `SettingsError` unless each map writes a stream of its own."""
    kept = [each for each in maps if not isinstance(each, RemoveRecordTransform)]
    aliases: list[Any] = [each.stream_alias for each in kept]  # of any type, from expressions
    for alias in aliases:
        if not isinstance(alias, str) or not alias.strip() or aliases.count(alias) > 1:
            _refuse(f"{quoted(alias)} must be the name of one stream only.")


def _check_map(name: str, definition: Record, scopes: Mapping[str, Scope]) -> None:
    """Check the map of one stream; what comes first is what later checks rely on."""
    for option in _TEXTS:
        if option in definition and not isinstance(definition[option], str):
            _refuse("must be a text.", name, option)
    if MAPPER_SOURCE_OPTION in definition and MAPPER_ALIAS_OPTION in definition:
        _refuse(f"has no effect with {MAPPER_SOURCE_OPTION}; remove it.", name, MAPPER_ALIAS_OPTION)
    if definition.get(MAPPER_ELSE_OPTION) not in _NULLS:
        _refuse("must be null.", name, MAPPER_ELSE_OPTION)
    keys = definition.get(MAPPER_KEY_PROPERTIES_OPTION, [])
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        _refuse("must be an array of properties, [] for none.", name, MAPPER_KEY_PROPERTIES_OPTION)
    sources = _sources(name, definition.get(MAPPER_SOURCE_OPTION, name), scopes)
    known = {column.name for stream in sources for column in scopes[stream].columns}
    for key, expression in definition.items():
        if key not in _OPTIONS:
            _check_property(name, key, expression, known)


def _check_property(name: str, key: str, expression: object, known: set[str]) -> None:
    if key.startswith("__"):
        _refuse(f"there is no such option.{suggestion(key, _OPTIONS)}", name, key)
    if not isinstance(expression, str | None):
        _refuse("must be an expression, or null to drop the property.", name, key)
    if expression in _NULLS and key not in known:
        _refuse(f"there is no such property to drop.{suggestion(key, known)}", name, key)


def _sources(name: str, source: str, scopes: Mapping[str, Scope]) -> list[str]:
    """Return the streams that a map applies to; there must be one."""
    found = [stream for stream in scopes if fnmatch.fnmatch(stream, source)]
    if not found:
        _refuse(f"there is no stream {quoted(source)}.{suggestion(source, scopes)}", name)
    return found


def _refuse(problem: str, *place: str) -> NoReturn:
    """Raise an error about a place in the setting."""
    raise SettingsError(_at(place, problem)) from None


def _at(place: Iterable[str], problem: str) -> str:
    return f"{bare('.'.join((_SETTING, *place)))}: {problem}"


class _Trial:
    """Tries the maps of one stream on records that LeadLex might send."""

    def __init__(
        self, config: Mapping[str, Any], catalog: Catalog, stream: str, columns: list[Column]
    ) -> None:
        self._config = config
        self._catalog = catalog
        self._stream = stream
        self.warnings: dict[tuple[str, ...], str] = {}  # by place
        self._full = [_made_up(columns, text) for text in _TEXTS_OF_ANY_FORM]
        never_empty = catalog[stream].schema.required or ()
        self._empty = {
            column.name: _EMPTY[column.kind] for column in columns if column.name not in never_empty
        }

    def of_map(self, name: str, definition: Record) -> None:
        """Try each expression alone, to name the one that fails, and then the whole."""
        whole = {key: value for key, value in definition.items() if key != MAPPER_SOURCE_OPTION}
        alone: Record = {MAPPER_ELSE_OPTION: None, MAPPER_KEY_PROPERTIES_OPTION: []}
        if rule := whole.get(MAPPER_FILTER_OPTION):
            alone[MAPPER_FILTER_OPTION] = rule
            self._try(alone, name, MAPPER_FILTER_OPTION)
        for key, expression in whole.items():
            if key not in _OPTIONS and expression not in _NULLS:
                self._try({**alone, key: expression}, name, key)
        self._try(whole, name)

    def _try(self, definition: Record, *place: str) -> None:
        try:
            tried = self._map(definition)
        except Exception as error:  # noqa: BLE001 - of many kinds
            _refuse(_reason(error), *place)
        usable = self._usable(tried, self._full, "a made-up record", place)
        parts = [({name: value}, f" of {quoted(name)}") for name, value in self._empty.items()]
        for empty, which in [*parts, (self._empty, "")]:
            records = [record | empty for record in usable]
            self._usable(tried, records, f"an empty value{which}", place)

    def _usable(
        self, tried: StreamMap, records: list[Record], what: str, place: tuple[str, ...]
    ) -> list[Record]:
        """Return the records that a map can be applied to; one must be."""
        results = [_result(tried, record) for record in records]
        mapped = [result for result in results if not isinstance(result, Exception)]
        if not mapped:
            _refuse(self._explained(results[0], what), *place)
        fits = JSONSchemaValidator(tried.transformed_schema).is_valid
        if place[1:] and not any(result is None or fits(result) for result in mapped):
            self.warnings[place] = _at(
                place,
                "the result does not fit the type that SCHEMA declares, so targets may refuse it. "
                "Convert it with str(), int(), float() or bool().",
            )
        return [
            record
            for record, result in zip(records, results, strict=True)
            if not isinstance(result, Exception)
        ]

    def _map(self, definition: Record) -> StreamMap:
        """Return the SDK's map for a definition."""
        config = {**self._config, _SETTING: {self._stream: definition}}
        mapper = PluginMapper(config, logging.getLogger(__name__))
        mapper.register_raw_streams_from_catalog(self._catalog)
        return mapper.stream_maps[self._stream][0]

    def _explained(self, error: Exception, what: str) -> str:
        cause = error.__cause__
        name = getattr(cause, "func_name", None) or getattr(cause, "name", None)
        if name == "fake":
            return f"'fake' {_FAKER}"
        if name and isinstance(error, MapExpressionError):
            return (
                f"the expression uses {quoted(name)}, which is neither a function nor a selected "
                f"property of {self._stream}."
            )
        return f"the expression fails on {what}. Guard it: md5(email) if email else None."


def _result(tried: StreamMap, record: Record) -> Any:  # noqa: ANN401 - any JSON
    """Return what a map makes of a record, as it would be written, or what it raises."""
    try:
        return json.loads(serialize_json(tried.transform(dict(record))))
    except Exception as error:  # noqa: BLE001 - expressions raise any
        return error


def _reason(error: Exception) -> str:
    """Return why the SDK does not accept a map."""
    if isinstance(error, StreamMapConfigError):
        return (
            "its key properties must be among its properties. Map them, as in "
            '"id": "id", or set __key_properties__ to others ([] for none).'
        )
    if isinstance(error, MapExpressionError | IndexError):
        return "the expression is not valid."
    return "it does not fit faker_config or the flattening_ settings."


def _made_up(columns: Iterable[Column], text: str) -> Record:
    """Return a record without empty values; texts of unknown form are as given."""
    return {column.name: _FULL.get(column.kind, column.example or text) for column in columns}
