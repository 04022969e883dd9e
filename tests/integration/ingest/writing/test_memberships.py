"""Memberships of boards from their filters: complete, cheap, and withdrawn after a change of a filter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.errors import JiraNonsense
from app.ingest.writing import memberships, page
from app.sources.answers import Matches
from app.store.tables import table_of
from tests.fakes.jira import FakeSite
from tests.integration.ingest.backfill.test_walk import backfill
from tests.integration.ingest.conftest import SetClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from app.runtime import Runtime
    from tests.integration.ingest.conftest import Town


def stored_memberships(parts: Runtime, tenant_id: UUID) -> set[str]:
    table = table_of(entity("board_issue"))
    with parts.store.bound_to(tenant_id) as session:
        return set(session.execute(select(table.c.id).where(table.c.deleted_at.is_(None))).scalars())


def questions(site: FakeSite) -> list[dict[str, Any]]:
    return [body for path, body in site.calls if path.endswith("/jql/match")]


def test_every_board_is_asked_about_every_issue_in_few_questions(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(2500, boards={8: lambda _: True, 93: lambda issue: issue % 2 == 0})
    backfill(parts, tenant_id, site)
    memberships_of_first = {f"8:{100_000 + number}" for number in range(2500)}
    assert stored_memberships(parts, tenant_id) == memberships_of_first | {
        f"93:{100_000 + number}" for number in range(0, 2500, 2)
    }
    assert len(questions(site)) <= 8, "one a chunk, whatever the number of boards"


def test_a_filter_that_jira_does_not_show_holds_up_nothing(parts: Runtime, tenant_id: UUID) -> None:
    def hide(path: str, page: dict[str, Any]) -> None:
        if path.endswith("/board/93/configuration"):
            page["filter"] = {"id": "666"}

    site = FakeSite(10, hide, boards={8: lambda _: True, 93: lambda _: True})
    backfill(parts, tenant_id, site)
    assert stored_memberships(parts, tenant_id) == {f"8:{100_000 + number}" for number in range(10)}


def test_a_new_board_is_held_against_what_was_walked_before(parts: Runtime, tenant_id: UUID) -> None:
    site = FakeSite(10, boards={8: lambda _: True})
    backfill(parts, tenant_id, site)
    site.boards[93] = lambda issue: issue == 100_003
    site.boards[8] = lambda issue: issue > 100_004
    body: Any = {"id": 93, "filter": {"id": "93"}}
    new_page = page.parse_page(entity("board_configuration"), [body], FieldPolicy(), "93")
    with parts.store.bound_to(tenant_id) as session:
        assert page.write_page(session, new_page, read_at=clock.now()).planned_chunks == 1
    backfill(parts, tenant_id, site)
    assert stored_memberships(parts, tenant_id) == {"93:100003"} | {f"8:{100_000 + number}" for number in range(5, 10)}


def test_where_an_issue_belongs_is_asked_again_once_the_index_has_caught_up(a_town: Callable[..., Town]) -> None:
    """The index answers filters: immediately after a change it is out of date."""
    set_clock = SetClock()
    town = a_town(issues=60, projects=3, seed=5, clock=set_clock)
    town.site.options.index_lag_s = 600.0
    for _ in range(4):
        town.site.mutate("move_issue")
    town.drain()
    set_clock.ahead = timedelta(minutes=11)
    assert town.site.search_view() is town.site.world, "the index has not caught up"
    assert "board_issue" in town.wrong_fields(), "the index was not behind"
    town.poll()
    assert town.wrong_fields() == ""


def test_an_issue_that_was_buried_since_is_put_on_no_board(a_town: Callable[..., Town]) -> None:
    town = a_town(issues=60, projects=3, seed=5)
    issue_id = next(issue.id for issue in town.site.world.searchable())
    with town.parts.store.bound_to(town.tenant_id) as session:
        filter_of = memberships.filters(session)
    matches = town.jira.memberships(filter_of, [issue_id])
    assert isinstance(matches, Matches)
    assert matches.items
    town.site.mutate("delete_issue", issue=issue_id)
    town.drain()
    late = replace(memberships._page(matches), sent_at=clock.now())
    with town.parts.store.bound_to(town.tenant_id) as session:
        memberships._keep(session, late)
    assert town.wrong_fields() == ""


def test_an_answer_to_another_question_is_no_answer() -> None:
    site = FakeSite(10, lambda _path, page: page["matches"].clear(), boards={8: lambda _: True})
    with pytest.raises(JiraNonsense):
        site.source.memberships({"8": "8"}, ["100001"])


def test_many_boards_are_asked_about_in_parts() -> None:
    site = FakeSite(10, boards={number: lambda _: True for number in range(1, 121)})
    result = site.source.memberships({str(board): str(board) for board in site.boards}, ["100001"])
    assert len(result.items) == 120
    assert [len(body["jqls"]) for body in questions(site)] == [50, 50, 20]
