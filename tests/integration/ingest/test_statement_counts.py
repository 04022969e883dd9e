"""Work on many objects takes a fixed number of statements: most of it runs under the tenant's write lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from app import clock
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.drift import absence_check
from app.ingest.planning import inbox, tenant_schedule
from app.ingest.planning.inbox import Arrival
from app.ingest.writing import absences, project_access, rename_propagation
from app.sources.answers import IssueRead
from app.store import checkpoints, records
from app.store.checkpoints import Wanted
from app.store.schema import CHUNKS
from app.store.sync_tables import ABSENCES, SCHEDULES
from app.store.tables import table_of
from tests.factories import a_paired_site, a_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    import pytest

    from app.catalog.extract import Row
    from app.catalog.field_policy import FieldPolicy
    from app.catalog.json_value import Json
    from app.runtime import Runtime
    from app.store.session import Session

    Statements = Callable[[], AbstractContextManager[list[str]]]

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MANY = [str(number) for number in range(300)]
EVIDENCE = Condition(Code.WEBHOOK)


def store_rows(session: Session, *rows: Row) -> None:
    records.apply(session, rows, read_at=NOON)


def an_issue(issue_id: str) -> Row:
    return a_row("issue", issue_id, key=f"EE-{issue_id}", project_id="7", updated=NOON)


def store_issues(session: Session) -> None:
    store_rows(session, *map(an_issue, MANY))


def causes(session: Session) -> dict[str, int]:
    counts: dict[str, int] = {}
    for cause in session.execute(select(ABSENCES.c.cause)).scalars():
        counts[cause] = counts.get(cause, 0) + 1
    return counts


def test_issues_are_missed_in_one_statement(parts: Runtime, tenant_id: UUID, statements: Statements) -> None:
    with parts.store.bound_to(tenant_id) as session:
        store_issues(session)
        evidence = dict.fromkeys(MANY[:3], EVIDENCE)
        with statements() as log:
            assert absences.miss(session, [*MANY, "unknown"], evidence=evidence) == len(MANY)
        assert len(log) == 1, log
        absent_issues = absences.listed(session, limit=len(MANY) + 1)
    assert len(absent_issues) == len(MANY)
    assert {absence.issue_id for absence in absent_issues if absence.evidence == EVIDENCE} == set(MANY[:3])
    assert {absence.evidence for absence in absent_issues if absence.evidence != EVIDENCE} == {None}


def test_issues_that_are_missed_again_keep_their_first_time_and_their_evidence(
    parts: Runtime, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with parts.store.bound_to(tenant_id) as session:
        store_issues(session)
        monkeypatch.setattr(clock, "now", lambda: NOON)
        absences.miss(session, MANY[:2], evidence={"0": EVIDENCE})
        monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(hours=2))
        absences.miss(session, MANY[:2])
        absent_issues = {absence.issue_id: absence for absence in absences.listed(session, limit=9)}
    assert [absent_issues[issue_id].evidence for issue_id in ("0", "1")] == [EVIDENCE, None]
    assert {(absence.sweeps, absence.missed_at) for absence in absent_issues.values()} == {(2, NOON)}


def test_absences_are_settled_in_one_statement(parts: Runtime, tenant_id: UUID, statements: Statements) -> None:
    with parts.store.bound_to(tenant_id) as session:
        store_issues(session)
        absences.miss(session, MANY[:100])
        with statements() as log:
            absences.settle(session, MANY, absences.PERMISSION_LOST, evidence=Condition(Code.PROJECT_HIDDEN))
        assert len(log) == 1, log
        assert causes(session) == {absences.PERMISSION_LOST: len(MANY)}
        assert absences.listed(session, limit=1, is_open=True) == []


@dataclass
class AbsentIssues:
    """A site with a 404 for even ids; the other issues answer, and the index lacks them."""

    audited_keys: set[str]

    def diagnose(self, failure: Exception) -> None:
        raise failure

    def visible_projects(self, project_ids: Sequence[str]) -> set[str]:
        return set(project_ids)

    def by_ids(self, issue_ids: Sequence[str], _policy: FieldPolicy) -> IssueRead:
        gone_ids = {issue_id for issue_id in issue_ids if int(issue_id) % 2 == 0}
        lagging_ids = set(issue_ids) - gone_ids
        bodies: list[Json] = [
            {"id": issue_id, "key": f"EE-{issue_id}", "fields": {"project": {"id": "7"}}} for issue_id in lagging_ids
        ]
        return IssueRead(clock.now(), bodies, lagging_ids, gone_ids)

    def deleted_keys(self) -> set[str]:
        return self.audited_keys


def test_a_second_look_takes_as_many_statements_for_many_issues_as_for_few(
    parts: Runtime, statements: Statements
) -> None:
    lengths: list[int] = []
    for count in (12, 120):
        tenant_id, issue_ids = a_paired_site(parts)[0].tenant_id, [f"{number:03}" for number in range(count)]
        source: Any = AbsentIssues({f"EE-{issue_id}" for issue_id in issue_ids[::4]})
        with parts.store.bound_to(tenant_id) as session:
            store_rows(session, *map(an_issue, issue_ids))
            evidence = Condition(Code.CHILD_DELETED, event="comment_deleted")
            absences.miss(session, issue_ids, evidence={issue_ids[0]: evidence})
            session.execute(ABSENCES.update().values(last_missed_at=clock.now() - timedelta(hours=2)))
        with statements() as log:
            absence_check.check_absences(parts.store, source, tenant_id)
        lengths.append(len(log))
        with parts.store.bound_to(tenant_id) as session:
            assert causes(session) == {
                absences.DELETED: count // 4,
                absences.HIDDEN: count // 4,
                absences.NOT_INDEXED: count // 2,
            }
            settled = absences.listed(session, limit=count, is_open=False)
        assert {absence.evidence.code for absence in settled if absence.evidence} == {
            Code.CHILD_DELETED,
            Code.AUDIT_LOG,
            Code.NO_EVIDENCE,
        }
    assert lengths[0] == lengths[1]


def test_projects_are_frozen_and_thawed_in_four_statements(
    parts: Runtime, tenant_id: UUID, statements: Statements
) -> None:
    with parts.store.bound_to(tenant_id) as session:
        store_rows(session, a_row("project", "0", key="EE"))
        checkpoints.plan(session, [Wanted("issue", project_id) for project_id in MANY])
        session.execute(CHUNKS.update().values(state="done"))
        with statements() as log:
            project_access.freeze(session, MANY)
        assert len(log) <= 2, log
        assert project_access.frozen(session).keys() == {*MANY}
        assert project_access.frozen(session)["0"].params == {"project": "EE"}
        with statements() as log:
            project_access.thaw(session, MANY)
        assert len(log) <= 2, log
        assert project_access.frozen(session) == {}
        assert set(session.execute(select(CHUNKS.c.state)).scalars()) == {"waiting"}


def test_a_deleted_project_is_not_frozen(parts: Runtime, tenant_id: UUID) -> None:
    with parts.store.bound_to(tenant_id) as session:
        store_rows(session, a_row("project", "0"), a_row("project", "1"))
        records.bury(session, entity("project"), ["0"], at=clock.now(), because="deleted")
        project_access.freeze(session, ["0", "1"])
        assert project_access.frozen(session).keys() == {"1"}


def test_failed_webhooks_are_kept_in_two_statements(parts: Runtime, tenant_id: UUID, statements: Statements) -> None:
    arrivals = [Arrival(issue_id, "jira:issue_updated", {"issue": {"id": issue_id}}) for issue_id in MANY]
    with parts.store.bound_to(tenant_id) as session:
        inbox.keep_all(session, arrivals[:10], origin=inbox.FAILED_LIST)
        with statements() as log:
            assert inbox.keep_all(session, [*arrivals, *arrivals], origin=inbox.FAILED_LIST) == len(MANY) - 10
        assert len(log) <= 2, log
        assert inbox.waiting(session, is_ours=False) == len(MANY)


def test_due_jobs_are_asked_for_in_a_fixed_number_of_statements(
    parts: Runtime, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tenant_id in [a_paired_site(parts)[0].tenant_id for _ in range(3)]:
        with parts.store.bound_to(tenant_id) as session:
            tenant_schedule.start(session, at=clock.now() - timedelta(days=1))
    with parts.store.unrestricted_unsafe() as session, statements() as log:
        monkeypatch.setattr(type(session), "enqueue", lambda *_args, **_options: None)
        requests = tenant_schedule.ask(session)
        asked_query = select(SCHEDULES.c.tenant_id, SCHEDULES.c.duty).where(SCHEDULES.c.asked_at.is_not(None))
        asked_rows = {tuple(row) for row in session.execute(asked_query)}
    assert len(requests) > 5
    assert {*requests} <= asked_rows
    assert len(log) <= 5, log


def test_link_types_are_propagated_in_three_statements(parts: Runtime, tenant_id: UUID, statements: Statements) -> None:
    types = [{"id": type_id, "name": f"Name {type_id}", "inward": "in", "outward": "out"} for type_id in MANY[:50]]
    unnamed = {"id": "51", "name": None, "inward": "in", "outward": "out"}
    with parts.store.bound_to(tenant_id) as session:
        store_rows(session, *(a_row("issue_link", n, type_id=n, type_name="Old") for n in [*MANY[:50], "51"]))
        with statements() as log:
            assert rename_propagation.propagate_link_types(session, [*types, unnamed], read_at=NOON) == 50
        assert len(log) <= 3, log
        with statements() as log:
            assert rename_propagation.propagate_link_types(session, types, read_at=NOON) == 0
        assert len(log) == 1, "where nothing is stale, no lock is taken"
        link = table_of(entity("issue_link"))
        names = dict(session.execute(select(link.c.id, link.c.type_name)).all())
    assert names == {n: f"Name {n}" for n in MANY[:50]} | {"51": "Old"}
