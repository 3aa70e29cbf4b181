"""A made-up resource that the sandbox serves in addition to the contacts."""

from typing import NamedTuple

from tap_leadlex.sandbox import RecordBook, ServedResource
from tap_leadlex.sandbox.resource import (
    CREATED_AT,
    UPDATED_DATE,
    FilterParameter,
    Kind,
    equals,
    field,
)

STATUSES = ("open", "settled", "lost")


class Matter(NamedTuple):
    """The values of one matter."""

    id: str
    title: str = ""
    fee: float | None = None
    status: str = "open"
    opened_by: str = ""


class Matters(RecordBook):
    """The matters that one seed generates."""

    def record(self, number: int) -> Matter:
        """Return matter `number`."""
        return Matter(
            id=f"{self.id(number)}-matter",
            title=f"Matter {number}, Hale v. Hale",
            fee=None if number % 7 == 0 else number * 250.5,
            status=STATUSES[number % 3],
            opened_by="" if number % 5 == 0 else f"partner{number % 4}@example.com",
        )


_FIELDS = (
    field("id"),
    field("title"),
    field("fee", Kind.NUMBER),
    field("status"),
    field("opened_by"),
    CREATED_AT,
)
MATTERS = ServedResource(
    name="matters",
    export_path="/matters/export",
    list_path="/matters",
    list_key="matters",
    book=Matters,
    columns=_FIELDS,
    further_columns=(UPDATED_DATE,),
    listed=_FIELDS,
    filters=(FilterParameter(name="status", test=equals("status"), known=frozenset(STATUSES)),),
    list_bounds=("created_after", "created_before"),
    sorts=("created_at", "title"),
)
