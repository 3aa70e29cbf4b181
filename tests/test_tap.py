"""The command line: settings, files, about, discovery, selection and --test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from singer_sdk.mapper import SameRecordTransform

from tap_leadlex.tap import TapLeadLex
from tests.support import (
    FIELDS,
    Json,
    assert_refused,
    by_id,
    config_for,
    run,
    run_process,
    run_program,
    state_at,
    truth,
)
from tests.test_settings import BAD, BAD_TOGETHER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Call, Sandbox


def asked(call: Call) -> dict[str, list[str]]:
    """Give what an export call asked for."""
    return parse_qs(call.query)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_setting_ends_in_one_line(untouched: Sandbox, name: str, value: object) -> None:
    done = run({**config_for(untouched), name: value})

    assert assert_refused(done, untouched).startswith(f"Setting '{name}' ")


@pytest.mark.parametrize(("name", "config"), BAD_TOGETHER)
def test_a_value_that_cannot_be_read_ends_in_one_line(
    untouched: Sandbox, name: str, config: Json
) -> None:
    done = run({**config_for(untouched), **config})

    assert assert_refused(done, untouched).startswith(f"Setting '{name}' must ")


def test_a_missing_key_ends_in_one_line(untouched: Sandbox) -> None:
    done = run({"api_url": untouched.url})

    assert assert_refused(done, untouched).startswith("Setting 'api_key' must ")


def test_a_bad_setting_in_a_process_of_its_own(untouched: Sandbox) -> None:
    done = run_process(config_for(untouched, export_limit=50_001))

    line = assert_refused(done, untouched)
    assert line == "Setting 'export_limit' must be a whole number from 1 to 50000."


@pytest.mark.parametrize(
    "state",
    [
        {"type": "STATE", "value": state_at("2024-01-01T00:00:00Z")},
        {"contacts": "2024-01-01T00:00:00Z"},
        {"bookmarks": []},
        {"bookmarks": {"contacts": "2024-01-01T00:00:00Z"}},
    ],
)
def test_what_is_no_state_is_not_passed_over(untouched: Sandbox, state: Json) -> None:
    line = assert_refused(run(config_for(untouched), state=state), untouched)

    assert line.startswith("This is not a tap-leadlex state. ")


@pytest.mark.parametrize("catalog", [{"streams": "x"}, {"streams": [1]}, {"streams": [{}]}])
def test_what_is_no_catalog_ends_in_one_line(untouched: Sandbox, catalog: Json) -> None:
    line = assert_refused(run(config_for(untouched), catalog=catalog), untouched)

    assert line.startswith("This file is not a Singer catalog. ")


def test_settings_from_the_environment(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = serve(contacts=20)
    monkeypatch.setenv("TAP_LEADLEX_API_KEY", sandbox.key)
    monkeypatch.setenv("TAP_LEADLEX_API_URL", sandbox.url)
    monkeypatch.setenv("TAP_LEADLEX_TAGS", '["client", "no such tag"]')
    monkeypatch.setenv("TAP_LEADLEX_EXPORT_LIMIT", "77")

    done = run_program("--config=ENV")

    assert done.exit_code == 0
    assert done.records == []
    (call,) = sandbox.exports
    assert asked(call)["tag"] == ["client", "no such tag"]
    assert asked(call)["limit"] == ["77"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("export_limit", "many"),
        ("export_limit", "1.5"),
        ("check_drift", "garbage"),
        ("tags", "client"),
        ("stream_maps", "x"),
        ("flattening_max_depth", "x"),
        ("flattening_enabled", "maybe"),
        ("batch_config", '{"encoding": {}}'),
        ("emit_activate_version_messages", "true"),
        ("api_key", ""),
    ],
)
def test_a_bad_setting_in_the_environment_ends_in_one_line(
    untouched: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TAP_LEADLEX_{name.upper()}", value)

    config = config_for(untouched)
    config.pop(name, None)

    line = assert_refused(run(config, "--config=ENV"), untouched)

    assert line.startswith(f"Setting '{name}' ")


def test_an_empty_variable_is_not_set(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As compose files and CI pass what is not set."""
    sandbox = serve(contacts=5)
    for name in TapLeadLex.config_jsonschema["properties"]:
        monkeypatch.setenv(f"TAP_LEADLEX_{name.upper()}", "")
    for name in ("TAP_LEADLEX_EMIT_ACTIVATE_VERSION_MESSAGES", "LOGLEVEL", "SINGER_SDK_LOG_CONFIG"):
        monkeypatch.setenv(name, "")

    done = run(config_for(sandbox), "--config=ENV")

    assert (done.exit_code, len(done.records), done.warnings) == (0, 5, [])


@pytest.mark.parametrize("arguments", [[], ["--config=ENV"]])
def test_a_misspelt_variable_is_a_warning(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("TAP_LEADLEX_STRAT_DATE", "2024-01-01")

    done = run(config_for(serve(contacts=5)), *arguments)

    assert done.exit_code == 0
    (line,) = done.warnings
    assert "TAP_LEADLEX_STRAT_DATE" in line
    assert "TAP_LEADLEX_START_DATE" in line


def test_a_file_env_is_read(
    untouched: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("TAP_LEADLEX_EXPORT_LIMIT=0\n")
    monkeypatch.chdir(tmp_path)

    line = assert_refused(run(config_for(untouched), "--config=ENV"), untouched)

    assert line.startswith("Setting 'export_limit' ")


def test_a_missing_key_is_told_where_it_can_be_set(untouched: Sandbox) -> None:
    line = assert_refused(run({"api_url": untouched.url}), untouched)

    assert line.endswith("Set it in a file, or set TAP_LEADLEX_API_KEY and pass --config=ENV.")


def test_a_start_in_the_future_is_a_warning(untouched: Sandbox) -> None:
    done = run(config_for(untouched, start_date="2200-01-01"))

    assert (done.exit_code, done.records) == (0, [])
    (line,) = done.warnings
    assert line.startswith("start_date is in the future")


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"tags": ["client "]}, "tags"),
        ({"list_id": "list-rare"}, "list_id"),
        ({"list_id": "list-rare", "tags": ["client "]}, "list_id and tags"),
    ],
)
def test_a_filter_that_matches_nothing_is_a_warning(
    serve: Callable[..., Sandbox], settings: Json, names: str
) -> None:
    sandbox = serve(contacts=10)

    done = run(config_for(sandbox, **settings))
    again = run(config_for(sandbox, **settings), state=done.state)

    assert (done.exit_code, done.records) == (0, [])
    (line,) = done.warnings
    assert line.startswith(f"No contact matches {names}. ")
    assert again.warnings == []


def test_check_asks_the_list_once(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=10)

    done = run(config_for(sandbox), "--check")
    failed = run(config_for(sandbox, api_key="wbk_wrong"), "--check")

    assert (done.exit_code, done.out, done.warnings) == (0, "", [])
    assert done.lines("INFO")[-1] == "Checked: the key works; LeadLex lists 10 contacts."
    assert failed.exit_code == 1
    assert "HTTP 401" in failed.failures[0]
    assert "Check api_key" in failed.failures[0]
    assert sandbox.exports == []
    assert len(sandbox.calls) == 2


def test_check_of_a_bad_setting_asks_nothing(untouched: Sandbox) -> None:
    done = run(config_for(untouched, stream_maps={"contact": None}), "--check")

    assert assert_refused(done, untouched).startswith("stream_maps.contact: ")


def test_about_in_all_its_formats() -> None:
    text = run({}, "--about").out
    markdown = run({}, "--about", "--format", "markdown").out
    about = json.loads(run({}, "--about", "--format", "json").out)

    assert about["name"] == "tap-leadlex"
    assert (
        about["settings"]["properties"].keys() == TapLeadLex.config_jsonschema["properties"].keys()
    )
    assert "batch" not in about["capabilities"]
    assert about["supported_python_versions"][0] == "3.11"
    for name in about["settings"]["properties"]:
        assert name in text
        assert f"| {name} |" in markdown


def test_version_and_help() -> None:
    assert run({}, "--version").out.startswith("tap-leadlex v")
    assert "--discover" in run({}, "--help").out


def test_discovery_makes_no_call_and_needs_no_key(untouched: Sandbox) -> None:
    with_key = run(config_for(untouched), "--discover")
    without = run({}, "--discover")

    assert with_key.exit_code == without.exit_code == 0
    assert with_key.out == without.out
    assert with_key.log == without.log == ""
    assert untouched.calls == []
    (entry,) = json.loads(without.out)["streams"]
    assert entry["tap_stream_id"] == entry["stream"] == "contacts"
    assert entry["key_properties"] == ["id"]
    assert entry["replication_key"] == "created_at"
    assert entry["replication_method"] == "INCREMENTAL"
    properties = entry["schema"]["properties"]
    assert list(properties) == list(FIELDS)
    assert properties["id"]["type"] == ["string"]
    assert properties["created_at"] | {"description": ""} == {
        "type": ["string"],
        "format": "date-time",
        "description": "",
    }
    assert properties["tags"]["type"] == ["array", "null"]
    assert properties["email"]["type"] == ["string", "null"]


def test_discovery_shows_the_extra_fields_and_refuses_bad_settings() -> None:
    done = run({"extra_fields": ["updated_date"]}, "--discover")
    refused = run({"export_limit": 0}, "--discover")

    (entry,) = json.loads(done.out)["streams"]
    assert entry["schema"]["properties"]["updated_date"] == {"type": ["string", "null"]}
    assert refused.exit_code == 1
    assert refused.failures == ["Setting 'export_limit' must be a whole number from 1 to 50000."]


def test_a_run_needs_nothing_but_the_config(serve: Callable[..., Sandbox]) -> None:
    """As a user runs it: every contact once, one export, one line for the window."""
    sandbox = serve(contacts=2_000)

    done = run_process(config_for(sandbox))

    assert done.exit_code == 0
    assert by_id(done.records) == by_id(truth(sandbox))
    assert len(sandbox.exports) == 1
    assert done.failures == done.warnings == []
    assert [line for line in done.lines("INFO") if "2,000 contacts" in line]


def test_the_log_has_no_lines_of_the_http_client(serve: Callable[..., Sandbox]) -> None:
    done = run(config_for(serve(contacts=10)))

    assert done.exit_code == 0
    assert "HTTP Request" not in done.log
    assert "METRIC" not in done.log
    assert "env var" not in done.log


def test_metrics_are_in_the_log_at_debug(serve: Callable[..., Sandbox]) -> None:
    assert "METRIC" in run(config_for(serve(contacts=1)), log_level="DEBUG").log


def test_records_without_stream_maps_do_not_pass_through_the_sdk(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Sandbox]
) -> None:
    """That takes longer than all the rest of a sync."""

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(SameRecordTransform, "transform", refuse)
    done = run(config_for(serve(contacts=10)))

    assert done.exit_code == 0
    assert len(done.records) == 10
