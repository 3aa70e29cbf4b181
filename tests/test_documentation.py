"""Settings, properties, capabilities and commands are the same in the code and on every page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tap_leadlex.resources import CONTACTS, RESOURCES
from tap_leadlex.sandbox.cli import main as leadlex_sandbox
from tap_leadlex.sandbox.server import KEY
from tap_leadlex.sandbox.workspace import PREFIX
from tap_leadlex.scope import Scope
from tap_leadlex.settings import SettingsReader
from tap_leadlex.streams import schema
from tap_leadlex.tap import TapLeadLex
from tests.environments import ROOT
from tests.support.pages import PAGES, code

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Json

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = dict(re.findall(r"^([a-z-]+):(?:.*## (.+))?", MAKEFILE, re.MULTILINE))
PINS = sorted((ROOT / "requirements").glob("*.txt"))
MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
EXTRACTOR = MELTANO["plugins"]["extractors"][0]

# A schema of its own: to that of the tap, the SDK adds its settings when a tap is created.
SCHEMA = SettingsReader(RESOURCES).schema
SETTINGS = SCHEMA["properties"]


def kind(rule: Json) -> str:
    """Give the kind of a property as the README calls it."""
    types = [name for name in rule["type"] if name != "null"]
    if types == ["array"]:
        return f"array of {rule['items']['type'][0]}"
    return str(rule.get("format", types[0]))


def default(name: str, rule: Json) -> str:
    """Give the default of a setting as the README shows it."""
    if name in SCHEMA["required"]:
        return "required"
    text = written(rule.get("default"))
    return text and f"`{text}`"


def written(value: object) -> str:
    """Give a value as an environment variable holds it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def table(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the table of a section of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows[1:]]


def test_the_readme_has_every_setting() -> None:
    assert table("README.md", "Settings") == [
        [f"`{name}`", kind(rule), default(name, rule), rule["description"]]
        for name, rule in SETTINGS.items()
    ]


def test_the_page_on_streams_has_every_property() -> None:
    properties = schema(Scope(CONTACTS, {"extra_fields": []}))["properties"]

    assert [row[:2] for row in table("docs/streams.md", "Contacts")] == [
        [f"`{name}`", kind(rule) + " or null" * (kind(rule) == "string" and "null" in rule["type"])]
        for name, rule in properties.items()
    ]


def test_meltano_yml_has_every_setting() -> None:
    kinds = {"date-time": "date_iso8601", "array of string": "array"}
    rules = TapLeadLex(validate_config=False, setup_mapper=False).config_jsonschema["properties"]

    def entry(name: str, rule: Json) -> dict[str, Any]:
        called = {"name": name, "label": rule["title"], "description": rule["description"]}
        meant = {"kind": kinds.get(kind(rule), kind(rule))}
        secret = {"sensitive": True} if rule.get("secret") else {}
        value = {"value": rule["default"]} if "default" in rule else {}
        return called | meant | secret | value

    assert EXTRACTOR["settings"] == [entry(name, rule) for name, rule in rules.items()]
    assert EXTRACTOR["settings_group_validation"] == [SCHEMA["required"]]


def test_meltano_yml_has_every_capability() -> None:
    assert EXTRACTOR["capabilities"] == [each.value for each in TapLeadLex.capabilities]


def test_meltano_yml_knows_the_sandbox() -> None:
    (environment,) = (each for each in MELTANO["environments"] if each["name"] == "sandbox")
    (tap,) = environment["config"]["plugins"]["extractors"]
    (port,) = (option.default for option in leadlex_sandbox.params if option.name == "port")

    assert tap["config"]["api_url"] == f"http://127.0.0.1:{port}{PREFIX}"
    assert tap["config"]["api_key"] == KEY


def test_env_example_has_every_setting() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    variables = re.findall(r"^# (.+)\n(?:# )?(\w+)=(.*)$", text, re.MULTILINE)

    assert variables == [
        (rule["description"], f"TAP_LEADLEX_{name.upper()}", written(rule.get("default")))
        for name, rule in SETTINGS.items()
    ]


def commands(text: str) -> dict[str, set[str]]:
    """Return the make targets and the Python programs that the code of a page names."""
    named = "\n".join(code(text))
    return {
        "make": set(re.findall(r"\bmake ([a-z][a-z-]*)", named)),
        "python": set(re.findall(r"\bpython ([\w/]+\.py)", named)),
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = commands(page.read_text(encoding="utf-8"))

    assert named["make"] <= TARGETS.keys()
    for program in named["python"]:
        assert (ROOT / program).is_file() or (page.parent / program).is_file()


def test_commands_are_found_in_code_only() -> None:
    page = "Make it: make sure, then `make one`.\n\n```sh\n$ make two-b\npython a/b.py --c\n```\n"

    assert commands(page) == {"make": {"one", "two-b"}, "python": {"a/b.py"}}


def test_every_make_target_that_ci_runs_exists() -> None:
    files = [ROOT / ".ci/run", *(ROOT / ".github/workflows").glob("*.yml")]
    runs = "".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(r"^(?: *run: )?make ([a-z-]+)", runs, re.MULTILINE))

    assert named >= {"test", "test-examples", "demo"}
    assert named <= TARGETS.keys()


def test_make_help_describes_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)

    assert TARGETS.keys() == set(phony.split())
    assert all(TARGETS.values())


def test_the_changelog_begins_with_this_version() -> None:
    (version,) = re.findall(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[:1]

    assert version == TapLeadLex.plugin_version


@pytest.mark.parametrize("file", PINS, ids=lambda file: file.stem)
def test_pins_have_hashes_and_no_host(file: Path) -> None:
    pins = file.read_text()
    entries = re.split(r"^(?=\w)", pins, flags=re.MULTILINE)[1:]

    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in pins


def test_every_environment_has_pins() -> None:
    pinned = set(re.findall(r"\$\(call pin,(\w+),", MAKEFILE))

    assert {file.stem for file in PINS} == pinned
