"""Webhooks are hints: what they name is read again. Their bodies are not signed, may be old, doubled or cut."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, jobs, logs
from app.catalog.extract import clean
from app.catalog.language import find
from app.catalog.registry import all_entities, entity
from app.errors import JiraFailure, JiraGone, JiraRefused
from app.ingest import fieldmap, named
from app.ingest.plan import lend_hands
from app.ingest.sift import sift
from app.ingest.storing import extract_page, store_page
from app.integrations import ledger
from app.store import checkpoints, records
from app.store.schema import CHUNKS, INBOX
from app.store.session import StoreFault

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from app.catalog.language import Json
    from app.ingest.storing import Haul
    from app.jira.client import Site
    from app.store.session import Session, Store

log = logs.get(__name__)

_ISSUE_PATHS = ("issue.id", "worklog.issueId", "issueLink.sourceIssueId", "issueLink.destinationIssueId")
_LONGEST_ID = 255
_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def keep(session: Session, tenant_id: UUID, delivery_id: str, event: str, body: Json) -> bool:
    """Keep a delivery's ids, once and only for a paired site; nothing personal is kept. Returns whether it is new."""
    if ledger.of_tenant(session, tenant_id) is None:
        return False
    made = session.changed(
        insert(INBOX)
        .values(tenant_id=tenant_id, delivery_id=delivery_id, event=clean(event)[:_LONGEST_ID], body=_hints(body))
        .on_conflict_do_nothing(index_elements=["tenant_id", "delivery_id"])
    )
    if made:
        session.enqueue(jobs.WEBHOOKS, str(tenant_id), once_as=f"{tenant_id}-{clock.epoch()}")
    return bool(made)


def _hints(body: Json) -> dict[str, Any]:
    """The numeric ids of the issues that a body names; a comment of Data Center names its issue only in its address."""
    found = {str(each) for path in _ISSUE_PATHS if (each := find(body, path)) is not None}
    address = find(body, "comment.self")
    if isinstance(address, str) and "/issue/" in address:
        found.add(address.split("/issue/", 1)[1].split("/", 1)[0])
    return {"issues": sorted(each for each in found if _ID.fullmatch(each))}


@dataclass(frozen=True)
class Drain:
    """Reads again what a tenant's deliveries name."""

    store: Store
    site: Site
    tenant_id: UUID

    def once(self) -> int:
        """Handle one batch of waiting deliveries. Returns how many were handled; raises a JiraFailure."""
        with self.store.bound_to(self.tenant_id) as session:
            waiting = session.execute(
                select(INBOX).where(INBOX.c.done_at.is_(None)).order_by(INBOX.c.received_at).limit(named.MOST)
            ).all()
            integration = ledger.of_tenant(session, self.tenant_id)
            if not waiting or integration is None or not integration.state.is_working:
                return 0
            fields = fieldmap.load(session, integration)
        batch, issues = _take(waiting)
        found = named.read(self.site, issues)
        gone = self._gone(found.absent, batch)
        haul = extract_page(entity("issue"), found.bodies, fields, None)
        try:
            self._commit(batch, haul, gone, found.sent_at)
        except StoreFault:
            self._commit(batch, sift(self.store, self.tenant_id, haul, read_at=found.sent_at), gone, found.sent_at)
        log.info("webhooks", tenant_id=str(self.tenant_id), deliveries=len(batch), issues=len(issues), gone=len(gone))
        return len(batch)

    def _commit(self, batch: list[Any], haul: Haul, gone: list[str], sent_at: datetime) -> None:
        """One transaction: what was read, and that it was."""
        with self.store.bound_to(self.tenant_id) as session:
            self._apply(session, haul, gone, sent_at)
            self._refresh(session, {row.event for row in batch})
            session.execute(
                update(INBOX)
                .where(INBOX.c.delivery_id.in_([row.delivery_id for row in batch]))
                .values(done_at=clock.now(), outcome="read again")
            )
            if not ledger.mark_ingested(session, self.tenant_id):
                raise JiraRefused("The integration was paused, disconnected or deleted meanwhile.")

    def _gone(self, absent: Collection[str], batch: list[Any]) -> list[str]:
        """Issues that Jira says were deleted, confirmed by asking for each; an absence alone proves nothing."""
        deleted = {each for row in batch if row.event == "jira:issue_deleted" for each in row.body["issues"]}
        return [each for each in absent if each in deleted and not self._exists(each)]

    def _exists(self, issue_id: str) -> bool:
        try:
            self.site.get(f"/rest/api/3/issue/{issue_id}", {"fields": "id"})
        except JiraGone:
            return False
        except JiraFailure:
            return True
        return True

    def _apply(self, session: Session, haul: Haul, gone: list[str], sent_at: datetime) -> None:
        store_page(session, self.tenant_id, haul, read_at=sent_at)
        if gone:
            records.bury(session, self.tenant_id, haul.entity, gone, at=clock.now(), because="deleted")
        if haul.top_ups:
            lend_hands(session, self.tenant_id, 1)

    def _refresh(self, session: Session, events: set[str]) -> None:
        """Walk again the entities, other than issues', that an event says have changed."""
        touched = [
            each.name
            for each in all_entities().values()
            if each.belongs_to != "issue" and each.name != "issue" and events & set(each.webhooks)
        ]
        if not touched:
            return
        known = session.execute(
            select(CHUNKS.c.entity, CHUNKS.c.scope_id, func.max(CHUNKS.c.priority).label("priority"))
            .where(CHUNKS.c.entity.in_(touched))
            .group_by(CHUNKS.c.entity, CHUNKS.c.scope_id)
        ).all()
        wanted = [checkpoints.Wanted(row.entity, row.scope_id, row.priority) for row in known]
        if checkpoints.plan(session, self.tenant_id, wanted, again=True):
            lend_hands(session, self.tenant_id, 1)


def _take(waiting: list[Any] | Any) -> tuple[list[Any], list[str]]:  # noqa: ANN401 - SQLAlchemy rows
    """As many deliveries, oldest first, as name at most 50 issues together."""
    batch: list[Any] = []
    issues: dict[str, None] = {}
    for row in waiting:
        more = dict.fromkeys(each for each in row.body["issues"] if each not in issues)
        if batch and len(issues) + len(more) > named.MOST:
            break
        batch.append(row)
        issues.update(more)
    return batch, list(issues)
