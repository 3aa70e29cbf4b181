"""LeadLex, asked by the validator itself, read-only: contacts, their list and their export.

Calls are counted, and bounded in size and time. A passing fault is asked again; the limit for a
minute is waited for.
"""

from __future__ import annotations

import gzip
import http
import socket
import time
import zlib
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from tempfile import SpooledTemporaryFile
from threading import Timer
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote

import httpx
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.errors import ApiError, BudgetSpentError, UnreliableListError
from tap_leadlex.validation.instants import MINUTE, plain, seconds
from tap_leadlex.validation.messages import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Self

PER_PAGE = 100
EXPORT_LIMIT = 50_000
ALIASES = {
    "company_name": ("company_name", "company"),
    "created_at": ("created_at", "created_date"),
    "updated_date": ("updated_date", "updated_at"),
}
"""Further names of a field; LeadLex's pages disagree."""
LARGEST_ANSWER, LARGEST_EXPORT = 4 << 20, 256 << 20
_LONGEST = 15 * MINUTE
_CHUNK = 1 << 16
_FRAMING = ("Content-Length", "Transfer-Encoding")
_PATIENCE = 3
"""Send one call at most this many times."""
_EPOCH_FROM, _MILLISECONDS_FROM = 1e8, 1e11
"""From this size on a number is an instant, and one in milliseconds."""
_ADVICE: dict[int, str] = {
    http.HTTPStatus.UNAUTHORIZED: "check api_key",
    http.HTTPStatus.FORBIDDEN: f"give the key the permission {CONTACTS.permission}",
    http.HTTPStatus.NOT_FOUND: "check api_url, and list_id if it is set",
    http.HTTPStatus.TOO_MANY_REQUESTS: "its quota is used up; validate again later",
}


class _PassingError(ApiError):
    """A fault that may pass; `pause` says how long to wait before asking again."""

    def __init__(self, message: str, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Listed:
    """A contact of the list; instants are seconds since 1970."""

    identity: str
    created: float
    updated: float | None

    def changed_since(self, instant: float) -> bool:
        """Return whether the contact was entered or edited after an instant.

        A contact that was entered when it says it was created counts by that alone.
        """
        if self.updated is None:
            return False
        return self.updated >= instant and self.updated > self.created + 1


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the contact list: its contacts in order, and the total of all pages."""

    contacts: Sequence[Listed]
    total: int


class LeadLex:
    """The API for one key, inside a `with` block."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        list_id: str | None = None,
        budget: int = 100,
        timeout: float = 60.0,
        longest: float = _LONGEST,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is sent, and the key goes into one header and nowhere else.

        A call ends after `timeout` seconds without a byte, and after `longest` in all. Lists and
        exports are those of `list_id`, if it is given; `budget` limits the calls.
        """
        self.list_id = list_id
        self.made = self.exports = 0  # calls so far: all others, and exports
        self.now = time.time()  # LeadLex's clock at its last answer
        self._budget = budget
        self._longest = longest
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={
                "Authorization": f"Bearer {key}",
                "Accept-Encoding": "gzip",
                "User-Agent": "leadlex-validate",
            },
            timeout=timeout,
            follow_redirects=False,
            # What a server sends after an answer must not pass for the next one.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def __enter__(self) -> Self:
        """Open for a `with` block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def left(self) -> int:
        """How many calls may still be made."""
        return self._budget - self.made

    def page(
        self,
        *,
        after: float | None = None,
        page: int = 1,
        per_page: int = PER_PAGE,
        sort: str = "created_at",
        leave: int = 0,
    ) -> Page:
        """Read a page of the list, created after an instant, and leave some calls for others.

        Raises:
            ApiError: If LeadLex does not answer, or not with a page.
        """
        query: dict[str, str | int] = {"page": page, "per_page": per_page, "sort": sort}
        if after is not None:
            query["created_after"] = plain(after)
        body = self._get(CONTACTS.list_path, self._of_list(query), leave=leave)
        with suppress(*UNREADABLE, ValueError, LookupError, TypeError):
            match msgspec.json.decode(body or b""):
                case {
                    "data": {CONTACTS.list_key: [*contacts]},
                    "meta": {"total": int(total)},
                    **more,
                } if type(total) is int and not more.get("error"):
                    return Page([_listed(contact) for contact in contacts], total)
        msg = "The contact list does not have its documented form: contacts, dates and a total."
        raise UnreliableListError(msg)

    def contact(self, identity: str) -> Mapping[Any, Any] | None:
        """Read one contact whole, under LeadLex's names; `None` if there is no such contact.

        Raises:
            ApiError: If LeadLex does not answer, or not with a contact.
        """
        body = self._get(f"{CONTACTS.list_path}/{quote(identity, safe='')}", {}, absent=True)
        if body is None:
            return None
        with suppress(*UNREADABLE):
            match msgspec.json.decode(body):
                case {"data": {CONTACTS.record: {**contact}}} | {"data": {**contact}}:
                    return contact
        msg = "LeadLex's answer for one contact does not have its documented form."
        raise ApiError(msg)

    @contextmanager
    def export(self, query: Mapping[str, Any]) -> Iterator[IO[bytes]]:
        """Make one export, and keep its body during a `with` block.

        Raises:
            ApiError: If LeadLex does not send an export. It is not asked again: exports are scarce.
        """
        self.exports += 1
        with self._answer(CONTACTS.export_path, self._of_list(query), "text/csv") as response:
            self._check(response)
            if "csv" not in response.headers.get("Content-Type", ""):
                msg = "LeadLex answered the export with something other than CSV."
                raise ApiError(msg)
            if not any(name in response.headers for name in _FRAMING):
                msg = "LeadLex's export has neither a length nor chunks, so it may be truncated."
                raise ApiError(msg)
            body = _body(response, LARGEST_EXPORT)
        with body:
            yield body

    def _get(
        self, path: str, query: Mapping[str, Any], *, absent: bool = False, leave: int = 0
    ) -> bytes | None:
        """Return the body of an answer; ask again after a fault or a refusal for the minute.

        With `absent`, a 404 is an answer, without a body.
        """

        def send() -> bytes | None:
            if self.left <= leave:
                msg = f"All {self._budget - leave} calls that --max-calls allows here are used up."
                raise BudgetSpentError(msg)
            self.made += 1
            with self._answer(path, query, "application/json") as response:
                if absent and response.status_code == http.HTTPStatus.NOT_FOUND:
                    return None
                self._check(response)
                with _body(response, LARGEST_ANSWER) as body:
                    return body.read()

        return Retrying(
            stop=stop_after_attempt(_PATIENCE),
            retry=retry_if_exception_type(_PassingError),
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )(send)

    def _of_list(self, query: Mapping[str, Any]) -> Mapping[str, Any]:
        return query if self.list_id is None else {**query, "list_id": self.list_id}

    @contextmanager
    def _answer(self, path: str, query: Mapping[str, Any], accept: str) -> Iterator[httpx.Response]:
        """Send one GET, and close its connection if the answer takes too long."""
        sockets: list[socket.socket] = []
        late = False

        def trace(event: str, details: Mapping[str, Any]) -> None:
            if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
                sockets.append(details["return_value"].get_extra_info("socket"))

        def close() -> None:
            nonlocal late
            late = True
            for each in sockets:
                with suppress(OSError):
                    # The plain socket's, also below TLS, whose own would disturb a read.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

        timer = Timer(self._longest, close)
        timer.daemon = True
        timer.start()
        try:
            with self._http.stream(
                "GET",
                path,
                params=query,
                headers={"Accept": accept},
                extensions={"trace": trace},
            ) as response:
                self.now = _clock(response.headers)
                yield response
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            if late:
                msg = f"LeadLex's answer took longer than {self._longest:,g} seconds."
                failure = ApiError(msg)
            else:
                msg = f"LeadLex did not answer completely ({type(error).__name__}); check api_url."
                failure = _PassingError(msg)
        else:
            return
        finally:
            timer.cancel()
        # Not from within the handler: the cause quotes what the server sent.
        raise failure

    def _check(self, response: httpx.Response) -> None:
        """Raise unless the response is a good one; the body of another is not read."""
        status = response.status_code
        if status == http.HTTPStatus.OK:
            return
        advice = _ADVICE.get(status)
        msg = f"LeadLex answered HTTP {status}" + (f"; {advice}." if advice else ".")
        if status == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise _PassingError(msg, _pause(response.headers, self.now))
        if response.is_server_error:
            raise _PassingError(msg)
        raise ApiError(msg)


def alias(contact: Mapping[str, Any], name: str) -> str | None:
    """Return the name under which a contact has a field, or `None`."""
    return next((other for other in ALIASES.get(name, (name,)) if other in contact), None)


def updated(contact: Mapping[str, Any]) -> float | None:
    """Return when a contact was last changed, seconds since 1970."""
    name = alias(contact, "updated_date")
    return None if name is None else seconds(contact[name])


def _listed(contact: Mapping[str, Any]) -> Listed:
    created = seconds(contact[alias(contact, "created_at") or "created_at"])
    if created is None or not isinstance(contact["id"], str):
        raise ValueError
    return Listed(contact["id"], created, updated(contact))


def _body(response: httpx.Response, largest: int) -> IO[bytes]:
    """Return the decompressed body as a file.

    Raises:
        ApiError: If it is too large or damaged.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "gzip", "x-gzip"}:
        msg = "LeadLex's answer is compressed in a way that was not requested; a proxy may do so."
        raise ApiError(msg)
    raw = _spooled(response.iter_raw(), largest)
    if coding == "identity":
        return raw
    try:
        with raw, gzip.GzipFile(fileobj=raw, mode="rb") as packed:
            return _spooled(iter(lambda: packed.read(_CHUNK), b""), largest)
    except (OSError, EOFError, zlib.error):
        msg = "LeadLex's compressed answer is damaged or truncated."
        raise _PassingError(msg) from None


def _spooled(pieces: Iterable[bytes], largest: int) -> IO[bytes]:
    """Write pieces to a file; raise `ApiError` if they are too large."""
    with ExitStack() as opened:
        file = cast("IO[bytes]", opened.enter_context(SpooledTemporaryFile(LARGEST_ANSWER)))
        for piece in pieces:
            if file.tell() + len(piece) > largest:
                msg = f"LeadLex's answer is larger than {largest >> 20} MiB."
                raise ApiError(msg)
            file.write(piece)
        file.seek(0)
        opened.pop_all()
    return file


def _wait(attempts: RetryCallState) -> float:
    error = attempts.outcome.exception() if attempts.outcome else None
    pause = error.pause if isinstance(error, _PassingError) else None
    return float(attempts.attempt_number - 1) if pause is None else pause


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _clock(headers: Mapping[str, str]) -> float:
    """Return LeadLex's clock as an answer shows it; ours if it shows none."""
    shown = _http_date(headers.get("Date", ""))
    return time.time() if shown is None else shown


def _pause(headers: Mapping[str, str], now: float) -> float:
    """Return how long to wait after a 429: what the headers say if that is a matter of seconds.

    A header may name an instant. It is one of LeadLex's clock, which `now` shows.
    """
    for name in ("Retry-After", "X-RateLimit-Reset"):
        text = headers.get(name, "")
        try:
            given = float(text)
        except ValueError:
            at = seconds(text) or _http_date(text)
            given = 0.0 if at is None else at - now
        if given >= _EPOCH_FROM:
            given = (given / 1000 if given >= _MILLISECONDS_FROM else given) - now
        if 0 < given <= MINUTE:
            return given + 1
    # The headers may describe the day although the limit for a minute was reached.
    return MINUTE + 1
