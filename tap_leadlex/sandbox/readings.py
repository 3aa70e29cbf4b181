"""Readings: the possible answers to each question that the documentation of LeadLex leaves open.

A tap is correct only if it is correct under every reading, so each answer is an option.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated


class Order(StrEnum):
    """The row order of an export; `shuffled` changes with every call."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    SHUFFLED = "shuffled"
    BY_ID = "by-id"


class Bound(StrEnum):
    """Whether the range includes a record created exactly at its bound."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"


class Precision(StrEnum):
    """The precision of stored and printed dates; bounds are compared with the stored value."""

    S = "s"
    MS = "ms"
    US = "us"
    US_SHOWN_AS_S = "us-shown-as-s"


class Step(StrEnum):
    """The precision with which bounds are compared."""

    US = "us"
    MS = "ms"
    S = "s"


class Rounding(StrEnum):
    """How bounds are rounded to that precision."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


class DateForm(StrEnum):
    """How dates are printed: with `Z`, `+00:00` or `+02:00`, or without a zone."""

    Z = "z"
    OFFSET = "offset"
    OTHER_OFFSET = "other-offset"
    BARE = "bare"


class ListMode(StrEnum):
    """How the list behaves; a tap must not rely on it being `ok`."""

    OK = "ok"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    LIMITED = "limited"
    EMPTY = "empty"
    WRONG_TOTAL = "wrong-total"
    NEAR_TOTAL = "near-total"
    NO_TOTAL = "no-total"
    SHALLOW = "shallow"
    NEWEST_FIRST = "newest-first"
    IGNORES_CREATED_AFTER = "ignores-created-after"
    DATE_BEFORE_WINDOW = "date-before-window"


class ResetStyle(StrEnum):
    """The unit of `X-RateLimit-Reset`; `none` omits all `X-RateLimit-*` headers."""

    EPOCH_S = "epoch-s"
    EPOCH_MS = "epoch-ms"
    SECONDS_LEFT = "seconds-left"
    ISO = "iso"
    NONE = "none"


class HeaderWindow(StrEnum):
    """Which quota the `X-RateLimit-*` headers of an export describe."""

    HOURLY = "hourly"
    DAILY = "daily"


class RetryAfter(StrEnum):
    """The format of `Retry-After` on a 429."""

    NONE = "none"
    SECONDS = "seconds"
    DATE = "date"


class Quoting(StrEnum):
    """Which CSV cells are quoted: `tags` quotes tags always and other cells if necessary."""

    TAGS = "tags"
    MINIMAL = "minimal"
    ALL = "all"


class Newline(StrEnum):
    """Line ending of the CSV."""

    LF = "lf"
    CRLF = "crlf"


class Presence(StrEnum):
    """Whether something is present."""

    NO = "no"
    YES = "yes"


class Unknown(StrEnum):
    """What the server does with an unknown name."""

    REFUSED = "refused"
    IGNORED = "ignored"


class ColumnOrder(StrEnum):
    """The order of the CSV columns if `fields` names them."""

    REQUESTED = "requested"
    STANDARD = "standard"


class PerPage(StrEnum):
    """What the server does with a `per_page` above 100."""

    CLAMPED = "clamped"
    REFUSED = "refused"


class Framing(StrEnum):
    """How the end of an export is marked: by a final chunk, or by `Content-Length`."""

    CHUNKED = "chunked"
    LENGTH = "length"


class Compression(StrEnum):
    """Whether exports are compressed if the client accepts gzip."""

    GZIP = "gzip"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One answer to every open question; the defaults are the most likely answers.

    The text on each field is also the help of its command line option.
    """

    order: Annotated[Order, "Row order of an export."] = Order.ASCENDING
    lower: Annotated[Bound, "Whether created_after is inclusive (export)."] = Bound.INCLUSIVE
    upper: Annotated[Bound, "Whether created_before is inclusive (export)."] = Bound.EXCLUSIVE
    list_lower: Annotated[Bound, "Whether created_after is inclusive (list)."] = Bound.INCLUSIVE
    bound_step: Annotated[Step, "Precision to which bounds are rounded."] = Step.US
    bound_rounding: Annotated[Rounding, "How bounds are rounded."] = Rounding.DOWN
    precision: Annotated[Precision, "Precision of stored and printed dates."] = Precision.S
    date_form: Annotated[DateForm, "Format of printed dates."] = DateForm.Z
    list_mode: Annotated[ListMode, "How the list behaves."] = ListMode.OK
    tagging_updates: Annotated[Presence, "Whether adding a tag changes updated_date."] = (
        Presence.YES
    )
    per_page: Annotated[PerPage, "What happens to a per_page above 100."] = PerPage.CLAMPED
    unknown_list: Annotated[Unknown, "An unknown list_id: 404, or no rows."] = Unknown.IGNORED
    unknown_field: Annotated[Unknown, "An unknown column in fields: 400, or ignored."] = (
        Unknown.REFUSED
    )
    column_order: Annotated[ColumnOrder, "Order of the requested columns."] = ColumnOrder.REQUESTED
    quoting: Annotated[Quoting, "Which CSV cells are quoted."] = Quoting.TAGS
    newline: Annotated[Newline, "Line ending of the CSV."] = Newline.LF
    bom: Annotated[Presence, "Whether the CSV starts with a byte order mark."] = Presence.NO
    compression: Annotated[Compression, "Compression of exports, if the client accepts it."] = (
        Compression.GZIP
    )
    framing: Annotated[Framing, "How the end of an export is marked."] = Framing.CHUNKED
    date_header: Annotated[Presence, "Whether responses have a Date header."] = Presence.YES
    reset: Annotated[ResetStyle, "Unit of X-RateLimit-Reset."] = ResetStyle.EPOCH_S
    header_window: Annotated[HeaderWindow, "Quota that X-RateLimit-* describe on exports."] = (
        HeaderWindow.HOURLY
    )
    retry_after: Annotated[RetryAfter, "Format of Retry-After on a 429."] = RetryAfter.NONE
