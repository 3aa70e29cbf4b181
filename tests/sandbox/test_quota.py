"""Quotas and their headers."""

import pytest

from tap_leadlex.sandbox import Quotas
from tap_leadlex.sandbox.instants import SECOND, parse
from tap_leadlex.sandbox.quota import QuotaBook, Window, headers, retry_after
from tap_leadlex.sandbox.readings import ResetStyle, RetryAfter

NOW = parse("2026-06-15T10:30:00Z")


def taken(book: QuotaBook, now: int, *, export: bool = True) -> bool:
    return book.take(now, export="contacts" if export else None) is None


def test_rolling_window_restores_each_call_after_an_hour() -> None:
    book = QuotaBook(Quotas(exports=2))
    assert taken(book, NOW)
    assert taken(book, NOW + 60 * SECOND)
    assert not taken(book, NOW + 3_599 * SECOND)
    assert taken(book, NOW + 3_600 * SECOND)
    assert not taken(book, NOW + 3_600 * SECOND)


def test_aligned_window_restores_all_calls_on_the_hour() -> None:
    book = QuotaBook(Quotas(exports=1, aligned=True))
    assert taken(book, NOW)
    assert not taken(book, NOW + 1_799 * SECOND)
    assert taken(book, NOW + 1_800 * SECOND)


def test_counting_refused_calls_is_an_option() -> None:
    for counts, free in ((False, True), (True, False)):
        book = QuotaBook(Quotas(exports=1, refused_count=counts))
        assert taken(book, NOW)
        assert not taken(book, NOW + 1_800 * SECOND)
        assert taken(book, NOW + 3_600 * SECOND) is free


def test_daily_and_minute_quotas_count_every_call() -> None:
    book = QuotaBook(Quotas(daily=3, minute=2))
    assert taken(book, NOW, export=False)
    assert taken(book, NOW)
    assert book.take(NOW, export=None) is book.minute
    assert taken(book, NOW + 60 * SECOND)
    assert book.take(NOW + 120 * SECOND, export="contacts") is book.daily
    assert book.daily.resets_at(NOW) == parse("2026-06-16")
    assert taken(book, parse("2026-06-16"))


def test_no_limit_and_reset() -> None:
    endless = QuotaBook(Quotas(exports=None))
    assert all(taken(endless, NOW) for _ in range(1_000))
    book = QuotaBook(Quotas(exports=1))
    assert taken(book, NOW)
    book.reset()
    assert taken(book, NOW)


@pytest.mark.parametrize(
    ("style", "reset"),
    [
        (ResetStyle.EPOCH_S, str(NOW // SECOND + 3_600)),
        (ResetStyle.EPOCH_MS, str(NOW // 1_000 + 3_600_000)),
        (ResetStyle.SECONDS_LEFT, "3000"),
        (ResetStyle.ISO, "2026-06-15T11:30:00Z"),
    ],
)
def test_header_styles(style: ResetStyle, reset: str) -> None:
    window = Window(10, 3_600)
    window.use(NOW)
    assert headers(window, NOW + 600 * SECOND, style) == {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "9",
        "X-RateLimit-Reset": reset,
    }
    assert headers(window, NOW, ResetStyle.NONE) == {}


def test_retry_after_styles() -> None:
    window = Window(1, 3_600)
    window.use(NOW)
    later = NOW + 600 * SECOND + 1
    assert retry_after(window, later, RetryAfter.NONE) == {}
    assert retry_after(window, later, RetryAfter.SECONDS) == {"Retry-After": "3000"}
    assert retry_after(window, NOW, RetryAfter.DATE) == {
        "Retry-After": "Mon, 15 Jun 2026 11:30:00 GMT"
    }
