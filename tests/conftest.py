"""What all tests share: hypothesis without deadlines, Ctrl+C, and no settings of the machine."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tap_leadlex.sandbox import Sandbox
from tests.support import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Machines are slow at times: nothing here asserts a speed.
settings.register_profile(
    "tap-leadlex", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tap-leadlex")
# For `make histories`.
settings.register_profile("many", max_examples=5_000)
# For `make mutants`: the same examples each time, and the first failure ends the test.
settings.register_profile(
    "mutants", database=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)

# A shell that starts the tests in the background has them ignore it, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

_OF_THE_MACHINE = (
    *("TAP_LEADLEX_", "SINGER_SDK_", "LOGLEVEL", "SSL_CERT_"),
    "PYTHONUNBUFFERED",  # it hides what is left in buffers when a program ends
)


# Modules that take 15 seconds or more.
_SLOW = {
    "test_clean_syncs",
    "test_commands",
    "test_comparison",
    "test_completeness",
    "test_demo",
    "test_destinations",
    "test_discretion",
    "test_foreign_words",
    "test_front_door",
    "test_full_refresh",
    "test_full_refresh_days",
    "test_histories",
    "test_hostile_sizes",
    "test_interruption",
    "test_meltano",
    "test_pages",
    "test_proof",
    "test_readme",
    "test_refreshes",
    "test_saved_state",
    "test_streams",
    "test_sync",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that `make check` leaves out."""
    for item in items:
        if item.path.stem in _SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's proxies, certificates and settings out of the tests."""
    for name in os.environ:
        if name.startswith(_OF_THE_MACHINE) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # Programs that a test starts, too: the SDK warns about each Python near its end of life.
    monkeypatch.setenv("PYTHONWARNINGS", "ignore:Python 3.:FutureWarning")


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that only the test and the tap's waits move."""
    return FakeClock()


@pytest.fixture
def serve() -> Iterator[Callable[..., Sandbox]]:
    """Give a function that starts a sandbox, which runs until the test ends."""
    with ExitStack() as stack:

        def start(**options: Any) -> Sandbox:  # noqa: ANN401 - whatever Sandbox takes
            return stack.enter_context(Sandbox(**options))

        yield start


@pytest.fixture(scope="module")
def untouched() -> Iterator[Sandbox]:
    """Return a sandbox that nothing may call."""
    with Sandbox(contacts=1) as sandbox:
        yield sandbox
        assert sandbox.calls == []
