"""What a run tells its user, word for word."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tap_leadlex.errors import RunStopped, TransportError
from tap_leadlex.planning.drift import Drift
from tap_leadlex.planning.proof import Grade, Proof
from tap_leadlex.planning.windows import ListPage, Window
from tap_leadlex.progress import RunLog, export_calls
from tap_leadlex.resources import CONTACTS
from tap_leadlex.sandbox import Quotas
from tests.support import config_for, run_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_leadlex.sandbox import Sandbox
    from tests.support import FakeClock, Json

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 11, tzinfo=UTC)
QUARTER = Window(START, START + (END - START) / 4)
AT_QUARTER = "2026-01-01T00:00:00Z to 2026-01-03T12:00:00Z"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return what collects the lines of a log."""
    caplog.set_level(logging.INFO)
    return caplog


def run_log(whole: Window) -> RunLog:
    """Return the log of a run."""
    log = RunLog(logging.getLogger(__name__), CONTACTS)
    log.begin(whole)
    return log


def text(lines: pytest.LogCaptureFixture) -> tuple[str, str]:
    """Return level and text of the last line."""
    return lines.records[-1].levelname, lines.records[-1].getMessage()


def close(
    log: RunLog, window: Window, records: int, calls: int = 2, headers: Json | None = None
) -> None:
    """Log a closed window."""
    log.closed(window, records, headers or {}, calls)


def test_a_closed_window_of_a_range_with_a_start(lines: pytest.LogCaptureFixture) -> None:
    log = run_log(Window(START, END))

    close(log, QUARTER, 48_750)

    expected = f"Closed window {AT_QUARTER}: 48,750 contacts. 2 export calls used; 25% done."
    assert text(lines) == ("INFO", expected)


def test_a_closed_window_shows_what_is_left_of_the_quota(lines: pytest.LogCaptureFixture) -> None:
    log = run_log(Window(START, END))

    close(log, QUARTER, 1, 1, {"X-RateLimit-Remaining": "8", "X-RateLimit-Limit": "10"})

    expected = (
        f"Closed window {AT_QUARTER}: 1 contacts. 1 export call used; 25% done. LeadLex says 8 of "
        "10 calls are left."
    )
    assert text(lines) == ("INFO", expected)


@pytest.mark.parametrize("headers", [{"X-RateLimit-Remaining": "8"}, {"X-RateLimit-Limit": "10"}])
def test_half_a_quota_is_not_shown(
    lines: pytest.LogCaptureFixture, headers: dict[str, str]
) -> None:
    close(run_log(Window(START, END)), QUARTER, 1, headers=headers)

    assert text(lines)[1].endswith("25% done.")


def test_the_share_is_of_records_once_the_list_has_counted_them(
    lines: pytest.LogCaptureFixture,
) -> None:
    log = run_log(Window(START, END))
    totals = iter([200, 1_000])
    read = log.counting(lambda *_: ListPage([], next(totals)))

    found = [read(None, 1, 1).total, read(None, 1, 1).total]
    close(log, QUARTER, 30)
    first = text(lines)[1]
    close(log, QUARTER, 60)
    second = text(lines)[1]
    close(log, QUARTER, 300)

    assert found == [200, 1_000]
    assert log.total == 200
    assert first.endswith("; 15% done.")
    assert second.endswith("; 45% done.")
    assert text(lines)[1].endswith("; 100% done.")  # more came than were counted
    assert log.records == 390


def test_without_a_start_and_a_count_there_is_no_share(lines: pytest.LogCaptureFixture) -> None:
    close(run_log(Window(None, END)), Window(None, QUARTER.end), 5)

    expected = (
        "Closed window up to 2026-01-03T12:00:00Z: 5 contacts. 2 export calls used; continuing "
        "from 2026-01-03T12:00:00Z."
    )
    assert text(lines) == ("INFO", expected)


@pytest.mark.parametrize("start", [None, START])
def test_the_last_window_is_all(lines: pytest.LogCaptureFixture, start: datetime | None) -> None:
    log = run_log(Window(start, END))
    log.total = 10

    close(log, Window(start, END), 2)

    assert text(lines)[1].endswith("; 100% done.")


def test_a_retry_says_why_and_what_it_costs(lines: pytest.LogCaptureFixture) -> None:
    run_log(Window(START, END)).retrying(TransportError("The response was cut."))

    expected = "The response was cut. Retrying; this uses one more export call."
    assert text(lines) == ("WARNING", expected)


def test_a_wait_says_until_when_and_how_long(lines: pytest.LogCaptureFixture) -> None:
    log = run_log(Window(START, END))

    log.waiting("it reopens at 2026-01-01T13:00:00Z", timedelta(seconds=90.4))

    expected = "Waiting for the export quota: it reopens at 2026-01-01T13:00:00Z (90 s left)."
    assert text(lines) == ("INFO", expected)


@pytest.mark.parametrize(
    ("total", "left"), [(None, ""), (1_700, ", about 500 left"), (7, ", about 0 left")]
)
def test_a_stop_says_why_how_far_and_what_to_do(
    lines: pytest.LogCaptureFixture, total: int | None, left: str
) -> None:
    log = run_log(Window(START, END))
    log.records = 1_200
    log.total = total

    log.stopped(RunStopped("quota", "the quota is used up", "Run again.", timedelta(seconds=1.5)))

    expected = (
        f"Stopped: the quota is used up. State saved; 1,200 contacts synced{left}. Run again."
    )
    assert text(lines) == ("WARNING", expected)
    assert lines.records[-1].__dict__["stopped_by"] == "quota"
    assert lines.records[-1].__dict__["opens_in_seconds"] == 2


@pytest.mark.parametrize(
    ("change", "told"), [(1_700, "1,700 more contacts {}."), (-3, "3 fewer contacts {}.")]
)
def test_a_miscount_says_which_way(lines: pytest.LogCaptureFixture, change: int, told: str) -> None:
    run_log(Window(START, END)).miscounted(change, END)

    where = "created before 2026-01-11T00:00:00Z than the tap delivered"
    assert text(lines) == (
        "WARNING",
        f"LeadLex counts {told.format(where)} Run a full refresh to correct this.",
    )


@pytest.mark.parametrize(
    ("more", "fewer", "ranges", "told"),
    [
        (1, 0, 1, "1 more contacts than the tap delivered, in 1 range"),
        (0, 1_700, 2, "1,700 fewer contacts than the tap delivered, in 2 ranges"),
        (5, 3, 1_000, "5 more and 3 fewer contacts than the tap delivered, in 1,000 ranges"),
    ],
)
def test_drift_says_how_much_and_where(
    lines: pytest.LogCaptureFixture, more: int, fewer: int, ranges: int, told: str
) -> None:
    log = run_log(Window(START, END))
    drift = Drift(more, fewer, ranges, QUARTER)

    log.drifted(drift, repair=True)
    repaired = text(lines)
    log.drifted(drift, repair=False)

    told = f"LeadLex lists {told} ({AT_QUARTER})."
    assert repaired == ("INFO", f"{told} The tap exports what has changed again.")
    assert text(lines) == (
        "WARNING",
        f"{told} Set repair_drift to true to export what has changed again, or run a full refresh.",
    )


@pytest.mark.parametrize(("records", "noun"), [(1, "1 contact"), (1_234, "1,234 contacts")])
def test_what_is_gone_is_told(lines: pytest.LogCaptureFixture, records: int, noun: str) -> None:
    log = run_log(Window(START, END))
    told = (
        f"LeadLex no longer has {noun} that the tap delivered. A full refresh deletes them from "
        "the destination."
    )

    log.gone(records, warn=False)
    assert text(lines) == ("INFO", told)
    log.gone(records, warn=True)
    assert text(lines) == ("WARNING", told)


def test_what_was_exported_again_and_what_is_left(lines: pytest.LogCaptureFixture) -> None:
    log = run_log(Window(START, END))
    read = log.counting(lambda *_: ListPage([], 500))
    log.begin(QUARTER, bounded=True)
    read(None, 1, 1)
    close(log, QUARTER, 1_200)
    log.prove(Proof(Grade.CONFIRMED, "by the list"))
    log.report.repaired, log.report.out_of_date = 1, 12

    log.stopped(RunStopped("quota", "the quota is used up", "Run again."))

    finished, stopped = (record.getMessage() for record in lines.records[-2:])
    assert finished == "Synced 1,200 contacts (1 range again); completeness confirmed: by the list."
    assert stopped == (
        "Stopped: the quota is used up. State saved; 1,200 contacts synced, 12 ranges left to "
        "export again. Run again."
    )


@pytest.mark.parametrize(
    ("grade", "told"),
    [
        (Grade.CONFIRMED, "confirmed"),
        (Grade.NOT_CONTRADICTED, "not contradicted"),
        (Grade.NOT_CONFIRMED, "not confirmed"),
    ],
)
def test_a_finished_run_says_what_its_completeness_rests_on(
    lines: pytest.LogCaptureFixture, grade: Grade, told: str
) -> None:
    log = run_log(Window(START, END))
    close(log, QUARTER, 1_200)
    log.prove(Proof(grade, "a reason"))

    log.finished()

    assert text(lines) == ("INFO", f"Synced 1,200 contacts; completeness {told}: a reason.")


def test_a_run_of_two_sweeps_counts_both_and_rests_on_the_worse_proof(
    lines: pytest.LogCaptureFixture,
) -> None:
    log = run_log(Window(START, END))
    close(log, Window(START, END), 20)
    log.prove(Proof(Grade.NOT_CONFIRMED, "a reason"))
    log.begin(Window(None, END))
    log.total = 1_000
    close(log, Window(None, QUARTER.end), 400)
    share = text(lines)[1]
    log.prove(Proof(Grade.CONFIRMED, "another"))

    log.stopped(RunStopped("quota", "the quota is used up", "Run again."))

    synced, stopped = (line.getMessage() for line in lines.records[-2:])
    assert share.endswith("; 40% done.")
    assert synced == "Synced 420 contacts; completeness not confirmed: a reason."
    assert "420 contacts synced, about 600 left." in stopped


def test_a_kind_of_warning_comes_once(lines: pytest.LogCaptureFixture) -> None:
    log = run_log(Window(START, END))

    for kind, sentence in [("a", "One."), ("a", "Two."), ("b", "Three.")]:
        log.warn_once(kind, sentence)

    assert [(line.levelname, line.getMessage()) for line in lines.records] == [
        ("WARNING", "One."),
        ("WARNING", "Three."),
    ]


def test_a_text_with_percent_signs_is_logged_as_it_is(lines: pytest.LogCaptureFixture) -> None:
    log = run_log(Window(START, END))

    log.info("100%s")
    log.warning("50%d")

    assert [line.getMessage() for line in lines.records] == ["100%s", "50%d"]


@pytest.mark.parametrize(
    ("calls", "words"), [(0, "0 export calls"), (1, "1 export call"), (2, "2 export calls")]
)
def test_export_calls_in_words(calls: int, words: str) -> None:
    assert export_calls(calls) == words


# The log as a runner reads it.


@pytest.fixture
def structured(tmp_path: Path) -> dict[str, str]:
    """Give the environment in which the log is JSON, as under Meltano."""
    path = tmp_path / "log.yml"
    path.write_text(
        "version: 1\n"
        "disable_existing_loggers: false\n"
        "formatters: {json: {(): singer_sdk.logging.StructuredFormatter}}\n"
        "handlers: {err: {class: logging.StreamHandler, formatter: json, stream: ext://sys.stderr}}\n"
        "root: {level: INFO, handlers: [err]}\n"
    )
    return {"SINGER_SDK_LOG_CONFIG": os.fspath(path)}


def test_structured_logging_is_left_to_the_runner(
    serve: Callable[..., Sandbox], structured: dict[str, str]
) -> None:
    """Meltano sets a log config, and reads the log as JSON."""
    sandbox = serve(contacts=20)

    done = run_process(config_for(sandbox), env=structured)

    lines = [json.loads(line) for line in done.log.splitlines() if line.startswith("{")]
    (closed,) = [line for line in lines if line["message"].startswith("Closed window")]
    assert closed["logger_name"] == "tap-leadlex.contacts"
    assert len(sandbox.exports) == 1
    assert not any("stopped_by" in line.get("extra", {}) for line in lines)


@pytest.mark.parametrize(
    ("settings", "calls", "told"),
    [
        ({}, 3, {"stopped_by": "quota", "opens_in_seconds": 600}),
        ({"max_exports": 1}, 1, {"stopped_by": "max_exports", "opens_in_seconds": None}),
    ],
)
def test_structured_logs_tell_schedulers_of_a_stop_and_of_the_calls(
    serve: Callable[..., Sandbox],
    clock: FakeClock,
    structured: dict[str, str],
    settings: Json,
    calls: int,
    told: Json,
) -> None:
    sandbox = serve(
        contacts=500,
        quotas=Quotas(exports=2, window_seconds=600),
        clock=clock,
    )

    done = run_process(config_for(sandbox, export_limit=100, **settings), env=structured)

    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.log.splitlines() if line.startswith("{")]
    (stopped,) = [line for line in lines if line["message"].startswith("Stopped: ")]
    assert told.items() <= stopped["extra"].items()
    assert stopped["level"] == "warning"
    points = [line["metric_info"] for line in lines if "metric_info" in line]
    assert [point["value"] for point in points if point["metric"] == "http_request_count"] == [
        calls
    ]
    assert len(sandbox.exports) == calls
