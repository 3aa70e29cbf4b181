"""The HTTP client: one request in, one complete response out."""

from __future__ import annotations

import http
import io
import logging
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, BinaryIO, Self, TypeAlias, cast

import httpx
import tenacity

from tap_leadlex.api import foreign
from tap_leadlex.api.foreign import Foreign
from tap_leadlex.api.integrity import check_framing, decompressed, request_id
from tap_leadlex.api.watch import LATE, Watch
from tap_leadlex.errors import (
    GatewayError,
    LeadLexError,
    OversizedError,
    QuotaError,
    RequestError,
    SettingsError,
    TransportError,
    UnreachableError,
)

if TYPE_CHECKING:
    from tap_leadlex.clock import Clock
    from tap_leadlex.resources import Resource

Query: TypeAlias = Sequence[tuple[str, str | int]]

_MIB = 1024 * 1024

CONNECT_TIMEOUT = 10
CONNECT_TRIES = 3
SPOOL_IN_MEMORY = _MIB

# What h11 would have a server answer to such headers (RFC 6585, 5).
_TOO_LARGE = http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE

_log = logging.getLogger(__name__)

# 50,000 contacts are about 20 MB. Of larger records, less is asked for at once.
LARGEST_EXPORT = 256 * _MIB
# A page has at most 100 entries.
LARGEST_PAGE = 2 * _MIB
LARGEST_ERROR = 64 * 1024

_OBSTACLES: Mapping[type[BaseException], str] = {
    socket.gaierror: "its name cannot be resolved",
    ConnectionRefusedError: "the connection was refused",
    ssl.SSLCertVerificationError: "its TLS certificate is not trusted",
    ssl.SSLError: "the TLS handshake failed",
    httpx.ProxyError: "the proxy refused to connect",
    httpx.TimeoutException: f"no connection within {CONNECT_TIMEOUT} s",
}

# No clock of LeadLex shows other years.
_YEARS = range(2000, 9000)


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response of LeadLex."""

    body: BinaryIO  # decompressed, at its beginning
    headers: Mapping[str, str]  # those that the tap reads, in their proper form
    received: datetime  # by the local clock, when the headers arrived
    foreign: Foreign = field(
        default_factory=Foreign
    )  # says what else of the response may be printed

    @property
    def request_id(self) -> str:
        """LeadLex's id of the request, for its support; `-` if there is none."""
        return self.headers.get("X-Request-ID") or "-"


class Client:
    """The LeadLex API under one key, usable inside a `with` block.

    It sends each request once, on a connection of its own: the caller decides on retries and waits.
    Only connecting is tried again here, since it costs nothing. Proxy and CA environment variables
    (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`, `SSL_CERT_DIR`) apply.

    Args:
        api_url: Base of the API, without a slash at its end.
        api_key: The workspace's key; it goes into one header and nowhere else.
        timeout: Seconds without a byte before a request is given up.
    """

    def __init__(
        self, api_url: str, api_key: str, *, timeout: float, user_agent: str, clock: Clock
    ) -> None:
        self._api_url = api_url
        self._api_key = api_key
        self._foreign = Foreign(api_key)
        self._timeout = httpx.Timeout(timeout, connect=CONNECT_TIMEOUT)
        self._user_agent = user_agent
        self._clock = clock

    def __enter__(self) -> Self:
        """Open the client; raise `SettingsError` if a proxy or CA variable cannot be used."""
        try:
            self._http = httpx.Client(
                base_url=self._api_url,
                headers={
                    "Authorization": f"Bearer {self._api_key}",
                    "Accept-Encoding": "gzip",
                    "User-Agent": self._user_agent,
                },
                timeout=self._timeout,
                follow_redirects=False,
                cookies=_NoCookies(),
                # What a server sends after a response must not pass for the next one.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        except OSError:
            msg = "SSL_CERT_FILE must name a file of CA certificates in PEM format."
            raise SettingsError(msg) from None
        except (ImportError, ValueError, httpx.InvalidURL):
            # The original message may quote the proxy's password.
            msg = (
                "HTTPS_PROXY and ALL_PROXY must be proxy URLs, such as http://proxy.example:3128; "
                "NO_PROXY must be a list of hosts."
            )
            raise SettingsError(msg) from None
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def list_page(self, resource: Resource, query: Query) -> Response:
        """Read one page of a list (JSON); errors are those of `export`."""
        path, accept = resource.list_path, "application/json"
        return self._get(resource, path, query, accept, LARGEST_PAGE, io.BytesIO())

    @contextmanager
    def export(self, resource: Resource, query: Query) -> Iterator[Response]:
        """Make one export (CSV), whose body is discarded at the end of the `with` block.

        Raises:
            QuotaError: On HTTP 429.
            RequestError: On any other refusal, a redirect, or an answer that is not CSV.
            UnreachableError: If no connection came about.
            TransportError: If the response did not arrive completely, or is a 5xx.
        """
        with tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY) as spool:
            body = cast("BinaryIO", spool)
            path, accept = resource.export_path, "text/csv"
            yield self._get(resource, path, query, accept, LARGEST_EXPORT, body)

    def _get(
        self,
        resource: Resource,
        path: str,
        query: Query,
        accept: str,
        largest: int,
        into: BinaryIO,
    ) -> Response:
        """Send one GET and write the complete decompressed body of the response."""
        request = self._http.build_request(
            "GET", path, params=httpx.QueryParams(tuple(query)), headers={"Accept": accept}
        )
        connecting = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(UnreachableError),
            stop=tenacity.stop_after_attempt(CONNECT_TRIES),
            wait=tenacity.wait_exponential_jitter(multiplier=2),
            sleep=self._clock.sleep,
            before_sleep=lambda state: _log.warning(
                "%s Retrying.", state.outcome and state.outcome.exception()
            ),
            reraise=True,
        )
        return connecting(self._send, request, resource, largest, into)

    def _send(
        self, request: httpx.Request, resource: Resource, largest: int, into: BinaryIO
    ) -> Response:
        with Watch(self._clock) as watch:
            request.extensions["trace"] = watch.trace
            try:
                with closing(self._http.send(request, stream=True)) as response:
                    received = self._clock.now()
                    # Nothing reads a response before it has passed here.
                    response.headers = self._foreign.headers(response.headers)
                    self._check(response, resource, watch)
                    for piece in _pieces(response, watch, largest):  # noqa: FURB122 - keeps all
                        into.write(piece)
                into.seek(0)
                return Response(into, response.headers, received, self._foreign)
            except (httpx.TransportError, ValueError) as error:
                failure = self._failure(error, watch)
        # Not from within the handler: the cause quotes what the server sent.
        raise failure

    def _check(self, response: httpx.Response, resource: Resource, watch: Watch) -> None:
        """Raise if a response is not what was asked for."""
        if response.status_code != http.HTTPStatus.OK:
            raise _refusal(response, resource, watch)
        check_framing(response)
        accept = response.request.headers["Accept"]
        media_type = response.headers.get("Content-Type", accept)
        if media_type != accept:
            msg = (
                f"LeadLex answered with {media_type} instead of {accept}{request_id(response)}. "
                "Check api_url; a proxy or gateway may have answered in its place."
            )
            raise RequestError(msg)

    def _failure(self, error: Exception, watch: Watch) -> TransportError:
        """Return the error for a request that failed, in our own words."""
        if not watch.sent:
            url, obstacle = self._http.base_url, _obstacle(error)
            if watch.connecting_to not in {None, url.raw_host.decode()}:
                obstacle = f"connecting to the proxy failed ({obstacle})"
            msg = (
                f"LeadLex cannot be reached at {url.host}: {obstacle}; "
                "check the network, the proxy and api_url."
            )
            return UnreachableError(msg)
        if watch.late:
            return OversizedError(LATE)
        if any(getattr(cause, "error_status_hint", None) == _TOO_LARGE for cause in _causes(error)):
            return OversizedError(
                "The response of LeadLex has headers or a chunk size line of more than 100 KiB."
            )
        if isinstance(error, httpx.ReadTimeout):
            what = f"ReadTimeout: no data for {self._timeout.read:g} s"
        elif isinstance(error, httpx.ReadError):
            what = "ReadError: the connection broke"
        else:
            what = "RemoteProtocolError: the connection closed early, or the response is not HTTP"
        return GatewayError(f"The response of LeadLex did not arrive completely ({what}).")


class _NoCookies(CookieJar):
    """A jar that takes no cookies: the tap needs none, and they may be megabytes or malformed."""

    def extract_cookies(self, response: object, request: object) -> None: ...


def _pieces(response: httpx.Response, watch: Watch, largest: int) -> Iterator[bytes]:
    """Yield the decompressed body; raise `OversizedError` if it is too large or too slow."""
    size = 0
    for piece in decompressed(response):
        watch.check()
        size += len(piece)
        if size > largest:
            msg = (
                f"The response of LeadLex is larger than {largest // _MIB:,} MiB"
                f"{request_id(response)}."
            )
            raise OversizedError(msg)
        yield piece


def _refusal(response: httpx.Response, resource: Resource, watch: Watch) -> Exception:
    """Return the error for a response with another status than 200."""
    status = response.status_code
    if response.is_redirect:
        msg = (
            f"LeadLex redirects to another address (HTTP {status}){request_id(response)}. The tap "
            "does not follow redirects, to keep the key from other hosts; set api_url to the right "
            "address."
        )
        return RequestError(msg, status)
    code = _code(response, watch)
    reason = f", {code}" if code else ""
    msg = f"LeadLex answered HTTP {status}{reason}{request_id(response)}."
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return QuotaError(msg, response.headers)
    if response.is_server_error:
        return GatewayError(msg)
    return RequestError(f"{msg} {_advice(status, resource)}".rstrip(), status)


def _code(response: httpx.Response, watch: Watch) -> str | None:
    """Return the code of an error response; never its message."""
    try:
        return foreign.error_code(b"".join(_pieces(response, watch, LARGEST_ERROR)))
    except (httpx.TransportError, LeadLexError):
        return None


def _obstacle(error: Exception) -> str:
    """Return what stands between the tap and LeadLex."""
    for cause in _causes(error):
        for kind, words in _OBSTACLES.items():
            if isinstance(cause, kind):
                return words
    return "the connection failed"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what led to it, deepest last."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def date(headers: Mapping[str, str]) -> datetime | None:
    """Return LeadLex's clock as a response shows it; `None` if it does not."""
    try:
        shown = parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, OverflowError, ValueError):
        return None
    return shown if shown.year in _YEARS else None


def _advice(status: int, resource: Resource) -> str:
    """Return what the user can do about a refusal."""
    settings = [each.name for each in resource.filters]
    if resource.extra_columns:
        settings.append(resource.extra_columns.name)
    filters = " and ".join(each.name for each in resource.filters if each.listed)
    return {
        400: f"Check {', '.join(settings)} and export_limit.",
        401: "Check api_key: it may be mistyped, revoked or expired.",
        403: f"Give the key the permission to read {resource.records} ({resource.permission}).",
        404: f"Check api_url, and {filters} if set." if filters else "Check api_url.",
    }.get(status, "")
