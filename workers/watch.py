"""Jobs that keep a site's rows true after they were read: each a tenant's duty by the clock (`ingest.rota`)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from app import clock
from app.errors import JiraBusy, JiraDown, JiraFailure
from app.ingest import drift, live
from app.ingest.planning import tenant_schedule
from app.ingest.proof import derive_state, parking
from app.jira.limits import Purpose
from workers.job import job

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.runtime import Runtime
    from app.sources import Source
    from app.store.session import Store

    Work = Callable[[Store, Source, UUID], str | None]

_SOON = timedelta(minutes=1)
"""When a duty is tried again that the site did not answer; its own place in the period stays what it is."""


def _do(runtime: Runtime, tenant_id: str, name: str, work: Work) -> str | None:
    """Do a duty: it is due again at its next place, or sooner where Jira did not let it end."""
    tenant = UUID(tenant_id)
    with runtime.store.bound_to(tenant) as session:
        tenant_schedule.begin(session, name)
    try:
        return work(runtime.store, runtime.sites.open(tenant, Purpose.POLL), tenant)
    except JiraFailure as failure:
        again = failure.retry_at if isinstance(failure, JiraBusy) else clock.now() + _SOON
        if isinstance(failure, JiraBusy | JiraDown):
            with runtime.store.bound_to(tenant) as session:
                tenant_schedule.hasten(session, name, at=again)
        raise


@job
def poll(runtime: Runtime, tenant_id: str) -> str | None:
    """Find what changed since the last poll, whatever webhooks said."""
    found = _do(runtime, tenant_id, "poll", drift.poll_issues)
    if found is not None:
        with runtime.store.bound_to(UUID(tenant_id)) as session:
            derive_state(session)
    return found


@job
def worklogs(runtime: Runtime, tenant_id: str) -> str | None:
    """Follow Jira's feeds of changed and deleted worklogs."""
    return _do(runtime, tenant_id, "worklogs", drift.follow_worklogs)


@job
def failed_webhooks(runtime: Runtime, tenant_id: str) -> str | None:
    """Take what Jira could not deliver."""
    return _do(runtime, tenant_id, "failed_webhooks", live.take_failed_webhooks)


@job
def refresh(runtime: Runtime, tenant_id: str) -> str | None:
    """Read the stalest lists again: projects, boards, sprints, versions, statuses, fields."""
    found = _do(runtime, tenant_id, "refresh", drift.refresh_stalest_lists)
    with runtime.store.bound_to(UUID(tenant_id)) as session:
        if drift.is_behind(session):
            tenant_schedule.hasten(session, "refresh")
    return found


@job
def second_look(runtime: Runtime, tenant_id: str) -> str | None:
    """Find out what has become of issues that a sweep did not see."""
    return _do(runtime, tenant_id, "second_look", drift.check_absences)


@job
def recent(runtime: Runtime, tenant_id: str) -> str | None:
    """Compare what changed in the last 26 hours, every night."""
    return _do(runtime, tenant_id, "recent", drift.sweep_recent)


@job
def issue_ids(runtime: Runtime, tenant_id: str) -> str | None:
    """Compare an hour's part of all ids, all of them in a week."""
    return _do(runtime, tenant_id, "issue_ids", drift.sweep_ids)


@job
def probe(runtime: Runtime, tenant_id: str) -> str | None:
    """Ask a parked site whether it takes us again."""
    app_key = runtime.settings.app_key
    return _do(runtime, tenant_id, "probe", lambda store, source, tenant: parking.probe(store, source, tenant, app_key))


@job
def licence(runtime: Runtime, tenant_id: str) -> str | None:
    """Ask Jira whether the app is still licensed on the site."""
    app_key = runtime.settings.app_key
    return _do(
        runtime,
        tenant_id,
        "licence",
        lambda store, source, tenant: parking.check_licence(store, source, tenant, app_key),
    )
