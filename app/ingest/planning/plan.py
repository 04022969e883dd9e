"""What there is to walk, and in which order.

The site's own walks are planned when it is paired; projects and boards bring theirs with the page that names them, and
an issue whose inline list was cut off brings its top-up. All of it stands in PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import clock, jobs
from app.catalog.language import Each
from app.catalog.registry import walked
from app.integrations import ledger
from app.integrations.model import State
from app.store import checkpoints, poison
from app.store.checkpoints import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.catalog.extract import Row, TopUp
    from app.catalog.language import Entity
    from app.store.session import Session

SHORT = 45
"""From this priority on chunks are short and many."""
_BY_EACH = {Each.SITE: 10, Each.PROJECT: 40, Each.BOARD: 40, Each.SCRUM_BOARD: 40, Each.STORED: SHORT, Each.ISSUE: 50}

_A_HAND = 4
"""Requests under way that one hand sees to at least; where more hands find something to do, the sweep lends them."""


def begin_backfill(session: Session, *, site_concurrency: int) -> bool:
    """Plan the whole site and start its hands, before all that wait: people look at a page that shows nothing yet.

    Returns False where nobody is paired with it any more.
    """
    integration = ledger.of_tenant(session, lock=True)
    if integration is None or not integration.state.is_working:
        return False
    checkpoints.forget(session)
    poison.forget(session)
    wanted = [_wanted(entity, Each.SITE, "") for entity in walked(Each.SITE)]
    checkpoints.plan(session, wanted)
    ledger.move_to(session, integration.id, State.BACKFILLING, started_at=clock.now())
    enqueue_workers(session, -(-site_concurrency // _A_HAND), is_first=True)
    return True


def enqueue_workers(session: Session, count: int, *, is_first: bool = False) -> None:
    """Enqueue hands for a tenant; surplus ones find nothing to claim and go."""
    for _ in range(count):
        session.enqueue(jobs.BACKFILL, str(session.tenant_id), is_first=is_first)


def enqueue_worker_once(session: Session) -> None:
    """Something new is due: one hand that waits or works is enough for any number of calls."""
    session.enqueue(jobs.BACKFILL, str(session.tenant_id), once_as=f"{session.tenant_id}-called")


def follow_ups(rows: Iterable[Row]) -> Iterator[Wanted]:
    """The walks that a page of projects or boards brings."""
    for row in rows:
        if row.entity.name == "project" and not (row.values.get("is_archived") or row.values.get("is_deleted")):
            yield from (_wanted(entity, Each.PROJECT, row.id) for entity in walked(Each.PROJECT))
        elif row.entity.name == "board":
            yield from (_wanted(entity, Each.BOARD, row.id) for entity in walked(Each.BOARD))
            if row.values.get("type") == "scrum":
                yield from (_wanted(entity, Each.SCRUM_BOARD, row.id) for entity in walked(Each.SCRUM_BOARD))


def for_stored(scope_id: str, lower: int, upper: int) -> list[Wanted]:
    """The walks over a range of issues that has just been stored to its end."""
    return [Wanted(entity.name, scope_id, _BY_EACH[Each.STORED], lower, upper) for entity in walked(Each.STORED)]


def top_ups(needed: Iterable[TopUp]) -> list[Wanted]:
    """The walks that cut-off lists bring."""
    return [_wanted(each.entity, Each.ISSUE, each.parent_id) for each in needed if each.entity.walk is not None]


def _wanted(entity: Entity, each: Each, scope_id: str) -> Wanted:
    return Wanted(entity.name, scope_id, _BY_EACH[each] if entity.priority is None else entity.priority)
