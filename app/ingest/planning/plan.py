"""The plan: walks and their order.

Pairing plans the walks of the site; a page of projects or boards plans theirs, and an issue with a cut-off inline list
plans its top-up. All of it stands in PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock, jobs
from app.catalog.language import Each
from app.catalog.registry import walked
from app.ingest.planning import applied, exclusions
from app.integrations import ledger
from app.integrations.model import State
from app.store import checkpoints, poison
from app.store.checkpoints import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.catalog.extract import Row, TopUp
    from app.catalog.language import Entity
    from app.catalog.selection import Selection
    from app.store.session import Session

SHORT = 45
"""Chunks of this priority and beyond are short and many."""
_PRIORITIES = {
    Each.SITE: 10,
    Each.PROJECT: 40,
    Each.BOARD: 40,
    Each.STORED: SHORT,
    Each.ISSUE: 50,
}

_A_HAND = 4
"""Requests in flight that justify one worker; where more find work, the sweep enqueues them."""


def begin_backfill(session: Session, *, site_concurrency: int) -> bool:
    """Plan the whole site and enqueue its workers before all waiting jobs: people look at a page without data.

    Returns False where no integration is paired any more.
    """
    integration = ledger.of_tenant(session, lock=True)
    if integration is None or not integration.state.is_working:
        return False
    checkpoints.forget(session)
    poison.forget(session)
    site_walks = [_wanted(entity, Each.SITE, "") for entity in walked(Each.SITE)]
    checkpoints.plan(session, site_walks)
    exclusions.enforce(session, is_again=integration.started_at is not None)
    applied.note_as_stored(session, integration.settings)
    ledger.move_to(session, integration.id, State.BACKFILLING, started_at=clock.now())
    enqueue_workers(session, -(-site_concurrency // _A_HAND), is_first=True)
    return True


def enqueue_workers(session: Session, count: int, *, is_first: bool = False) -> None:
    """Enqueue backfill workers for the tenant; surplus ones find nothing to claim and end."""
    for _ in range(count):
        session.enqueue(jobs.BACKFILL, str(session.tenant_id), is_first=is_first)


def enqueue_worker_once(session: Session) -> None:
    """Enqueue a worker for new chunks: one that waits or works serves any number of calls."""
    session.enqueue(jobs.BACKFILL, str(session.tenant_id), once_as=f"{session.tenant_id}-called")


def follow_ups(rows: Iterable[Row], selection: Selection) -> Iterator[Wanted]:
    """The walks that a page of projects or boards adds."""
    for row in rows:
        if row.entity.name == "project" and _is_open(row) and selection.takes_project(row.id, _key_of(row)):
            yield from of_project(row.id)
        elif row.entity.name == "board":
            yield from (_wanted(entity, Each.BOARD, row.id) for entity in walked(Each.BOARD))


def _key_of(row: Row) -> str | None:
    key = row.values["key"]
    return key if isinstance(key, str) else None


def _is_open(row: Row) -> bool:
    return not (row.values.get("is_archived") or row.values.get("is_deleted"))


def of_project(project_id: str) -> list[Wanted]:
    """The walks of a project."""
    return [_wanted(entity, Each.PROJECT, project_id) for entity in walked(Each.PROJECT)]


def for_stored(scope_id: str, lower: int, upper: int) -> list[Wanted]:
    """The walks over a range of stored issues."""
    return [Wanted(entity.name, scope_id, _PRIORITIES[Each.STORED], lower, upper) for entity in walked(Each.STORED)]


def top_ups(cut_lists: Iterable[TopUp]) -> list[Wanted]:
    """The walks that cut-off lists add."""
    return [
        _wanted(cut_list.entity, Each.ISSUE, cut_list.parent_id)
        for cut_list in cut_lists
        if cut_list.entity.walk is not None
    ]


def _wanted(entity: Entity, kind: Each, scope_id: str) -> Wanted:
    return Wanted(entity.name, scope_id, _PRIORITIES[kind] if entity.priority is None else entity.priority)
