"""Propagates renames to denormalised columns; Jira sends no event and doesn't bump `updated`.

a status, issue type, priority, resolution or project is renamed   rows that repeat its name are updated (`denormalised`)
a sprint is renamed, starts or closes                              its issues are read again: their field shows it
an issue has a new key                                             its children are read again: they name their parent's or epic's
a project has a new key                                            all its issues are read again: each has a new key
a link type is renamed                                             its links are updated from Jira's list of types
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select, tuple_

from app.catalog.json_value import find
from app.catalog.registry import copied_from, copied_to
from app.catalog.registry import entity as entity_named
from app.ingest.planning import inbox
from app.ingest.writing import project_access
from app.store import denormalised, records
from app.store.schema import ROW_VERSION
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from app.catalog.extract import Row
    from app.catalog.json_value import Json
    from app.catalog.language import Entity
    from app.store.session import Session

_ENTITIES_WITH_KEYS = ("issue", "project")
_LINK_TYPE = {"type_name": "name", "inward": "inward", "outward": "outward"}
"""Columns of links with their type's names, and the names' paths in the list of types."""


@dataclass(frozen=True)
class Before:
    """Stored rows of a page's own objects before it: ids, and keys of entities with keys."""

    keys: dict[str, str | None] = field(default_factory=dict)

    def renamed(self, rows: Sequence[Row], of: Entity) -> list[str]:
        """Ids of the rows with a different key now."""
        return [
            row.id
            for row in rows
            if row.entity is of and row.id in self.keys and row.values.get("key") != self.keys[row.id]
        ]


def before(session: Session, of: Entity, rows: Sequence[Row]) -> Before:
    """Look up the stored rows before a page is written, without stubs: the first read of an object is no change of it."""
    if of.name not in (*_ENTITIES_WITH_KEYS, "sprint") and not copied_from(of.name):
        return Before()
    table = table_of(of)
    columns = (table.c.id, table.c.key) if of.name in _ENTITIES_WITH_KEYS else (table.c.id,)
    ids = [row.id for row in rows if row.entity is of]
    stored_rows = session.execute(select(*columns).where(table.c.id.in_(ids), is_live(of))).all()
    return Before({row.id: getattr(row, "key", None) for row in stored_rows})


def propagate(session: Session, of: Entity, rows: Sequence[Row], previous: Before, *, read_at: datetime) -> int:
    """Propagate a page's changes in its transaction, after it is written. Returns the number of other changed rows."""
    count = 0
    if copied_to(of.name):
        count += denormalised.renew_on(session, of, [row.id for row in rows if row.entity is of], read_at=read_at)
    if not previous.keys:
        return count
    changed_ids = _changed(session, of, previous.keys, read_at) if of.name == "sprint" or copied_from(of.name) else []
    count += denormalised.renew_from(session, of, changed_ids)
    issues: list[str] = []
    if of.name == "sprint":
        issues = _in_sprints(session, changed_ids)
    elif of.name == "issue":
        renamed_ids = previous.renamed(rows, of)
        issues = _children(session, renamed_ids, [previous.keys[issue_id] for issue_id in renamed_ids])
    elif of.name == "project":
        project_access.walk_again(session, previous.renamed(rows, of))
    inbox.ask(session, issues, origin=inbox.SWEEP)
    return count


def _changed(session: Session, of: Entity, row_ids: Collection[str], read_at: datetime) -> list[str]:
    """The rows that were stored before and that this page has changed."""
    table = table_of(of)
    query = select(table.c.id).where(table.c.id.in_(row_ids), table.c.read_at == read_at)
    return list(session.execute(query).scalars())


def _in_sprints(session: Session, sprints: Collection[str]) -> list[str]:
    issue = table_of(entity_named("issue"))
    if not sprints:
        return []
    query = select(issue.c.id).where(issue.c.sprint_ids.op("&&")(list(sprints)), issue.c.deleted_at.is_(None))
    return list(session.execute(query).scalars())


def _children(session: Session, parents: Collection[str], keys: Collection[str | None]) -> list[str]:
    """The issues below these, by parent or by the former key of their epic."""
    issue = table_of(entity_named("issue"))
    if not parents:
        return []
    is_below = issue.c.parent_id.in_(parents) | issue.c.epic_key.in_(keys)
    return list(session.execute(select(issue.c.id).where(is_below, issue.c.deleted_at.is_(None))).scalars())


def propagate_link_types(session: Session, types: Sequence[Json], *, read_at: datetime) -> int:
    """Update links to their types' current names; the list of types is no entity of SEI's."""
    names = {str(find(link_type, "id")): _names(link_type) for link_type in types}
    type_ids = [type_id for type_id, texts in names.items() if all(isinstance(text, str) for text in texts.values())]
    if not type_ids:
        return 0
    link = table_of(entity_named("issue_link"))
    current = {
        column: case({type_id: names[type_id][column] for type_id in type_ids}, value=link.c.type_id)
        for column in _LINK_TYPE
    }
    is_stale = tuple_(*(link.c[column] for column in current)).is_distinct_from(tuple_(*current.values()))
    is_its = (link.c.type_id.in_(type_ids), link.c.deleted_at.is_(None), is_stale)
    # Most looks find nothing stale, and then take no lock.
    if session.execute(select(link.c.id).where(*is_its).limit(1)).first() is None:
        return 0
    records.lock_for_writing(session)
    values = {**current, "version": ROW_VERSION.next_value(), "read_at": func.greatest(link.c.read_at, read_at)}
    return session.changed(link.update().where(*is_its).values(values))


def _names(link_type: Json) -> dict[str, Json]:
    """A link type's names by the columns of its links."""
    return {column: find(link_type, path) for column, path in _LINK_TYPE.items()}
