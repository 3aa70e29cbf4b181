"""Settings: what is wrong with a value is said in one line that names it and does not quote it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.api_url import DEFAULT_API_URL
from tap_leadlex.errors import SettingsError
from tap_leadlex.resources import RESOURCES
from tap_leadlex.settings import Settings, SettingsReader
from tap_leadlex.tap import TapLeadLex

KEY = "wbk_live_0123456789"
READER = SettingsReader(RESOURCES)
OWN = set(READER.schema["properties"])
SCHEMA = READER.schema
TapLeadLex.append_builtin_config(SCHEMA)


def typed(**config: Any) -> Settings:  # noqa: ANN401 - any setting
    """Type a config."""
    return READER.read({"api_key": KEY, **config})


BAD: list[tuple[str, Any]] = [
    ("api_key", ""),
    ("api_key", None),
    ("api_key", 5),
    ("api_key", "wbk_ a"),
    ("api_key", "wbk_a\n"),
    ("api_key", "\twbk_a"),
    ("api_key", "wbk_é"),
    ("api_url", ""),
    ("api_url", "data.leadlex.com"),
    ("api_url", "http://data.leadlex.com/v1"),
    ("api_url", "http://localhost.evil.example/v1"),
    ("api_url", "http://127.0.0.1.evil.example/v1"),
    ("api_url", "http://127.0.0.1@evil.example/v1"),
    ("api_url", "http://[::2]/v1"),
    ("api_url", "http://0.0.0.0/v1"),
    ("api_url", "https://user:password@data.leadlex.com/v1"),
    ("api_url", "https://data.leadlex.com/v1?key=1"),
    ("api_url", "https://data.leadlex.com/v1#top"),
    ("api_url", "https://data.leadlex.com/v1\n"),
    ("api_url", "https://data leadlex.com/v1"),
    ("api_url", "https://data.leadlex.com:port/v1"),
    ("api_url", "https://data..leadlex.com/v1"),
    ("api_url", "https:///v1"),
    ("api_url", "ftp://data.leadlex.com/v1"),
    ("start_date", 2024),
    ("list_id", ""),
    ("list_id", " "),
    ("list_id", 5),
    ("tags", "client"),
    ("tags", ["client", ""]),
    ("tags", [5]),
    ("extra_fields", "updated_date"),
    ("extra_fields", ["a,b"]),
    ("extra_fields", ["a b"]),
    ("extra_fields", ['a"b']),
    ("extra_fields", ["a\\b"]),
    ("extra_fields", ["a\x1fb"]),
    ("extra_fields", [""]),
    ("export_limit", 0),
    ("export_limit", 50_001),
    ("export_limit", -1),
    ("export_limit", 1.5),
    ("export_limit", "1000"),
    ("export_limit", True),
    ("lookback_seconds", -1),
    ("lookback_seconds", 10**10),
    ("settle_seconds", -1),
    ("settle_seconds", 10**10),
    ("quota_wait_seconds", -1),
    ("quota_wait_seconds", 10**10),
    ("max_exports", 0),
    ("request_timeout", 0),
    ("request_timeout", 86_401),
    ("run_report", ""),
    ("run_report", "a\x00b"),
    ("user_agent", ""),
    ("user_agent", " x"),
    ("user_agent", "a\r\nX-Evil: 1"),
    ("batch_config", {}),
    ("batch_config", None),
    ("api_secret", "x"),
    ("stream_maps", []),
]
"""Every way to be wrong that a schema can tell."""

BAD_TOGETHER: list[tuple[str, dict[str, str]]] = [
    ("api_url", {"api_url": "https://data.leadlex.com:65536/v1"}),
    ("api_url", {"api_url": "https://[::zz]/v1"}),
    ("api_url", {"api_url": "https://[1:2]/v1"}),
    ("end_date", {"start_date": "2024-01-02", "end_date": "2024-01-01"}),
    ("end_date", {"start_date": "2024-01-01", "end_date": "2024-01-01"}),
    ("end_date", {"start_date": "2024-01-01T00:00:00Z", "end_date": "2024-01-01T01:00:00+01:00"}),
    ("start_date", {"start_date": "soon"}),
    ("start_date", {"start_date": "1899-12-31"}),
    ("end_date", {"end_date": "0001-01-01"}),
    ("start_date", {"start_date": ""}),
    ("end_date", {"end_date": "2024-02-30"}),
    ("start_date", {"start_date": "0001-01-01T00:00:00+05:00"}),
]
"""The ways that show only once the values are read."""


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_setting_is_named_in_one_line(name: str, value: object) -> None:
    (line,) = READER.complaints({"api_key": KEY, name: value}, SCHEMA)

    assert line.startswith(f"Setting '{name}' ")
    assert "\n" not in line


@pytest.mark.parametrize(("name", "config"), BAD_TOGETHER)
def test_a_value_that_cannot_be_read_is_named_in_one_line(
    name: str, config: dict[str, str]
) -> None:
    with pytest.raises(SettingsError, match=rf"^Setting '{name}' must .*\.$"):
        typed(**config)


def test_several_bad_settings_are_all_named() -> None:
    lines = list(READER.complaints({"export_limit": 0, "tag": "x"}, SCHEMA))

    assert [line.split("'")[1] for line in lines] == ["api_key", "export_limit", "tag"]


MARK = "Zq7Zq7"
"""Part of no message, so a message that holds it quotes a value."""

HEADS = ["", "https://", "http://127.0.0.1/", "wbk_", "2024-01-01T"]
marked = st.builds("{}{}{}".format, st.sampled_from(HEADS), st.just(MARK), st.text())


@given(st.dictionaries(st.sampled_from(sorted(OWN)), marked | st.lists(marked, max_size=2)))
def test_no_complaint_quotes_a_value(config: dict[str, Any]) -> None:
    lines = list(READER.complaints({"api_key": KEY, **config}, SCHEMA))
    if not lines:
        try:
            typed(**config)
        except SettingsError as error:
            lines = [str(error)]

    assert not any(MARK in line for line in lines)


@pytest.mark.parametrize(
    "api_url",
    [
        DEFAULT_API_URL,
        "https://abcdefgh.supabase.co/functions/v1/api-gateway/v1",
        "https://leadlex.internal:8443",
        "https://leadlex_gateway/v1/",
        "https://[2001:db8::1]:8443/v1",
        "http://localhost:8765/v1",
        "http://127.0.0.1:8765/v1",
        "http://127.1.2.3/v1",
        "http://[::1]:8765/v1",
    ],
)
def test_good_urls(api_url: str) -> None:
    assert list(READER.complaints({"api_key": KEY, "api_url": api_url}, SCHEMA)) == []
    assert typed(api_url=api_url).api_url == api_url.rstrip("/")


@pytest.mark.parametrize(
    "date", ["2024-02-29", "2024-02-29T00:00:00Z", "2024-02-29T01:00:00+01:00", "2024-02-29 00:00"]
)
def test_dates_in_any_form(date: str) -> None:
    assert list(READER.complaints({"api_key": KEY, "start_date": date}, SCHEMA)) == []
    assert typed(start_date=date).start_date == datetime(2024, 2, 29, tzinfo=UTC)


def test_null_counts_as_not_set() -> None:
    nulls = dict.fromkeys(set(SCHEMA["properties"]) - {"api_key"})

    assert list(READER.complaints({"api_key": KEY, **nulls}, SCHEMA)) == []
    assert typed(**nulls) == typed()


def test_the_defaults_are_those_of_the_schema() -> None:
    defaults = {
        name: rule["default"] for name, rule in SCHEMA["properties"].items() if "default" in rule
    }

    assert typed(**defaults) == typed()


def test_every_setting_has_a_title_and_a_description() -> None:
    named = {field.name for field in fields(Settings)} - {"streams"}

    assert named | {"list_id", "tags", "extra_fields"} == OWN
    assert all(SCHEMA["properties"][name].keys() >= {"title", "description"} for name in OWN)


RULES = {
    "api_key": "the workspace's key, not empty and without white space",
    "api_url": "an https:// URL without a query (http:// only on a loopback address)",
    "start_date": "an ISO 8601 date or date-time from 1900 on",
    "end_date": "an ISO 8601 date or date-time from 1900 on, after start_date",
    "list_id": "a list id, not empty",
    "tags": "an array of tags, none of them empty",
    "extra_fields": "an array of column names, without white space, commas, quotes or backslashes",
    "export_limit": "a whole number from 1 to 50000",
    "lookback_seconds": "a whole number of seconds, from 0 to a century",
    "settle_seconds": "a whole number of seconds, from 0 to a century",
    "quota_wait_seconds": "a whole number of seconds, from 0 to a century",
    "max_exports": "a whole number, 1 or more",
    "full_refresh_days": "a whole number of days, from 0 to a century",
    "check_drift": "true or false",
    "repair_drift": "true or false",
    "accept_short_exports": "true or false",
    "request_timeout": "a whole number of seconds, from 1 to a day",
    "run_report": "the path of a file that the tap can append to",
    "user_agent": "printable ASCII text",
}


def test_every_complaint_says_what_the_value_must_be() -> None:
    complaints = READER.complaints({"api_key": KEY, **dict.fromkeys(RULES, object())}, SCHEMA)

    assert RULES.keys() == OWN
    assert list(complaints) == [
        f"Setting '{name}' must be {rule}." for name, rule in sorted(RULES.items())
    ]


@pytest.mark.parametrize("name", ["batch_config", "emit_activate_version_messages"])
def test_settings_of_the_sdk_that_would_lose_records_are_refused(name: str) -> None:
    """Whether the SDK knows them already, as its next minor version does, or not yet."""
    known = {**SCHEMA, "properties": {**SCHEMA["properties"], name: {"type": ["boolean"]}}}

    for schema in (SCHEMA, known):
        (line,) = READER.complaints({"api_key": KEY, name: True}, schema)
        assert line.startswith(f"Setting '{name}' is not supported")
    assert list(READER.complaints({"api_key": KEY, name: False}, known)) == []


def test_only_the_key_is_required_and_secret() -> None:
    assert SCHEMA["required"] == ["api_key"]
    assert [name for name, rule in SCHEMA["properties"].items() if rule.get("secret")] == [
        "api_key"
    ]
