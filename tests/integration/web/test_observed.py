"""Progress for operators and SEI: remaining time, cost, and requests to Jira."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from app import clock, ids
from app.ingest.status import Progress
from app.integrations import ledger
from app.integrations.model import State
from app.jira.endpoints import endpoint_of
from app.jira.limits import Purpose
from app.store import records
from app.store.schema import CHUNKS, COMPLETENESS
from app.web import create_app, metrics, shown
from app.web.api.integrations import progress_of
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from app.runtime import Runtime

ISSUE = endpoint_of("GET", "/rest/api/3/issue/10001")


@pytest.mark.parametrize(
    ("done_count", "expected_count", "remaining_s"),
    [(500, 2000, 300), (99, 2000, None), (100, 2000, 1900), (500, None, None), (2000, 2000, 0)],
)
def test_the_time_left_is_told_where_enough_is_known(
    parts: Runtime, done_count: int, expected_count: int | None, remaining_s: int | None
) -> None:
    tenant, integration = a_paired_site(parts)
    now = clock.now()
    with parts.store.bound_to(tenant.tenant_id) as session:
        ledger.move_to(session, integration.id, State.BACKFILLING, started_at=now - timedelta(seconds=100))
        records.tally(session, {"issue": done_count})
        session.execute(
            insert(CHUNKS).values(
                tenant_id=tenant.tenant_id, id=ids.new(), entity="issue", scope_id="1", lower=0, upper=1,
                priority=30, state="waiting", due_at=now, expected=expected_count,
            )
        )  # fmt: skip
        record = ledger.of_tenant(session)
    assert record is not None
    estimate = progress_of(parts, record).seconds_left
    assert (estimate is None) == (remaining_s is None)
    assert estimate is None or remaining_s is None or abs(estimate - remaining_s) <= max(2, remaining_s // 20)


@pytest.mark.parametrize(
    ("remaining_seconds", "words"),
    [
        (None, "500 of 2,000 issues read"),
        (59, "500 of 2,000 issues read, less than a minute left"),
        (61, "500 of 2,000 issues read, about 2 minutes left"),
    ],
)
def test_a_progress_bar_tells_the_time_left(parts: Runtime, remaining_seconds: int | None, words: str) -> None:
    _, integration = a_paired_site(parts)
    with create_app(parts).test_request_context():
        page = shown.integration(integration, [Progress("issue", 500, 2000, None)], remaining_seconds)
    assert page["text"]["count"] == words


def test_points_are_visible_per_site_and_requests_and_refusals_for_all(parts: Runtime) -> None:
    tenant, integration = a_paired_site(parts)
    before = parts.limiter.accounts.traffic(clock.now())
    for status, headers in [(200, {}), (429, {"RateLimit-Reason": "jira-burst-based", "Retry-After": "1"})]:
        with parts.limiter.admit(str(tenant.tenant_id), ISSUE, purpose=Purpose.BACKFILL, expected_points=2) as permit:
            permit.settle(status, headers, {})
    after = parts.limiter.accounts.traffic(clock.now())
    assert after["requests"] - before["requests"] == 2
    assert after["endpoint"] - before.get("endpoint", 0) == 1
    with parts.store.bound_to(tenant.tenant_id) as session:
        record = ledger.of_tenant(session)
    assert record is not None
    assert record.id == integration.id
    assert progress_of(parts, record).points_this_hour == 2 + 1
    text = metrics.render(parts).decode()
    assert f"sei_jira_requests_this_hour {after['requests']}.0" in text
    assert 'sei_jira_points_this_hour{purpose="backfill"}' in text
    assert 'sei_jira_refusals_this_hour{scope="endpoint"}' in text


def test_what_verifications_found_is_counted_over_all_sites(parts: Runtime) -> None:
    def counted() -> dict[str, float]:
        lines = [line for line in metrics.render(parts).decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    before = counted()
    now = clock.now()
    yesterday = now - timedelta(days=1)
    whole, short, paused_site = (a_paired_site(parts) for _ in range(3))
    findings = [
        # An older finding with other figures no longer counts.
        (whole, "issue", "1", 3, 10, 0, yesterday),
        (whole, "issue", "1", 10, 10, 0, now),
        (whole, "comment", "1", 5, 5, 0, now),
        # One project lacks seven rows, the other has two extra ones, one of which waits for its check.
        (short, "issue", "1", 3, 10, 0, yesterday),
        (short, "issue", "2", 12, 10, 1, yesterday),
        (short, "comment", "1", 5, 5, 0, yesterday),
        (paused_site, "issue", "1", 0, 1000, 0, yesterday - timedelta(days=30)),
    ]
    for (tenant, _), entity, scope, stored_count, expected_count, suspected_count, moment in findings:
        with parts.store.bound_to(tenant.tenant_id) as session:
            session.execute(
                insert(COMPLETENESS).values(
                    tenant_id=tenant.tenant_id, id=ids.new(), entity=entity, scope_id=scope, stored=stored_count,
                    expected=expected_count, suspected=suspected_count, method="test",
                    is_complete=stored_count - suspected_count == expected_count,
                    verified_at=moment,
                )
            )  # fmt: skip
    for (tenant, integration), state in [(whole, "healthy"), (short, "needs attention"), (paused_site, "paused")]:
        with parts.store.bound_to(tenant.tenant_id) as session:
            ledger.move_to(session, integration.id, State(state))
    after = counted()

    def more(name: str) -> float:
        return after[name] - before.get(name, 0)

    assert more('sei_verified_integrations{result="complete"}') == 1
    assert more('sei_verified_integrations{result="incomplete"}') == 1
    assert more('sei_rows_missing{entity="issue"}') == 7
    assert more('sei_rows_surplus{entity="issue"}') == 1
    assert more('sei_rows_missing{entity="comment"}') == 0
    assert after["sei_oldest_verification_seconds"] >= max(86400, before["sei_oldest_verification_seconds"])
    assert after["sei_oldest_verification_seconds"] < 29 * 86400, "a paused integration counts"
