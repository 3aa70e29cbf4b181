"""What the tap makes of the pages of the list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.api.listing import read_page
from tap_leadlex.planning.windows import Listed, ListPage
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import ListFault, Quotas, Sandbox
from tests.support import by_id, config_for, run, truth

MANY = 100


def calls(fault: ListFault | None) -> list[str]:
    """Sync contacts that need several exports; return the queries that the sandbox received."""
    faults = dict.fromkeys(range(1, MANY), fault) if fault else {}
    with Sandbox(contacts=500, quotas=Quotas(exports=None), list_faults=faults) as sandbox:
        done = run(config_for(sandbox, export_limit=100, end_date="2026-06-02T00:00:00Z"))
        assert done.exit_code == 0
        assert by_id(done.records) == by_id(truth(sandbox))
        assert len(sandbox.list_calls) < MANY
        return [f"{call.path}?{call.query}" for call in sandbox.calls]


def test_a_page_that_contains_an_error_counts_as_no_page() -> None:
    unreadable = calls(ListFault.HTML_200)
    assert calls(ListFault.ERROR_WITH_DATA) == unreadable
    assert calls(None) != unreadable


ENTRY = {"id": "1", "created_at": "2026-04-15T11:00:00+02:00"}
NINE = datetime(2026, 4, 15, 9, tzinfo=UTC)
FIRST = Listed(NINE, "1")


def read(page: object) -> ListPage:
    """Read a page of contacts."""
    return read_page(json.dumps(page).encode(), CONTACTS)


def refused(body: bytes) -> bool:
    """Return whether a body does not count as a page."""
    try:
        read_page(body, CONTACTS)
    except ValueError:
        return True
    return False


def page_of(*entries: object, **more: object) -> dict[str, Any]:
    """Return a page."""
    return {"data": {"contacts": list(entries)}, **more}


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (page_of(ENTRY, meta={"total": 7}), ListPage([FIRST], 7)),
        (page_of(ENTRY), ListPage([FIRST], None)),
        (page_of(ENTRY, meta={}), ListPage([FIRST], None)),
        (page_of(ENTRY, meta={"total": "7"}), ListPage([FIRST], None)),
        (page_of(ENTRY, meta={"total": True}), ListPage([FIRST], None)),
        (page_of(ENTRY, meta={"total": -1}), ListPage([FIRST], None)),
        (page_of(meta={"total": 0}), ListPage([], 0)),
        (page_of({"id": 1, "created_date": "2026-04-15T09:00:00Z"}), ListPage([FIRST], None)),
        (page_of(ENTRY | {"created_date": "2025-01-01T00:00:00Z"}), ListPage([FIRST], None)),
        (page_of(ENTRY, ENTRY | {"id": "2"}), ListPage([FIRST, Listed(NINE, "2")], None)),
    ],
)
def test_what_a_page_says(page: object, expected: ListPage) -> None:
    assert read(page) == expected


@pytest.mark.parametrize(
    "page",
    [
        [],
        {},
        {"data": {}},
        {"data": {"matters": [ENTRY]}},
        page_of({}),
        page_of({"created_at": "2026-04-15T09:00:00Z"}),
        page_of({"created_at": "yesterday"}),
        page_of({"created_at": 5}),
        page_of({"created_at": "0001-01-01T00:00:00Z"}),
        page_of({"created_at": "1899-12-31T23:59:59Z"}),
        page_of({"created_at": "1900-01-01T00:00:00+01:00"}),
        page_of({"created_at": "2201-01-01T00:00:00Z"}),
        page_of({"created_at": "9999-12-31T23:59:59Z"}),
        page_of("x"),
        page_of(ENTRY, meta=[]),
        page_of(ENTRY, error={"code": "internal_error", "message": "Something went wrong"}),
        page_of(ENTRY, error="internal_error"),
    ],
)
def test_what_is_no_page(page: object) -> None:
    assert refused(json.dumps(page).encode())


@pytest.mark.parametrize("error", [{}, "", []])
def test_an_error_that_says_nothing_is_an_error(error: object) -> None:
    assert refused(json.dumps(page_of(ENTRY, error=error)).encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["created_at", "total", "contacts", "x"]), inner)
    ),
    max_leaves=6,
)


@given(st.fixed_dictionaries({}, optional={"data": values, "meta": values, "error": values}))
def test_any_json_is_a_page_or_not(page: dict[str, Any]) -> None:
    try:
        entries, total = read(page)
    except ValueError:
        return
    assert not page.get("error")
    assert len(entries) == len(page["data"]["contacts"])
    assert total is None or total == page["meta"]["total"]


@given(st.binary())
def test_bytes_that_are_no_json_are_no_page(body: bytes) -> None:
    assert refused(body)


@pytest.mark.parametrize("total", [True, -1, 10**30, 1.5, "7", [7]])
def test_what_is_no_total(total: object) -> None:
    assert read(page_of(ENTRY, meta={"total": total})).total is None


def test_a_page_nested_too_deep_is_no_page() -> None:
    assert refused(b"[" * 100_000)
