"""What issues show of other things: the name of their status, their priority, their type; a sprint's state.

Jira changes these copies with the thing itself and moves no issue's `updated`, so no poll would see it. Names are copied
here by the same rule, which costs no request; what issues carry in their own fields is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, cast, func, select, tuple_

from app.catalog.language import find
from app.catalog.registry import entity
from app.ingest import access, inbox
from app.store import records
from app.store.schema import ROW_VERSION
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from app.catalog.language import Json
    from app.store.session import Session

COPIED = {
    "status": ("issue", "status_id", {"status_name": "name", "status_category": "category_key"}),
    "priority": ("issue", "priority_id", {"priority_name": "name"}),
    "resolution": ("issue", "resolution_id", {"resolution_name": "name"}),
    "issue_type": (
        "issue",
        "issue_type_id",
        {"issue_type_name": "name", "is_subtask": "is_subtask", "hierarchy_level": "hierarchy_level"},
    ),
}
"""Which entity shows a thing, by which column it points to it, and which columns are copies of which."""
_LINK_TYPE = {"type_name": "name", "inward": "inward", "outward": "outward"}


def versions(session: Session, name: str, ids: Collection[str]) -> dict[str, int]:
    """The version of each stored row, to see afterwards which of them a look has changed."""
    table = table_of(entity(name))
    query = select(table.c.id, table.c.version).where(table.c.id.in_(list(ids)))
    return {row.id: row.version for row in session.execute(query)}


def follow(session: Session, tenant_id: UUID, name: str, changed: Collection[str], *, read_at: datetime) -> int:
    """Let issues show things of an entity as they are now. Returns how many rows changed."""
    if not changed:
        return 0
    if name == "sprint":
        issue = table_of(entity("issue"))
        shows = issue.c.sprint_ids.op("&&")(cast(list(changed), ARRAY(Text)))
        found = session.execute(select(issue.c.id).where(shows, issue.c.deleted_at.is_(None))).scalars()
        inbox.ask(session, tenant_id, found, origin=inbox.SWEEP)
        return 0
    if name == "project":
        return _follow_keys(session, tenant_id, changed)
    return _copy(session, tenant_id, name, changed, read_at) if name in COPIED else 0


def _copy(session: Session, tenant_id: UUID, name: str, changed: Collection[str], read_at: datetime) -> int:
    owner, pointer, columns = COPIED[name]
    shown, thing = table_of(entity(owner)), table_of(entity(name))
    ours = tuple_(*(shown.c[each] for each in columns))
    theirs = tuple_(*(thing.c[each] for each in columns.values()))
    records.lock_for_writing(session, tenant_id)
    return session.changed(
        shown.update()
        .where(shown.c[pointer] == thing.c.id, shown.c.tenant_id == thing.c.tenant_id, thing.c.id.in_(list(changed)))
        .where(shown.c.deleted_at.is_(None), thing.c.deleted_at.is_(None), ours.is_distinct_from(theirs))
        .values(
            {
                **{mine: thing.c[its] for mine, its in columns.items()},
                "version": ROW_VERSION.next_value(),
                # A page that was asked for before the thing was must not bring the old name back.
                "read_at": func.greatest(shown.c.read_at, read_at),
            }
        )
    )


def _follow_keys(session: Session, tenant_id: UUID, changed: Collection[str]) -> int:
    """A project that got another key gave it to its issues: they are read again, and those that name them."""
    issue, project = table_of(entity("issue")), table_of(entity("project"))
    is_other = (issue.c.project_id == project.c.id) & (issue.c.project_key != project.c.key)
    renamed = session.execute(
        select(project.c.id, project.c["keys"].label("known_as"))
        .join(issue, is_other)
        .where(project.c.id.in_(list(changed)))
        .distinct()
    ).all()
    for row in renamed:
        access.walk_again(session, tenant_id, row.id)
        for column in (issue.c.parent_key, issue.c.epic_key):
            names_it = func.split_part(column, "-", 1).in_(row.known_as or [])
            found = session.execute(select(issue.c.id).where(names_it, issue.c.project_id != row.id)).scalars()
            inbox.ask(session, tenant_id, found, origin=inbox.SWEEP)
    return 0


def follow_link_types(session: Session, tenant_id: UUID, types: list[Json], *, read_at: datetime) -> int:
    """Let links show their types as they are now; Jira has a list of these that is no entity of SEI's."""
    link, changed = table_of(entity("issue_link")), 0
    for each in types:
        names = {column: find(each, path) for column, path in _LINK_TYPE.items()}
        known = find(each, "id")
        if known is None or not all(isinstance(name, str) for name in names.values()):
            continue
        is_stale = tuple_(*(link.c[column] for column in names)).is_distinct_from(tuple_(*names.values()))
        is_its = (link.c.type_id == str(known), link.c.deleted_at.is_(None), is_stale)
        if session.execute(select(link.c.id).where(*is_its).limit(1)).first() is None:
            continue
        records.lock_for_writing(session, tenant_id)
        values = {**names, "version": ROW_VERSION.next_value(), "read_at": func.greatest(link.c.read_at, read_at)}
        changed += session.changed(link.update().where(*is_its).values(values))
    return changed
