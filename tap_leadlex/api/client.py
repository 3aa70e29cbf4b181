"""The HTTP client: one request in, one complete response out."""

from __future__ import annotations

import http
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, Self, TypeAlias, cast

import httpx

from tap_leadlex.api.integrity import check_framing, decompressed, request_id
from tap_leadlex.errors import GatewayError, QuotaError, RequestError, SettingsError, TransportError

if TYPE_CHECKING:
    from tap_leadlex.clock import Clock
    from tap_leadlex.resources import Resource

Query: TypeAlias = Sequence[tuple[str, str | int]]

CONNECT_TIMEOUT = 10
SPOOL_IN_MEMORY = 1024 * 1024
_MESSAGE_LENGTH = 200

# LeadLex was reached: the response may have been too big.
_REACHED = (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError)


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response of LeadLex."""

    body: BinaryIO  # decompressed, at its beginning
    headers: Mapping[str, str]
    received: datetime  # by the local clock, when the headers arrived

    @property
    def request_id(self) -> str:
        """LeadLex's id of the request, for its support; `-` if there is none."""
        return self.headers.get("X-Request-ID", "-")


class Client:
    """The LeadLex API under one key, usable inside a `with` block.

    It sends each request once: the caller decides on retries and waits. Proxy and CA environment
    variables (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`, `SSL_CERT_DIR`) apply.

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
        return self._get(resource, path, query, accept=accept, into=io.BytesIO())

    @contextmanager
    def export(self, resource: Resource, query: Query) -> Iterator[Response]:
        """Make one export (CSV), whose body is discarded at the end of the `with` block.

        Raises:
            QuotaError: On HTTP 429.
            RequestError: On any other refusal, a redirect, or an answer that is not CSV.
            TransportError: If the response did not arrive completely, or is a 5xx.
        """
        with tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY) as spool:
            body = cast("BinaryIO", spool)
            yield self._get(resource, resource.export_path, query, accept="text/csv", into=body)

    def _get(
        self, resource: Resource, path: str, query: Query, *, accept: str, into: BinaryIO
    ) -> Response:
        """Send one GET and write the complete decompressed body of the response."""
        try:
            with self._http.stream(
                "GET", path, params=httpx.QueryParams(tuple(query)), headers={"Accept": accept}
            ) as response:
                received = self._clock.now()
                if response.status_code != http.HTTPStatus.OK:
                    raise self._refusal(resource, response)
                check_framing(response)
                media_type = response.headers.get("Content-Type", accept).partition(";")[0].strip()
                if media_type.lower() != accept:
                    msg = (
                        f"LeadLex answered with {media_type} instead of {accept}"
                        f"{request_id(response)}. Check api_url; a proxy or gateway may have "
                        "answered in its place."
                    )
                    raise RequestError(msg)
                for piece in decompressed(response):  # noqa: FURB122 - that keeps all in memory
                    into.write(piece)
                into.seek(0)
                return Response(into, response.headers, received)
        except httpx.TransportError as error:
            # httpx never quotes headers here; its message is empty for a timeout.
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            msg = f"The response of LeadLex did not arrive completely ({what})."
            raise (GatewayError if isinstance(error, _REACHED) else TransportError)(msg) from error

    def _refusal(self, resource: Resource, response: httpx.Response) -> Exception:
        status = response.status_code
        if response.is_redirect:
            msg = (
                f"LeadLex redirects (HTTP {status}) to {self._target(response)}"
                f"{request_id(response)}. The tap does not follow redirects, to keep the key from "
                "other hosts; set api_url to the right address."
            )
            return RequestError(msg, status)
        msg = f"LeadLex answered HTTP {status}{self._reason(response)}{request_id(response)}."
        if status == http.HTTPStatus.TOO_MANY_REQUESTS:
            return QuotaError(msg, response.headers)
        if response.is_server_error:
            return GatewayError(msg)
        return RequestError(f"{msg} {_advice(status, resource)}".rstrip(), status)

    def _target(self, response: httpx.Response) -> str:
        """Return the target of a redirect, without the parts that may be secret."""
        target = httpx.URL(response.headers.get("Location", ""))
        shown = str(target.copy_with(query=None, fragment=None, userinfo=b""))
        return shown.replace(self._api_key, "***") or "no address"

    def _reason(self, response: httpx.Response) -> str:
        """Return code and message of LeadLex's error envelope, and nothing else of the body."""
        try:
            response.read()
            error = response.json()["error"]
            reason = f"{error['code']}: {error['message']}"
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return ""
        reason = " ".join(reason.replace(self._api_key, "***").split())
        return f", {reason[:_MESSAGE_LENGTH]}"


def date(headers: Mapping[str, str]) -> datetime | None:
    """Return LeadLex's clock as a response shows it; `None` if it does not."""
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


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
