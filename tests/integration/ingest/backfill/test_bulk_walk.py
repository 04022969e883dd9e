"""Backfills of a site that a token opens: ids, then issues by the bulk endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.conditions import Code
from app.errors import JiraDown
from app.ingest.proof import verification
from app.ingest.writing import unreadable
from tests.fakes.jira import FIRST_ID, FakeSite
from tests.integration.ingest.backfill.test_walk import backfill, chunks, stored

if TYPE_CHECKING:
    from uuid import UUID

    from app.runtime import Runtime

BROKEN_ID = str(FIRST_ID + 120)


def break_one_issue(path: str, page: dict[str, Any]) -> None:
    """A way to misbehave: every answer that holds one issue with its fields is a 500."""
    bodies = page.get("issues", [page])
    if any(body.get("id") == BROKEN_ID and body.get("fields") for body in bodies):
        raise JiraDown(Code.ANSWERED, status=500, endpoint=path)


def requests_of(site: FakeSite, *endings: str) -> int:
    return sum(path.endswith(endings) for path, _ in site.calls)


def test_a_site_is_read_by_ids_and_batches(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(3500, is_token_site=True)
    backfill(parts, tenant_id, site)
    assert stored(parts, tenant_id) == 3500
    walked_chunks = chunks(parts, tenant_id)
    pages = sum(-(-chunk.seen // 100) for chunk in walked_chunks)
    assert requests_of(site, "/issue/bulkfetch") == pages, "each issue was asked for once"
    id_sweeps = [body for _, body in site.calls if body.get("fields") == "id"]
    assert len(id_sweeps) == len(walked_chunks)
    assert site.searches() == []
    findings = verification.verify(parts.store, site.source, tenant_id)
    assert all(finding.is_complete for finding in findings)


def test_an_issue_that_fails_every_answer_is_set_aside_alone(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(300, break_one_issue, is_token_site=True)
    backfill(parts, tenant_id, site)
    assert stored(parts, tenant_id) == 299
    (chunk,) = chunks(parts, tenant_id)
    assert (chunk.state, chunk.seen, chunk.problem) == ("done", 300, None)
    with parts.store.bound_to(tenant_id) as session:
        (part,) = unreadable.listed(session, limit=10)
    assert (part.entity, part.scope_id, part.is_object) == ("issue", BROKEN_ID, True)
    assert part.reason.code is Code.PART_BROKEN
    assert requests_of(site, "/issue/bulkfetch") <= 20


def test_an_issue_that_is_left_out_silently_is_read_directly(parts: Runtime, tenant_id: UUID) -> None:
    def leave_one_out(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/issue/bulkfetch"):
            page["issues"] = [body for body in page["issues"] if body["id"] != BROKEN_ID]

    site = FakeSite(300, leave_one_out, is_token_site=True)
    backfill(parts, tenant_id, site)
    assert stored(parts, tenant_id) == 300
    assert requests_of(site, f"/issue/{BROKEN_ID}") == 1
