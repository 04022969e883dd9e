"""Renames, for which Jira sends no webhook and doesn't change `updated`, reach every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.ingest.drift import list_refresh
from app.ingest.planning import field_policy
from app.ingest.writing.page import parse_page, write_page
from app.sources import Page, Place
from app.store.schema import CHUNKS
from sandbox import Options
from tests.soak import rows
from tests.soak.site import PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.ingest.conftest import Town


@pytest.fixture
def town(a_town: Callable[..., Town]) -> Town:
    """A site without webhooks."""
    new_town = a_town(issues=120, projects=3, options=Options(webhooks=False, api_tokens=dict([PERSON])))
    assert differences(new_town) == []
    return new_town


def differences(town: Town) -> list[str]:
    return list(map(str, rows.differences(town.database_url, town.site.base_url, town.site.client_key)))


def read_lists_again(town: Town) -> None:
    """Read every walked list again, except the issues."""
    with town.parts.store.bound_to(town.tenant_id) as session:
        fields = field_policy.load(session, town.integration())
        query = select(CHUNKS.c.entity, CHUNKS.c.scope_id).where(CHUNKS.c.entity.in_(LISTS)).distinct()
        scopes = session.execute(query).all()
    for name, scope_id in scopes:
        list_read = list_refresh.read_list(town.parts.store, town.jira, town.tenant_id, entity(name), scope_id)
        with town.parts.store.bound_to(town.tenant_id) as session:
            list_refresh.keep(session, list_read, fields)
    town.drain()


LISTS = (
    *("status", "issue_type", "priority", "resolution", "field", "project"),
    *("board", "sprint", "version", "component"),
)
RENAMES = (
    *("rename_status", "recategorize_status", "rename_issue_type", "rename_priority", "rename_resolution"),
    *("rename_project", "rename_sprint", "start_sprint", "close_sprint"),
    *("rename_version", "release_version", "rename_component", "rename_board"),
)


def test_names_that_change_silently_are_right_everywhere_once_their_lists_are_read(town: Town) -> None:
    for kind in RENAMES:
        town.site.mutate(kind)
    wrong = {difference.split()[0] for difference in differences(town)}
    assert {"issue", "status", "issue_type", "priority", "resolution", "project", "sprint", "version"} <= wrong
    read_lists_again(town)
    assert differences(town) == []


def test_a_field_that_is_called_story_points_no_more_holds_none(town: Town) -> None:
    """Another field takes the name: stored issues are read again without an event."""
    points = town.rows("issue", "story_points")
    assert any(points.values())
    town.site.mutate("rename_field", field="customfield_10024", name="Effort")
    read_lists_again(town)
    assert differences(town) == []
    assert not any(town.rows("issue", "story_points").values())
    town.site.mutate("rename_field", field="customfield_10024", name="Story Points")
    read_lists_again(town)
    assert town.rows("issue", "story_points") == points


def test_a_field_with_another_name_is_no_reason_to_read_a_site_again(town: Town) -> None:
    town.site.mutate("create_field", name="Mood")
    town.site.traffic.reset()
    read_lists_again(town)
    assert not [template for template in town.site.traffic.as_json()["by_template"] if template.endswith("/search/jql")]
    assert differences(town) == []


def test_a_project_with_a_new_key_gives_its_issues_theirs(town: Town) -> None:
    town.site.mutate("rename_project", project="APOL", key="ZEUS")
    read_lists_again(town)
    assert differences(town) == []
    assert all(key.startswith("ZEUS-") for _, key in issues_of(town, "10000"))


def issues_of(town: Town, project_id: str) -> list[tuple[str, str]]:
    rows_of_issues = town.rows("issue", "project_id", "key", "deleted_because")
    return [
        (issue_id, key)
        for issue_id, (of, key, because) in rows_of_issues.items()
        if of == project_id and because is None
    ]


def test_children_of_a_moved_parent_name_its_new_key(town: Town) -> None:
    parent = next(
        issue.fields["parent"]["id"] for issue in town.site.world.searchable() if issue.fields.get("customfield_10014")
    )
    town.site.options.webhooks = True
    town.site.mutate("move_issue", issue=parent)
    town.drain()
    assert differences(town) == []


def test_a_name_in_an_older_list_does_not_put_back_what_was_read_later(town: Town) -> None:
    status = next(town.site.world.searchable()).fields["status"]
    town.site.mutate("rename_status", status=status["id"], name="First")
    early = town.jira.listing(entity("status"), "", Place())
    assert isinstance(early, Page)
    town.site.mutate("rename_status", status=status["id"], name="Second")
    town.site.options.webhooks = True
    issue = next(
        candidate for candidate in town.site.world.searchable() if candidate.fields["status"]["id"] == status["id"]
    )
    town.site.mutate("update_issue", issue=issue.id)
    town.drain()
    keep_statuses(town, early)
    assert town.rows("issue", "status_name")[issue.id] == "Second"
    read_lists_again(town)
    assert differences(town) == []


def keep_statuses(town: Town, page: Page) -> None:
    parsed_page = parse_page(entity("status"), page.items, FieldPolicy(), None)
    with town.parts.store.bound_to(town.tenant_id) as session:
        write_page(session, parsed_page, read_at=page.sent_at)


def test_a_page_that_was_read_before_a_renaming_and_is_stored_behind_it_shows_the_new_name(town: Town) -> None:
    issue = next(town.site.world.searchable())
    town.site.mutate("update_issue", issue=issue.id)
    page = town.jira.by_ids([issue.id], FieldPolicy())
    town.site.mutate("rename_status", status=issue.fields["status"]["id"], name="Later")
    read_lists_again(town)
    with town.parts.store.bound_to(town.tenant_id) as session:
        fields = field_policy.load(session, town.integration())
        parsed_page = parse_page(entity("issue"), page.bodies, fields, None)
        write_page(session, parsed_page, read_at=page.sent_at)
    assert page.sent_at < clock.now()
    assert town.rows("issue", "status_name")[issue.id] == "Later"
    town.drain()
    assert differences(town) == []
