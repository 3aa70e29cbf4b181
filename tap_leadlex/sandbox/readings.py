"""Readings: one choice for each question that the documentation of LeadLex leaves open.

A tap is right only if it is right under every reading, so each is an option of the sandbox.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated


class Order(StrEnum):
    """The order of the rows of an export; `shuffled` differs from call to call."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    SHUFFLED = "shuffled"
    BY_ID = "by-id"


class Bound(StrEnum):
    """Whether a contact created exactly at a bound is within it."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"


class Precision(StrEnum):
    """How finely `created_at` is kept and printed; bounds compare with the kept value."""

    S = "s"
    MS = "ms"
    US = "us"
    US_SHOWN_AS_S = "us-shown-as-s"


class DateForm(StrEnum):
    """How a date is printed: `Z`, `+00:00`, `+02:00`, or without any zone."""

    Z = "z"
    OFFSET = "offset"
    OTHER_OFFSET = "other-offset"
    BARE = "bare"


class ListMode(StrEnum):
    """How the contact list behaves; everything but `ok` is advice a tap must not trust."""

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
    """The unit of `X-RateLimit-Reset`; `none` leaves all `X-RateLimit-*` headers out."""

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
    """The form of `Retry-After` on a 429."""

    NONE = "none"
    SECONDS = "seconds"
    DATE = "date"


class Quoting(StrEnum):
    """Which CSV cells are quoted: `tags` is minimal, but tags always, as in the samples."""

    TAGS = "tags"
    MINIMAL = "minimal"
    ALL = "all"


class Newline(StrEnum):
    """The end of a CSV line."""

    LF = "lf"
    CRLF = "crlf"


class Presence(StrEnum):
    """Whether something is there."""

    NO = "no"
    YES = "yes"


class Unknown(StrEnum):
    """The reaction to a name the server does not know."""

    REFUSED = "refused"
    IGNORED = "ignored"


class ColumnOrder(StrEnum):
    """The order of the CSV columns when `fields` names them."""

    REQUESTED = "requested"
    STANDARD = "standard"


class PerPage(StrEnum):
    """The reaction to a `per_page` above 100."""

    CLAMPED = "clamped"
    REFUSED = "refused"


class Framing(StrEnum):
    """How the end of an export is marked: by a last chunk, or by a length told beforehand."""

    CHUNKED = "chunked"
    LENGTH = "length"


class Compression(StrEnum):
    """Whether exports are compressed for clients that accept gzip."""

    GZIP = "gzip"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One complete reading of the documentation; the defaults are the likeliest one.

    The note on each field is also the help of its command-line option.
    """

    order: Annotated[Order, "Row order of the export."] = Order.ASCENDING
    lower: Annotated[Bound, "Export: the bound created_after."] = Bound.INCLUSIVE
    upper: Annotated[Bound, "Export: the bound created_before."] = Bound.EXCLUSIVE
    list_lower: Annotated[Bound, "Contact list: the bound created_after."] = Bound.INCLUSIVE
    precision: Annotated[Precision, "How finely created_at is kept and printed."] = Precision.S
    date_form: Annotated[DateForm, "How dates are printed."] = DateForm.Z
    list_mode: Annotated[ListMode, "How the contact list behaves."] = ListMode.OK
    per_page: Annotated[PerPage, "A per_page above 100."] = PerPage.CLAMPED
    unknown_list: Annotated[Unknown, "An unknown list_id: 404 or no rows."] = Unknown.IGNORED
    unknown_field: Annotated[Unknown, "An unknown column in fields."] = Unknown.REFUSED
    column_order: Annotated[ColumnOrder, "Order of the columns asked for."] = ColumnOrder.REQUESTED
    quoting: Annotated[Quoting, "Which CSV cells are quoted."] = Quoting.TAGS
    newline: Annotated[Newline, "The end of a CSV line."] = Newline.LF
    bom: Annotated[Presence, "A byte order mark before the CSV."] = Presence.NO
    compression: Annotated[Compression, "For clients that accept gzip."] = Compression.GZIP
    framing: Annotated[Framing, "What marks the end of an export."] = Framing.CHUNKED
    date_header: Annotated[Presence, "Whether answers carry a Date."] = Presence.YES
    reset: Annotated[ResetStyle, "Unit of X-RateLimit-Reset."] = ResetStyle.EPOCH_S
    header_window: Annotated[HeaderWindow, "What an export's X-RateLimit-* tell of."] = (
        HeaderWindow.HOURLY
    )
    retry_after: Annotated[RetryAfter, "Retry-After on a 429."] = RetryAfter.NONE
