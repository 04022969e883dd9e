"""A record that can't be read or stored is quarantined with its hash and a reason; the others are stored."""

from __future__ import annotations

import hashlib
import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import psycopg
import pytest
from sqlalchemy import select

from app import clock, ids
from app.catalog.registry import entity
from app.errors import Unavailable
from app.ingest.backfill.worker import BackfillWorker
from app.ingest.live import Drain
from app.ingest.planning import inbox, plan
from app.ingest.proof import verification
from app.integrations import ledger
from app.store import metrics_snapshot, poison
from app.store.schema import CHUNKS, INBOX
from app.store.session import StoreFault
from app.store.tables import table_of
from app.web import doctor
from app.web.api.integrations import progress_of
from app.web.words.sentences import english
from tests.factories import a_paired_site
from tests.fakes.jira import FakeSite, FakeSites

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from app.integrations.model import Integration
    from app.runtime import Runtime

COUNT = 250
LONG = f"{random.Random(5).getrandbits(32_000):x}"
"""Text that is too long for an index of PostgreSQL, compressed or not."""


def a_text_for_fields(issue: dict[str, Any]) -> None:
    issue["fields"] = "text"


def no_id(issue: dict[str, Any]) -> None:
    del issue["id"]


def an_id_too_long(issue: dict[str, Any]) -> None:
    issue["id"] = LONG


def a_comment_too_long(issue: dict[str, Any]) -> None:
    comments = [{"id": comment_id, "created": issue["fields"]["created"]} for comment_id in ("71", LONG, "72")]
    issue["fields"]["comment"] = {"comments": comments, "total": 3}


def spoiling(number: int, spoil: Callable[[dict[str, Any]], None]) -> Callable[[str, dict[str, Any]], None]:
    def misbehave(path: str, page: dict[str, Any]) -> None:
        for issue in page.get("issues", []) if path.endswith("/search/jql") else []:
            if issue.get("key") == f"EE-{number}" and "summary" in issue["fields"]:
                spoil(issue)

    return misbehave


@pytest.fixture
def paired_site(parts: Runtime) -> tuple[UUID, Integration]:
    site, integration = a_paired_site(parts)
    return site.tenant_id, integration


def backfill(parts: Runtime, tenant_id: UUID, site: FakeSite) -> None:
    with parts.store.bound_to(tenant_id) as session:
        plan.begin_backfill(session, site_concurrency=1)
    worker = BackfillWorker(parts.store, FakeSites(site), tenant_id, 8, 4)  # type: ignore[arg-type]  # a fake wire
    assert worker.work(until=clock.now() + timedelta(seconds=20)) == "done"


def stored(parts: Runtime, tenant_id: UUID, name: str) -> set[str]:
    with parts.store.bound_to(tenant_id) as session:
        return set(session.execute(select(table_of(entity(name)).c.id)).scalars())


@pytest.mark.parametrize(
    ("spoil", "name", "reason"),
    [
        (a_text_for_fields, "issue", "issue: expected an object, got str"),
        (no_id, "issue", "issue: no id"),
        (an_id_too_long, "issue", "issue: EE-137: the database refuses it (ProgramLimitExceeded)"),
        (a_comment_too_long, "comment", f"comment: {LONG[:40]}…: the database refuses it (ProgramLimitExceeded)"),
    ],
)
def test_one_bad_record_is_parked_and_the_rest_is_stored(
    parts: Runtime,
    paired_site: tuple[UUID, Integration],
    spoil: Callable[[dict[str, Any]], None],
    name: str,
    reason: str,
) -> None:
    tenant_id, integration = paired_site
    backfill(parts, tenant_id, FakeSite(COUNT, spoiling(137, spoil)))

    whole = {str(100_000 + number) for number in range(COUNT)}
    assert stored(parts, tenant_id, "issue") == (whole if name == "comment" else whole - {"100137"})
    assert stored(parts, tenant_id, "comment") == ({"71", "72"} if name == "comment" else set())
    with parts.store.bound_to(tenant_id) as session:
        assert set(session.execute(select(CHUNKS.c.state)).scalars()) == {"done"}

    (record,) = progress_of(parts, integration).parked
    assert (record.entity, record.reason) == (name, reason)
    assert len(record.digest) == 64


def test_the_digest_is_that_of_the_record_as_it_was_read(parts: Runtime, paired_site: tuple[UUID, Integration]) -> None:
    tenant_id, integration = paired_site
    originals: list[dict[str, Any]] = []

    def spoil(issue: dict[str, Any]) -> None:
        a_text_for_fields(issue)
        originals.append(issue)

    backfill(parts, tenant_id, FakeSite(20, spoiling(3, spoil)))
    (record,) = progress_of(parts, integration).parked
    assert record.digest == hashlib.sha256(orjson.dumps(originals[0])).hexdigest()


def test_a_record_that_is_read_again_is_parked_once_and_gone_when_it_can_be_read(
    parts: Runtime, paired_site: tuple[UUID, Integration]
) -> None:
    tenant_id, integration = paired_site
    for _ in range(2):
        backfill(parts, tenant_id, FakeSite(20, spoiling(3, an_id_too_long)))
        assert progress_of(parts, integration).parked_total == 1
    backfill(parts, tenant_id, FakeSite(20))
    assert progress_of(parts, integration).parked_total == 0


def test_what_is_parked_is_counted_for_operators_and_said_in_the_state(
    parts: Runtime, database_url: str, paired_site: tuple[UUID, Integration]
) -> None:
    tenant_id, integration = paired_site
    with parts.store.unrestricted_unsafe() as session:
        before = metrics_snapshot.take(session, states=ledger.WORKING_STATES).poison
    site = FakeSite(20, spoiling(3, a_text_for_fields))
    backfill(parts, tenant_id, site)
    verification.verify(parts.store, site.source, tenant_id)  # type: ignore[arg-type]  # a fake wire
    with parts.store.unrestricted_unsafe() as session:
        assert metrics_snapshot.take(session, states=ledger.WORKING_STATES).poison == before + 1
    (line,) = [check for check in doctor._database(database_url) if check.name == "parked records"]
    assert line.ok
    assert line.detail.startswith(f"{before + 1} records")
    with parts.store.unrestricted_unsafe() as session:
        record = ledger.get(session, integration.id)
    assert record.state_reason is not None
    assert english(record.state_reason) == "1 of 20 issue rows are missing; 1 record could not be read."


def test_a_bad_record_of_a_webhook_is_parked_too(parts: Runtime, paired_site: tuple[UUID, Integration]) -> None:
    tenant_id, _ = paired_site
    site = FakeSite(20, spoiling(3, an_id_too_long))
    with parts.store.bound_to(tenant_id) as session:
        for number in (3, 4):
            inbox.keep(session, str(ids.new()), "jira:issue_updated", {"issue": {"id": f"{100_000 + number}"}})
    assert Drain(parts.store, site.source, tenant_id).once() == 2  # type: ignore[arg-type]  # a fake wire
    assert stored(parts, tenant_id, "issue") >= {"100004"}
    with parts.store.bound_to(tenant_id) as session:
        assert poison.count(session) == 1
        assert session.execute(select(INBOX.c.done_at)).scalars().all().count(None) == 0


def test_a_database_that_is_away_makes_no_record_a_bad_one(
    parts: Runtime, paired_site: tuple[UUID, Integration]
) -> None:
    tenant_id, _ = paired_site
    for error in (psycopg.errors.AdminShutdown(), psycopg.errors.DiskFull(), psycopg.OperationalError("no connection")):
        with pytest.raises(Unavailable), parts.store.bound_to(tenant_id):
            raise error
    with pytest.raises(StoreFault), parts.store.bound_to(tenant_id):
        raise psycopg.errors.ProgramLimitExceeded
