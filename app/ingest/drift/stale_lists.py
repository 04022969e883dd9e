"""Lists without reliable webhooks, read again at the age that their entity declares: the stalest first, a few at a time.

The candidates are the lists that the plan has walked once (`chunks`): of the site, of a project, of a board.
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import case, or_, select, update

from app import clock
from app.catalog.language import Each
from app.catalog.registry import all_entities, entity, walked
from app.conditions import Code, Condition
from app.errors import JiraBusy
from app.ingest.drift import list_refresh
from app.ingest.planning import field_policy, inbox
from app.ingest.planning.plan import enqueue_workers
from app.ingest.writing import project_access, rename_propagation, unreadable
from app.ingest.writing.unreadable import Part
from app.integrations import ledger
from app.sources import READ_BATCH, Broken, Gone, NotForUs, NotOffered, is_site_well, may_be_of_part, persist
from app.sources.answers import Objects
from app.store import checkpoints, cursors
from app.store.schema import CHUNKS

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.ingest.drift.list_refresh import ListRead
    from app.sources import Source
    from app.store.session import Session, Store

_AGES = MappingProxyType(
    {entity.name: entity.refresh for entity in all_entities().values() if isinstance(entity.refresh, timedelta)}
)
_ISSUE_WALKS = frozenset(entity.name for entity in walked(Each.STORED))
"""Entities that are walked over stored issues: some board filters depend on the day."""
LIST_AGES = MappingProxyType({name: age for name, age in _AGES.items() if name not in _ISSUE_WALKS})
"""The greatest age of a list, by entity."""
_LINK_TYPE_AGE = timedelta(hours=6)
_LINK_TYPES = Part("issue_link", "")
"""The list of link types, without which renames of a type aren't followed."""
_MOST_PAUSES = 8
"""Tries of a list that Jira asks to leave alone each time, before the next one sets it aside."""
AT_ONCE = 20
"""Lists of one run: with the ages above, a run every ten minutes keeps a thousand boards fresh."""


def refresh_stalest_lists(store: Store, source: Source, tenant_id: UUID) -> Condition | None:
    """Read the lists that are due, at most `AT_ONCE`. Returns a summary; raises a JiraFailure."""
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None or not integration.is_served:
            return None
        due = _due(session)
        fields = field_policy.load(session, integration)
        if _walk_stored(session) + _walk_failed(session):
            enqueue_workers(session, 1)
        due_objects = unreadable.due(session, READ_BATCH, is_object=True)
        inbox.ask(session, [part.scope_id for part in due_objects if part.entity == "issue"], origin=inbox.SWEEP)
    changed_rows = 0
    for due_list in due:
        name, scope_id = due_list.entity, due_list.scope_id
        list_read = _read(store, source, tenant_id, due_list)
        if isinstance(list_read, Gone):
            _scope_is_gone(store, source, tenant_id, name, scope_id)
            continue
        with store.bound_to(tenant_id) as session:
            changed_rows += list_refresh.keep(session, list_read, fields)
        if name == "project":
            check_listed_projects(store, source, tenant_id, list_read.gone_ids)
    for part in [part for part in due_objects if part.entity != "issue"][:AT_ONCE]:
        object_read = list_refresh.read_object(source, entity(part.entity), part.scope_id)
        with store.bound_to(tenant_id) as session:
            changed_rows += list_refresh.keep(session, object_read, fields)
    changed_rows += _link_types(store, source, tenant_id)
    return Condition(Code.LISTS_READ, lists=len(due), changed=changed_rows) if due else None


def _link_types(store: Store, source: Source, tenant_id: UUID) -> int:
    """Refresh Jira's link types. Returns the number of links with a changed type."""
    with store.bound_to(tenant_id) as session:
        cursor = cursors.take(session, "link types")
    if cursor is None:
        return 0
    changed_rows = 0
    try:
        if cursor.ended_at is None or cursor.ended_at < clock.now() - _LINK_TYPE_AGE:
            types = persist(source.link_types, source.diagnose)
            with store.bound_to(tenant_id) as session:
                match types:
                    case Objects(items, sent_at):
                        changed_rows = rename_propagation.propagate_link_types(session, items, read_at=sent_at)
                        unreadable.clear(session, _LINK_TYPES.entity, [_LINK_TYPES.scope_id])
                    case NotOffered() | Gone():
                        # Issue linking is off.
                        changed_rows = 0
                    case NotForUs() | Broken():
                        unreadable.set_aside(session, _LINK_TYPES, types)
                cursors.move(session, cursor, ended_at=clock.now())
    finally:
        with store.bound_to(tenant_id) as session:
            cursors.give_back(session, cursor)
    return changed_rows


def check_listed_projects(store: Store, source: Source, tenant_id: UUID, gone_ids: set[str]) -> None:
    """Check projects out of sight, frozen ones and closed ones after their list was read."""
    with store.bound_to(tenant_id) as session:
        frozen_ids = set(project_access.frozen(session))
    if gone_ids | frozen_ids:
        project_access.check_visibility(store, source, tenant_id, gone_ids | frozen_ids)
    project_access.bury_closed(store, tenant_id)


class DueList(NamedTuple):
    """A list that is to be read again, and the pauses that Jira has asked for at its last tries."""

    entity: str
    scope_id: str
    attempts: int


def _read(store: Store, source: Source, tenant_id: UUID, due_list: DueList) -> ListRead | Gone:
    """Read a list. Raises a JiraFailure.

    A list that Jira asks to leave alone goes behind the others. It is set aside after many such tries, where the site
    answered just before the last one.
    """
    name, scope_id, attempts = due_list
    was_site_well = attempts >= _MOST_PAUSES and is_site_well(source)
    try:
        return list_refresh.read_list(store, source, tenant_id, entity(name), scope_id)
    except JiraBusy as busy:
        if may_be_of_part(busy):
            is_this_list = (CHUNKS.c.entity == name, CHUNKS.c.scope_id == scope_id, CHUNKS.c.state == "done")
            with store.bound_to(tenant_id) as session:
                session.execute(update(CHUNKS).where(*is_this_list).values(attempts=attempts + 1))
                if was_site_well:
                    unreadable.set_aside(session, Part(name, scope_id), Broken(busy))
        raise


def _due(session: Session) -> list[DueList]:
    """The lists beyond their age, stalest first; unreadable ones once their next try is due."""
    now = clock.now()
    is_due = or_(*((CHUNKS.c.entity == name) & (CHUNKS.c.finished_at < now - pace) for name, pace in LIST_AGES.items()))
    # Lists with a problem are walked again (`_walk_failed`).
    is_whole = CHUNKS.c.entity.in_(LIST_AGES) & CHUNKS.c.problem.is_(None)
    is_due |= is_whole & unreadable.is_due(CHUNKS.c.entity, CHUNKS.c.scope_id)
    query = select(CHUNKS.c.entity, CHUNKS.c.scope_id, CHUNKS.c.attempts).where(CHUNKS.c.state == "done", is_due)
    query = query.where(~unreadable.is_resting(CHUNKS.c.entity, CHUNKS.c.scope_id))
    # Projects first: what the others' scopes mean depends on them.
    order = (CHUNKS.c.attempts, CHUNKS.c.entity != "project", CHUNKS.c.finished_at)
    return [
        DueList(row.entity, row.scope_id, row.attempts)
        for row in session.execute(query.order_by(*order).limit(AT_ONCE))
    ]


class StaleList(NamedTuple):
    """A list beyond its age, and since when."""

    entity: str
    age: timedelta
    due_at: datetime


def stalest(session: Session) -> StaleList | None:
    """The list that is furthest beyond its age, unless it rests as unreadable."""
    due_times = case(*((CHUNKS.c.entity == name, CHUNKS.c.finished_at + age) for name, age in LIST_AGES.items()))
    query = select(CHUNKS.c.entity, due_times.label("due_at")).where(
        CHUNKS.c.state == "done", CHUNKS.c.entity.in_(LIST_AGES), due_times < clock.now()
    )
    query = query.where(~unreadable.is_resting(CHUNKS.c.entity, CHUNKS.c.scope_id))
    row = session.execute(query.order_by(due_times).limit(1)).first()
    return StaleList(row.entity, LIST_AGES[row.entity], row.due_at) if row else None


def is_behind(session: Session) -> bool:
    """Whether any list is beyond its age."""
    return bool(_due(session))


def _scope_is_gone(store: Store, source: Source, tenant_id: UUID, name: str, scope_id: str) -> None:
    """Postpone a list of an unreachable project or board."""
    walk = entity(name).walk
    if walk is not None and walk.each == "project":
        project_access.check_visibility(store, source, tenant_id, [scope_id])
    with store.bound_to(tenant_id) as session:
        is_this_list = (CHUNKS.c.entity == name, CHUNKS.c.scope_id == scope_id, CHUNKS.c.state == "done")
        session.execute(update(CHUNKS).where(*is_this_list).values(finished_at=clock.now(), expected=None))
        unreadable.clear(session, name, [scope_id])


def _walk_stored(session: Session) -> int:
    """Put walks over stored issues back on the plan once they are too old. Returns how many."""
    now, count = clock.now(), 0
    for name in sorted(_ISSUE_WALKS & _AGES.keys()):
        is_old = (CHUNKS.c.entity == name, CHUNKS.c.state == "done", CHUNKS.c.finished_at < now - _AGES[name])
        if session.execute(select(CHUNKS.c.id).where(*is_old).limit(1)).first():
            count += checkpoints.walk_again(session, [name])
    return count


def _walk_failed(session: Session) -> int:
    """Put failed walks back on the plan once their next try is due. Returns how many."""
    due_parts = unreadable.due(session, AT_ONCE)
    count = sum(_walk_part_again(session, part) for part in due_parts)
    for name in {part.entity for part in due_parts} & _ISSUE_WALKS:
        # One walk over the stored issues answers for all boards.
        is_waiting = (CHUNKS.c.entity == name, CHUNKS.c.state == "waiting")
        if session.execute(select(CHUNKS.c.id).where(*is_waiting).limit(1)).first() is None:
            count += checkpoints.walk_again(session, [name])
    return count


def _walk_part_again(session: Session, part: Part) -> int:
    """Restart the failed walks of a part; where a sweep found a project's search broken, all walks of its issues."""
    count = checkpoints.walk_failed_again(session, part.entity, part.scope_id)
    if part.entity != "issue" or count or checkpoints.is_waiting(session, part.entity, part.scope_id):
        return count
    return checkpoints.walk_again(session, [part.entity], [part.scope_id])
