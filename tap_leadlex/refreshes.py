"""The stream `refreshes`: how current the rows of a destination are.

Targets that ignore ACTIVATE_VERSION keep the rows of deleted records. This stream has a record for
each exported stream whose last full refresh was activated. Rows extracted before that refresh began
are of deleted records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from singer_sdk import Stream, Tap
from singer_sdk import typing as th

from tap_leadlex import timestamps
from tap_leadlex.saved_state import SavedState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from singer_sdk.helpers.types import Context, Record

    from tap_leadlex.resources import Resource

NAME = "refreshes"
KEY = "stream"
SCHEMA = th.PropertiesList(
    th.Property(KEY, th.StringType, required=True, description="The name of an exported stream"),
    th.Property("version", th.IntegerType, description="The version of its last full refresh"),
    th.Property("began_at", th.DateTimeType, description="When that refresh began"),
).to_dict()


class RefreshesStream(Stream):
    """The last activated full refresh of each exported stream; selected only on request."""

    name = NAME
    schema: ClassVar = SCHEMA
    primary_keys: ClassVar = (KEY,)
    selected_by_default = False

    def __init__(self, tap: Tap, resources: Sequence[Resource]) -> None:
        super().__init__(tap)
        self._resources = resources

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never: earlier records remain true."""
        return False

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002
        """Yield what the states of the exported streams say; `--test` asks for nothing."""
        if self.ABORT_AT_RECORD_COUNT is not None:
            return
        states = self.tap_state.get("bookmarks", {})
        for resource in self._resources:
            saved = SavedState.read(states.get(resource.name, {}), resource)
            if saved.activated and saved.refreshed:
                yield {
                    KEY: resource.name,
                    "version": saved.version,
                    "began_at": timestamps.canonical(saved.refreshed),
                }
