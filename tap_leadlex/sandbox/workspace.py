"""What all parts of one running sandbox share: its contacts, its settings, its log of calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tap_leadlex.sandbox.faults import Fault, ListFault
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.quota import QuotaBook, Quotas
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.store import Store

PREFIX = "/functions/v1/api-gateway/v1"
EXPORT_PATH = f"{PREFIX}/contacts/export"
LIST_PATH = f"{PREFIX}/contacts"


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class Call:
    """One call that came in.

    Attributes:
        method: HTTP method.
        path: Path without the query.
        query: The query as sent.
        request_id: What `X-Request-ID` says.
        at: When it came, microseconds since 1970 UTC on the sandbox's clock.
        status: HTTP status, 0 when the connection broke before one was sent.
        rows: Contacts in the answer before a fault spoiled it.
    """

    method: str
    path: str
    query: str
    request_id: str
    at: int
    status: int = 0
    rows: int = 0

    @property
    def is_export(self) -> bool:
        """Whether this is a call of the export."""
        return self.method == "GET" and self.path == EXPORT_PATH

    @property
    def is_list(self) -> bool:
        """Whether this is a call of the contact list."""
        return self.method == "GET" and self.path == LIST_PATH


@dataclass(kw_only=True)
class Workspace:
    """One sandbox.

    Attributes:
        store: The contacts.
        key: The only API key that is let in.
        quotas: The sizes of the quotas.
        faults: The fault of the n-th export call, n from 1.
        list_faults: The fault of the n-th call of the contact list.
        max_export_rows: An export that holds more rows than this ends as 504, as in a gateway that
            cannot stream so much; None for no such limit.
        latency: Seconds that each call takes before it is answered.
        stall: Seconds of silence in the fault `stall`.
        clock: The sandbox's idea of now.
        calls: Every call so far, in order of arrival.
    """

    store: Store
    key: str
    quotas: Quotas = field(default_factory=Quotas)
    faults: Mapping[int, Fault] = field(default_factory=dict)
    list_faults: Mapping[int, ListFault] = field(default_factory=dict)
    max_export_rows: int | None = None
    latency: float = 0.0
    stall: float = 30.0
    clock: Callable[[], datetime] = utc_now
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the quota's book."""
        self.quota = QuotaBook(self.quotas)

    @property
    def reading(self) -> Reading:
        """The reading of the documentation that is served."""
        return self.store.reading

    @property
    def exports(self) -> list[Call]:
        """The calls of the export, refused ones included."""
        return [call for call in self.calls if call.is_export]

    @property
    def list_calls(self) -> list[Call]:
        """The calls of the contact list, refused ones included."""
        return [call for call in self.calls if call.is_list]

    def now(self) -> int:
        """Return the clock's time in microseconds since 1970 UTC."""
        return from_datetime(self.clock())
