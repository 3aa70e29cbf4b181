"""The definition for Meltano Hub: in step with the tap, and by the Hub's rules.

The rules are those of meltano/hub: its JSON schemas, its validators and its yamllint settings.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from urllib.parse import urlsplit

import pytest
import yaml

from tests.environments import ROOT
from tests.support import TIMEOUT
from tests.test_documentation import EXTRACTOR

PROGRAM = ROOT / "scripts/hub.py"
TEXT = (ROOT / "scripts/hub.yml").read_text(encoding="utf-8")
DEFINITION = yaml.safe_load(TEXT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

REQUIRED = {"name", "namespace", "quality", "variant"}
ALLOWED = (
    "capabilities commands definition description docs domain_url executable hidden keywords label "
    "log_parser logo_url maintenance_status metadata name namespace next_steps pip_url prereq "
    "python quality repo requires schema select settings settings_group_validation "
    "settings_preamble supported_python_versions usage variant"
)
CAPABILITIES = (
    "about activate-version batch catalog discover log-based properties schema-flattening state "
    "stream-maps structured-logging test"
)
OF_A_SETTING = (
    "aliases description docs documentation env hidden kind label name oauth options placeholder "
    "sensitive tooltip value value_post_processor value_processor"
)
# Without `hidden` and `password`, which Meltano has replaced by keys of a setting.
KINDS = "array boolean date_iso8601 decimal email file integer oauth object options string"


def test_the_definition_is_what_the_tap_says_of_itself() -> None:
    made = subprocess.check_output([sys.executable, PROGRAM], text=True, timeout=TIMEOUT)  # noqa: S603

    assert made == TEXT, "Run: python scripts/hub.py > scripts/hub.yml"


def test_meltano_yml_and_the_definition_say_the_same() -> None:
    def sorted_by_name(settings: list[dict[str, str]]) -> list[dict[str, str]]:
        return sorted(settings, key=lambda setting: setting["name"])

    assert DEFINITION["settings"] == sorted_by_name(EXTRACTOR["settings"])
    assert DEFINITION["capabilities"] == sorted(EXTRACTOR["capabilities"])
    for key in ("name", "namespace", "label", "description", "settings_group_validation"):
        assert DEFINITION[key] == EXTRACTOR[key]


def test_the_keys_are_those_of_the_hub() -> None:
    assert REQUIRED <= set(DEFINITION) <= set(ALLOWED.split())
    assert DEFINITION["maintenance_status"] in {"active", "beta"}
    assert DEFINITION["quality"] == "silver"  # the Hub's for an SDK tap that few use yet
    assert set(DEFINITION["capabilities"]) <= set(CAPABILITIES.split())


def test_the_settings_are_as_the_hub_has_them() -> None:
    names = [setting["name"] for setting in DEFINITION["settings"]]

    assert names == sorted(set(names))
    for setting in DEFINITION["settings"]:
        assert set(setting) <= set(OF_A_SETTING.split())
        assert setting["kind"] in KINDS.split()
        assert setting["label"]
        assert setting["description"]
    for group in DEFINITION["settings_group_validation"]:
        assert set(group) <= set(names)


def test_secrets_are_marked() -> None:
    (secret,) = (each["name"] for each in DEFINITION["settings"] if each.get("sensitive"))

    assert secret == "api_key"  # noqa: S105 - a name


def test_the_python_versions_are_those_of_the_package() -> None:
    named = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)

    assert DEFINITION["supported_python_versions"] == named


def test_the_package_is_what_pip_knows_it_as() -> None:
    assert DEFINITION["pip_url"] == PROJECT["name"]
    assert DEFINITION["name"] in PROJECT["scripts"]  # without `executable`, Meltano runs the name


def test_the_hub_can_build_its_page() -> None:
    assert re.fullmatch(r"/assets/logos/extractors/[a-z0-9-]+\.(png|svg)", DEFINITION["logo_url"])
    assert urlsplit(DEFINITION["domain_url"]).scheme == "https"
    assert urlsplit(DEFINITION["repo"]).path.split("/")[1].lower() == DEFINITION["variant"]
    assert all(DEFINITION[text] for text in ("prereq", "next_steps", "usage"))
    # The Hub's own program gives these to a tap of the SDK with structured logs.
    assert DEFINITION["log_parser"] == "singer-sdk"
    assert "meltano_sdk" in DEFINITION["keywords"]


@pytest.mark.parametrize("name", re.findall(r"/blob/main/(\S+?)\)", TEXT))
def test_what_the_page_links_to_exists(name: str) -> None:
    assert (ROOT / name).is_file()


def test_the_file_passes_the_hubs_linter() -> None:
    for mapping in (DEFINITION, *DEFINITION["settings"]):
        assert list(mapping) == sorted(mapping)
    assert TEXT.endswith("\n")
    assert not TEXT.endswith("\n\n")
    assert not re.search(r"^---|\{.|\t| $", TEXT, re.MULTILINE)
    assert not re.search(r"^ +- ", TEXT, re.MULTILINE)  # lists are not indented
