"""What a server sends, reduced to what a message may contain. Pure.

A response can hold the key, values of records, control characters or megabytes in any place. All
of it passes through here on its way into the tap's messages, or does not get there.
"""

from __future__ import annotations

import re
from base64 import b32encode, b64encode, urlsafe_b64encode
from itertools import chain
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

CODES = frozenset(
    {
        *("validation_error", "ambiguous_reference", "missing_required_field"),
        *("invalid_send_condition", "invalid_date_range", "invalid_key", "insufficient_credits"),
        *("insufficient_permissions", "admin_key_required", "not_found", "list_not_found"),
        *("membership_not_found", "campaign_not_found", "step_not_found", "conversation_required"),
        *("no_match", "sync_in_progress", "idempotency_conflict", "payload_too_large"),
        *("rate_limited", "provider_error"),
    }
)
"""The error codes that LeadLex documents."""

_MEDIA_TYPES = frozenset(
    {
        *("text/csv", "text/html", "text/plain", "text/xml", "text/event-stream"),
        *("application/json", "application/problem+json", "application/xml", "application/pdf"),
        *("application/octet-stream", "application/zip", "application/gzip"),
    }
)
_CODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate", "br", "zstd", "compress"})
_MOST_CODINGS = 3

# A letter as well: a number alone may be a telephone number.
_REQUEST_ID = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_-]{1,64}", re.ASCII).fullmatch
_COUNT = re.compile(r"[0-9]{1,6}", re.ASCII).fullmatch
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII).fullmatch
# A number or a date, for reading: never printed as it is.
_TIME = re.compile(r"[ -~]{1,40}", re.ASCII).fullmatch
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII).fullmatch
_MOST_COLUMNS = 10

_KEY_PREFIX = "wbk_"
# A text that shares this many characters with the key may contain a part of it.
_SHARED = 5


class Foreign:
    """Says what of a response may be printed.

    Args:
        key: The API key, no part of which is ever printed.
    """

    def __init__(self, key: str = "") -> None:
        self._parts = frozenset(chain.from_iterable(map(_parts, _forms(key)))) if key else ()

    def headers(self, sent: Mapping[str, str]) -> httpx.Headers:
        """Return the headers that the tap reads, each only if it has the form that it must have."""
        forms: dict[str, Callable[[str], str | None]] = {
            "X-Request-ID": self._request_id,
            "X-RateLimit-Limit": self._count,
            "X-RateLimit-Remaining": self._count,
            "X-RateLimit-Reset": _time,
            "Retry-After": _time,
            "Date": _time,
            "Content-Type": _media_type,
            "Content-Encoding": _coding,
            "Content-Length": lambda value: value if _LENGTH(value) else None,
            "Transfer-Encoding": lambda _: "chunked",
        }
        found = {name: form(sent[name]) for name, form in forms.items() if name in sent}
        return httpx.Headers({name: value for name, value in found.items() if value is not None})

    def columns(self, names: Sequence[str]) -> ColumnNames:
        """Return what a message may call columns by."""
        return ColumnNames(names, self._betrays)

    def _request_id(self, value: str) -> str | None:
        return value if _REQUEST_ID(value) and not self._betrays(value) else None

    def _count(self, value: str) -> str | None:
        return value if count(value) is not None and not self._betrays(value) else None

    def _betrays(self, text: str) -> bool:
        """Return whether a text shares a part with the key, or looks like one."""
        lower = text.lower()
        return _KEY_PREFIX in lower or any(part in lower for part in self._parts)


class ColumnNames:
    """The names of columns that the tap did not request, as a message may show them.

    A server can use values of its records as names; `withhold` takes those out.
    """

    def __init__(self, names: Sequence[str], betrays: Callable[[str], bool]) -> None:
        self._number = len(names)
        self._shown = [
            name for name in names[: 10 * _MOST_COLUMNS] if _COLUMN(name) and not betrays(name)
        ][:_MOST_COLUMNS]

    def __bool__(self) -> bool:
        """Return whether there are such columns."""
        return self._number > 0

    def __str__(self) -> str:
        """Return a few names, and how many others there are."""
        others = self._number - len(self._shown)
        if not self._shown:
            return f"{others:,} with unusual names"
        shown = ", ".join(self._shown)
        return f"{shown} and {others:,} more" if others else shown

    def withhold(self, records: Iterable[Iterable[Any]]) -> None:
        """Show no name that is a word in a value of these records."""
        if self._shown:
            text = " ".join(map(str, chain.from_iterable(records))).lower()
            words = re.compile(rf"(?<![a-z0-9])(?:{'|'.join(self._shown)})(?![a-z0-9])")
            found = set(words.findall(text))
            self._shown = [name for name in self._shown if name not in found]


def error_code(body: bytes) -> str | None:
    """Return the code in LeadLex's error envelope, if it is a documented one."""
    try:
        page = msgspec.json.decode(body)
        code = page["error"]["code"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return code if isinstance(code, str) and code in CODES else None


def count(value: str | None) -> int | None:
    """Return the small whole number in a header; `None` if there is anything else."""
    return int(value) if value and _COUNT(value) else None


def _time(value: str) -> str | None:
    return value if _TIME(value) else None


def _media_type(value: str) -> str:
    found = value.partition(";")[0].strip().lower()
    return found if found in _MEDIA_TYPES else "another media type"


def _coding(value: str) -> str:
    names = [name.strip().lower() for name in value.split(",", _MOST_CODINGS)]
    return ", ".join(names) if _CODINGS.issuperset(names) else "unknown"


def _forms(key: str) -> Iterator[str]:
    """Yield a key as it may be written: as it is, and in encodings without its first letters."""
    plain = key.encode()
    yield key
    yield plain.hex()
    yield b32encode(plain).decode()
    # Text before the key shifts the letters of base64.
    for shift in range(3):
        shifted = b" " * shift + plain
        yield b64encode(shifted).decode()
        yield urlsafe_b64encode(shifted).decode()


def _parts(text: str) -> Iterator[str]:
    lower = text.rstrip("=").lower()
    return (lower[start : start + _SHARED] for start in range(max(1, len(lower) - _SHARED + 1)))
