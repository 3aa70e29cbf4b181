"""The settings of a run: one dataclass from which JSON schema, rules and defaults derive."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from singer_sdk import typing as th
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_leadlex import timestamps
from tap_leadlex.api_url import API_URL_PATTERN, API_URL_RULE, DEFAULT_API_URL, END, is_api_url
from tap_leadlex.errors import SettingsError
from tap_leadlex.names import bare, suggestion
from tap_leadlex.resources import Resource
from tap_leadlex.scope import Scope
from tap_leadlex.setting import Setting

MAX_LIMIT = 50_000
MAX_SECONDS = 100 * 366 * 86_400  # a century: beyond it, dates and clocks overflow

T = TypeVar("T")

# Settings of the SDK that would lose records here, with the reason.
REFUSED = {
    "batch_config": "is not supported: BATCH messages would put bookmarks ahead of their records; "
    "remove it",
    "emit_activate_version_messages": "is not supported; remove it. The SDK would write "
    "ACTIVATE_VERSION before the records, and a run that stops early would delete records",
}
# What a setting of the SDK must be, by its type.
_KINDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "object": "a JSON object",
    "string": "a text",
    "array": "a JSON array",
}


def _url(text: str) -> str:
    if not is_api_url(text):  # stricter than the schema's pattern
        raise ValueError(text)
    return text.rstrip("/")


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


def _setting(default: T, title: str, description: str, rule: str, **more: Any) -> T:  # noqa: ANN401 - as `Setting`
    """Return a dataclass field that carries the declaration of its setting."""
    setting = Setting(title, description, rule, **more)
    return field(default=default, metadata={"setting": setting})


def _seconds(default: int, title: str, description: str) -> int:
    rule = "a whole number of seconds, from 0 to a century"
    schema = {"type": "integer", "minimum": 0, "maximum": MAX_SECONDS}
    return _setting(default, title, description, rule, schema=schema)


def _instant(title: str, description: str, condition: str = "") -> datetime | None:
    rule = f"an ISO 8601 date or date-time from {timestamps.FIRST_YEAR} on{condition}"
    schema = {"type": "string", "format": "date-time"}
    return _setting(None, title, description, rule, schema=schema, parse=timestamps.parse_given)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one run, typed."""

    api_key: str = _setting(
        "",  # discovery needs none
        "API key",
        "The workspace's key, from LeadLex's settings under API. It starts with wbk_.",
        "the workspace's key, not empty and without white space",
        schema=_text(rf"^[\x21-\x7e]+{END}"),
        required=True,
        secret=True,
    )
    api_url: str = _setting(
        DEFAULT_API_URL,
        "API URL",
        "Base URL of the API. It must be https, or http on a loopback address.",
        API_URL_RULE,
        schema=_text(API_URL_PATTERN),
        parse=_url,
    )
    start_date: datetime | None = _instant(  # noqa: RUF009 - a field
        "Start date", "Earliest created_at of a first sync. If not set, sync everything."
    )
    end_date: datetime | None = _instant(  # noqa: RUF009 - a field
        "End date",
        "Exclusive upper bound of created_at, for a bounded backfill. If not set, now.",
        ", after start_date",
    )
    # The settings that the table of streams brings along (`list_id`, `tags`, ...), by name.
    streams: Mapping[str, Any] = field(default_factory=dict)
    export_limit: int = _setting(
        MAX_LIMIT,
        "Export limit",
        "Rows to request in one export.",
        f"a whole number from 1 to {MAX_LIMIT}",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
    )
    lookback_seconds: int = _seconds(
        0,
        "Look-back",
        "Start this many seconds before the bookmark. Delivers these contacts again.",
    )
    settle_seconds: int = _seconds(
        60,
        "Settle time",
        "Sync up to this many seconds ago. LeadLex may still be storing newer contacts.",
    )
    quota_wait_seconds: int = _seconds(
        0,
        "Quota wait",
        "Total seconds that a run may wait for the export quota. With 0, it stops at once.",
    )
    max_exports: int | None = _setting(
        None,
        "Maximum exports",
        "Stop after this many export calls, to leave quota to others.",
        "a whole number, 1 or more",
        schema={"type": "integer", "minimum": 1},
    )
    full_refresh_days: int | None = _setting(
        None,
        "Full refresh days",
        "Refresh fully when the last full refresh began this many days ago. With 0, in each run. "
        "If not set, never.",
        "a whole number of days, from 0 to a century",
        schema={"type": "integer", "minimum": 0, "maximum": MAX_SECONDS // 86_400},
    )
    check_drift: bool = _setting(
        True,  # noqa: FBT003 - the default
        "Check drift",
        "At most once a day, compare LeadLex's contact list with the contacts delivered, to find "
        "ranges that have changed.",
        "true or false",
        schema={"type": "boolean"},
    )
    repair_drift: bool = _setting(
        True,  # noqa: FBT003 - the default
        "Repair drift",
        "Export ranges again if their number of contacts has changed since they were synced, as "
        "far as the quota allows. If false, only warn.",
        "true or false",
        schema={"type": "boolean"},
    )
    accept_short_exports: bool = _setting(
        False,  # noqa: FBT003 - the default
        "Accept short exports",
        "Continue with a warning if LeadLex's list shows contacts that its export does not "
        "contain. By default, the run fails.",
        "true or false",
        schema={"type": "boolean"},
    )
    request_timeout: int = _setting(
        300,
        "Request time-out",
        "Seconds without a byte before a request fails.",
        "a whole number of seconds, from 1 to a day",
        schema={"type": "integer", "minimum": 1, "maximum": 86_400},
    )
    run_report: Path | None = _setting(  # noqa: RUF009 - a field
        None,
        "Run report",
        "Append one line of JSON about each run to this file.",
        "the path of a file that the tap can append to",
        schema=_text(rf"^[^\x00]+{END}"),
        parse=Path,
    )
    user_agent: str | None = _setting(
        None,
        "User agent",
        "User-Agent header of every request. If not set, tap-leadlex/<version>.",
        "printable ASCII text",
        schema=_text(rf"^[\x21-\x7e][\x20-\x7e]*{END}"),
    )

    @property
    def refreshes(self) -> bool:
        """Whether runs refresh fully by themselves."""
        return self.full_refresh_days is not None and self.end_date is None

    @property
    def warnings(self) -> Iterator[str]:
        """Yield a line for each setting that has no effect beside the others."""
        if self.full_refresh_days is not None and self.end_date is not None:
            yield (
                "full_refresh_days has no effect while end_date is set: the refresh would not read "
                "the newest contacts. Remove one of the two."
            )

    def scope(self, resource: Resource) -> Scope:
        """Return what this run asks of a resource."""
        return Scope(resource, self.streams)


class SettingsReader:
    """Reads a config into `Settings`, and says what is wrong with it.

    Nothing that it says quotes a value: one of them is the key.
    """

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._of_streams = dict(_of_streams(resources))
        self._declared: dict[str, Setting] = {}
        self._defaults: dict[str, Any] = {}
        for each in fields(Settings):
            if each.name == "streams":
                self._declared |= self._of_streams
                self._defaults |= {
                    name: [] if setting.schema["type"] == "array" else None
                    for name, setting in self._of_streams.items()
                }
            else:
                setting = each.metadata["setting"]
                self._declared[each.name] = setting
                self._defaults[each.name] = None if setting.required else each.default

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
        depth = config.get("flattening_max_depth")
        if config.get("flattening_enabled") and (depth is None or depth < 0):
            msg = (
                "Setting 'flattening_max_depth' must be a whole number, 0 or more, if "
                "flattening_enabled is true."
            )
            raise SettingsError(msg)
        return settings

    def complaints(self, config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
        """Yield a line for each setting that is missing, unknown or not what it must be.

        `schema` is the property of that name, completed with the SDK's own settings.
        """
        # The SDK's schema of stream maps fails on some; they have checks of their own.
        rules = {**schema["properties"], "stream_maps": {"type": ["object", "null"]}}
        validator = JSONSchemaValidator({**schema, "properties": rules})
        errors = validator.iter_errors(dict(config))
        invalid = {str(error.path[0]) for error in errors if error.path}
        missing = set(schema["required"]) - config.keys()
        unknown = config.keys() - set(rules)
        refused = {name for name in REFUSED if config.get(name)}
        for name in sorted(invalid | missing | unknown | refused):
            if name in unknown:
                line = self._complaint(name, "is unknown; see --about") + suggestion(name, rules)
            else:
                line = self._complaint(name, _rule(rules[name], config.get(name)))
            if name in missing:
                line += (
                    f" Set it in a file, or set TAP_LEADLEX_{name.upper()} and pass --config=ENV."
                )
            yield line

    def error(self, *, name: str, reason: str | None) -> SettingsError:
        """Return the error for a setting that cannot be used for another reason than its form."""
        return SettingsError(f"{self._complaint(name)[:-1]}: {reason}.")

    def _parsed(self, name: str, value: Any) -> Any:  # noqa: ANN401 - any setting
        try:
            return self._declared[name].parse(value)
        except ValueError:
            raise SettingsError(self._complaint(name)) from None

    def _complaint(self, name: str, otherwise: str = "") -> str:
        if name in self._declared:
            return f"Setting '{name}' must be {self._declared[name].rule}."
        return f"Setting '{bare(name)}' {REFUSED.get(name, otherwise)}."


def _rule(rule: Mapping[str, Any], value: object) -> str:
    """Return what a setting of the SDK must be; if only a part of an object is wrong, not that."""
    kind = next(name for name in rule["type"] if name != "null")
    return "is not valid" if isinstance(value, dict) else f"must be {_KINDS[kind]}"


def _of_streams(resources: Iterable[Resource]) -> Iterator[tuple[str, Setting]]:
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
