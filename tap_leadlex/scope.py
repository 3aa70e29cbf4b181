"""What one run asks of one resource: its columns, its filters, and how the list sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_leadlex.resources import Column, Filter, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Scope:
    """A resource under the settings of a run."""

    resource: Resource
    settings: Mapping[str, Any]  # those that the resource brings along, by name

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the stream: the standard ones, then those of the settings."""
        columns = {column.name: column for column in self.resource.columns}
        if extra := self.resource.extra_columns:
            for name in self.settings[extra.name]:
                columns.setdefault(name, Column(name))
        return tuple(columns.values())

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query parameters of the filters that are set, for an export."""
        return self._parameters(self.resource.filters)

    @property
    def list_query(self) -> list[tuple[str, str]]:
        """The query parameters of the filters that the list knows."""
        return self._parameters([each for each in self.resource.filters if each.listed])

    @property
    def listed_alike(self) -> bool:
        """Whether the list filters like the export, so that it counts the same records."""
        return self.query == self.list_query

    @property
    def filters(self) -> dict[str, Any]:
        """The filters as a state keeps them: equal if they select the same records."""
        return {
            each.name: sorted(value) if isinstance(value, list) else value
            for each in self.resource.filters
            for value in [self.settings[each.name]]
        }

    @property
    def no_filters(self) -> dict[str, Any]:
        """What `filters` would be if none were set."""
        return {
            name: [] if isinstance(value, list) else None for name, value in self.filters.items()
        }

    def filters_like(self, saved: Mapping[str, Any] | None) -> bool:
        """Return whether a state's filters select the same records; a missing one is not set."""
        return _as_sets({**self.no_filters, **(saved or {})}) == _as_sets(self.filters)

    def _parameters(self, filters: Sequence[Filter]) -> list[tuple[str, str]]:
        return [
            (each.parameter, text)
            for each in filters
            for value in [self.settings[each.name]]
            for text in ([value] if isinstance(value, str) else value or [])
        ]


def _as_sets(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters with their arrays as sets: order and duplicates mean nothing."""
    return {
        name: set(value) if isinstance(value, list) else value for name, value in filters.items()
    }
