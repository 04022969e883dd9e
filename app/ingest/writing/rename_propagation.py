"""What a change of one thing changes on others, without a word from Jira and without moving any issue's `updated`.

a status, issue type, priority, resolution, project is renamed   what repeats its name is put right here (`copies`)
a sprint is renamed, starts, closes                              issues that were in it are read again: their field says it
an issue has a new key                                           its children are read again: they name their parent's or epic's
a project has a new key                                          all its issues are read again: each has a new key
a link type is renamed                                           its links are put right from Jira's list of types
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import func, select, tuple_

from app.catalog.json_value import find
from app.catalog.registry import copied_from, copied_to
from app.catalog.registry import entity as entity_named
from app.ingest.planning import inbox
from app.ingest.writing import project_access
from app.store import denormalised, records
from app.store.schema import ROW_VERSION
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from app.catalog.extract import Row
    from app.catalog.json_value import Json
    from app.catalog.language import Entity
    from app.store.session import Session

_KEYED = ("issue", "project")
_LINK_TYPE = {"type_name": "name", "inward": "inward", "outward": "outward"}
"""What links show of their type, and where the list of types says it."""


@dataclass(frozen=True)
class Before:
    """What was stored of a page's own objects before it: their ids, and the keys of what has one."""

    keys: dict[str, str | None] = field(default_factory=dict)

    def renamed(self, rows: Sequence[Row], of: Entity) -> list[str]:
        """Ids of the rows that have another key now."""
        return [
            row.id
            for row in rows
            if row.entity is of and row.id in self.keys and row.values.get("key") != self.keys[row.id]
        ]


def before(session: Session, of: Entity, rows: Sequence[Row]) -> Before:
    """Ask before a page is stored."""
    if of.name not in (*_KEYED, "sprint") and not copied_from(of.name):
        return Before()
    table = table_of(of)
    columns = (table.c.id, table.c.key) if of.name in _KEYED else (table.c.id,)
    ids = [row.id for row in rows if row.entity is of]
    found = session.execute(select(*columns).where(table.c.id.in_(ids), table.c.deleted_at.is_(None))).all()
    return Before({row.id: getattr(row, "key", None) for row in found})


def propagate(session: Session, of: Entity, rows: Sequence[Row], was: Before, *, read_at: datetime) -> int:
    """Carry on what the page changed; in its transaction, once it is stored. Returns how many other rows changed."""
    count = 0
    if copied_to(of.name):
        count += denormalised.renew_on(session, of, [row.id for row in rows if row.entity is of], read_at=read_at)
    if not was.keys:
        return count
    changed = _changed(session, of, was.keys, read_at) if of.name == "sprint" or copied_from(of.name) else []
    count += denormalised.renew_from(session, of, changed)
    issues: list[str] = []
    if of.name == "sprint":
        issues = _in_sprints(session, changed)
    elif of.name == "issue":
        renamed = was.renamed(rows, of)
        issues = _children(session, renamed, [was.keys[each] for each in renamed])
    elif of.name == "project":
        for project_id in was.renamed(rows, of):
            project_access.walk_again(session, project_id)
    inbox.ask(session, issues, origin=inbox.SWEEP)
    return count


def _changed(session: Session, of: Entity, known: Collection[str], read_at: datetime) -> list[str]:
    """Those of the rows that were stored before and that this page has changed."""
    table = table_of(of)
    query = select(table.c.id).where(table.c.id.in_(known), table.c.read_at == read_at)
    return list(session.execute(query).scalars())


def _in_sprints(session: Session, sprints: Collection[str]) -> list[str]:
    issue = table_of(entity_named("issue"))
    if not sprints:
        return []
    query = select(issue.c.id).where(issue.c.sprint_ids.op("&&")(list(sprints)), issue.c.deleted_at.is_(None))
    return list(session.execute(query).scalars())


def _children(session: Session, parents: Collection[str], keys: Collection[str | None]) -> list[str]:
    """The issues below these, by their parent or by the key that their epic had."""
    issue = table_of(entity_named("issue"))
    if not parents:
        return []
    is_below = issue.c.parent_id.in_(parents) | issue.c.epic_key.in_(keys)
    return list(session.execute(select(issue.c.id).where(is_below, issue.c.deleted_at.is_(None))).scalars())


def propagate_link_types(session: Session, types: Sequence[Json], *, read_at: datetime) -> int:
    """Let links show their types as they are now; Jira has a list of these that is no entity of SEI's."""
    link, changed = table_of(entity_named("issue_link")), 0
    for each in types:
        names = {column: find(each, path) for column, path in _LINK_TYPE.items()}
        known = find(each, "id")
        if known is None or not all(isinstance(name, str) for name in names.values()):
            continue
        is_stale = tuple_(*(link.c[column] for column in names)).is_distinct_from(tuple_(*names.values()))
        is_its = (link.c.type_id == str(known), link.c.deleted_at.is_(None), is_stale)
        if session.execute(select(link.c.id).where(*is_its).limit(1)).first() is None:
            continue
        records.lock_for_writing(session)
        values = {**names, "version": ROW_VERSION.next_value(), "read_at": func.greatest(link.c.read_at, read_at)}
        changed += session.changed(link.update().where(*is_its).values(values))
    return changed
