"""Settings from environment variables: read by type, and misspelt names noticed."""

from __future__ import annotations

import pytest

from tap_leadlex.environment import read, unknown

PROPERTIES = {
    "start_date": {"type": ["string", "null"]},
    "export_limit": {"type": ["integer", "null"]},
    "check_drift": {"type": ["boolean", "null"]},
    "tags": {"type": ["array", "null"]},
    "stream_maps": {"type": ["object", "null"]},
}


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("START_DATE", "2024-01-01", "2024-01-01"),
        ("EXPORT_LIMIT", "77", 77),
        ("CHECK_DRIFT", "Yes", True),
        ("CHECK_DRIFT", "0", False),
        ("TAGS", '["client"]', ["client"]),
        ("STREAM_MAPS", '{"contacts": null}', {"contacts": None}),
    ],
)
def test_a_value_is_read_by_its_type(variable: str, text: str, value: object) -> None:
    assert read({f"TAP_LEADLEX_{variable}": text}, PROPERTIES) == {variable.lower(): value}


@pytest.mark.parametrize("name", PROPERTIES)
def test_empty_is_not_set(name: str) -> None:
    assert read({f"TAP_LEADLEX_{name.upper()}": ""}, PROPERTIES) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("export_limit", "many"),
        ("export_limit", "1.5"),
        ("check_drift", "garbage"),
        ("tags", "client,vip"),
        ("stream_maps", "{"),
        ("stream_maps", "[" * 100_000),
    ],
)
def test_what_its_type_cannot_read_stays_a_text(name: str, text: str) -> None:
    assert read({f"TAP_LEADLEX_{name.upper()}": text}, PROPERTIES) == {name: text}


@pytest.mark.parametrize(
    ("variable", "end"),
    [
        ("TAP_LEADLEX_STRAT_DATE", '. Did you mean "TAP_LEADLEX_START_DATE"?'),
        ("TAP_LEADLEX_AN_OLD_NAME_OF_SOMETHING", "."),
    ],
)
def test_a_misspelt_variable_is_noticed_without_its_value(variable: str, end: str) -> None:
    (line,) = unknown({variable: "secret"}, PROPERTIES)

    assert line == f"The environment variable {variable} is not a setting{end}"


@pytest.mark.parametrize(
    "variable",
    [
        "TAP_LEADLEX_START_DATE",
        "TAP_LEADLEX_LOGLEVEL",
        "TAP_LEADLEX__SELECT",
        "TAP_LEADLEX_STREAM_MAPS_CONTACTS_EMAIL",
        "TAP_OTHER_STRAT_DATE",
    ],
)
def test_other_variables_are_fine(variable: str) -> None:
    assert list(unknown({variable: "x"}, PROPERTIES)) == []


def test_an_empty_variable_is_not_set_whatever_its_name() -> None:
    assert list(unknown({"TAP_LEADLEX_STRAT_DATE": ""}, PROPERTIES)) == []


def test_the_variables_of_an_inherited_plugin_are_not_unknown() -> None:
    """Meltano sets them for a plugin such as tap-leadlex--emea."""
    variables = (
        "TAP_LEADLEX_EMEA_API_KEY",
        "TAP_LEADLEX_EMEA__LOG_PARSER",
        "TAP_LEADLEX_STRAT_DATE",
    )

    (line,) = unknown(dict.fromkeys(variables, "x"), ["api_key", "start_date"])

    assert "TAP_LEADLEX_STRAT_DATE" in line
