"""The plain SDK tap of the differential test. It requests one export over HTTP."""  # noqa: INP001

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.reference_tap import ReferenceContacts, ReferenceTap

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context


class Contacts(ReferenceContacts):
    """The contacts, in one export."""

    def get_url_params(
        self,
        context: Context | None,  # noqa: ARG002
        next_page_token: int | None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Request the maximum number of rows."""
        return {"limit": 50_000}


class PlainTap(ReferenceTap):
    """A tap for contacts."""

    def discover_streams(self) -> list[ReferenceContacts]:
        """Return the stream."""
        return [Contacts(self)]


if __name__ == "__main__":
    PlainTap.cli()
