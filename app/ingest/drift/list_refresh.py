"""Refreshes lists and single objects other than issues, and buries missing ones.

These come from Jira's database, not from its index, so a complete list is the truth of its moment. An object that is
missing from it is read by its id first, where Jira has an address for it: a board is missing as well when its project was
closed to the app.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, cast, delete, select, update

from app import clock, jobs
from app.catalog.extract import id_of
from app.catalog.json_value import Json, find
from app.catalog.registry import entity as entity_named
from app.catalog.registry import repeated_for
from app.conditions import Code
from app.errors import JiraNonsense
from app.ingest.planning import field_policy, inbox, tenant_schedule
from app.ingest.writing import project_access, unreadable
from app.ingest.writing.page import parse_page
from app.ingest.writing.quarantine import write_accepted
from app.ingest.writing.unreadable import Part
from app.integrations import ledger
from app.jira.client import whole
from app.sources import Broken, Gone, NotForUs, NotOffered, Page, confirm, follow, is_without_list, persist
from app.store import records
from app.store.schema import CHUNKS
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Entity
    from app.sources import Finding, Source
    from app.store.session import Session, Store

_REQUEST_LIMIT = 100
"""Missing objects that one look reads one by one; the rest stays until the next look."""


@dataclass
class ListRead:
    """Results of a look: objects to store, and ids of missing ones."""

    entity: Entity
    scope_id: str
    sent_at: datetime
    bodies: list[Json] = field(default_factory=list)
    gone_ids: set[str] = field(default_factory=set)
    unreadable: dict[str, Finding] = field(default_factory=dict)
    """Findings about objects that are there and can't be had, by id."""
    finding: NotOffered | NotForUs | Broken | None = None
    """Why the list couldn't be had; then nothing is missing from it."""
    total: int | None = None
    """Length of the list; None where it was not read whole."""


def read_list(store: Store, source: Source, tenant_id: UUID, entity: Entity, scope_id: str) -> ListRead | Gone:
    """Read a whole list of the site, a project or a board; Gone where its scope is. Raises a JiraFailure."""
    list_read = ListRead(entity, scope_id, clock.now())
    bodies = persist(lambda: _whole(source, list_read), source.diagnose)
    if isinstance(bodies, Gone):
        bodies = confirm(source, entity, scope_id, bodies)
    match bodies:
        case list():
            list_read.bodies = bodies
        case Gone():
            return bodies
        case NotOffered(failure) if is_without_list(entity, failure):
            list_read.bodies = []
        case NotOffered() | NotForUs() | Broken():
            # The objects that came are stored; missing ones aren't gone for that.
            list_read.finding = bodies
            return list_read
    list_read.total = len(list_read.bodies)
    listed_ids = {id_of(entity, body, scope_id or None) for body in list_read.bodies}
    with store.bound_to(tenant_id) as session:
        missing_ids = sorted(_stored(session, entity, scope_id) - listed_ids)
    if entity.one is None:
        # An object without a readable id may be any of the missing ones.
        list_read.gone_ids = set(missing_ids) if listed_ids and None not in listed_ids else set()
        return list_read
    for object_id in missing_ids[:_REQUEST_LIMIT]:
        _ask_for(list_read, source, object_id)
    return list_read


def read_object(source: Source, entity: Entity, object_id: str) -> ListRead:
    """Read a single object. Raises a JiraFailure."""
    list_read = ListRead(entity, "", clock.now())
    _ask_for(list_read, source, object_id)
    return list_read


def _ask_for(list_read: ListRead, source: Source, object_id: str) -> None:
    body = persist(lambda: source.one(list_read.entity, object_id), source.diagnose)
    if isinstance(body, Gone):
        list_read.gone_ids.add(object_id)
    elif isinstance(body, NotOffered | NotForUs | Broken):
        list_read.unreadable[object_id] = body
    else:
        list_read.bodies.append(body)


def _whole(source: Source, list_read: ListRead) -> list[Json] | Finding:
    """Every object of a list. Raises JiraNonsense where it holds less than it states; the objects are in `list_read`."""
    list_read.bodies = []
    total: int | None = None
    for page in follow(lambda place: source.listing(list_read.entity, list_read.scope_id, place)):
        if not isinstance(page, Page):
            return page
        list_read.bodies += map(whole, page.items)
        total = page.total
    if total is not None and len(list_read.bodies) < total:
        raise JiraNonsense(Code.LIST_CUT, entity=list_read.entity.name, total=total, count=len(list_read.bodies))
    return list_read.bodies


def _stored(session: Session, entity: Entity, scope_id: str) -> set[str]:
    table = table_of(entity)
    query = select(table.c.id).where(is_live(entity))
    if scope_id and entity.walk is not None and entity.walk.scope_column:
        query = query.where(table.c[entity.walk.scope_column] == scope_id)
    return set(session.execute(query).scalars())


def is_of_projects(name: str) -> bool:
    """Whether an entity's lists are those of projects."""
    return entity_named(name) in repeated_for("project")


def keep(session: Session, list_read: ListRead, fields: FieldPolicy) -> int:
    """Store the results of a look in the caller's transaction. Returns the number of changed rows."""
    reopened_ids = _reopened(session, list_read)
    mapping_before = _mapping(session, list_read)
    parsed_page = parse_page(list_read.entity, list_read.bodies, fields, list_read.scope_id or None)
    changed_rows = write_accepted(session, parsed_page, read_at=list_read.sent_at).changed_rows
    project_access.walk_again(session, reopened_ids)
    if list_read.gone_ids:
        changed_rows += bury(session, list_read.entity, list_read.gone_ids)
    _note_findings(session, list_read, [row.id for row in parsed_page.rows if row.entity is list_read.entity])
    if _mapping(session, list_read) != mapping_before:
        # Story points, sprint, team and others stand in other fields now than those that the issues were read from.
        project_access.walk_issues_again(session)
    if list_read.total is not None:
        _note_walk(session, list_read)
    return changed_rows


def _note_findings(session: Session, list_read: ListRead, read_ids: list[str]) -> None:
    """Set aside the parts that couldn't be had, and forget those that were."""
    name = list_read.entity.name
    if list_read.finding is not None:
        unreadable.set_aside(session, Part(name, list_read.scope_id), list_read.finding)
    elif list_read.total is not None:
        unreadable.clear(session, name, [list_read.scope_id])
    for object_id, finding in list_read.unreadable.items():
        unreadable.set_aside(session, Part(name, object_id, is_object=True), finding)
    unreadable.clear(session, name, [*read_ids, *list_read.gone_ids], is_object=True)


def bury(session: Session, entity: Entity, gone_ids: Iterable[str]) -> int:
    """Bury missing objects and re-read the issues that name them; projects are `writing.project_access`'s business."""
    ids = sorted(gone_ids)
    if entity.name == "board":
        ids = _of_open_projects(session, ids)
    if entity.name == "project" or not ids:
        return 0
    inbox.ask(session, _issues_with(session, entity, ids), origin=inbox.SWEEP)
    buried_rows = records.bury(session, entity, ids, at=clock.now(), because="deleted")
    dependents = repeated_for(entity.name)
    if dependents:
        shared_entities = [
            dependent for dependent in dependents if dependent.walk is not None and dependent.belongs_to is None
        ]
        buried_rows += sum(
            _bury_shared(session, dependent, dependent.walk.scope_column, ids)
            for dependent in shared_entities
            if dependent.walk
        )
        names = [dependent.name for dependent in dependents]
        session.execute(delete(CHUNKS).where(CHUNKS.c.entity.in_(names), CHUNKS.c.scope_id.in_(ids)))
    return buried_rows


def _bury_shared(session: Session, entity: Entity, scope_column: str | None, scopes: list[str]) -> int:
    """Bury rows of vanished scopes that several scopes may list: a sprint returns where another board lists it."""
    if scope_column is None:
        return 0
    table = table_of(entity)
    query = select(table.c.id).where(table.c[scope_column].in_(scopes), is_live(entity))
    orphans = session.execute(query).scalars().all()
    if not orphans:
        return 0
    other_lists = (CHUNKS.c.entity == entity.name, CHUNKS.c.state == "done", CHUNKS.c.scope_id.not_in(scopes))
    session.execute(update(CHUNKS).where(*other_lists).values(finished_at=clock.now() - timedelta(days=7)))
    tenant_schedule.hasten(session, jobs.REFRESH.name)
    return records.bury(session, entity, orphans, at=clock.now(), because="deleted")


def _issues_with(session: Session, entity: Entity, ids: list[str]) -> list[str]:
    issue = table_of(entity_named("issue"))
    issue_ids: list[str] = []
    for column in entity.issue_columns:
        query = select(issue.c.id).where(issue.c[column].op("&&")(cast(ids, ARRAY(Text))), issue.c.deleted_at.is_(None))
        issue_ids += session.execute(query).scalars()
    return issue_ids


def _of_open_projects(session: Session, boards: list[str]) -> list[str]:
    """Boards that are really gone: in an open project or without one. Boards of a frozen project stay with it."""
    board = table_of(entity_named("board"))
    frozen_projects = project_access.frozen(session)
    rows = session.execute(select(board.c.id, board.c.project_id).where(board.c.id.in_(boards)))
    return [row.id for row in rows if row.project_id not in frozen_projects]


def _reopened(session: Session, list_read: ListRead) -> list[str]:
    """Projects that this look returns from the archive or the trash."""
    if list_read.entity.name != "project":
        return []
    table = table_of(list_read.entity)
    is_closed = table.c.is_archived | table.c.is_deleted | table.c.deleted_at.is_not(None)
    is_open = [str(find(b, "id")) for b in list_read.bodies if not find(b, "archived") and not find(b, "deleted")]
    return list(session.execute(select(table.c.id).where(table.c.id.in_(is_open), is_closed)).scalars())


def _mapping(session: Session, list_read: ListRead) -> list[tuple[str, ...]] | None:
    """The site's own fields by kind before or after a look at its fields; None for other lists."""
    integration = ledger.of_tenant(session) if list_read.entity.name == "field" else None
    if integration is None:
        return None
    return [kind.fields for kind in field_policy.mapping_of(session, integration).values()]


def _note_walk(session: Session, list_read: ListRead) -> None:
    """Record the look as a walk of the plan, with the list's length as the expected count."""
    session.execute(
        update(CHUNKS)
        .where(
            CHUNKS.c.entity == list_read.entity.name, CHUNKS.c.scope_id == list_read.scope_id, CHUNKS.c.state == "done"
        )
        .values(expected=list_read.total, seen=list_read.total, finished_at=clock.now(), problem=None, attempts=0)
    )
