"""The words an entity is declared in.

An entity is one file below `entities/`: its columns and where each comes from, which endpoint pages it, in which other
objects it arrives inline, which webhooks touch it, and one worked example that is also its golden test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.catalog.json_value import Json


class Kind(StrEnum):
    """What a column holds; `store.tables` maps it to PostgreSQL, `extract` coerces to it."""

    TEXT = "text"
    TEXTS = "texts"
    """A list of strings: labels, ids."""
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    """A point in time, UTC, milliseconds kept."""
    DATE = "date"
    JSON = "json"


class Each(StrEnum):
    """What a walk is repeated for."""

    SITE = "site"
    PROJECT = "project"
    BOARD = "board"
    SCRUM_BOARD = "scrum_board"
    """Only boards that have sprints; Jira answers 400 on the others."""
    ISSUE = "issue"
    """Planned issue by issue, where an inline list was cut off or a hint says there is something."""
    STORED = "stored"
    """Planned for each range of issues once it has been walked to its end."""


class Paging(StrEnum):
    """How an endpoint hands out its pages."""

    TOKEN = "token"  # noqa: S105 - a paging style, not a secret
    """`nextPageToken` and `isLast`; no total."""
    OFFSET = "offset"
    """`startAt`, `maxResults`, `total` or `isLast`."""
    WHOLE = "whole"
    """One answer, not paged: a list, or the one object itself."""
    MATCH = "match"
    """Stored issues held against filters (`ingest.boards`)."""


@dataclass(frozen=True)
class Fields:
    """The site's own ids for fields that have no fixed one (`GET /rest/api/3/field`)."""

    story_points: tuple[str, ...] = ()
    sprint: str | None = None
    epic_link: str | None = None
    custom: tuple[str, ...] = ()
    """Custom fields kept in the issue's `custom` column; empty means all of them."""
    excluded: tuple[str, ...] = ()
    """Fields the SEI admin does not want: `summary`, `description`, `comment`."""


@dataclass(slots=True)
class Item:
    """One object of Jira's on its way to becoming a row."""

    body: dict[str, Json]
    parent_id: str | None = None
    """Id of the object it was found in, or that the walk was repeated for."""
    fields: Fields = field(default_factory=Fields)
    words: tuple[Json, str | None] = (None, None)
    """The rich text that was last read and its plain words: two columns ask for them."""


@dataclass(frozen=True)
class Column:
    """One column: what it holds and how it is read from Jira's object."""

    name: str
    kind: Kind
    take: Callable[[Item], Json]
    personal: bool = False
    """Personal data: erased when its account is closed or the tenant leaves."""


@dataclass(frozen=True)
class Walk:
    """An endpoint that hands out an entity."""

    path: str
    """With `{project_id}`, `{board_id}` or `{issue_id}` as `each` says."""
    paging: Paging
    items: str
    """Where the array is in the answer; empty: the answer is the array."""
    each: Each = Each.SITE
    page_size: int = 100
    params: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Sent along; a tuple repeats its parameter, once for each value."""


@dataclass(frozen=True)
class Inline:
    """Where an entity arrives inside another one's object."""

    parent: str
    """Name of the entity whose object carries it."""
    at: str
    total: str | None = None
    """Path of Jira's count; larger than the list means that the list was cut off and is topped up by the walk."""
    hint: Callable[[Item], bool] | None = None
    """Says whether a parent has any where the list itself never comes inline."""


@dataclass(frozen=True, eq=False)
class Copy:
    """Columns of another entity that repeat what a row says: Jira embeds names, and renames them everywhere at once."""

    on: str
    """Name of the entity that repeats."""
    by: str
    """Its column with the row's id."""
    columns: Mapping[str, str]
    """Our columns by its."""


@dataclass(frozen=True)
class Example:
    """One object as Jira sends it and the row it becomes: documentation and golden test."""

    body: dict[str, Json]
    row: Mapping[str, object]
    parent_id: str | None = None
    fields: Fields = field(default_factory=Fields)


@dataclass(frozen=True, eq=False)
class Entity:
    """One kind of thing that SEI receives. There is one of each, so it is equal to itself alone and may be a key."""

    name: str
    """Singular, as in the change feed."""
    columns: tuple[Column, ...]
    example: Example
    id: Callable[[Item], Json] = lambda item: item.body.get("id")
    walk: Walk | None = None
    one: Walk | None = None
    """How a single one is read: `{id}` in path or parameters; `items` empty where the answer is the object itself."""
    inline: tuple[Inline, ...] = ()
    webhooks: tuple[str, ...] = ()
    updated: str | None = None
    """The column that orders versions of one object; without it the latest read wins."""
    partial: bool = False
    """Jira sends it in fragments (a user's e-mail here, the time zone there): an absent value keeps the stored one."""
    copies: tuple[Copy, ...] = ()
    """What other entities repeat of it."""
    belongs_to: str | None = None
    """The entity that `issue_id` and the like point to; its tombstone takes these rows along."""
    total_column: str | None = None
    """The issue's column with Jira's own total of the issue's rows of this entity; completeness counts against it."""
