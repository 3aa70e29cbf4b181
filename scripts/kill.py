"""Runs many trials of killing and resuming taps: `python scripts/kill.py --seeds 500`.

The tests run ten of them; `make kill` runs 500. A failing seed is printed and can be run alone
with `--first SEED --seeds 1`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.trials import Trial, attempt

if TYPE_CHECKING:
    from collections.abc import Iterator


def _tried(seed: int) -> Trial | str:
    try:
        return attempt(seed)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return f"seed {seed}: {error}"


def main() -> Iterator[str]:
    """Run the trials of many seeds, two at a time.

    Yields:
        Lines to print.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="the number of trials")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    endings: Counter[str] = Counter()
    extra: dict[bool, Counter[int]] = {False: Counter(), True: Counter()}
    failures = 0
    with ThreadPoolExecutor(2) as pool:
        seeds = range(given.first, given.first + given.seeds)
        for trial in pool.map(_tried, seeds):
            if isinstance(trial, str):
                failures += 1
                yield trial
                continue
            endings.update(trial.endings)
            extra[trial.list_refused][trial.extra - len(trial.endings)] += 1
    stopped = ", ".join(f"{name} {count}" for name, count in sorted(endings.items()))
    yield f"{given.seeds} seeds, {endings.total()} taps stopped ({stopped})."
    yield "Trials by extra exports, less one for each tap stopped:"
    yield f"  with the contact list: {sorted(extra[False].items())}"
    yield f"  without it: {sorted(extra[True].items())}"
    yield f"{failures} seeds failed."
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    for text in main():
        print(text, flush=True)
