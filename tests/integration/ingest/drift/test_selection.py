"""A changed selection: rows leave, rows come, and the tables end as a fresh backfill under the settings leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app import actions
from app.actions import Changes
from app.catalog.registry import all_entities
from app.ingest.drift import apply_selection
from app.ingest.proof import verification
from app.ingest.writing import absences
from app.integrations import ledger
from app.integrations.settings import IntegrationSettings
from app.store.tables import table_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.ingest.conftest import Town

BOOKKEEPING = {"tenant_id", "read_at", "version", "deleted_at", "deleted_because", "is_stub"}
BUGS = "issuetype = Bug"


def change(town: Town, **settings: Any) -> None:
    """Store settings and do the work that follows."""
    with town.parts.store.unrestricted_unsafe() as session:
        actions.change_settings(session, town.integration_id, Changes(settings=IntegrationSettings(**settings)))
    settle(town)


def settle(town: Town) -> None:
    town.walk()
    apply_selection(town.parts.store, town.jira, town.tenant_id)
    town.drain()
    verification.verify(town.parts.store, town.jira, town.tenant_id)
    town.drain()


def content(town: Town) -> dict[str, dict[str, tuple[object, ...]]]:
    """Live rows of all entities, stubs aside: only other rows have brought these."""
    rows: dict[str, dict[str, tuple[object, ...]]] = {}
    for name, entity in all_entities().items():
        table = table_of(entity)
        names = [column.name for column in table.columns if column.name not in BOOKKEEPING]
        is_live = table.c.deleted_at.is_(None)
        if "is_stub" in table.c:
            is_live &= table.c.is_stub.is_(False)
        with town.parts.store.bound_to(town.tenant_id) as session:
            result = session.execute(select(*(table.c[column] for column in names)).where(is_live)).all()
        rows[name] = {
            row.id: tuple(str(value).replace(town.site.base_url, "SITE") for value in row) for row in result
        }
    return rows


def fresh(a_town: Callable[..., Town], settings: dict[str, Any], **options: Any) -> Town:
    """The same site, read for the first time under the settings."""
    town = a_town(reads=False, **options)
    with town.parts.store.unrestricted_unsafe() as session:
        values = {"settings": IntegrationSettings(**settings).model_dump(mode="json")}
        ledger.change(session, town.integration_id, values)
    town.backfill()
    town.drain()
    return town


def first_project(town: Town) -> str:
    return min(town.live("project"))


@pytest.mark.parametrize("condition", ["project", "jql", "backfill_from", "both"])
def test_a_selection_is_the_same_at_first_later_and_lifted(a_town: Callable[..., Town], condition: str) -> None:
    town = a_town()
    whole, project_id = content(town), first_project(town)
    updates = sorted(row[0] for row in town.rows("issue", "updated", "id").values())
    settings: dict[str, Any] = {
        "project": {"projects": [project_id]},
        "jql": {"jql": f"{BUGS} ORDER BY created"},
        "backfill_from": {"backfill_from": updates[len(updates) // 2].date()},
        "both": {"projects": [project_id], "jql": BUGS},
    }[condition]

    change(town, **settings)

    selected = content(town)
    assert 0 < len(selected["issue"]) < len(whole["issue"])
    assert set(town.rows("issue").values()) == {None, absences.OUT_OF_SCOPE}
    expected = content(fresh(a_town, settings))
    # People stay: their rows are of the site, and other projects' lists name them as well.
    people = selected.pop("user")
    assert expected.pop("user").items() <= people.items()
    assert selected == expected
    assert town.integration().verified_at is not None
    assert town.integration().state_reason is None

    change(town)
    assert content(town) == whole


def test_an_issue_leaves_and_enters_by_its_own_changes(a_town: Callable[..., Town]) -> None:
    town = a_town()
    change(town, jql="labels = wanted")
    assert town.live("issue") == set()
    issue_id = min(issue.id for issue in town.site.world.searchable())
    town.site.mutate("update_issue", issue=issue_id, fields={"labels": ["wanted"]})
    town.catch_up()
    assert town.live("issue") == {issue_id}
    town.site.mutate("update_issue", issue=issue_id, fields={"labels": []})
    town.catch_up()
    assert town.rows("issue")[issue_id] == absences.OUT_OF_SCOPE


def test_a_query_that_jira_refuses_removes_nothing_and_is_told(a_town: Callable[..., Town]) -> None:
    town = a_town()
    stored_ids = town.live("issue")
    change(town, jql="nosuchfield = 1")
    assert town.live("issue") == stored_ids
    town.site.mutate("update_issue", issue=min(stored_ids))
    town.catch_up()
    assert town.live("issue") == stored_ids
    integration = town.integration()
    assert integration.state_reason is not None
    change(town)
    town.refresh()
    assert town.differences() == []
    assert town.integration().state_reason is None
