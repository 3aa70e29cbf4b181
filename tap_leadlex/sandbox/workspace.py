"""What all parts of a running sandbox share: its records, its options, its log of calls."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from tap_leadlex.sandbox.changes import Changes
from tap_leadlex.sandbox.contact_resource import CONTACTS
from tap_leadlex.sandbox.echoes import Echo
from tap_leadlex.sandbox.faults import Fault, ListFault
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.quota import QuotaBook, Quotas
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.store import Store

PREFIX = "/functions/v1/api-gateway/v1"


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


class Endpoint(StrEnum):
    """What a call asks for."""

    EXPORT = "export"
    LIST = "list"
    OTHER = "other"


@dataclass(kw_only=True)
class Call:
    """An API call.

    Attributes:
        method: The HTTP method.
        path: The path without the query.
        query: The query as sent.
        request_id: The value of `X-Request-ID`.
        at: The time of arrival, in microseconds since 1970 UTC on the sandbox's clock.
        endpoint: What the call asks for.
        resource: The name of the resource; "" for other calls.
        nth: The number of the call among exports, or among list calls, of all resources, counted
            from 1; 0 for other calls.
        status: The HTTP status, 0 if the connection broke before one was sent.
        rows: The number of records in the response, before a fault changed it.
    """

    method: str
    path: str
    query: str
    request_id: str
    at: int
    endpoint: Endpoint = Endpoint.OTHER
    resource: str = ""
    nth: int = 0
    status: int = 0
    rows: int = 0

    @property
    def is_export(self) -> bool:
        """Whether this is an export."""
        return self.endpoint is Endpoint.EXPORT

    @property
    def is_list(self) -> bool:
        """Whether this is a call of a list."""
        return self.endpoint is Endpoint.LIST


@dataclass(kw_only=True)
class Workspace:
    """The state of one sandbox.

    Attributes:
        store: The contacts.
        changes: What changes them.
        further_stores: The records of other resources.
        key: The only API key that is accepted.
        quotas: The sizes of the quotas.
        faults: Faults by the number of the export call, counted from 1 over all resources.
        list_faults: Faults by the number of the list call, counted likewise.
        echoes: Echoes by the number of the export call.
        list_echoes: Echoes by the number of the list call.
        before_call: Functions to call before the n-th API call is answered, n counted from 1.
        export_cap: Every export is cut off after this number of rows, as by the row limit of a
            database API; None for no limit.
        max_export_rows: An export of more rows is answered with 504, as by a gateway that cannot
            stream that much; None for no limit.
        latency: The delay in seconds before each response.
        stall: The length of the silence in the fault `stall`, in seconds.
        clock: Returns the current time.
        calls: All API calls in order of arrival.
    """

    store: Store
    changes: Changes
    further_stores: Iterable[Store] = ()
    key: str
    quotas: Quotas = field(default_factory=Quotas)
    faults: Mapping[int, Fault] = field(default_factory=dict)
    list_faults: Mapping[int, ListFault] = field(default_factory=dict)
    echoes: Mapping[int, Echo] = field(default_factory=dict)
    list_echoes: Mapping[int, Echo] = field(default_factory=dict)
    before_call: dict[int, Callable[[], object]] = field(default_factory=dict)
    export_cap: int | None = None
    max_export_rows: int | None = None
    latency: float = 0.0
    stall: float = 30.0
    clock: Callable[[], datetime] = utc_now
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.quota = QuotaBook(self.quotas, CONTACTS.name)
        self.stores = {one.resource.name: one for one in (self.store, *self.further_stores)}
        self._endpoints: dict[str, tuple[str, Endpoint]] = {}
        for name, store in self.stores.items():
            self._endpoints[PREFIX + store.resource.export_path] = (name, Endpoint.EXPORT)
            self._endpoints[PREFIX + store.resource.list_path] = (name, Endpoint.LIST)

    @property
    def reading(self) -> Reading:
        """The reading of the contacts, which also governs the headers of every response."""
        return self.store.reading

    @property
    def exports(self) -> list[Call]:
        """The exports of all resources, refused ones included."""
        return [call for call in self.calls if call.is_export]

    @property
    def list_calls(self) -> list[Call]:
        """The list calls of all resources, refused ones included."""
        return [call for call in self.calls if call.is_list]

    def echo(self, call: Call) -> Echo | None:
        """Return the echo in the response to a call."""
        match call.endpoint:
            case Endpoint.EXPORT:
                return self.echoes.get(call.nth)
            case Endpoint.LIST:
                return self.list_echoes.get(call.nth)
            case Endpoint.OTHER:
                return None

    def log_call(self, *, method: str, path: str, query: str, request_id: str) -> Call:
        """Add a call that has just arrived to the log."""
        call = Call(method=method, path=path, query=query, request_id=request_id, at=self.now())
        if method == "GET" and path in self._endpoints:
            call.resource, call.endpoint = self._endpoints[path]
            call.nth = 1 + sum(one.endpoint is call.endpoint for one in self.calls)
        self.calls.append(call)
        return call

    def catch_up(self) -> None:
        """Make the changes that are due."""
        self.changes.apply_due(self.now())

    def now(self) -> int:
        """Return the current time in microseconds since 1970 UTC."""
        return from_datetime(self.clock())
