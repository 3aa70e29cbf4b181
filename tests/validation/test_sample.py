"""The sample is seeded, of the right size, and fair."""

from __future__ import annotations

from collections import Counter

import pytest

from tap_leadlex.validation.content import Drawn, Sample


def draw(population: int, size: int, seed: int) -> list[int]:
    sample = Sample(size, seed)
    for number in range(population):
        if (place := sample.place()) is not None:
            sample.take(place, Drawn({"n": number}, None))
    return [drawn.values["n"] for drawn in sample.drawn]


@pytest.mark.parametrize(
    ("population", "size"), [(0, 5), (3, 5), (5, 5), (6, 5), (1000, 5), (9, 0)]
)
def test_it_has_the_size_asked_for_as_soon_as_there_are_that_many(
    population: int, size: int
) -> None:
    drawn = draw(population, size, seed=1)
    assert len(drawn) == len(set(drawn)) == min(population, size)


def test_the_same_seed_draws_the_same() -> None:
    assert draw(1000, 20, seed=7) == draw(1000, 20, seed=7) != draw(1000, 20, seed=8)


def test_each_contact_has_the_same_chance() -> None:
    hits = Counter(number for seed in range(3000) for number in draw(50, 5, seed))
    # 300 expected each, with a standard deviation of about 16.
    assert set(hits) == set(range(50))
    assert all(220 < count < 380 for count in hits.values())
