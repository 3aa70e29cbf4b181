"""The settings: their JSON schema, what is wrong with a value, and their typed form."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th
from singer_sdk.plugin_base import JSONSchemaValidator

from tap_leadlex import timestamps
from tap_leadlex.api.table import STANDARD_FIELDS
from tap_leadlex.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

MAX_LIMIT = 50_000
MAX_SECONDS = 100 * 366 * 86_400  # a century: beyond it, dates and clocks overflow
FIRST_YEAR = 1900
DEFAULT_API_URL = "https://data.leadlex.com/functions/v1/api-gateway/v1"

_LOOPBACK = r"(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])"
_END = r"(?![\s\S])"  # unlike $, it does not look over a line end at the end
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST = rf"({_LABEL}(\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])"
_API_URL = rf"^(https://{_HOST}|http://{_LOOPBACK})(:\d+)?(/[^\s?#]*)?{_END}"

SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType(pattern=rf"^[\x21-\x7e]+{_END}"),
        required=True,
        secret=True,
        title="API key",
        description="The workspace's key, from LeadLex's settings under API; it begins with wbk_.",
    ),
    th.Property(
        "api_url",
        th.StringType(pattern=_API_URL),
        default=DEFAULT_API_URL,
        title="API URL",
        description="Base of the API, https only; http is allowed on a loopback address.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Earliest created_at of a first sync; everything when it is not set.",
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description="Exclusive upper bound of created_at, for a bounded backfill; now if not set.",
    ),
    th.Property(
        "list_id",
        th.StringType(pattern=r"\S"),
        title="List id",
        description="Only members of this list.",
    ),
    th.Property(
        "tags",
        th.ArrayType(th.StringType(pattern=r"\S")),
        default=[],
        title="Tags",
        description="Only contacts that carry all of these tags.",
    ),
    th.Property(
        "extra_fields",
        th.ArrayType(th.StringType(pattern=rf'^[^\s,"\\\x00-\x1f]+{_END}')),
        default=[],
        title="Extra fields",
        description="Further export columns, each a nullable string property.",
    ),
    th.Property(
        "export_limit",
        th.IntegerType(minimum=1, maximum=MAX_LIMIT),
        default=MAX_LIMIT,
        title="Export limit",
        description="Rows asked for in one export.",
    ),
    th.Property(
        "lookback_seconds",
        th.IntegerType(minimum=0, maximum=MAX_SECONDS),
        default=0,
        title="Look-back",
        description="Start this many seconds before the bookmark; repeats contacts on purpose.",
    ),
    th.Property(
        "settle_seconds",
        th.IntegerType(minimum=0, maximum=MAX_SECONDS),
        default=60,
        title="Settle time",
        description="Stay this many seconds behind now, so that late commits are not missed.",
    ),
    th.Property(
        "quota_wait_seconds",
        th.IntegerType(minimum=0, maximum=MAX_SECONDS),
        default=0,
        title="Quota wait",
        description="Seconds that one run may wait for the export quota in all; 0 stops at once.",
    ),
    th.Property(
        "max_exports",
        th.IntegerType(minimum=1),
        title="Maximum exports",
        description="Stop cleanly after this many export calls and leave the quota to others.",
    ),
    th.Property(
        "check_drift",
        th.BooleanType,
        default=True,
        title="Check drift",
        description=(
            "Compare, at most once a day, what LeadLex counts below the bookmark with what was "
            "delivered, and warn when they differ."
        ),
    ),
    th.Property(
        "request_timeout",
        th.IntegerType(minimum=1, maximum=86_400),
        default=300,
        title="Request time-out",
        description="Seconds without a byte before a request is given up.",
    ),
    th.Property(
        "user_agent",
        th.StringType(pattern=rf"^[\x21-\x7e][\x20-\x7e]*{_END}"),
        title="User agent",
        description="User-Agent header of every request; tap-leadlex/<version> when not set.",
    ),
    additional_properties=False,
).to_dict()

# What each setting must be, in the words of an error message.
RULES = {
    "api_key": "must be the workspace's key, neither empty nor with white space in it",
    "api_url": "must begin with https:// (http:// only on a loopback address), without a query",
    "start_date": f"must be an ISO 8601 date or date-time from {FIRST_YEAR} on",
    "end_date": f"must be an ISO 8601 date or date-time from {FIRST_YEAR} on, after start_date",
    "list_id": "must be the id of a list",
    "tags": "must be an array of tags, none of them empty",
    "extra_fields": (
        "must be an array of column names, without white space, commas, quotes or backslashes"
    ),
    "export_limit": f"must be a whole number from 1 to {MAX_LIMIT}",
    "lookback_seconds": "must be a whole number of seconds, from 0 to a century",
    "settle_seconds": "must be a whole number of seconds, from 0 to a century",
    "quota_wait_seconds": "must be a whole number of seconds, from 0 to a century",
    "max_exports": "must be a whole number, 1 or more",
    "check_drift": "must be true or false",
    "request_timeout": "must be a whole number of seconds, from 1 to a day",
    "user_agent": "must be printable ASCII text",
    "batch_config": (
        "is not supported: BATCH messages would put bookmarks ahead of their records; remove it"
    ),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run, typed and with their defaults; see `SCHEMA` for their meaning."""

    api_key: str
    api_url: str
    start_date: datetime | None
    end_date: datetime | None
    list_id: str | None
    tags: tuple[str, ...]
    extra_fields: tuple[str, ...]
    export_limit: int
    lookback_seconds: int
    settle_seconds: int
    quota_wait_seconds: int
    max_exports: int | None
    check_drift: bool
    request_timeout: int
    user_agent: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The export columns of the stream: the standard ones, then the extra ones."""
        extra = (field for field in self.extra_fields if field not in STANDARD_FIELDS)
        return (*STANDARD_FIELDS, *dict.fromkeys(extra))

    @classmethod
    def from_config(cls, config: Mapping[str, Any], user_agent: str) -> Settings:
        """Type a config that `SCHEMA` accepts.

        Args:
            config: The config with its defaults filled in; null counts as not set.
            user_agent: The user agent where the config has none.

        Raises:
            SettingsError: If a date or the URL is none, or `end_date` is not later than
                `start_date`.
        """
        given = {name: value for name, value in config.items() if value is not None}
        start_date = _date(given, "start_date")
        end_date = _date(given, "end_date")
        if start_date and end_date and end_date <= start_date:
            raise SettingsError(_complaint("end_date"))
        return cls(
            api_key=given.get("api_key", ""),  # discovery needs none
            api_url=_url(given.get("api_url", DEFAULT_API_URL)),
            start_date=start_date,
            end_date=end_date,
            list_id=given.get("list_id"),
            tags=tuple(given.get("tags", ())),
            extra_fields=tuple(given.get("extra_fields", ())),
            export_limit=given.get("export_limit", MAX_LIMIT),
            lookback_seconds=given.get("lookback_seconds", 0),
            settle_seconds=given.get("settle_seconds", 60),
            quota_wait_seconds=given.get("quota_wait_seconds", 0),
            max_exports=given.get("max_exports"),
            check_drift=given.get("check_drift", True),
            request_timeout=given.get("request_timeout", 300),
            user_agent=given.get("user_agent", user_agent),
        )


def complaints(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with a config, never quoting a value: one of them is the key.

    Args:
        config: The config as it was given.
        schema: `SCHEMA`, completed with the SDK's own settings.

    Yields:
        One line for each setting that is missing, unknown or not what it must be.
    """
    given = dict(config)
    errors = JSONSchemaValidator(dict(schema)).iter_errors(given)
    unsound = {str(error.path[0]) for error in errors if error.path}
    missing = set(schema["required"]) - given.keys()
    unknown = set(given) - set(schema["properties"])
    yield from map(_complaint, sorted(unsound | missing | unknown))


def misread(environment: Mapping[str, str], schema: Mapping[str, Any]) -> Iterator[str]:
    """Say which environment variables do not hold what the SDK must make of them.

    Args:
        environment: The environment variables.
        schema: `SCHEMA`, completed with the SDK's own settings.

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
                yield _complaint(name)


def _complaint(name: str) -> str:
    otherwise = "is not valid" if name in SCHEMA["properties"] else "is unknown; see --about"
    return f"Setting '{name}' {RULES.get(name, otherwise)}."


def _url(text: str) -> str:
    try:
        _ = urlsplit(text).port  # what the schema cannot: an IPv6 address, a port up to 65535
    except ValueError:
        raise SettingsError(_complaint("api_url")) from None
    return text.rstrip("/")


def _date(config: Mapping[str, Any], name: str) -> datetime | None:
    if name not in config:
        return None
    try:
        instant = timestamps.parse(config[name])
    except ValueError:
        instant = None
    if instant is None or instant.year < FIRST_YEAR:
        raise SettingsError(_complaint(name))
    return instant
