"""Plants many random defects in syncs and validates them: `python scripts/plant.py --seeds 3000`.

The tests plant 150; `make plant` plants 3,000. A seed whose defect is missed is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from random import Random

from tests.validation.planted import Field


def main() -> None:
    """Plant a defect, or some at once, for each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3000, help="the number of plantings")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    missed: Counter[str] = Counter()
    with Field() as field:
        for seed in range(given.first, given.first + given.seeds):
            planted = field.plant(Random(seed))  # noqa: S311 - seeded on purpose
            if planted.missed:
                missed[planted.names[0]] += 1
                found = sorted(one.kind.code for one in planted.outcome.findings)
                print(f"seed {seed}: {', '.join(planted.names)}; found {found}", flush=True)
    print(f"{given.seeds} seeds, {missed.total()} missed.")
    sys.exit(missed.total() > 0)


if __name__ == "__main__":
    main()
