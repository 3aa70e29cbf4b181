"""What one run asks of a resource: columns and filters, for the export, the list and the state."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.resources import CONTACTS, Column, Kind
from tap_leadlex.scope import Scope
from tests.support import FIELDS, by_id, config_for, run, truth

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tap_leadlex.sandbox import Sandbox
    from tests.support import Json


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
    assert parse_qs(call.query)["list_id"] == ["list-half"]
    assert parse_qs(call.query)["tag"] == ["client", "lead"]
    assert 0 < len(done.records) == call.rows < 200
    assert all({"client", "lead"} <= set(record["tags"]) for record in done.records)


def scope(**settings: object) -> Scope:
    """Return the scope of contacts under some settings."""
    return Scope(CONTACTS, {"list_id": None, "tags": [], "extra_fields": [], **settings})


def test_extra_fields_come_once_and_after_the_standard_ones() -> None:
    names = ["updated_date", "email", "updated_date", "first_name"]

    columns = scope(extra_fields=names).columns

    assert [column.name for column in columns] == [*FIELDS, "updated_date", "first_name"]
    assert columns[len(FIELDS)] == Column("updated_date", Kind.TEXT)
    assert columns[: len(FIELDS)] == CONTACTS.columns


@pytest.mark.parametrize(
    ("settings", "query", "list_query"),
    [
        ({}, [], []),
        ({"list_id": "a"}, [("list_id", "a")], [("list_id", "a")]),
        ({"tags": ["b", "a"]}, [("tag", "b"), ("tag", "a")], []),
        (
            {"list_id": "a", "tags": ["b"]},
            [("list_id", "a"), ("tag", "b")],
            [("list_id", "a")],
        ),
    ],
)
def test_filters_become_parameters_of_export_and_list(
    settings: Json, query: list[tuple[str, str]], list_query: list[tuple[str, str]]
) -> None:
    found = scope(**settings)

    assert found.query == query
    assert found.list_query == list_query
    assert found.listed_alike == ("tags" not in settings)


@given(
    list_id=st.none() | st.text(min_size=1),
    tags=st.lists(st.text(min_size=1), max_size=4),
    seed=st.randoms(use_true_random=False),
)
def test_the_filters_of_a_state_are_equal_if_they_select_the_same_records(
    list_id: str | None, tags: list[str], seed: Random
) -> None:
    shuffled = list(tags)
    seed.shuffle(shuffled)

    one, other = scope(list_id=list_id, tags=tags), scope(list_id=list_id, tags=shuffled)

    assert one.filters == other.filters == {"list_id": list_id, "tags": sorted(tags)}
    assert one.no_filters == {"list_id": None, "tags": []}
    assert scope(list_id=list_id, tags=[*tags, "one more"]).filters != one.filters
