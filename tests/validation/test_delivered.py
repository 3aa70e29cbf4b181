"""The contacts delivered behave as a dict would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.validation.catalogue import Kind
from tap_leadlex.validation.delivered import Delivered

if TYPE_CHECKING:
    from collections.abc import Sequence

IDS = st.integers(0, 5000).map(str)


@given(st.lists(st.tuples(IDS, st.integers(-9, 9), st.floats(0, 1e10)), max_size=3000))
def test_they_equal_a_dict(entries: Sequence[tuple[str, int, float]]) -> None:
    delivered = Delivered()
    model: dict[str, tuple[int, float]] = {}
    for identity, content, created in entries:
        earlier, _ = model.get(identity, (None, 0.0))
        expected = None if earlier is None else Kind.REPEAT if earlier == content else Kind.CONFLICT
        assert delivered.add(identity, content, created) is expected
        model.setdefault(identity, (content, created))
    assert len(delivered) == len(model)
    assert list(delivered.created) == [created for _, created in model.values()]
    assert list(delivered.sorted) == sorted(created for _, created in model.values())
    assert all(
        (delivered.place(str(number)) is not None) == (str(number) in model)
        for number in range(5001)
    )


def test_ten_thousand_contacts_survive_the_growth_of_the_table() -> None:
    delivered = Delivered(keep_records=True)
    for number in range(10_000):
        added = delivered.add(f"id-{number}", number, 0.0, record=b'{"n":%d}' % number)
        assert added is None
    again = {delivered.add(f"id-{number}", number, 0.0) for number in range(10_000)}
    assert again == {Kind.REPEAT}
    assert delivered.place("id-10000") is None
    assert [delivered.place(f"id-{number}") for number in range(10_000)] == list(range(10_000))
    assert delivered.record(7_654) == {"n": 7_654}
    delivered.close()


def test_a_refresh_may_bring_again_what_came_before_it() -> None:
    delivered = Delivered()
    for identity in "abc":
        delivered.add(identity, 1, 0.0)
    assert delivered.add("a", 2, 0.0, version=7) is None
    assert delivered.add("a", 2, 0.0, version=7) is Kind.REPEAT
    assert delivered.under_other_versions(7) == 2
    assert delivered.under_other_versions(8) == 3
