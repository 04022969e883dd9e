"""Extracts rows from Jira's objects, by the declarations in `entities/`."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from app.catalog.columns import reading
from app.catalog.json_value import Json, find
from app.catalog.language import Entity, Item, Kind
from app.catalog.registry import children_of
from app.conditions import Code
from app.errors import PoisonRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Inline

_EPOCH_MS_FROM = 100_000_000_000
"""Numbers from here on are epoch milliseconds, smaller ones are seconds: Jira documents both for one field."""
_INT_LIMIT = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUL = rb"\u0000"
_LEVELS = 200
"""Limit of nesting in a JSON column (orjson writes 254 levels); deeper values are null, with words in the text column."""


@dataclass(slots=True)
class Row:
    """One row: the entity, Jira's id as a string, and the values by column name; JSON as text (`to_json`)."""

    entity: Entity
    id: str
    values: dict[str, object]


@dataclass(frozen=True)
class TopUp:
    """A list to complete because Jira cut it off or only hinted at it: the entity and the parent of the walk."""

    entity: Entity
    parent_id: str


def extract(entity: Entity, body: Json, policy: FieldPolicy, parent_id: str | None = None) -> Row:
    """The row of one object. Raises PoisonRecord if the object has no id or a value has an impossible shape."""
    if not isinstance(body, dict):
        raise PoisonRecord(Code.NOT_AN_OBJECT, entity=entity.name, type=type(body).__name__)
    return _row(entity, Item(body, parent_id, policy))


def _row(entity: Entity, item: Item) -> Row:
    row_id = _id_of(entity, item)
    values: dict[str, object] = {}
    name = ""
    try:
        # The hot loop of the whole engine: some 250 columns an issue.
        for name, take, convert in _readers(entity):
            value = take(item)
            values[name] = convert(value) if value or (value is not None and value != "") else None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        # Without the error's own message: some quote the value, and this message is logged.
        raise PoisonRecord(
            Code.BAD_VALUE, entity=entity.name, id=row_id, column=name, error=type(error).__name__
        ) from error
    return Row(entity, row_id, values)


@cache
def _readers(entity: Entity) -> tuple[tuple[str, Callable[[Item], Json], Callable[[Json], object]], ...]:
    """An entity's columns in the form for the hot loop."""
    return tuple((column.name, column.take, _COERCE[column.kind]) for column in entity.columns)


def _id_of(entity: Entity, item: Item) -> str:
    value = entity.id(item)
    if isinstance(value, bool) or not isinstance(value, str | int) or not (text := clean(str(value))):
        raise PoisonRecord(Code.NO_ID, entity=entity.name)
    return text


@dataclass(frozen=True)
class Page:
    """The common state of one page's objects, and the results so far."""

    policy: FieldPolicy
    poisoned: list[PoisonRecord] | None = None
    """Collects unreadable embedded objects while extraction goes on; without it, the first one ends the extraction."""
    rows: list[Row] = field(default_factory=list)
    """In Jira's order, parents first; an object embedded in several others may occur several times, in versions."""
    top_ups: dict[TopUp, None] = field(default_factory=dict)
    """Without repeats."""
    fragments: dict[tuple[str, Json], Json] = field(default_factory=dict)
    """The last fragment of each partial object: a person is embedded dozens of times an issue, mostly unchanged."""


def extract_all(entity: Entity, body: Json, page: Page, parent_id: str | None = None) -> None:
    """Add the row of an object to a page, the rows of its embedded objects, and the necessary top-ups.

    Raises PoisonRecord if the object itself is unreadable; then nothing of it was added.
    """
    if not isinstance(body, dict):
        raise PoisonRecord(Code.NOT_AN_OBJECT, entity=entity.name, type=type(body).__name__)
    _extract_deep(entity, Item(body, parent_id, page.policy), page)


def _extract_deep(entity: Entity, item: Item, page: Page) -> None:
    row = _row(entity, item)
    page.rows.append(row)
    for child, place, take, are_siblings in _places(entity):
        if page.policy.may_keep(child.name):
            value = take(item) if take else None
            _extract_inline(child, place, value, item.parent_id if are_siblings else row.id, item, page)


@cache
def _places(entity: Entity) -> tuple[tuple[Entity, Inline, Callable[[Item], Json] | None, bool], ...]:
    """The entities embedded in an entity's object: the child, its place, its reader, and whether it is a sibling.

    A history that mentions a remote link is its sibling: the issue is the parent of both.
    """
    return tuple(
        (child, place, reading(place.at) if place.at else None, entity.belongs_to in {child.belongs_to} - {None})
        for child, place in children_of(entity.name)
    )


def _extract_inline(child: Entity, place: Inline, value: Json, parent_id: str | None, item: Item, page: Page) -> None:
    """Add the rows and top-ups of one place to the page."""
    bodies = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
    inner = Item({}, parent_id, page.policy)
    for body in bodies:
        if not isinstance(body, dict):
            continue
        inner.body, inner.words = body, (None, None)
        try:
            child_id = child.id(inner)
            if child_id and not (child.partial and _is_repeated(page, child, child_id, body)):
                _extract_deep(child, inner, page)
        except PoisonRecord as poison:
            if page.poisoned is None:
                raise
            page.poisoned.append(poison)
    if parent_id is not None and is_cut_off(place, item, len(bodies)):
        page.top_ups[TopUp(child, parent_id)] = None


def _is_repeated(page: Page, child: Entity, child_id: Json, body: Json) -> bool:
    """Whether this fragment equals the object's last one on the page. Remembers this one."""
    if not isinstance(child_id, str):
        return False
    key = (child.name, child_id)
    if page.fragments.get(key) == body:
        return True
    page.fragments[key] = body
    return False


def is_cut_off(place: Inline, item: Item, length: int) -> bool:
    """Whether Jira has more of this list than it sent."""
    if place.hint is not None:
        return place.hint(item)
    total = find(item.body, place.total) if place.total else None
    return isinstance(total, int) and total > length


def clean(text: str) -> str:
    """Text without U+0000 and lone surrogates; PostgreSQL refuses both."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def to_json(value: object) -> str:
    """Serialise to JSON for PostgreSQL. Nearly all output of orjson is fine: it lacks U+0000."""
    try:
        octets = orjson.dumps(value)
    except (TypeError, ValueError):
        octets = orjson.dumps(_clean_json(value))
    return (orjson.dumps(_clean_json(value)) if _NUL in octets else octets).decode()


def _clean_json(value: Any, levels: int = _LEVELS) -> Any:  # noqa: ANN401 - JSON
    """JSON for PostgreSQL: strings cleaned; NaN, infinities and too deep values become None.

    Whole numbers beyond 64 bits, which orjson refuses to write, become floats, as in orjson's parser; those beyond a
    float's range become None.
    """
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict | list) and levels == 0:
        return None
    if isinstance(value, dict):
        return {clean(key): _clean_json(child, levels - 1) for key, child in value.items()}
    if isinstance(value, list):
        return [_clean_json(child, levels - 1) for child in value]
    if isinstance(value, int) and abs(value) >= _INT_LIMIT:
        return float(value) if abs(value) <= sys.float_info.max else None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_moment(value: Json) -> datetime:
    """Parse ISO text with any offset, epoch seconds or epoch milliseconds into a moment in UTC. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        unit = "milliseconds" if abs(value) >= _EPOCH_MS_FROM else "seconds"
        return _EPOCH + timedelta(**{unit: value})
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _to_text(value: Json) -> str:
    if type(value) is str:
        return clean(value)
    if isinstance(value, dict | list):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return clean(str(value))


def _to_texts(value: Json) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return [_to_text(part) for part in value if part is not None]


def _to_integer(value: Json) -> int:
    if isinstance(value, dict | list):
        raise TypeError(f"expected a number, got {type(value).__name__}")
    number = int(float(value)) if isinstance(value, str) else int(value or 0)
    if abs(number) >= _INT_LIMIT:
        raise OverflowError(f"{number} does not fit")
    return number


def _to_number(value: Json) -> float | None:
    if isinstance(value, dict | list):
        raise TypeError(f"expected a number, got {type(value).__name__}")
    number = float(value or 0)
    return number if math.isfinite(number) else None


def _to_boolean(value: Json) -> bool:
    if isinstance(value, dict | list):
        raise TypeError(f"expected true or false, got {type(value).__name__}")
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value)


def _to_date(value: Json) -> date:
    return date.fromisoformat(str(value)[:10])


_COERCE: dict[Kind, Callable[[Json], object]] = {
    Kind.TEXT: _to_text,
    Kind.TEXTS: _to_texts,
    Kind.INTEGER: _to_integer,
    Kind.NUMBER: _to_number,
    Kind.BOOLEAN: _to_boolean,
    Kind.MOMENT: to_moment,
    Kind.DATE: _to_date,
    Kind.JSON: to_json,
}
