"""The words an entity is declared in.

An entity is one file below `entities/`: its columns and where each comes from, which endpoint pages it, in which other
objects it arrives inline, which webhooks touch it, and one worked example that is also its golden test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from app.catalog.rich_text import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""What Jira sends, once parsed."""


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


def find(body: Json, path: str) -> Json:
    """The value at a dotted path, or None where any step is missing; an empty path is the body."""
    for step in _steps(path):
        if not isinstance(body, dict):
            return None
        body = body.get(step)
    return body


@cache
def _steps(path: str) -> tuple[str, ...]:
    """The names along a path; all paths are our own, so there are few."""
    return tuple(path.split(".")) if path else ()


def account_of(user: Json) -> str | None:
    """A user's id: `accountId` on Cloud, `key` or `name` on Data Center; Jira's blank strings count as absent."""
    if not isinstance(user, dict):
        return None
    for name in ("accountId", "key", "name"):
        known = user.get(name)
        if isinstance(known, str) and known.strip():
            return known
    return None


def ids_of(things: Json) -> Json:
    """The ids of a list of objects, as strings, in Jira's order."""
    if not isinstance(things, list):
        return None
    return [str(thing["id"]) for thing in things if isinstance(thing, dict) and thing.get("id") is not None]


def reading(path: str) -> Callable[[Item], Json]:
    """A function that reads an object at a dotted path, None where any step is missing."""
    first, *steps = path.split(".")

    def take_first(item: Item) -> Json:
        return item.body.get(first)

    def take(item: Item) -> Json:
        value = item.body.get(first)
        for step in steps:
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        return value

    return take if steps else take_first


def text(name: str, at: str, *, personal: bool = False) -> Column:
    """A column of text read at a path."""
    return Column(name, Kind.TEXT, reading(at), personal=personal)


def texts(name: str, at: str) -> Column:
    """A column of several strings read at a path."""
    return Column(name, Kind.TEXTS, reading(at))


def integer(name: str, at: str) -> Column:
    """A column of whole numbers read at a path."""
    return Column(name, Kind.INTEGER, reading(at))


def number(name: str, at: str) -> Column:
    """A column of numbers read at a path; Jira sometimes sends them as strings."""
    return Column(name, Kind.NUMBER, reading(at))


def boolean(name: str, at: str) -> Column:
    """A column of truth values read at a path."""
    return Column(name, Kind.BOOLEAN, reading(at))


def moment(name: str, at: str) -> Column:
    """A column of points in time read at a path: ISO with any offset, epoch seconds or milliseconds."""
    return Column(name, Kind.MOMENT, reading(at))


def date(name: str, at: str) -> Column:
    """A column of calendar days read at a path."""
    return Column(name, Kind.DATE, reading(at))


def document(name: str, at: str, *, personal: bool = False) -> Column:
    """A column that keeps Jira's JSON at a path as it is."""
    return Column(name, Kind.JSON, reading(at), personal=personal)


def ids(name: str, at: str) -> Column:
    """The ids of the objects in the list at a path."""
    take = reading(at)
    return Column(name, Kind.TEXTS, lambda item: ids_of(take(item)))


def account(name: str, at: str) -> Column:
    """The account id of the user at a path."""
    take = reading(at)
    return Column(name, Kind.TEXT, lambda item: account_of(take(item)))


def parent(name: str, otherwise: str = "") -> Column:
    """The id of the object that this one was found in; where it came alone, what the body says at a path."""
    take = reading(otherwise)
    return Column(name, Kind.TEXT, lambda item: item.parent_id or take(item))


def rich_text(name: str, at: str) -> tuple[Column, Column, Column]:
    """Three columns for a rich text: Jira's document, its plain words, and their length in characters."""
    take = reading(at)

    def words(item: Item) -> str | None:
        found = take(item)
        if found is not item.words[0]:
            item.words = (found, plain_text(found))
        return item.words[1]

    return (
        Column(name, Kind.JSON, take, personal=True),
        Column(f"{name}_text", Kind.TEXT, words, personal=True),
        Column(f"{name}_length", Kind.INTEGER, lambda item: len(words(item) or "")),
    )
