"""The catalog of a run: checked like the settings, and reduced to what the run exports.

It comes from `--discover` of this or an older version, maybe edited. What the SDK sees of it holds
exactly the selected properties, so SCHEMA and RECORD agree.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from singer_sdk.singerlib import Catalog, CatalogEntry, MetadataMapping, Schema, SelectionMask
from singer_sdk.singerlib.catalog import (
    REPLICATION_FULL_TABLE,
    REPLICATION_INCREMENTAL,
    StreamMetadata,
)

from tap_leadlex import refreshes
from tap_leadlex.errors import SettingsError
from tap_leadlex.names import listed, quoted, suggestion
from tap_leadlex.streams import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_leadlex.scope import Scope

Values: TypeAlias = dict[str, Any]

_METHODS = (REPLICATION_INCREMENTAL, REPLICATION_FULL_TABLE)
_INCLUSIONS = ("available", "automatic", "unsupported")
# The keys that the tap reads, of a stream and of its metadata.
_KEYS = {"stream", "key_properties", "replication_key", "replication_method", "schema", "metadata"}
_ROOT_KEYS = {
    "selected",
    "selected-by-default",
    "inclusion",
    "table-key-properties",
    "replication-key",
    "valid-replication-keys",
    "replication-method",
    "forced-replication-method",
}
# Keywords that do not restrict what a property may hold; of these, texts are kept.
_ANNOTATIONS = {"title", "description", "default", "examples", "deprecated"}
_TEXTS = ("title", "description")
_ADVICE = "Pass the output of --discover."


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the catalog: a stream, or one entry of its metadata."""

    stream: str
    values: Values
    breadcrumb: tuple[str, ...] | None = None

    def refuse(self, problem: str) -> NoReturn:
        place = f"stream {quoted(self.stream)}"
        if self.breadcrumb is not None:
            place += f", breadcrumb {quoted(self.breadcrumb)}"
        msg = f"Catalog, {place}: {problem}"
        raise SettingsError(msg)

    def require(self, key: str, *allowed: object) -> None:
        """Refuse a value that is given but not allowed."""
        value = self.values.get(key)
        if value is not None and not any(
            type(value) is type(each) and value == each for each in allowed
        ):
            self.refuse(f"{quoted(key)} must be {listed(allowed, 'or')}. {_ADVICE}")

    def require_spelling(self, known: Iterable[str]) -> None:
        """Refuse a key that differs from one that the tap reads only in case or hyphens."""
        spelling = {name.replace("-", "_"): name for name in known}
        for key in self.values:
            meant = spelling.get(key.replace("-", "_").lower(), key)
            if meant != key:
                self.refuse(f"{quoted(key)} must be written {quoted(meant)}.")

    def method(self, key: str) -> str | None:
        """Return the replication method at a key, if any."""
        value = self.values.get(key)
        if isinstance(value, str) and value.upper() in _METHODS:
            return value.upper()
        self.require(key, *_METHODS)
        return None


class _Stream:
    """One stream of a catalog; the constructor raises an error of any kind if it is not one."""

    def __init__(self, content: Values) -> None:
        self.whole = _Part(content["tap_stream_id"], content)
        if not isinstance(self.name, str):
            raise TypeError
        self.metadata: dict[tuple[str, ...], _Part] = {}
        for entry in content.get("metadata", ()):
            breadcrumb = tuple(entry["breadcrumb"])
            self.metadata[breadcrumb] = _Part(self.name, dict(entry["metadata"]), breadcrumb)
        # Without metadata of its own, a stream is selected.
        self.root = self.metadata.setdefault((), _Part(self.name, {"selected": True}, ()))
        properties = (content.get("schema") or {}).get("properties")
        self.properties: Values | None = None  # if the catalog names any
        if properties is not None:
            self.properties = {name: dict(rule) for name, rule in properties.items()}

    @property
    def name(self) -> str:
        return self.whole.stream

    def check(self, scope: Scope) -> None:
        """Raise `SettingsError` if the stream asks for what the tap cannot do."""
        key, replication_key = scope.resource.key, scope.resource.replication_key
        self.whole.require_spelling(_KEYS)
        self.root.require_spelling(_ROOT_KEYS)
        self.whole.require("stream", self.name)
        self.whole.require("key_properties", [key])
        self.whole.require("replication_key", replication_key)
        self.root.require("table-key-properties", [key])
        self.root.require("replication-key", replication_key)
        self.root.require("valid-replication-keys", [replication_key])
        known: Values = schema(scope)["properties"]
        properties = self.properties or {}
        for breadcrumb, part in self.metadata.items():
            part.require("selected", True, False)  # noqa: FBT003 - the allowed values
            part.require("selected-by-default", True, False)  # noqa: FBT003
            part.require("inclusion", *_INCLUSIONS)
            if breadcrumb and not (breadcrumb[0] == "properties" and len(breadcrumb) == 2):  # noqa: PLR2004
                part.refuse(f"this is not the place of a property. {_ADVICE}")
            misspelt = properties and not any(
                name in properties or name in known for name in breadcrumb[1:]
            )
            if breadcrumb and misspelt and not self.selects(breadcrumb[1]):
                # Or what it was to deselect would be exported.
                near = suggestion(str(breadcrumb[1]), known)
                part.refuse(f"there is no such property.{near} {_ADVICE}")
        for name in known.keys() & properties.keys():
            if _agreed(properties[name], known[name]) is None:
                self.whole.refuse(
                    f"the type of {quoted(name)} in the schema is not that of its values. {_ADVICE}"
                )

    def entry(self, scope: Scope) -> CatalogEntry:
        """Return the stream with what the run exports of it."""
        resource = scope.resource
        automatic = (resource.key, resource.replication_key)
        whole = schema(scope)
        known: Values = whole["properties"]
        held = known if self.properties is None else self.properties
        properties = {
            name: (name in held and _agreed(held[name], rule)) or rule
            for name, rule in known.items()
            if name in automatic or (name in held and self.selects(name))
        }
        return CatalogEntry(
            tap_stream_id=self.name,
            stream=self.name,
            key_properties=[resource.key],
            replication_key=resource.replication_key,
            replication_method=self._method,
            schema=Schema.from_dict(
                {**whole, "properties": properties, "required": list(automatic)}
            ),
            metadata=MetadataMapping({(): StreamMetadata(selected=self.selected)}),
        )

    def warnings(self, scope: Scope) -> Iterator[str]:
        """Yield a line for the properties that only the catalog has, or only the settings."""
        if not self.selected:
            return
        extra = scope.resource.extra_columns
        setting = extra.name if extra else "the settings"
        columns = {column.name for column in scope.columns}
        named = dict.fromkeys(self.properties or ())
        named |= dict.fromkeys(breadcrumb[1] for breadcrumb in self.metadata if breadcrumb)
        if unknown := [name for name in named if name not in columns and self.selects(name)]:
            yield (
                f"The catalog of {self.name} selects {listed(unknown)}, which this run does not "
                f"export. Add it to {setting}, or run --discover again."
            )
        standard = {column.name for column in scope.resource.columns}
        held = columns if self.properties is None else self.properties.keys()
        if missing := sorted(columns - standard - held):
            yield (
                f"The catalog of {self.name} does not contain {listed(missing)}, so this run does "
                f"not export it. Run --discover again, or remove it from {setting}."
            )

    @property
    def selected(self) -> bool:
        """Whether the stream is selected."""
        return self._mask[()]

    def selects(self, name: str) -> bool:
        """Return whether a property is selected."""
        return self._mask["properties", name]

    @cached_property
    def _mask(self) -> SelectionMask:
        return MetadataMapping.from_iterable(
            {"breadcrumb": breadcrumb, "metadata": part.values}
            for breadcrumb, part in self.metadata.items()
        ).resolve_selection()

    @property
    def _method(self) -> str:
        """The replication method. Metadata is where people and Meltano put it, so it comes first.

        Raises:
            SettingsError: If it is neither incremental nor full table.
        """
        methods = [
            self.root.method("forced-replication-method"),
            self.root.method("replication-method"),
        ]
        found = {method for method in methods if method}
        if len(found) > 1:
            self.root.refuse('"replication-method" and "forced-replication-method" differ.')
        return next(iter(found), None) or self.whole.method("replication_method") or _METHODS[0]


class CatalogReader:
    """Reads catalogs.

    Args:
        scopes: What the tap can export, by stream.
        refreshes: Whether there is a stream of its full refreshes.

    Attributes:
        warnings: What the user should know about the catalogs.
    """

    def __init__(self, scopes: Mapping[str, Scope], *, refreshes: bool = False) -> None:
        self._scopes = scopes
        self._refreshes = refreshes
        self.warnings: list[str] = []

    def read(self, content: Mapping[str, Any]) -> Catalog:
        """Check a catalog, and return it as the SDK is to see it.

        Raises:
            SettingsError: If it is not a catalog, or asks for what the tap cannot do.
        """
        try:
            content = json.loads(json.dumps(content))  # from Python, it has tuples and enums
            streams = [_Stream(stream) for stream in content["streams"]]
        except (AttributeError, KeyError, TypeError, ValueError):
            msg = "This file is not a Singer catalog. Pass the output of --discover."
            raise SettingsError(msg) from None
        catalog = Catalog()
        for stream in streams:
            scope = self._scopes.get(stream.name)
            if stream.name in catalog:
                stream.whole.refuse(f"it is listed twice. {_ADVICE}")
            if stream.name == refreshes.NAME:
                if stream.selected and not self._refreshes:
                    stream.whole.refuse(
                        "it has records only with full_refresh_days. Set it, or deselect this."
                    )
                catalog[stream.name] = _of_refreshes(stream)
                continue
            if scope is None:
                near = suggestion(stream.name, self._scopes)
                stream.whole.refuse(f"there is no such stream.{near} {_ADVICE}")
            stream.check(scope)
            catalog[stream.name] = stream.entry(scope)
            self.warnings += stream.warnings(scope)
        if not any(entry.metadata.root.selected for entry in catalog.values()):
            self.warnings.append(
                "No stream is selected, so there is nothing to sync. Select one in the catalog, or "
                "omit --catalog."
            )
        return catalog


def _of_refreshes(stream: _Stream) -> CatalogEntry:
    """Return the entry of the stream of full refreshes."""
    return CatalogEntry(
        tap_stream_id=stream.name,
        stream=stream.name,
        key_properties=[refreshes.KEY],
        replication_method=REPLICATION_FULL_TABLE,
        schema=Schema.from_dict(refreshes.SCHEMA),
        metadata=MetadataMapping({(): StreamMetadata(selected=stream.selected)}),
    )


def _agreed(rule: Values, known: Values) -> Values | None:
    """Return the schema that a catalog has for a known property; `None` if its values may not fit.

    It may allow null, have no format, and have another title and description.
    """
    types, needed = _types(rule), _types(known)
    if not needed <= types <= needed | {"null"}:
        return None
    if rule.get("format") is not None and rule["format"] != known.get("format"):
        return None
    if "items" in known:
        items = rule.get("items")
        if not isinstance(items, dict) or _agreed(items, known["items"]) is None:
            return None
    if not rule.keys() <= _ANNOTATIONS | {"type", "format", "items"}:
        return None
    texts = {key: rule[key] for key in _TEXTS if isinstance(rule.get(key), str)}
    kept: Values = {key: known[key] for key in ("format", "items") if key in known and key in rule}
    return {"type": [*known["type"], *sorted(types - needed)], **kept, **texts}


def _types(rule: Values) -> set[str]:
    types = rule.get("type")
    return set(map(str, types)) if isinstance(types, list) else {str(types)}
