"""Somebody asks for the site's changes now: *sync*, with one meaning for API, console and command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import jobs
from app.conditions import Code
from app.errors import Conflicting
from app.ingest.planning import enqueue_worker_once, tenant_schedule
from app.ingest.writing import unreadable
from app.integrations import ledger

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.store.session import Session, Store

CHANGES = (jobs.POLL, jobs.WORKLOGS, jobs.FAILED_WEBHOOKS, jobs.REFRESH, jobs.SECOND_LOOK, jobs.VERIFY)
"""The periodic jobs that find changes and verify the result."""


def sync(store: Store, integration: Integration, *, is_full: bool = False) -> Integration:
    """Read the latest changes now; a full sync walks the whole site again. Returns the integration, raises Conflicting.

    The clock enqueues the periodic jobs within seconds, chunks that are due get a worker, and parts that couldn't be had
    are tried again. Nothing is planned anew unless the sync is full.
    """
    if integration.tenant_id is None:
        raise Conflicting(Code.NOT_WORKING)
    with store.bound_to(integration.tenant_id) as session:
        current = ledger.of_tenant(session)
        if current is None or current.id != integration.id or not current.state.is_working:
            raise Conflicting(Code.NOT_WORKING)
        if is_full:
            session.enqueue(jobs.PLAN, str(session.tenant_id), once_as=str(session.tenant_id))
        else:
            _hasten_changes(session)
    return current


def _hasten_changes(session: Session) -> None:
    unreadable.make_due(session)
    tenant_schedule.hasten(session, *(spec.name for spec in CHANGES))
    enqueue_worker_once(session)
