"""Extracts rows from Jira's objects, by the declarations in `entities/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, cast

from app.catalog.columns import reading
from app.catalog.conversion import CONVERTERS, FAULTS, clean, code_of, digest_of
from app.catalog.json_value import Json, NotAnObjectError, ShapeError, find, id_text
from app.catalog.language import Entity, Item
from app.catalog.registry import children_of
from app.catalog.registry import entity as entity_of
from app.conditions import Code, Condition
from app.errors import PoisonRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Inline

_WITH_KEYS = ("issue", "project")
"""Entities that people know by their key."""
_LONGEST_LABEL = 40
"""Characters of an id in a reason."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of an object that can't be kept: a value of its row, or an object inside it."""

    entity: str
    """The entity that lacks something."""
    column: str | None
    """The column without its value; None: a whole row is missing."""
    reason: Condition
    digest: str
    """Of the value, which is not kept."""


@dataclass(slots=True)
class Row:
    """One row: the entity, Jira's id as a string, and the values by column name; JSON as text (`to_json`)."""

    entity: Entity
    id: str
    values: dict[str, object]
    faults: tuple[Fault, ...] = ()
    """The parts of the object that are left out."""
    is_stub: bool = False
    """Whether only another object has brought it: the rest of its values is unknown."""

    @property
    def label(self) -> str:
        """The row's name in a reason: its key, or its id."""
        key = self.values.get("key") if self.entity.name in _WITH_KEYS else None
        name = key if isinstance(key, str) and key else self.id
        return name if len(name) <= _LONGEST_LABEL else f"{name[:_LONGEST_LABEL]}…"


@dataclass(frozen=True)
class TopUp:
    """A list to complete because Jira cut it off or only hinted at it: the entity and the parent of the walk."""

    entity: Entity
    parent_id: str


def extract(entity: Entity, body: Json, policy: FieldPolicy, parent_id: str | None = None) -> Row:
    """The row of one object. Raises PoisonRecord if it is no object or has no id."""
    return _row(entity, Item(_object(entity, body), parent_id, policy))


def _object(entity: Entity, body: Json) -> dict[str, Json]:
    """The body of an object. Raises PoisonRecord for anything else, and for an object without its values."""
    core = body.get(entity.core) if entity.core and isinstance(body, dict) else body
    if not isinstance(body, dict) or not isinstance(core, dict):
        raise PoisonRecord(Code.NOT_AN_OBJECT, entity=entity.name, type=type(core).__name__)
    return body


def _row(entity: Entity, item: Item) -> Row:
    row_id = _id_of(entity, item)
    values: dict[str, object] = {}
    try:
        # The hot loop of the whole engine: some 250 columns an issue.
        for name, take, convert in _readers(entity):
            value = take(item)
            values[name] = convert(value) if value or (value is not None and value != "") else None
    except FAULTS:
        return _row_without_faults(entity, item, row_id)
    return Row(entity, row_id, values)


def _row_without_faults(entity: Entity, item: Item, row_id: str) -> Row:
    """The row, column by column: a value that can't be kept is null and becomes a fault."""
    row, bad_values = Row(entity, row_id, {}), list[tuple[str, Code, str]]()
    for column in entity.columns:
        value: Json = None
        row.values[column.name] = None
        try:
            value = column.take(item)
            if value is not None and value != "":
                row.values[column.name] = CONVERTERS[column.kind](value)
        except FAULTS as error:
            value = error.value if isinstance(error, ShapeError) else value
            bad_values.append((column.name, code_of(column.kind, error), digest_of(value)))
    row.faults = tuple(value_fault(row, name, code, digest) for name, code, digest in bad_values)
    return row


def value_fault(row: Row, column: str, code: Code, digest: str, **params: str) -> Fault:
    """The fault of one value of a row."""
    reason = Condition(code, entity=row.entity.name, id=row.label, column=column, **params)
    return Fault(row.entity.name, column, reason, digest)


@cache
def _readers(entity: Entity) -> tuple[tuple[str, Callable[[Item], Json], Callable[[Json], object]], ...]:
    """An entity's columns in the form for the hot loop."""
    return tuple((column.name, column.take, CONVERTERS[column.kind]) for column in entity.columns)


def _id_of(entity: Entity, item: Item) -> str:
    value = entity.id(item)
    if type(value) is not str:
        value = _number_as_id(value)
    if not (text := clean(value)):
        raise PoisonRecord(Code.NO_ID, entity=entity.name)
    return text


def _number_as_id(value: Json) -> str:
    """The text of a number in an id's place, empty for anything that is no id."""
    try:
        return id_text(value) or ""
    except ValueError:  # more digits than Python writes
        return ""


def id_of(entity: Entity, body: Json, parent_id: str | None = None) -> str | None:
    """The id of an object as its row has it; None where it has none."""
    try:
        return _id_of(entity, Item(body, parent_id)) if isinstance(body, dict) else None
    except PoisonRecord:
        return None


@dataclass(frozen=True)
class Page:
    """The common state of one page's objects, and the results so far."""

    policy: FieldPolicy
    rows: list[Row] = field(default_factory=list)
    """In Jira's order, parents first; an object embedded in several others may occur several times, in versions."""
    top_ups: dict[TopUp, None] = field(default_factory=dict)
    """Without repeats."""
    fragments: dict[tuple[str, Json], Json] = field(default_factory=dict)
    """The last fragment of each partial object: a person is embedded dozens of times an issue, mostly unchanged."""
    mentions: dict[str, dict[str, Json]] = field(default_factory=dict)
    """The first object for each id that a row names, by the id's entity and the id (`Column.carried`)."""


def extract_all(entity: Entity, body: Json, page: Page, parent_id: str | None = None) -> None:
    """Add the row of an object to a page, the rows of its embedded objects, and the necessary top-ups.

    Raises PoisonRecord if the object itself is unreadable; then nothing of it was added.
    """
    _extract_deep(entity, Item(_object(entity, body), parent_id, page.policy), page)


def _extract_deep(entity: Entity, item: Item, page: Page) -> None:
    row = _row(entity, item)
    page.rows.append(row)
    _note_mentions(row, item, page)
    for child, place, take, are_siblings in _places(entity):
        if page.policy.may_keep(child.name):
            try:
                value = take(item) if take else None
            except NotAnObjectError as error:
                value = error.value
            _extract_inline(child, place, value, item.parent_id if are_siblings else row.id, (row, item), page)


def _note_mentions(row: Row, item: Item, page: Page) -> None:
    """Remember the objects behind a row's ids, each once a page: most issues name the same statuses and versions."""
    for name, target, take in _references(row.entity):
        value = row.values[name]
        if not value:
            continue
        bodies = page.mentions.setdefault(target.name, {})
        if bodies.keys() >= ({value} if isinstance(value, str) else set(cast("list[str]", value))):
            continue
        for body in take(item):
            if (object_id := id_of(target, body)) is not None:
                bodies.setdefault(object_id, body)


@cache
def _references(entity: Entity) -> tuple[tuple[str, Entity, Callable[[Item], list[Json]]], ...]:
    """An entity's columns of ids that come with their objects: the name, the objects' entity, their reader."""
    return tuple(
        (column.name, entity_of(column.target), column.carried)
        for column in entity.columns
        if column.target and column.carried
    )


def extract_stub(entity: Entity, body: Json, page: Page) -> Row:
    """The row of an object that another one carries; values that an object without members has as well are null.

    Notes the objects that it carries itself. Raises PoisonRecord.
    """
    core: dict[str, Json] = {entity.core: {}} if entity.core else {}
    members = {name: value for name, value in body.items() if value is not None} if isinstance(body, dict) else {}
    item = Item({**core, **members}, None, page.policy)
    row, empty_row = extract(entity, item.body, page.policy), _row(entity, Item({"id": "0", **core}, None, page.policy))
    row.values = {name: None if value == empty_row.values[name] else value for name, value in row.values.items()}
    row.is_stub = True
    _note_mentions(row, item, page)
    return row


@cache
def _places(entity: Entity) -> tuple[tuple[Entity, Inline, Callable[[Item], Json] | None, bool], ...]:
    """The entities embedded in an entity's object: the child, its place, its reader, and whether it is a sibling.

    A history that mentions a remote link is its sibling: the issue is the parent of both.
    """
    return tuple(
        (child, place, reading(place.at) if place.at else None, entity.belongs_to in {child.belongs_to} - {None})
        for child, place in children_of(entity.name)
    )


def _extract_inline(
    child: Entity, place: Inline, value: Json, parent_id: str | None, holder: tuple[Row, Item], page: Page
) -> None:
    """Add the rows and top-ups of one place to the page. What is no object there is a fault of the holder's row."""
    row, item = holder
    bodies = value if isinstance(value, list) else [] if value is None or value == "" else [value]
    inner = Item({}, parent_id, page.policy)
    for body in bodies:
        try:
            inner.body, inner.words = _object(child, body), (None, None)
            child_id = child.id(inner)
            if (child_id or not child.partial) and not (child.partial and _is_repeated(page, child, child_id, body)):
                _extract_deep(child, inner, page)
        except PoisonRecord as poison:
            row.faults += (Fault(child.name, None, poison.condition, digest_of(body)),)
    if parent_id is not None and is_cut_off(place, item, len(bodies)):
        page.top_ups[TopUp(child, parent_id)] = None


def _is_repeated(page: Page, child: Entity, child_id: Json, body: Json) -> bool:
    """Whether this fragment equals the object's last one on the page. Remembers this one."""
    if not isinstance(child_id, str):
        return False
    key = (child.name, child_id)
    try:
        is_repeated = page.fragments.get(key) == body
    except RecursionError:  # nested too deep to be compared
        is_repeated = False
    page.fragments[key] = body
    return is_repeated


def is_cut_off(place: Inline, item: Item, length: int) -> bool:
    """Whether Jira has more of this list than it sent."""
    if place.hint is not None:
        return place.hint(item)
    total = find(item.body, place.total) if place.total else None
    return isinstance(total, int) and total > length
