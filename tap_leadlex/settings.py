"""The settings of a run: one annotated dataclass from which schema, rules and defaults derive."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Annotated, Any

from singer_sdk import typing as th
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_leadlex import timestamps
from tap_leadlex.api_url import API_URL_PATTERN, API_URL_RULE, DEFAULT_API_URL, is_api_url
from tap_leadlex.errors import SettingsError
from tap_leadlex.resources import Resource
from tap_leadlex.scope import Scope
from tap_leadlex.setting import Setting

MAX_LIMIT = 50_000
MAX_SECONDS = 100 * 366 * 86_400  # a century: beyond it, dates and clocks overflow

_END = r"(?![\s\S])"  # unlike $, it does not match before a line end at the end

_OF_STREAMS = "the settings that the table of streams brings along"

# Settings of the SDK that would lose records here, with the reason.
REFUSED = {
    "batch_config": (
        "is not supported: BATCH messages would put bookmarks ahead of their records; remove it"
    ),
    "emit_activate_version_messages": (
        "is not supported; remove it. The SDK would write ACTIVATE_VERSION before the records, and "
        "a run that stops early would delete records"
    ),
}


def _url(text: str) -> str:
    if not is_api_url(text):  # stricter than the schema's pattern
        raise ValueError(text)
    return text.rstrip("/")


def _date(text: str) -> datetime:
    instant = timestamps.parse(text)
    if instant.year < timestamps.FIRST_YEAR:
        raise ValueError(text)
    return instant


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


def _whole_number(
    title: str, description: str, least: int, most: int | None = None, rule: str | None = None
) -> Setting:
    schema = {"type": "integer", "minimum": least}
    if most is None:
        return Setting(title, description, f"a whole number, {least} or more", schema)
    rule = rule or f"a whole number from {least} to {most}"
    return Setting(title, description, rule, schema | {"maximum": most})


def _seconds(title: str, description: str) -> Setting:
    rule = "a whole number of seconds, from 0 to a century"
    return _whole_number(title, description, 0, MAX_SECONDS, rule)


def _instant(title: str, description: str, condition: str = "") -> Setting:
    rule = f"an ISO 8601 date or date-time from {timestamps.FIRST_YEAR} on{condition}"
    return Setting(title, description, rule, {"type": "string", "format": "date-time"}, parse=_date)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one run, typed.

    The settings that the table of streams brings along (`list_id`, `tags`, ...) are in `streams`,
    by name.
    """

    api_key: Annotated[
        str,
        Setting(
            "API key",
            "The workspace's key, from LeadLex's settings under API; it begins with wbk_.",
            "the workspace's key, not empty and without white space",
            _text(rf"^[\x21-\x7e]+{_END}"),
            required=True,
            secret=True,
        ),
    ] = ""  # discovery needs none
    api_url: Annotated[
        str,
        Setting(
            "API URL",
            "Base of the API, https only; http is allowed on a loopback address.",
            API_URL_RULE,
            _text(API_URL_PATTERN),
            parse=_url,
        ),
    ] = DEFAULT_API_URL
    start_date: Annotated[
        datetime | None,
        _instant(
            "Start date", "Earliest created_at of a first sync; everything when it is not set."
        ),
    ] = None
    end_date: Annotated[
        datetime | None,
        _instant(
            "End date",
            "Exclusive upper bound of created_at, for a bounded backfill; now if not set.",
            ", after start_date",
        ),
    ] = None
    streams: Annotated[Mapping[str, Any], _OF_STREAMS] = field(default_factory=dict)
    export_limit: Annotated[
        int, _whole_number("Export limit", "Rows asked for in one export.", 1, MAX_LIMIT)
    ] = MAX_LIMIT
    lookback_seconds: Annotated[
        int,
        _seconds(
            "Look-back", "Start this many seconds before the bookmark; repeats contacts on purpose."
        ),
    ] = 0
    settle_seconds: Annotated[
        int,
        _seconds(
            "Settle time",
            "Stay this many seconds behind now, so that late commits are not missed.",
        ),
    ] = 60
    quota_wait_seconds: Annotated[
        int,
        _seconds(
            "Quota wait",
            "Seconds that one run may wait for the export quota in all; 0 stops at once.",
        ),
    ] = 0
    max_exports: Annotated[
        int | None,
        _whole_number(
            "Maximum exports",
            "Stop cleanly after this many export calls and leave the quota to others.",
            1,
        ),
    ] = None
    check_drift: Annotated[
        bool,
        Setting(
            "Check drift",
            "Compare, at most once a day, what LeadLex counts below the bookmark with what was "
            "delivered, and warn when they differ.",
            "true or false",
            {"type": "boolean"},
        ),
    ] = True
    request_timeout: Annotated[
        int,
        _whole_number(
            "Request time-out",
            "Seconds without a byte before a request is given up.",
            1,
            86_400,
            "a whole number of seconds, from 1 to a day",
        ),
    ] = 300
    user_agent: Annotated[
        str | None,
        Setting(
            "User agent",
            "User-Agent header of every request; tap-leadlex/<version> when not set.",
            "printable ASCII text",
            _text(rf"^[\x21-\x7e][\x20-\x7e]*{_END}"),
        ),
    ] = None

    def scope(self, resource: Resource) -> Scope:
        """Return what this run asks of a resource."""
        return Scope(resource, self.streams)


class SettingsReader:
    """Reads a config into `Settings`, and says what is wrong with it.

    Nothing that it says quotes a value: one of them is the key.

    Args:
        resources: The table of streams, whose own settings are included.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._declared: dict[str, Setting] = {}
        self._defaults: dict[str, Any] = {}
        self._of_streams = dict(_of_streams(resources))
        for each in fields(Settings):
            (declaration,) = each.type.__metadata__  # type: ignore[union-attr] # Annotated
            if declaration is _OF_STREAMS:
                self._declared |= self._of_streams
                self._defaults |= {
                    name: [] if setting.schema["type"] == "array" else None
                    for name, setting in self._of_streams.items()
                }
            else:
                self._declared[each.name] = declaration
                self._defaults[each.name] = None if declaration.required else each.default

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of a config, without the settings that the SDK adds."""
        return th.PropertiesList(
            *(
                th.Property(
                    name,
                    th.CustomType(_types_in_lists(setting.schema)),
                    required=setting.required,
                    default=self._defaults[name],
                    secret=setting.secret,
                    title=setting.title,
                    description=setting.description,
                )
                for name, setting in self._declared.items()
            ),
            additional_properties=False,
        ).to_dict()

    def read(self, config: Mapping[str, Any]) -> Settings:
        """Type a config that the schema accepts; null counts as not set.

        Raises:
            SettingsError: If a value breaks a rule that the schema cannot express.
        """
        typed = {
            name: self._parsed(name, value)
            for name, value in config.items()
            if value is not None and name in self._declared
        }
        streams = {name: typed.pop(name, self._defaults[name]) for name in self._of_streams}
        settings = Settings(**typed, streams=streams)
        start, end = settings.start_date, settings.end_date
        if start and end and end <= start:
            raise SettingsError(self._complaint("end_date"))
        return settings

    def complaints(self, config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong with a config.

        Args:
            config: The config as it was given.
            schema: `schema`, completed with the SDK's own settings.

        Yields:
            One line for each setting that is missing, unknown or not what it must be.
        """
        given = dict(config)
        errors = JSONSchemaValidator(dict(schema)).iter_errors(given)
        invalid = {str(error.path[0]) for error in errors if error.path}
        missing = set(schema["required"]) - given.keys()
        unknown = given.keys() - set(schema["properties"])
        refused = {name for name in REFUSED if given.get(name)}
        for name in sorted(invalid | missing | unknown | refused):
            yield self._complaint(name, known=name not in unknown)

    def misread(self, environment: Mapping[str, str], schema: Mapping[str, Any]) -> Iterator[str]:
        """Say which environment variables the SDK cannot read.

        Args:
            environment: The environment variables.
            schema: `schema`, completed with the SDK's own settings.

        Yields:
            One line for each setting, as `complaints` does.
        """
        readers: dict[str, Callable[[str], object]] = {"integer": int, "object": json.loads}
        for name, rule in schema["properties"].items():
            text = environment.get(f"TAP_LEADLEX_{name.upper()}")
            for kind in rule["type"]:
                try:
                    _ = text is None or readers.get(kind, str)(text)
                except ValueError:
                    yield self._complaint(name)

    def _parsed(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any setting
        try:
            return self._declared[name].parse(value)
        except ValueError:
            raise SettingsError(self._complaint(name)) from None

    def _complaint(self, name: str, *, known: bool = True) -> str:
        if name in self._declared:
            return f"Setting '{name}' must be {self._declared[name].rule}."
        otherwise = "is not valid" if known else "is unknown; see --about"
        return f"Setting '{name}' {REFUSED.get(name, otherwise)}."


def _of_streams(resources: Iterable[Resource]) -> Iterator[tuple[str, Setting]]:
    """Return the settings that the table of streams brings along, in its order."""
    for resource in resources:
        for each in resource.filters:
            yield each.name, each.setting
        if resource.extra_columns:
            yield resource.extra_columns.name, resource.extra_columns.setting


def _types_in_lists(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Write types as the SDK does, which has lists of them: null may join."""
    found = {**schema, "type": [schema["type"]]}
    if "items" in schema:
        found["items"] = _types_in_lists(schema["items"])
    return found
