"""Stream maps: names that match nothing and expressions that fail are found before any call."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.stream_maps import DOCUMENTED
from tests.support import Json, Run, assert_refused, catalog_without, config_for, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_leadlex.sandbox import Sandbox


def contacts(**definition: Any) -> Json:  # noqa: ANN401 - any JSON
    """Return a map of contacts; a name with two leading underscores is an option."""
    return {"contacts": {name.replace("option_", "__"): each for name, each in definition.items()}}


KEYS = "its key properties must be among its properties."
REFUSED: dict[str, tuple[Any, str]] = {
    "a stream": ({"contact": {"email": None}}, 'contact: there is no stream "contact"'),
    "a stream to drop": ({"contact": None}, 'contact: there is no stream "contact"'),
    "a pattern": ({"deal*": None}, 'deal*: there is no stream "deal*"'),
    "a source": ({"people": {"__source__": "contact"}}, 'people: there is no stream "contact"'),
    "a number": ({"contacts": 5}, "contacts: must be an object"),
    "other streams": ({"__else__": "contacts"}, "__else__: must be null"),
    "a property to drop": (contacts(emial=None), "contacts.emial: there is no such property"),
    "a property to drop, as text": (contacts(emial="__NULL__"), "contacts.emial: there is no "),
    "a property of a type": (contacts(email=5), "contacts.email: must be an expression"),
    "an option": (contacts(__fliter__="True"), "contacts.__fliter__: there is no such option"),
    "other properties": (contacts(__else__="email"), "contacts.__else__: must be null"),
    "an alias": (contacts(__alias__=None), "contacts.__alias__: must be a text"),
    "an alias that is a number": (contacts(__alias__="1 + 1"), "stream_maps: 2 must be the name"),
    "an alias of a copy": (
        {"people": {"__source__": "contacts", "__alias__": "x"}},
        "people.__alias__: has no effect",
    ),
    "two outputs": (
        {"people": {"__source__": "contacts"}, "contacts": {"__alias__": "people"}},
        'stream_maps: "people" must be the name of one stream',
    ),
    "no key": (contacts(__key_properties__=None), "contacts.__key_properties__: must be an array"),
    "a key": (contacts(__key_properties__=["emial"]), f"contacts: {KEYS}"),
    "a key to drop": (contacts(id=None), f"contacts: {KEYS}"),
    "a key that is not kept": (contacts(email="email", __else__=None), f"contacts: {KEYS}"),
    "a filter": (contacts(__filter__="emial"), 'contacts.__filter__: the expression uses "emial"'),
    "a name": (contacts(x="emial"), 'contacts.x: the expression uses "emial"'),
    "a function": (contacts(x="int(len(tags))"), 'contacts.x: the expression uses "len"'),
    "a parenthesis": (contacts(x="md5("), "contacts.x: the expression is not valid"),
    "no expression": (contacts(x=""), "contacts.x: the expression is not valid"),
    "faker": (contacts(x="fake.name()"), "contacts.x: 'fake' needs the package faker"),
    "nothing to hash": (
        contacts(hash="md5(email)"),
        'contacts.hash: the expression fails on an empty value of "email". Guard it: ',
    ),
    "nothing to lower": (contacts(email="email.lower()"), 'an empty value of "email"'),
    "no tags": (contacts(first="tags[0]"), 'an empty value of "tags"'),
    "two empty values": (contacts(x="md5(email or phone)"), "fails on an empty value. Guard it"),
    "an empty value in a filter": (
        contacts(__filter__="email.endswith('.org')"),
        'contacts.__filter__: the expression fails on an empty value of "email"',
    ),
    "a text that is no number": (contacts(x="int(full_name)"), "fails on a made-up record"),
}


@pytest.fixture
def without_faker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the package, as where the extra is not installed."""
    monkeypatch.setitem(sys.modules, "faker", None)


@pytest.mark.usefixtures("without_faker")
@pytest.mark.parametrize(("maps", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_refused_before_any_call(
    untouched: Sandbox, maps: Json, said: str
) -> None:
    line = assert_refused(run(config_for(untouched, stream_maps=maps)), untouched)

    assert line.startswith("stream_maps")
    assert said in line


USED: dict[str, Any] = {
    "nothing": None,
    "an empty object": {},
    "a new property": contacts(new="full_name"),
    "a guard": contacts(hash="md5(email) if email else None"),
    "a filter as a guard": contacts(__filter__="bool(email)", hash="md5(email)"),
    "a copy": {"people": {"__source__": "contacts", "email": None}},
    "a pattern": {"cont*": {"email": None}},
    "a pattern of a copy": {"people": {"__source__": "cont*", "email": None}},
    "only some streams": {"contacts": {"email": None}, "__else__": None},
    "a name of two words": contacts(last="full_name.split()[-1] if full_name else None"),
    "a number if there is one": contacts(x="int(updated_date) if updated_date else 0"),
    "a date of unknown form": contacts(
        x="datetime.datetime.fromisoformat(updated_date) if updated_date else None"
    ),
    "no key": contacts(__key_properties__=[]),
}


@pytest.mark.parametrize("maps", USED.values(), ids=USED.keys())
def test_what_may_work_is_not_refused(serve: Callable[..., Sandbox], maps: Json) -> None:
    sandbox = serve(contacts=0)

    done = run(config_for(sandbox, extra_fields=["updated_date"], stream_maps=maps))

    assert (done.exit_code, done.failures, done.warnings) == (0, [], [])


@pytest.mark.parametrize("config", DOCUMENTED.values(), ids=DOCUMENTED.keys())
def test_documented_maps_bring_no_warning(serve: Callable[..., Sandbox], config: Json) -> None:
    done = run(config_for(serve(contacts=0), **config))

    assert (done.exit_code, done.failures, done.warnings) == (0, [], [])


def test_a_deselected_property_is_none_of_an_expression(untouched: Sandbox) -> None:
    config = config_for(untouched, stream_maps=contacts(x="email or 'nobody'"))

    line = assert_refused(run(config, catalog=catalog_without({}, "email")), untouched)

    assert 'uses "email", which is neither a function nor a selected property' in line


def test_a_result_of_another_type_is_a_warning(serve: Callable[..., Sandbox]) -> None:
    done = run(config_for(serve(contacts=5), stream_maps=contacts(wide="10 ** 30")))

    assert done.exit_code == 0
    (line,) = done.warnings
    assert line.startswith("stream_maps.contacts.wide: the result does not fit the type")


@pytest.mark.usefixtures("without_faker")
@pytest.mark.parametrize("value", [{"seed": 1}, {"locale": "de_DE"}])
def test_faker_without_its_package_says_what_to_install(untouched: Sandbox, value: Json) -> None:
    line = assert_refused(run(config_for(untouched, faker_config=value)), untouched)

    assert line.startswith(
        "Setting 'faker_config' needs the package faker. Install the extra tap-leadlex[faker]."
    )


def test_fake_names_with_a_seed_are_the_same_in_each_run(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=20)
    config = config_for(
        sandbox,
        stream_maps=contacts(full_name="fake.name()"),
        faker_config={"seed": 1, "locale": "de_DE"},
    )

    first, second = run(config), run(config)

    assert (first.exit_code, first.warnings) == (0, [])
    assert [each["full_name"] for each in first.records] == [
        each["full_name"] for each in second.records
    ]
    assert len({each["full_name"] for each in first.records}) > 10


def test_a_locale_that_does_not_exist_is_refused(untouched: Sandbox) -> None:
    config = config_for(
        untouched, stream_maps=contacts(x="fake.name()"), faker_config={"locale": "xx_YY"}
    )

    assert assert_refused(run(config), untouched).startswith("stream_maps.contacts.x: it does not")


def test_flattening_alone_says_what_it_needs(untouched: Sandbox) -> None:
    line = assert_refused(run(config_for(untouched, flattening_enabled=True)), untouched)

    assert line.startswith("Setting 'flattening_max_depth' must be ")


def bookmark_properties(done: Run) -> list[Any]:
    """Return what each SCHEMA names as its bookmark."""
    return [message.get("bookmark_properties") for message in done.of_type("SCHEMA")]


def test_a_bookmark_that_is_mapped_away_is_not_named(serve: Callable[..., Sandbox]) -> None:
    sandbox = serve(contacts=5)
    maps = {
        "contacts": {"created_at": None},
        "people": {"__source__": "contacts", "id": "id", "__else__": None},
        "all": {"__source__": "contacts"},
    }

    done = run(config_for(sandbox, stream_maps=maps))

    assert bookmark_properties(done) == [None, None, ["created_at"]]
