"""A chunk of issues read by their ids, where its pages can't be had.

One issue can fail every page that would hold it. Its id is still listed, so the others are read around it, and it is set
aside alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.catalog.registry import entity
from app.errors import JiraDown, JiraNonsense, JiraRejected, TokenExpired
from app.ingest.backfill import serving
from app.ingest.planning import field_policy, plan
from app.ingest.writing import unreadable
from app.ingest.writing.page import parse_page
from app.ingest.writing.quarantine import write_accepted
from app.integrations import ledger
from app.sources import READ_BATCH, Scope
from app.store import checkpoints
from app.store.checkpoints import LeaseLost

if TYPE_CHECKING:
    from uuid import UUID

    from app.catalog.field_policy import FieldPolicy
    from app.sources import Source
    from app.store.checkpoints import Chunk
    from app.store.session import Store

_LIMIT = 2000
"""Issues of a chunk that is read this way; larger ones are halved first."""


def read_by_ids(store: Store, source: Source, tenant_id: UUID, chunk: Chunk) -> bool:
    """Read the issues of a chunk by id and finish it. Returns False where the ids can't be had, or are too many.

    Raises JiraFailure and LeaseLost.
    """
    with store.bound_to(tenant_id) as session:
        integration = ledger.of_tenant(session)
        if integration is None:
            raise LeaseLost("the integration is gone")
        policy = field_policy.load(session, integration)
    try:
        pages = source.ids(Scope(chunk.scope_id, chunk.lower, chunk.upper, policy))
        issue_ids = [issue_id for page in pages for issue_id in page.issues]
    except (JiraDown, JiraNonsense, JiraRejected, TokenExpired):
        return False
    if len(issue_ids) > _LIMIT:
        return False
    for start in range(0, len(issue_ids), READ_BATCH):
        _read_batch(store, source, tenant_id, policy, issue_ids[start : start + READ_BATCH])
    with store.bound_to(tenant_id) as session:
        checkpoints.finish(session, replace(chunk, seen=0), seen=len(issue_ids), expected=len(issue_ids))
        checkpoints.plan(session, plan.for_stored(chunk.scope_id, chunk.lower, chunk.upper), again=True)
    return True


def _read_batch(store: Store, source: Source, tenant_id: UUID, policy: FieldPolicy, issue_ids: list[str]) -> None:
    issue_read = source.by_ids(issue_ids, policy)
    parsed_page = parse_page(entity("issue"), issue_read.bodies, policy, None)
    with store.bound_to(tenant_id) as session:
        write_accepted(session, parsed_page, read_at=issue_read.sent_at)
        unreadable.note_issues(session, issue_read, parsed_page.own_ids)
        serving.mark_ingested(session)
