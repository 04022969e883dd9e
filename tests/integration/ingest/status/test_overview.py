"""A site's data for the pages: newest issues, projects, an issue by key, work, webhooks, and the hours of plots."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from app import clock, ids
from app.catalog.extract import Row
from app.catalog.registry import entity
from app.conditions import Code, Condition
from app.ingest.status import diagnostics, overview
from app.store import records
from app.store.schema import CHUNKS, COMPLETENESS, INBOX
from app.web import shown
from app.web.console import plots
from app.web.words import language
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from app.runtime import Runtime
    from app.store.session import Session


def row(kind: str, row_id: str, **values: object) -> Row:
    declaration = entity(kind)
    return Row(declaration, row_id, {**{column.name: None for column in declaration.columns}, **values})


@pytest.fixture
def tenant(parts: Runtime) -> UUID:
    """A site with two projects, one of them empty, and three issues, one of them deleted."""
    site, _ = a_paired_site(parts)
    rows = [
        row("project", "1", key="ABC", name="Alphabet"),
        row("project", "2", key="NIL", name="Nothing in it"),
        row("user", "557058:anna", display_name="Anna"),
        *(row("issue", str(number), key=f"ABC-{number}", project_id="1", updated=clock.now()) for number in (1, 2, 3)),
    ]
    with parts.store.bound_to(site.tenant_id) as session:
        records.apply(session, rows, read_at=clock.now())
        later_time = clock.now() + timedelta(seconds=1)
        records.bury(session, entity("issue"), ["2"], at=later_time, because="deleted")
        session.execute(
            COMPLETENESS.insert(),
            [
                {
                    "tenant_id": site.tenant_id, "id": ids.new(), "entity": "issue", "scope_id": "1", "stored": 2,
                    "expected": expected_count, "is_complete": expected_count == 2, "method": "m", "verified_at": at,
                }
                for expected_count, at in ((3, clock.now() - timedelta(hours=1)), (2, clock.now()))
            ],
        )  # fmt: skip
    return site.tenant_id


@pytest.fixture
def session(parts: Runtime, tenant: UUID) -> Iterator[Session]:
    with parts.store.bound_to(tenant) as bound_session:
        yield bound_session


def test_projects_carry_their_issues_and_the_newest_verification(session: Session) -> None:
    full, empty = overview.projects(session)
    assert (full.key, full.name, full.stored, full.expected, full.is_complete) == ("ABC", "Alphabet", 2, 2, True)
    assert full.newest is not None
    assert (empty.key, empty.stored, empty.expected, empty.newest) == ("NIL", 0, None, None)


def test_an_issue_is_found_by_its_key_deleted_or_not_and_nobody_elses(parts: Runtime, session: Session) -> None:
    issue, deleted_issue = overview.find_issue(session, "ABC-1"), overview.find_issue(session, "ABC-2")
    assert issue is not None
    assert issue.deleted_at is None
    assert deleted_issue is not None
    assert deleted_issue.deleted_at is not None
    assert overview.find_issue(session, "ABC-9") is None
    stranger, _ = a_paired_site(parts)
    with parts.store.bound_to(stranger.tenant_id) as other_session:
        assert overview.find_issue(other_session, "ABC-1") is None
        assert overview.projects(other_session) == []


def test_the_newest_issues_are_those_that_changed_last_and_live(session: Session) -> None:
    assert [issue.key for issue in overview.newest_issues(session)] == ["ABC-3", "ABC-1"]


def test_people_are_named_where_the_data_knows_them(session: Session) -> None:
    assert overview.person(session, "557058:anna") == "Anna"
    assert overview.person(session, "557058:nobody") is None
    assert overview.person(session, None) is None


UNREACHABLE = Condition(Code.UNREACHABLE, why=Condition(Code.NO_ANSWER, error="ConnectTimeout"))
REFUSAL = Condition(Code.REFUSED, why=Condition(Code.ANSWERED, status=403, endpoint="GET /rest/agile/1.0/sprint"))


def chunk(tenant: UUID, name: str, scope: str, **values: object) -> dict[str, object]:
    start = clock.now() - timedelta(minutes=5)
    return {
        "tenant_id": tenant, "id": ids.new(), "entity": name, "scope_id": scope, "lower": 0, "upper": 1, "priority": 1,
        "state": "done", "due_at": start, "seen": 70, "attempts": 0, "problem": None, "started_at": start,
        "finished_at": start + timedelta(seconds=3), **values,
    }  # fmt: skip


@pytest.fixture
def busy_session(session: Session, tenant: UUID) -> Session:
    chunks = [
        chunk(tenant, "issue", "1", problem=Condition(Code.WALK_SHORT, expected=9)),
        chunk(tenant, "comment", "3", seen=30, problem=UNREACHABLE),
        chunk(tenant, "sprint", "77", state="failed", problem=REFUSAL, attempts=2),
        chunk(tenant, "status", "", started_at=None, finished_at=None, state="waiting", problem=None),
    ]
    session.execute(CHUNKS.insert(), chunks)
    return session


def test_trouble_is_told_by_the_names_of_what_was_to_be_read(busy_session: Session) -> None:
    troubles = {trouble.entity: trouble for trouble in diagnostics.troubles(busy_session)}
    assert {name: trouble.scope for name, trouble in troubles.items()} == {
        "issue": "ABC",
        "comment": "ABC-3",
        "sprint": "77",
    }
    assert (troubles["sprint"].attempts, troubles["sprint"].problem) == (2, REFUSAL)


def test_freshness_is_of_webhooks_and_not_of_what_we_ask_ourselves(session: Session, tenant: UUID) -> None:
    now = clock.now()
    deliveries = ((60, 1, "webhook"), (500, 100, "webhook"), (7, None, "webhook"), (50, 900, "poll"))
    for number, (arrival, duration, origin) in enumerate(deliveries):
        at = now - timedelta(seconds=arrival)
        done_at = None if duration is None else at + timedelta(seconds=duration)
        session.execute(
            INBOX.insert().values(
                tenant_id=tenant,
                delivery_id=str(number),
                event="e",
                body={},
                received_at=at,
                done_at=done_at,
                origin=origin,
            )
        )
    assert overview.last_event(session) == now - timedelta(seconds=7)
    hours = diagnostics.freshness(session, hours=48)
    assert len(hours) == 48
    assert 90 < max(hour.value or 0 for hour in hours) < 101


def test_hours_without_reading_are_hours_of_nothing(busy_session: Session) -> None:
    hours = diagnostics.throughput(busy_session, hours=48)
    assert len(hours) == 48
    assert sum(hour.value or 0 for hour in hours) == 170
    assert hours == sorted(hours, key=lambda hour: hour.start)
    assert hours[-1].start <= clock.now() < hours[-1].start + timedelta(hours=1)


# Plots


@pytest.fixture
def speaking() -> Iterator[None]:
    """A request context, since sentences depend on the reader's language."""
    app = Flask("app.web")
    language.register(app)
    with app.test_request_context():
        yield


def an_hour(number: int, value: float | None) -> diagnostics.Hour:
    return diagnostics.Hour(datetime(2026, 11, 24, number, tzinfo=clock.now().tzinfo), value)


@pytest.mark.usefixtures("speaking")
def test_a_plot_runs_nothing_and_a_sentence_says_the_same() -> None:
    hours = [an_hour(1, 0.0), an_hour(2, 1200.0), an_hour(3, 34.0)]
    words = plots.words_of("throughput", hours)
    assert words.says == "1,234 rows in all, most of them (1,200) in the hour from 2026-11-24 02:00 UTC."
    for is_narrow in (False, True):
        plot = plots.draw("throughput", hours, is_narrow=is_narrow)
        assert plot.startswith("<svg")
        assert "<script" not in plot
        assert "prefers-color-scheme: dark" in plot or "prefers-color-scheme:dark" in plot


@pytest.mark.usefixtures("speaking")
def test_a_plot_of_nothing_says_so() -> None:
    for name in plots.PLOTS:
        assert plots.words_of(name, [an_hour(1, 0.0 if name == "throughput" else None)]).is_empty
        assert plots.draw(name, [an_hour(1, None), an_hour(2, None)], is_narrow=False)


@pytest.mark.usefixtures("speaking")
def test_figures_are_written_as_the_reader_writes_them() -> None:
    assert shown.number(1234567) == "1,234,567"
    assert shown.plain_time("2026-11-24T12:00:00.123Z") == "2026-11-24 12:00 UTC"
    assert shown.plain_time(None) == ""
