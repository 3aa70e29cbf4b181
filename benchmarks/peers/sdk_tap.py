"""The plain SDK tap of the differential test, asking for a whole export over HTTP."""  # noqa: INP001

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
        """Ask for as many rows as an export may hold."""
        return {"limit": 50_000}


class PlainTap(ReferenceTap):
    """A tap for contacts."""

    def discover_streams(self) -> list[ReferenceContacts]:
        """Give the one stream."""
        return [Contacts(self)]


if __name__ == "__main__":
    PlainTap.cli()
