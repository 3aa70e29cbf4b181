"""What a run does, and in which order."""

from __future__ import annotations

from tap_leadlex.agenda import Part, parts


def test_the_replication_method_chooses_between_new_records_and_all() -> None:
    assert parts(full_table=False) == [Part.NEWS]
    assert parts(full_table=True) == [Part.REFRESH]
