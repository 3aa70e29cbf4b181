"""A plain tap for the same export, as the SDK's template would begin it: what ours must equal.

It knows nothing of windows, quotas or broken bodies; but record by record, what it writes is what
the SDK makes of a contact.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests
    from singer_sdk.helpers.types import Context


class ReferenceContacts(RESTStream[int]):
    """The contacts."""

    name = "contacts"
    path = "/contacts/export"
    primary_keys = ("id",)
    replication_key = "created_at"
    schema = th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        th.Property("full_name", th.StringType),
        th.Property("email", th.StringType),
        th.Property("phone", th.StringType),
        th.Property("job_title", th.StringType),
        th.Property("company_name", th.StringType),
        th.Property("linkedin_url", th.StringType),
        th.Property("tags", th.ArrayType(th.StringType)),
        th.Property("created_at", th.DateTimeType, required=True),
    ).to_dict()

    @property
    def url_base(self) -> str:
        """The base of the API."""
        url: str = self.config["api_url"]
        return url

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """The bearer key."""
        return BearerTokenAuthenticator(token=self.config["api_key"])

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """Read the CSV."""
        text = response.content.decode("utf-8-sig")
        return csv.DictReader(io.StringIO(text, newline=""))

    def post_process(
        self,
        row: dict[str, Any],
        context: Context | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Make a record of a row."""
        record: dict[str, Any] = {name: cell or None for name, cell in row.items()}
        record["tags"] = row["tags"].split(",") if row["tags"] else []
        return record


class ReferenceTap(Tap):
    """A tap for contacts."""

    name = "tap-reference"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("api_key", th.StringType, required=True, secret=True),
        th.Property("api_url", th.StringType, required=True),
    ).to_dict()

    def discover_streams(self) -> list[ReferenceContacts]:
        """Give the one stream."""
        return [ReferenceContacts(self)]
