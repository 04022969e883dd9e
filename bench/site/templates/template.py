"""A rendered issue and the rows of a complete ingest of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.site.templates.slots import SlottedJson


@dataclass
class Rows:
    """Ids and times of an issue's children in one copy: the rows of a complete ingest."""

    by_entity: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)

    def add(self, entity: str, row_id: int, ms: int) -> None:
        """Add one row: its id in copy 0 and its time in ms after the copy's start."""
        self.by_entity.setdefault(entity, []).append((row_id, ms))


@dataclass
class Template:
    """One issue, rendered for both API versions."""

    number: int
    project: int
    place: int
    """Number within the project's issues of one copy."""
    created_ms: int
    updated_ms: int
    rows: Rows
    issue: dict[str, SlottedJson]
    """By API version: version 3 with expand=changelog, version 2 with transitions as well."""
    lists: dict[str, dict[str, list[SlottedJson]]]
    """All histories (oldest first), comments and worklogs, by API version and entity."""
    remote_links: SlottedJson
