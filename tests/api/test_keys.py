"""A record that an export repeats counts once."""

from __future__ import annotations

from itertools import compress

from hypothesis import example, given
from hypothesis import strategies as st

from tap_leadlex.api.keys import Keys

rows = st.lists(st.tuples(st.integers(), st.sampled_from("abcdef")), max_size=8)


@given(st.lists(rows, max_size=5), st.data())
@example([[(1, "a"), (2, "a")], [(3, "a"), (4, "b")]], None)
def test_the_first_wanted_row_of_each_key_is_kept(
    batches: list[list[tuple[int, str]]], data: st.DataObject | None
) -> None:
    keys = Keys(1)
    expected: dict[str, tuple[int, str]] = {}
    kept: list[tuple[int, str]] = []
    wanted_rows = 0

    for batch in batches:
        wanted = [data is None or data.draw(st.booleans()) for _ in batch]
        for row in compress(batch, wanted):
            expected.setdefault(row[1], row)
        wanted_rows += sum(wanted)
        kept += compress(batch, keys.once(batch, wanted))

    assert kept == list(expected.values())
    assert list(keys.found) == list(expected)
    assert keys.repeated == wanted_rows - len(kept)


def test_only_some_keys_may_be_wanted() -> None:
    keys = Keys(0)

    assert keys.once([("a",), ("b",), ("a",)], [True, True, True], {"a"}) == [True, False, False]
    assert (list(keys.found), keys.repeated) == (["a"], 1)
