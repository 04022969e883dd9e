"""The terms of an entity's declaration.

An entity is one file below `entities/`: its columns with their sources, its endpoint, the objects that embed it, its
webhooks, and one worked example, which is also its golden test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from app.catalog.field_policy import FieldPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from app.catalog.json_value import Json


OPEN_END = 2**62
"""Upper end of a range of creation times without an end, epoch milliseconds."""


class Kind(StrEnum):
    """The type of a column; `store.tables` maps it to PostgreSQL, `extract` converts to it."""

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
    """The kinds of repetition of a walk."""

    SITE = "site"
    PROJECT = "project"
    BOARD = "board"
    ISSUE = "issue"
    """Planned for single issues with a cut-off inline list or a hint."""
    STORED = "stored"
    """Planned for each range of issues after its walk has ended."""


class Paging(StrEnum):
    """The paging style of an endpoint."""

    TOKEN = "token"  # noqa: S105 - a paging style, not a secret
    """`nextPageToken` and `isLast`; no total."""
    OFFSET = "offset"
    """`startAt`, `maxResults`, `total` or `isLast`."""
    WHOLE = "whole"
    """One answer without pages: a list, or a single object."""
    MATCH = "match"
    """Stored issues held against filters (`ingest.boards`)."""


class Upkeep(StrEnum):
    """Mechanism that keeps an entity's rows current where no list of its own is read again."""

    POLL = "poll"
    """The poll finds changed objects."""
    PARENT = "parent"
    """The rows come with each read of the object that carries them."""
    FEED = "feed"
    """Jira's own feed reports changed and deleted objects."""


@dataclass(slots=True)
class Item:
    """One object of Jira's during extraction."""

    body: dict[str, Json]
    parent_id: str | None = None
    """Id of the enclosing object, or of the object of the walk."""
    policy: FieldPolicy = field(default_factory=FieldPolicy)
    words: tuple[Json, str | None] = (None, None)
    """The last rich text and its plain text, shared by two columns."""


@dataclass(frozen=True)
class Column:
    """One column: its type and its reader."""

    name: str
    kind: Kind
    take: Callable[[Item], Json]
    excluded_with: str | None = None
    """The excludable field of its text: the column is empty where an SEI admin excludes the field."""
    excluded_where: tuple[str, str] | None = None
    """Another column and its value: only such rows hold the field's text here."""
    without_excluded: Callable[[Json, FieldPolicy], Json] | None = None
    """Removes the text of excluded fields from the column's JSON."""
    site_kind: str | None = None
    """The attribute of the field policy with the site's own fields behind the column."""
    target: str | None = None
    """The entity with the column's id or ids."""
    carried: Callable[[Item], list[Json]] | None = None
    """The objects that Jira sends with these ids, in full or in part: stubs where nothing else brings their rows."""


@dataclass(frozen=True)
class Walk:
    """The endpoint of an entity."""

    path: str
    """With `{project_id}`, `{board_id}` or `{issue_id}` according to `each`."""
    paging: Paging
    items: str
    """Path of the array in the answer; empty: the answer is the array."""
    each: Each = Each.SITE
    page_size: int = 100
    params: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Query parameters; a tuple repeats its parameter, once for each value."""
    scope_column: str | None = None
    """The column with the id of the project or board of a row's list."""
    is_single: bool = False
    """Whether the answer is one object in place of a list."""
    is_optional: bool = False
    """Whether Jira answers 400 for scopes without such a list, as for the sprints of a kanban board."""
    is_never_empty: bool = False
    """Whether every site has at least one: an empty list is an answer that can't be right."""


@dataclass(frozen=True)
class Inline:
    """The place of an entity inside another one's object."""

    parent: str
    """Name of the enclosing entity."""
    at: str
    total: str | None = None
    """Path of Jira's count; if it exceeds the list, the list was cut off and the walk completes it."""
    hint: Callable[[Item], bool] | None = None
    """Whether a parent has any, for lists that never come inline."""


@dataclass(frozen=True, eq=False)
class Copy:
    """Columns denormalised to another entity: Jira embeds names, and renames them everywhere at once."""

    on: str
    """Name of the entity with the copy."""
    by: str
    """Its column with the row's id."""
    columns: Mapping[str, str]
    """Our columns by its."""


@dataclass(frozen=True)
class Example:
    """One object of Jira's and its row: documentation and golden test."""

    body: dict[str, Json]
    row: Mapping[str, object]
    parent_id: str | None = None
    policy: FieldPolicy = field(default_factory=FieldPolicy)


@dataclass(frozen=True, eq=False)
class Entity:
    """One kind of record for SEI. Each is unique, so it equals only itself and may be a key."""

    name: str
    """Singular, as in the change feed."""
    label: str
    """Plural, for people, in English; `make words` takes it into the catalogues of the other languages."""
    columns: tuple[Column, ...]
    example: Example
    refresh: timedelta | Upkeep
    """The greatest age of its lists, or the mechanism that keeps its rows current."""
    id: Callable[[Item], Json] = lambda item: item.body.get("id")
    core: str = ""
    """The member with nearly all values of an object, itself an object; without it the whole is unreadable."""
    walk: Walk | None = None
    one: Walk | None = None
    """Endpoint of a single object: `{id}` in path or parameters; `items` is empty if the answer is the object itself."""
    inline: tuple[Inline, ...] = ()
    webhooks: tuple[str, ...] = ()
    updated: str | None = None
    """The column with the order of an object's versions; without it the latest read wins."""
    partial: bool = False
    """Jira sends it in fragments (a user's e-mail here, the time zone there): an absent value keeps the stored one."""
    copies: tuple[Copy, ...] = ()
    """Copies of its columns on other entities."""
    belongs_to: str | None = None
    """The target of `issue_id` and the like; its tombstone takes these rows along."""
    priority: int | None = None
    """Rank of its walks in a plan, lower first; None: by the object that the walk is repeated for."""
    named_at: tuple[str, ...] = ()
    """Paths of its id in a webhook's body, best first: a webhook has the one object read again."""
    listed_at: tuple[str, ...] | None = None
    """Paths of a project's or board's id in a webhook's body, to read its list again; empty: the site's list."""
    orphan_at: str | None = None
    """Path of its id in a webhook's body that may arrive without its issue: the stored row knows the issue."""
    issue_columns: tuple[str, ...] = ()
    """Columns of the issue with ids of its rows: Jira removes a deleted object from issues without an event."""
    goes_with: tuple[tuple[str, str], ...] = ()
    """Entities besides `belongs_to`, with the column of their id: their tombstones take these rows along."""
    matched_by: str | None = None
    """The entity of the filters: its changes repeat the walk over stored issues."""
    is_whole_by_count: bool = False
    """A list with as many rows as the issue's total is whole: its rows don't change, or a feed reports their edits."""
    position: int = 1000
    """Place among the entities on pages, lower first; equal ones by label."""
    total_column: str | None = None
    """The issue's column with Jira's own total of its rows of this entity, the target of completeness."""
