"""What the tap takes and gives is said in five places; they say the same."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox.cli import main as leadlex_sandbox
from tap_leadlex.sandbox.server import KEY
from tap_leadlex.sandbox.workspace import PREFIX
from tap_leadlex.scope import Scope
from tap_leadlex.streams import schema
from tap_leadlex.tap import TapLeadLex
from tests.environments import ROOT

if TYPE_CHECKING:
    from .support import Json

README = (ROOT / "README.md").read_text(encoding="utf-8")
MELTANO = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
EXTRACTOR = MELTANO["plugins"]["extractors"][0]

# Without the SDK's own, which it adds to the schema sooner or later.
SCHEMA = TapLeadLex.settings_reader.schema
SETTINGS = SCHEMA["properties"]

# Needs an extra of the SDK that this package does not install.
NOT_OFFERED = "faker_config"


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


def table(heading: str) -> list[list[str]]:
    """Give the cells of the table of a section of the README."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows[1:]]


def test_the_readme_has_every_setting() -> None:
    assert table("Settings") == [
        [f"`{name}`", kind(rule), default(name, rule), rule["description"]]
        for name, rule in SETTINGS.items()
    ]


def test_the_readme_has_every_property() -> None:
    properties = schema(Scope(CONTACTS, {"extra_fields": []}))["properties"]

    assert [row[:2] for row in table("Contacts")] == [
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

    assert EXTRACTOR["settings"] == [
        entry(name, rule) for name, rule in rules.items() if name != NOT_OFFERED
    ]
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


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z]+)", re.sub(r"```.*?```", "", README))) <= targets


def test_every_file_that_is_linked_exists() -> None:
    linked = re.findall(r"\]\((?!https:)([^)#]+)", README)

    assert linked
    assert all((ROOT / name).is_file() for name in linked)


def test_the_changelog_begins_with_this_version() -> None:
    (version,) = re.findall(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[:1]

    assert version == TapLeadLex.plugin_version


@pytest.mark.parametrize("name", ["dev", "targets", "meltano"])
def test_pins_have_hashes_and_no_host(name: str) -> None:
    pins = (ROOT / f"requirements/{name}.txt").read_text()
    entries = re.split(r"^(?=\w)", pins, flags=re.MULTILINE)[1:]

    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert "://" not in pins
