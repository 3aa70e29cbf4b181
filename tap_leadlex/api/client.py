"""One request in, one response out, over HTTPS; a body is handed on only when it is whole."""

from __future__ import annotations

import http
import io
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, cast

import httpx

from tap_leadlex import timestamps
from tap_leadlex.api.integrity import check_framing, decompressed, named
from tap_leadlex.clock import SYSTEM_CLOCK
from tap_leadlex.errors import (
    GatewayError,
    QuotaError,
    RequestError,
    SettingsError,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from tap_leadlex.clock import Clock

CONNECT_TIMEOUT = 10
SPOOL_IN_MEMORY = 1024 * 1024
_MESSAGE_LENGTH = 200

_REACHED = (httpx.ReadError, httpx.ReadTimeout, httpx.RemoteProtocolError)

ADVICE = {
    400: "Check list_id, tags, extra_fields and export_limit.",
    401: "Check api_key: it may be mistyped, revoked or expired.",
    403: "Give the key the permission to read contacts (read:contacts).",
    404: "Check api_url, and list_id if it is set.",
}


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer of LeadLex.

    Attributes:
        body: The decompressed body, at its beginning.
        headers: The response's headers; names compare without case.
        received: When the headers arrived, by the local clock.
    """

    body: BinaryIO
    headers: Mapping[str, str]
    received: datetime

    @property
    def request_id(self) -> str:
        """What LeadLex calls the request, for its support; `-` where it did not say."""
        return self.headers.get("X-Request-ID", "-")

    @property
    def date(self) -> datetime | None:
        """LeadLex's clock as the headers were sent; `None` where it shows none."""
        return date(self.headers)


class Client:
    """The LeadLex API for one key.

    It asks each thing once: retries and waits are decided by whoever calls. Proxy and CA
    environment variables (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`, `SSL_CERT_DIR`) count.
    """

    def __init__(
        self,
        api_url: str,
        api_key: str,
        *,
        timeout: float,
        user_agent: str,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Prepare a client; nothing is sent.

        Args:
            api_url: Base of the API, without a slash at its end.
            api_key: The workspace's key; it goes into one header and nowhere else.
            timeout: Seconds without a byte before a request is given up.
            user_agent: The User-Agent header.
            clock: The local clock.

        Raises:
            SettingsError: If a proxy or CA environment variable cannot be used.
        """
        try:
            self._http = httpx.Client(
                base_url=api_url,
                headers={
                    "Authorization": f"Bearer {api_key}",
                    "Accept-Encoding": "gzip",
                    "User-Agent": user_agent,
                },
                timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT),
                follow_redirects=False,
            )
        except OSError:
            msg = "SSL_CERT_FILE must name a file of CA certificates in PEM form."
            raise SettingsError(msg) from None
        except (ImportError, ValueError, httpx.InvalidURL):
            # The error's own words may quote the proxy's password.
            msg = (
                "HTTPS_PROXY and ALL_PROXY must hold the URL of an HTTP proxy, NO_PROXY the hosts "
                "to reach without it."
            )
            raise SettingsError(msg) from None
        self._api_key = api_key
        self._clock = clock

    def __enter__(self) -> Self:
        """Open the client for a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._http.close()

    def contacts(
        self, *, after: datetime | None, page: int, list_id: str | None = None
    ) -> Response:
        """Read one contact of the list (`GET /contacts`, oldest first, one contact a page).

        Args:
            after: Lower bound of `created_at`; LeadLex does not say whether inclusive.
            page: Which contact, from 1.
            list_id: Only members of this list.

        Raises:
            LeadLexError: As `export` does.
        """
        query: list[tuple[str, str | int]] = [
            ("per_page", 1),
            ("page", page),
            ("sort", "created_at"),
        ]
        if after is not None:
            query.append(("created_after", timestamps.plain(after)))
        if list_id is not None:
            query.append(("list_id", list_id))
        return self._get("/contacts", query, accept="application/json", into=io.BytesIO())

    @contextmanager
    def export(
        self,
        *,
        after: datetime | None,
        before: datetime,
        limit: int,
        fields: Sequence[str],
        list_id: str | None = None,
        tags: Sequence[str] = (),
    ) -> Iterator[Response]:
        """Export contacts as CSV (`GET /contacts/export`).

        Args:
            after: Lower bound of `created_at`; LeadLex does not say whether inclusive.
            before: Upper bound of `created_at`, likewise.
            limit: The most rows to answer with, up to 50,000.
            fields: The columns to answer with.
            list_id: Only members of this list.
            tags: Only contacts with all of these tags.

        Yields:
            The whole answer; its body goes away with the `with` block.

        Raises:
            QuotaError: On HTTP 429.
            RequestError: On any other refusal, a redirect, or an answer that is no CSV.
            TransportError: If the answer did not arrive to its end, or is a 5xx.
        """
        query: list[tuple[str, str | int]] = [("limit", limit), ("fields", ",".join(fields))]
        if after is not None:
            query.append(("created_after", timestamps.plain(after)))
        query.append(("created_before", timestamps.plain(before)))
        if list_id is not None:
            query.append(("list_id", list_id))
        query.extend(("tag", tag) for tag in tags)
        with tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY) as spool:
            body = cast("BinaryIO", spool)
            yield self._get("/contacts/export", query, accept="text/csv", into=body)

    def _get(
        self,
        path: str,
        query: Sequence[tuple[str, str | int]],
        *,
        accept: str,
        into: BinaryIO,
    ) -> Response:
        """Send one GET and write the whole decompressed body of its answer."""
        try:
            with self._http.stream(
                "GET", path, params=httpx.QueryParams(tuple(query)), headers={"Accept": accept}
            ) as response:
                received = self._clock.now()
                if response.status_code != http.HTTPStatus.OK:
                    raise self._refusal(response)
                check_framing(response)
                kind = response.headers.get("Content-Type", accept).partition(";")[0].strip()
                if kind.lower() != accept:
                    msg = (
                        f"LeadLex answered with {kind} instead of {accept}{named(response)}. "
                        "Check api_url; a proxy or gateway may have answered in its place."
                    )
                    raise RequestError(msg)
                for piece in decompressed(response):  # noqa: FURB122 - that keeps all in memory
                    into.write(piece)
                into.seek(0)
                return Response(into, response.headers, received)
        except httpx.TransportError as error:
            # httpx's own words never hold the headers; they can be empty for a time-out.
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            msg = f"The answer of LeadLex did not arrive to its end ({what})."
            raise (GatewayError if isinstance(error, _REACHED) else TransportError)(msg) from error

    def _refusal(self, response: httpx.Response) -> Exception:
        """Turn an answer other than 200 into the error that it means."""
        status = response.status_code
        if response.is_redirect:
            msg = (
                f"LeadLex redirects (HTTP {status}) to {self._target(response)}{named(response)}. "
                "Redirects are not followed, so that the key goes nowhere else; set api_url to the "
                "right place."
            )
            return RequestError(msg)
        msg = f"LeadLex answered HTTP {status}{self._reason(response)}{named(response)}."
        if status == http.HTTPStatus.TOO_MANY_REQUESTS:
            return QuotaError(msg, response.headers)
        if response.is_server_error:
            return GatewayError(msg)
        return RequestError(f"{msg} {ADVICE.get(status, '')}".rstrip())

    def _target(self, response: httpx.Response) -> str:
        """Name where a redirect leads to, without whatever may be secret in it."""
        target = httpx.URL(response.headers.get("Location", ""))
        named = str(target.copy_with(query=None, fragment=None, userinfo=b""))
        return named.replace(self._api_key, "***") or "nowhere"

    def _reason(self, response: httpx.Response) -> str:
        """Quote code and message of LeadLex's error envelope, and nothing else of the body."""
        try:
            response.read()
            error = response.json()["error"]
            reason = f"{error['code']}: {error['message']}"
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return ""
        reason = " ".join(reason.replace(self._api_key, "***").split())
        return f", {reason[:_MESSAGE_LENGTH]}"


def date(headers: Mapping[str, str]) -> datetime | None:
    """Read LeadLex's clock off a response; `None` where it shows none."""
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None
