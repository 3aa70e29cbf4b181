"""The command line: settings, files, about, discovery, selection and --test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from tap_leadlex.sandbox import Fault, Sandbox
from tap_leadlex.tap import TapLeadLex
from tests.support import (
    FIELDS,
    Json,
    Run,
    by_id,
    catalog_without,
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

    from tap_leadlex.sandbox import Call


def asked(call: Call) -> dict[str, list[str]]:
    """Give what an export call asked for."""
    return parse_qs(call.query)


def found_by_test(done: Run) -> str:
    """Give the line in which --test says what it found."""
    (line,) = (line for line in done.lines("INFO") if line.startswith("Tested window "))
    return line


def assert_refused(done: Run, sandbox: Sandbox) -> str:
    """Make sure that a run failed in one line before any call and any message; give the line."""
    assert done.exit_code == 1
    assert done.out == ""
    (line,) = done.failures
    assert "Traceback" not in done.log
    assert sandbox.calls == []
    return line


@pytest.fixture(scope="module")
def untouched() -> Any:  # noqa: ANN401 - a generator of a sandbox
    """Give a sandbox that nothing may call."""
    with Sandbox(contacts=1) as sandbox:
        yield sandbox


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


@pytest.mark.parametrize("content", ["", "{", "[1]", '"text"', "null", "\udcff"])
@pytest.mark.parametrize("option", ["config", "state", "catalog"])
def test_a_file_without_a_json_object_ends_in_one_line(
    untouched: Sandbox, tmp_path: Path, option: str, content: str
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    line = assert_refused(run(config_for(untouched), f"--{option}", str(path)), untouched)

    assert line == f"Cannot use the file passed with --{option}: it is not a JSON object."


@pytest.mark.parametrize("option", ["config", "state", "catalog"])
def test_a_file_that_cannot_be_read_ends_in_one_line(
    untouched: Sandbox, tmp_path: Path, option: str
) -> None:
    missing = run(config_for(untouched), f"--{option}", str(tmp_path / "none"))
    folder = run(config_for(untouched), f"--{option}", str(tmp_path))

    for done in (missing, folder):
        line = assert_refused(done, untouched)
        assert line.startswith(f"Cannot use the file passed with --{option}: ")


def test_a_config_handed_over_as_text_does_not_end_up_in_the_log(untouched: Sandbox) -> None:
    done = run(config_for(untouched), "--config", json.dumps({"api_key": "wbk_secret"}))

    assert "wbk_secret" not in done.log
    assert_refused(done, untouched)


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
        ("export_limit", ""),
        ("export_limit", "1.5"),
        ("stream_maps", "x"),
        ("flattening_max_depth", "x"),
        ("api_url", ""),
    ],
)
def test_a_bad_setting_in_the_environment_ends_in_one_line(
    untouched: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"TAP_LEADLEX_{name.upper()}", value)

    line = assert_refused(run(config_for(untouched), "--config=ENV"), untouched)

    assert name in line.lower()


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


def test_test_asks_for_one_row(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)

    done = run(config_for(sandbox), "--test")

    assert done.exit_code == 0
    assert len(done.records) == 1
    assert done.bookmark is None
    (call,) = sandbox.calls
    assert call.is_export
    assert asked(call)["limit"] == ["1"]
    assert found_by_test(done).endswith(": the key works; received 1 of at most 1 contacts.")


def test_test_of_an_empty_workspace_passes(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=0)

    done = run(config_for(sandbox), "--test")

    assert done.exit_code == 0
    assert done.records == []
    assert len(sandbox.calls) == 1
    assert found_by_test(done).endswith(": the key works; received 0 of at most 1 contacts.")


def test_test_of_a_future_says_that_it_tested_nothing(untouched: Sandbox) -> None:
    done = run(config_for(untouched, start_date="2999-01-01"), "--test")

    assert done.exit_code == 0
    (warning,) = done.warnings
    assert warning.startswith("Nothing was tested: the bookmark or start_date is after the cut-off")
    assert untouched.calls == []


def test_test_of_the_schema_makes_no_call(untouched: Sandbox) -> None:
    done = run(config_for(untouched), "--test=schema")

    assert [message["type"] for message in done.messages] == ["SCHEMA"]
    assert untouched.calls == []


def test_test_fails_with_a_bad_key(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)

    done = run(config_for(sandbox, api_key="wbk_other"), "--test")

    assert done.exit_code == 1
    (line,) = done.failures
    assert "401" in line
    assert "api_key" in line
    assert len(sandbox.calls) == 1


def test_a_deselected_property_is_not_asked_for(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)
    config = config_for(sandbox)

    done = run(config, catalog=catalog_without(config, "email", "phone", "tags"))

    (call,) = sandbox.exports
    kept = "id,full_name,job_title,company_name,linkedin_url,created_at"
    assert asked(call)["fields"] == [kept]
    assert all(list(record) == kept.split(",") for record in done.records)
    assert len(done.records) == 20
    (schema,) = done.of_type("SCHEMA")
    assert list(schema["schema"]["properties"]) == kept.split(",")


def test_key_and_replication_key_are_always_asked_for(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)
    config = config_for(sandbox)

    done = run(config, catalog=catalog_without(config, *FIELDS))

    (call,) = sandbox.exports
    assert asked(call)["fields"] == ["id,created_at"]
    assert [sorted(record) for record in done.records] == [["created_at", "id"]] * 20


def test_a_deselected_stream_makes_no_call(untouched: Sandbox) -> None:
    catalog = catalog_without(config_for(untouched))
    catalog["streams"][0]["metadata"][0]["metadata"]["selected"] = False
    for entry in catalog["streams"][0]["metadata"]:
        if entry["breadcrumb"] == []:
            entry["metadata"]["selected"] = False

    done = run(config_for(untouched), catalog=catalog)

    assert done.exit_code == 0
    assert done.records == []
    assert untouched.calls == []


def test_extra_fields_arrive(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)

    done = run(config_for(sandbox, extra_fields=["updated_date"]))

    expected = [record | {"updated_date": record["created_at"]} for record in truth(sandbox)]
    assert by_id(done.records) == by_id(expected)
    assert len(sandbox.exports) == 1


def test_filters_reach_the_export(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=200)

    done = run(config_for(sandbox, list_id="list-half", tags=["client", "lead"]))

    (call,) = sandbox.exports
    assert asked(call)["list_id"] == ["list-half"]
    assert asked(call)["tag"] == ["client", "lead"]
    assert 0 < len(done.records) == call.rows < 200
    assert all({"client", "lead"} <= set(record["tags"]) for record in done.records)


def test_a_run_needs_nothing_but_the_config(serve: Callable[..., Sandbox]) -> None:
    """As a user runs it: every contact once, one export, one line for the window."""
    sandbox = serve(contacts=2_000)

    done = run_process(config_for(sandbox))

    assert done.exit_code == 0
    assert by_id(done.records) == by_id(truth(sandbox))
    assert len(sandbox.exports) == 1
    assert done.failures == done.warnings == []
    assert [line for line in done.lines("INFO") if "2,000 contacts" in line]


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.JSON_200, Fault.BAD_DATE])
def test_a_failing_run_says_so_once(serve: Callable[..., Sandbox], fault: Fault) -> None:
    sandbox = serve(contacts=20, faults=dict.fromkeys(range(1, 10), fault))

    done = run(config_for(sandbox))

    assert_failed(done)
    assert sandbox.exports


def test_a_failing_process_says_so_once(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20, faults={1: Fault.JSON_200})

    assert_failed(run_process(config_for(sandbox)))

    assert len(sandbox.exports) == 1


def assert_failed(done: Run) -> None:
    """Make sure that a run failed in one line after its schema, before any record."""
    assert done.exit_code == 1
    assert len(done.failures) == 1
    assert "Traceback" not in done.log
    assert done.records == []


def test_a_stream_map_that_stumbles_over_an_empty_value_is_named(
    serve: Callable[..., Sandbox],
) -> None:
    sandbox = serve(contacts=300)

    done = run(config_for(sandbox, stream_maps={"contacts": {"hash": "md5(email)"}}))

    assert_failed(done)
    assert "stream_maps fails on a record (AttributeError)" in done.failures[0]
    assert len(sandbox.exports) == 1


def test_where_an_error_came_up_is_told_at_debug_only(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20, faults=dict.fromkeys((1, 2), Fault.JSON_200))

    place = 'client.py", line'

    assert place in run(config_for(sandbox), log_level="DEBUG").log
    assert place not in run(config_for(sandbox)).log
    assert len(sandbox.exports) == 2
