"""A signal waits for the end of an uninterrupted block."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.environments import ROOT

# A process of its own: pytest's workers have threads that take signals.
PROGRAM = """
import os, signal
from tap_leadlex.signals import uninterrupted

came = []
number = signal.{name}
signal.signal(number, lambda each, _: came.append(each))
with uninterrupted():
    os.kill(os.getpid(), number)
    before = list(came)
print(len(before), len(came))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_waits_for_the_end_of_the_block(name: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(name=name)]

    told = subprocess.check_output(command, cwd=ROOT, text=True, timeout=60)  # noqa: S603

    assert told.split() == ["0", "1"]
