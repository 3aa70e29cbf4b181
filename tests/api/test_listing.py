"""What the tap makes of the pages of the list."""

from __future__ import annotations

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
