"""Defects: ways in which LeadLex would contradict its documentation or itself.

Under a reading, a tap must be correct. Under a defect, it must be correct or stop with an error.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated


class IgnoredBound(StrEnum):
    """Which bounds the export ignores."""

    NONE = "none"
    CREATED_AFTER = "created-after"
    CREATED_BEFORE = "created-before"
    BOTH = "both"


class DateError(StrEnum):
    """How printed dates differ from the stored ones; bounds are still compared in UTC.

    `local-time` prints a local time two hours ahead of UTC, without a zone; `date-only` prints no
    time.
    """

    NONE = "none"
    LOCAL_TIME = "local-time"
    DATE_ONLY = "date-only"


class ListedDate(StrEnum):
    """The creation date that the list prints for every record."""

    STORED = "stored"
    YEAR_1 = "year-1"
    YEAR_1899 = "year-1899"


class ListShows(StrEnum):
    """Which records the list shows, compared with the export.

    With `fewer`, the list lacks one record in ten. With `more`, the export lacks it.
    """

    SAME = "same"
    FEWER = "fewer"
    MORE = "more"


@dataclass(frozen=True, kw_only=True)
class Defects:
    """The defects of a store; by default it has none.

    The text on each field is also the help of its command line option.
    """

    ignored_bound: Annotated[IgnoredBound, "Bounds that the export ignores."] = IgnoredBound.NONE
    date_error: Annotated[DateError, "How printed dates are wrong."] = DateError.NONE
    listed_date: Annotated[ListedDate, "Creation date of every record in the list."] = (
        ListedDate.STORED
    )
    list_shows: Annotated[ListShows, "Records in the list, compared with the export."] = (
        ListShows.SAME
    )
    total_error: Annotated[int, "Number added to the total of the list."] = 0


NO_DEFECTS = Defects()
