"""A source is a class below `app/sources` and one line of its registry: a throw-away one is found and backfilled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import func, select, update

from app import clock
from app.catalog.registry import entity
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.planning import plan
from app.ingest.proof import verification
from app.sources import Method, Product, registry
from app.store.schema import CHUNKS, TENANTS
from app.store.tables import table_of
from tests.factories import a_paired_site
from tests.fakes.jira import FakeSite, FullPages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from app.runtime import Runtime
    from app.sources import Source

ISSUES = 250


@dataclass(frozen=True)
class OtherJira:
    """Another kind of Jira; asks a site of its own and notes the verbs."""

    site: FakeSite
    verbs: list[str] = field(default_factory=list)

    def __getattr__(self, verb: str) -> Any:
        self.verbs.append(verb)
        return getattr(self.site.source, verb)


@pytest.fixture
def other_jira(monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherJira]:
    """A source that is registered by one line for as long as the test runs."""
    source = OtherJira(FakeSite(ISSUES))
    line = {(Product.DATA_CENTER, Method.CONNECT_APP): lambda _client: cast("Source", source)}
    monkeypatch.setattr(registry, "SOURCES", MappingProxyType({**registry.SOURCES, **line}))
    return source


@pytest.fixture
def tenant_id(parts: Runtime) -> UUID:
    """A site of the other product."""
    tenant_id = a_paired_site(parts)[0].tenant_id
    with parts.store.unrestricted_unsafe() as session:
        product = {"product": Product.DATA_CENTER.value}
        session.execute(update(TENANTS).where(TENANTS.c.id == tenant_id).values(**product))
    return tenant_id


def test_a_registered_source_is_planned_read_and_verified(
    parts: Runtime, tenant_id: UUID, other_jira: OtherJira
) -> None:
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    worker = BackfillWorker(parts.store, parts.sites, tenant_id, 8, 2, page_sizer=FullPages())
    for _ in range(10):
        if worker.work(until=clock.now() + timedelta(seconds=20)) == "done":
            break
        with parts.store.bound_to(tenant_id) as session:
            session.execute(update(CHUNKS).where(CHUNKS.c.state == "waiting").values(due_at=clock.now()))
    findings = verification.verify(parts.store, parts.sites.open(tenant_id), tenant_id)
    with parts.store.bound_to(tenant_id) as session:
        count = session.execute(select(func.count()).select_from(table_of(entity("issue")))).scalar_one()
    assert count == ISSUES
    assert [finding.stored for finding in findings if finding.entity == "issue"] == [ISSUES]
    assert all(finding.is_complete for finding in findings)
    assert {"issues", "listing", "count"} <= set(other_jira.verbs)


def test_a_product_without_a_source_has_none() -> None:
    with pytest.raises(KeyError):
        registry.source_for("jira_elsewhere", "connect_app", cast("Any", None))
