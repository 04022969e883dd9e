"""Reads lists and single things that are not issues again, and buries what is not there any more.

These come from Jira's database, not from its index, so a list that was read to its end is the truth of its moment. What
is missing from it is asked for by its id first, where Jira has an address for it: a board whose project was closed to
the app is missing too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ARRAY, Text, cast, delete, select, update

from app import clock, jobs
from app.catalog.json_value import Json, find
from app.catalog.registry import entity as entity_named
from app.catalog.registry import repeated_for
from app.conditions import Code
from app.errors import JiraGone, JiraNonsense, JiraRejected
from app.ingest.planning import field_policy, inbox, tenant_schedule
from app.ingest.writing import project_access
from app.ingest.writing.page import parse_page, write_page
from app.integrations import ledger
from app.jira.client import whole
from app.sources import Broken, Gone, NotForUs, NotOffered, Page, follow
from app.store import records
from app.store.schema import CHUNKS
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.catalog.language import Entity
    from app.sources import Finding, Source
    from app.store.session import Session, Store

_MOST_ASKED = 100
"""Missing things that are asked for one by one in one look; the others stay as they are until the next."""


@dataclass
class Look:
    """What a look brought: rows to store, and ids that are not there any more."""

    entity: Entity
    scope_id: str
    sent_at: datetime
    bodies: list[Json] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    total: int | None = None
    """How many the list holds; None where it was not read whole."""


def at_list(store: Store, source: Source, tenant_id: UUID, entity: Entity, scope_id: str) -> Look | Gone:
    """Read a list whole: of the site, a project or a board; Gone where its scope is. Raises a JiraFailure."""
    look = Look(entity, scope_id, clock.now())
    bodies = _whole(source, entity, scope_id)
    match bodies:
        case list():
            look.bodies = bodies
        case NotOffered(JiraRejected()):
            # Sprints of a board that has none.
            return look
        case Gone() | NotOffered(JiraGone()):
            return Gone(bodies.failure)
        case NotOffered(failure) | NotForUs(failure) | Broken(failure):
            raise failure
    look.total = len(look.bodies)
    seen = {str(find(body, "id")) for body in look.bodies if isinstance(body, dict)}
    with store.bound_to(tenant_id) as session:
        missing = sorted(_stored(session, entity, scope_id) - seen)
    if entity.one is None:
        look.gone = set(missing) if seen else set()
        return look
    for known in missing[:_MOST_ASKED]:
        _ask_for(look, source, known)
    return look


def at_one(source: Source, entity: Entity, known: str) -> Look:
    """Read a single thing. Raises a JiraFailure."""
    look = Look(entity, "", clock.now())
    _ask_for(look, source, known)
    return look


def _ask_for(look: Look, source: Source, known: str) -> None:
    body = source.one(look.entity, known)
    if body is None or isinstance(body, NotOffered | NotForUs | Gone | Broken):
        look.gone.add(known)
    else:
        look.bodies.append(body)


def _whole(source: Source, entity: Entity, scope_id: str) -> list[Json] | Finding:
    """Every object of a list. Raises JiraNonsense where it holds less than it states."""
    bodies: list[Json] = []
    total: int | None = None
    for page in follow(lambda place: source.listing(entity, scope_id, place)):
        if not isinstance(page, Page):
            return page
        bodies += map(whole, page.items)
        total = page.total
    if total is not None and len(bodies) < total:
        raise JiraNonsense(Code.LIST_CUT, entity=entity.name, total=total or 0, count=len(bodies))
    return bodies


def _stored(session: Session, entity: Entity, scope_id: str) -> set[str]:
    table = table_of(entity)
    query = select(table.c.id).where(table.c.deleted_at.is_(None))
    if scope_id and entity.walk is not None and entity.walk.scope_column:
        query = query.where(table.c[entity.walk.scope_column] == scope_id)
    return set(session.execute(query).scalars())


def keep(session: Session, look: Look, fields: FieldPolicy) -> int:
    """Store what a look brought, bury what is gone, in the caller's transaction. Returns how many rows changed."""
    reopened = _reopened(session, look)
    were = _known_fields(session, look)
    parsed = parse_page(look.entity, look.bodies, fields, look.scope_id or None)
    changed = write_page(session, parsed, read_at=look.sent_at).changed
    for project_id in reopened:
        project_access.walk_again(session, project_id)
    if _known_fields(session, look) != were:
        # Story points, sprint or epic link stand in another field now: what was read out of issues is not what is theirs.
        project_access.walk_issues_again(session)
    if look.gone:
        changed += bury(session, look.entity, look.gone)
    if look.total is not None:
        _note_walk(session, look)
    return changed


def bury(session: Session, entity: Entity, gone: Iterable[str]) -> int:
    """Bury things that Jira does not have any more; what showed them is read again. Projects are `access`'s business."""
    ids = sorted(gone)
    if entity.name == "board":
        ids = _of_open_projects(session, ids)
    if entity.name == "project" or not ids:
        return 0
    inbox.ask(session, _issues_with(session, entity, ids), origin=inbox.SWEEP)
    buried = records.bury(session, entity, ids, at=clock.now(), because="deleted")
    owned = repeated_for(entity.name)
    if owned:
        shared = [each for each in owned if each.walk is not None and each.belongs_to is None]
        buried += sum(_bury_shared(session, each, each.walk.scope_column, ids) for each in shared if each.walk)
        names = [each.name for each in owned]
        session.execute(delete(CHUNKS).where(CHUNKS.c.entity.in_(names), CHUNKS.c.scope_id.in_(ids)))
    return buried


def _bury_shared(session: Session, entity: Entity, scope_column: str | None, scopes: list[str]) -> int:
    """Bury rows of vanished scopes that several scopes may list: a sprint returns where another board lists it."""
    if scope_column is None:
        return 0
    table = table_of(entity)
    query = select(table.c.id).where(table.c[scope_column].in_(scopes), table.c.deleted_at.is_(None))
    orphans = session.execute(query).scalars().all()
    if not orphans:
        return 0
    other_lists = (CHUNKS.c.entity == entity.name, CHUNKS.c.state == "done", CHUNKS.c.scope_id.not_in(scopes))
    session.execute(update(CHUNKS).where(*other_lists).values(finished_at=clock.now() - timedelta(days=7)))
    tenant_schedule.hasten(session, jobs.REFRESH.name)
    return records.bury(session, entity, orphans, at=clock.now(), because="deleted")


def _issues_with(session: Session, entity: Entity, ids: list[str]) -> list[str]:
    issue = table_of(entity_named("issue"))
    found: list[str] = []
    for column in entity.issue_columns:
        query = select(issue.c.id).where(issue.c[column].op("&&")(cast(ids, ARRAY(Text))), issue.c.deleted_at.is_(None))
        found += session.execute(query).scalars()
    return found


def _of_open_projects(session: Session, boards: list[str]) -> list[str]:
    """Boards that are gone for good: their project is in sight, or they have none. The others are frozen with it."""
    board = table_of(entity_named("board"))
    closed = project_access.frozen(session)
    rows = session.execute(select(board.c.id, board.c.project_id).where(board.c.id.in_(boards)))
    return [row.id for row in rows if row.project_id not in closed]


def _reopened(session: Session, look: Look) -> list[str]:
    """Projects that come back from the archive or the trash with this look."""
    if look.entity.name != "project":
        return []
    table = table_of(look.entity)
    is_closed = table.c.is_archived | table.c.is_deleted | table.c.deleted_at.is_not(None)
    is_open = [str(find(b, "id")) for b in look.bodies if not find(b, "archived") and not find(b, "deleted")]
    return list(session.execute(select(table.c.id).where(table.c.id.in_(is_open), is_closed)).scalars())


def _known_fields(session: Session, look: Look) -> FieldPolicy | None:
    """Where issues have what the site keeps in fields of its own, with a look at these; else None."""
    integration = ledger.of_tenant(session) if look.entity.name == "field" else None
    return field_policy.load(session, integration) if integration is not None else None


def _note_walk(session: Session, look: Look) -> None:
    """The plan counts this as a walk: what it expects is what was just counted."""
    session.execute(
        update(CHUNKS)
        .where(CHUNKS.c.entity == look.entity.name, CHUNKS.c.scope_id == look.scope_id, CHUNKS.c.state == "done")
        .values(expected=look.total, seen=look.total, finished_at=clock.now())
    )
