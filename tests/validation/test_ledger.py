"""The ledger behaves as a dict would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.validation.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

IDS = st.integers(0, 5000).map(str)


@given(st.lists(st.tuples(IDS, st.integers(-9, 9), st.floats(0, 1e10)), max_size=3000))
def test_the_ledger_equals_a_dict(entries: Sequence[tuple[str, int, float]]) -> None:
    ledger = Ledger()
    model: dict[str, tuple[int, float]] = {}
    for identity, content, created in entries:
        earlier, _ = model.get(identity, (None, 0.0))
        assert ledger.add(identity, content, created) == earlier
        model.setdefault(identity, (content, created))
    assert len(ledger) == len(model)
    assert list(ledger.created) == [created for _, created in model.values()]
    assert all((str(number) in ledger) == (str(number) in model) for number in range(5001))


def test_ten_thousand_contacts_survive_the_growth_of_the_table() -> None:
    ledger = Ledger()
    for number in range(10_000):
        assert ledger.add(f"id-{number}", number, 0.0) is None
    assert [ledger.add(f"id-{number}", -1, 0.0) for number in range(10_000)] == list(range(10_000))
    assert "id-10000" not in ledger
