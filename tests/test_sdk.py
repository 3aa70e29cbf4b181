"""The SDK's standard tap tests: conformance only, since several of them can hardly fail."""

from __future__ import annotations

import logging
from contextlib import redirect_stdout
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING

import pytest
from singer_sdk import Stream
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_leadlex.sandbox import Fault, Sandbox
from tap_leadlex.tap import TapLeadLex
from tests.support import config_for, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_sandbox = Sandbox(contacts=200)
_config = {"api_key": _sandbox.key, "api_url": "http://127.0.0.1:9", "settle_seconds": 0}

_StandardTests = get_tap_test_class(
    TapLeadLex,
    config=_config,
    parse_env_config=False,
    suite_config=SuiteConfig(max_records_limit=150),
)


@pytest.fixture(scope="module", autouse=True)
def _serving() -> Iterator[None]:
    """Serve while the tests run, which are made before: only then is the URL known."""
    with _sandbox:
        _config.update(config_for(_sandbox))
        yield


class TestTapLeadLex(_StandardTests):  # type: ignore[valid-type,misc]
    """The standard tests."""

    def test_each_sync_of_them_costs_one_export(self) -> None:
        """Both those that ask for one record and those that ask for more."""
        before = len(_sandbox.calls)

        with redirect_stdout(TextIOWrapper(BytesIO())):
            TapLeadLex(config=_config).run_connection_test()
            TapLeadLex(config=_config).run_sync_dry_run(dry_run_record_limit=150)

        calls = _sandbox.calls[before:]
        assert [call.rows for call in calls] == [1, 150]
        assert all(call.is_export for call in calls)


def test_the_logger_of_a_stream_may_be_an_adapter(
    serve: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the SDK's next minor version, which adds the stream's name to each line."""
    plain = vars(Stream)["logger"].fget

    def adapter(stream: Stream) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(plain(stream), {"stream_name": stream.name})

    monkeypatch.setattr(Stream, "logger", property(adapter))
    sandbox = serve(contacts=20, faults={1: Fault.JSON_200})

    failed = run(config_for(sandbox))
    done = run(config_for(sandbox))

    assert len(failed.failures) == 1
    assert "unhandled" not in failed.log
    assert (done.exit_code, len(done.ids)) == (0, 20)
