"""Periodic jobs of a tenant to keep a site's rows up to date (`ingest.planning.tenant_schedule`)."""

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

    from app.conditions import Condition
    from app.runtime import Runtime
    from app.sources import Source
    from app.store.session import Store

    Work = Callable[[Store, Source, UUID], Condition | None]

_RETRY_PAUSE = timedelta(minutes=1)
"""Pause before the retry of a job after a failure of the site; its regular times stay unchanged."""


_REPAIRS = frozenset({"second_look", "recent", "issue_ids", "settings"})
"""Jobs that compare stored rows with the site."""


def _do(runtime: Runtime, tenant_id: str, name: str, work: Work) -> Condition | None:
    """Run a periodic job. It is due again at its next regular time, or sooner if Jira did not let it finish."""
    tenant = UUID(tenant_id)
    with runtime.store.bound_to(tenant) as session:
        tenant_schedule.begin(session, name)
    try:
        purpose = Purpose.REPAIR if name in _REPAIRS else Purpose.POLL
        return work(runtime.store, runtime.sites.open(tenant, purpose), tenant)
    except JiraFailure as failure:
        retry_at = failure.retry_at if isinstance(failure, JiraBusy) else clock.now() + _RETRY_PAUSE
        if isinstance(failure, JiraBusy | JiraDown):
            with runtime.store.bound_to(tenant) as session:
                tenant_schedule.hasten(session, name, at=retry_at)
        raise


@job
def poll(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Find changes since the last poll, independently of webhooks."""
    outcome = _do(runtime, tenant_id, "poll", drift.poll_issues)
    if outcome is not None:
        with runtime.store.bound_to(UUID(tenant_id)) as session:
            derive_state(session)
    return outcome


@job
def worklogs(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Follow Jira's feeds of changed and deleted worklogs."""
    return _do(runtime, tenant_id, "worklogs", drift.follow_worklogs)


@job
def failed_webhooks(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Process the webhooks of failed deliveries."""
    return _do(runtime, tenant_id, "failed_webhooks", live.take_failed_webhooks)


@job
def refresh(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Read the stalest lists again: projects, boards, sprints, versions, statuses, fields."""
    outcome = _do(runtime, tenant_id, "refresh", drift.refresh_stalest_lists)
    with runtime.store.bound_to(UUID(tenant_id)) as session:
        if drift.is_behind(session):
            tenant_schedule.hasten(session, "refresh")
    return outcome


@job
def settings(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Bring the stored rows in line with the settings."""
    return _do(runtime, tenant_id, "settings", drift.apply_settings)


@job
def second_look(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Investigate issues absent from a sweep."""
    return _do(runtime, tenant_id, "second_look", drift.check_absences)


@job
def recent(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Compare the changes of the last 26 hours, every night."""
    return _do(runtime, tenant_id, "recent", drift.sweep_recent)


@job
def issue_ids(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Compare an hourly part of all ids, all of them within a week."""
    return _do(runtime, tenant_id, "issue_ids", drift.sweep_ids)


@job
def probe(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Probe whether a parked site accepts the app again."""
    app_key = runtime.settings.app_key
    return _do(runtime, tenant_id, "probe", lambda store, source, tenant: parking.probe(store, source, tenant, app_key))


@job
def licence(runtime: Runtime, tenant_id: str) -> Condition | None:
    """Ask Jira whether the app is still licensed on the site."""
    app_key = runtime.settings.app_key
    return _do(
        runtime,
        tenant_id,
        "licence",
        lambda store, source, tenant: parking.check_licence(store, source, tenant, app_key),
    )
