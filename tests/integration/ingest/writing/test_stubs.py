"""Objects that only other objects carry are stored from there, so each id in a row leads to a row."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from app import clock
from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import all_entities, entity, stub_entities
from app.handoff import feed
from app.ingest.proof import verification
from app.ingest.status import progress
from app.ingest.writing.page import parse_page, write_page
from app.store import records
from app.store.tables import table_of
from sandbox.oddities import Oddity
from tests.factories import a_paired_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from app.catalog.json_value import Json
    from app.runtime import Runtime
    from tests.integration.ingest.conftest import Town

SPRINT_FIELD = "customfield_10020"
SPRINTS = FieldPolicy(sprint=(SPRINT_FIELD,))
OLD_SPRINT: dict[str, Any] = {
    "id": 999,
    "name": "Old team's sprint",
    "state": "closed",
    "boardId": 555,
    "startDate": "2020-01-01T00:00:00.000Z",
    "endDate": "2020-01-15T00:00:00.000Z",
    "completeDate": "2020-01-15T10:00:00.000Z",
}
"""The field's value in c29: board 555 isn't listed."""
BOARD_OF_TEAM = {
    "values": [
        {
            "id": 7,
            "name": "TM board",
            "type": "simple",
            "location": {"projectId": 10000, "projectKey": "EE"},
        }
    ],
    "total": 1,
    "isLast": True,
}
SPRINTS_OF_TEAM = {
    "values": [
        {
            "id": 71,
            "state": "active",
            "name": "TM Sprint 1",
            "startDate": "2024-01-01T09:00:00.000Z",
            "endDate": "2024-01-15T09:00:00.000Z",
            "originBoardId": 7,
        }
    ],
    "isLast": True,
}
SPRINT_ON_ISSUE = {"id": 71, "name": "TM Sprint 1", "state": "active", "boardId": 7}
"""The payloads of c01."""
FAR_PARENT = {
    "id": "990001",
    "key": "FAR-1",
    "fields": {
        "summary": "Out of sight",
        "status": {"id": "9901", "name": "Far away", "statusCategory": {"id": 4, "key": "indeterminate"}},
        "priority": {"id": "9902", "name": "Extreme"},
        "issuetype": {"id": "9903", "name": "Initiative", "subtask": False, "hierarchyLevel": 2},
    },
}
FAR_LINK = {
    "id": "990002",
    "type": {"id": "10000", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"},
    "outwardIssue": {"id": "990003", "key": "FAR-2", "fields": {"summary": "Linked"}},
}
UNLISTED: dict[str, Any] = {
    SPRINT_FIELD: [OLD_SPRINT],
    "status": {"id": "9904", "name": "Retired", "statusCategory": {"id": 3, "key": "done", "name": "Done"}},
    "priority": {"id": "9905", "name": "Forgotten"},
    "resolution": {"id": "9906", "name": "Won't tell"},
    "issuetype": {"id": "9907", "name": "Chore", "subtask": False, "hierarchyLevel": 0},
    "components": [{"id": "9908", "name": "Cellar"}],
    "fixVersions": [{"id": "9909", "name": "v0", "released": True, "releaseDate": "2019-01-01"}],
    "versions": [{"id": "9910", "name": "v-1"}],
    "assignee": {"accountId": "unlisted-person", "displayName": "Sam Unlisted", "active": False},
    "parent": FAR_PARENT,
    "issuelinks": [FAR_LINK],
}
"""Fields of an issue with objects that no list of the site has."""


def with_fields(changed_fields: dict[str, Any], *, issues: int = 1) -> Oddity:
    """Answers of whole issues in which the first few issues have other fields."""

    def edit(body: Any) -> Any:
        whole = [issue for issue in body.get("issues", ()) if len(issue.get("fields") or {}) > 1]
        for issue in sorted(whole, key=lambda issue: int(issue["id"]))[:issues]:
            issue["fields"] |= changed_fields
        return body

    return Oddity("GET|POST /rest/api/3/search/jql", edit=edit)


def stubs(town: Town, name: str) -> set[str]:
    return {row_id for row_id, (is_stub, gone_at) in marks(town, name).items() if is_stub and gone_at is None}


def marks(town: Town, name: str) -> dict[str, tuple[bool, datetime | None]]:
    return town.rows(name, "is_stub", "deleted_at")


def dangling(town: Town) -> set[tuple[str, str]]:
    """Column and id of every reference of a live row that leads to no row."""
    stored_ids = {name: set(town.rows(name)) for name in all_entities()}
    return {
        (f"{of.name}.{column.name}", row_id)
        for of in all_entities().values()
        for column in of.columns
        if column.target
        for row_id in references(town, of.name, column.name)
        if row_id not in stored_ids[column.target]
    }


def references(town: Town, name: str, column_name: str) -> Iterator[str]:
    for value, gone_at in town.rows(name, column_name, "deleted_at").values():
        if value is not None and gone_at is None:
            yield from [value] if isinstance(value, str) else value


def incomplete(town: Town) -> list[tuple[str, str, int]]:
    """Findings of the newest verification that differ."""
    verification.verify(town.parts.store, town.jira, town.tenant_id)
    with town.parts.store.bound_to(town.tenant_id) as session:
        findings = progress.kept(session, limit=500)
    return [(finding.entity, finding.scope_id, finding.difference) for finding in findings if not finding.is_complete]


def test_a_team_managed_board_has_sprints(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False, issues=20)
    town.site.options.oddities = [
        Oddity("GET /rest/agile/1.0/board", body=BOARD_OF_TEAM),
        Oddity("GET /rest/agile/1.0/board/7/sprint", body=SPRINTS_OF_TEAM),
        with_fields({SPRINT_FIELD: [SPRINT_ON_ISSUE]}, issues=50),
    ]
    town.backfill()
    columns = ("state", "name", "origin_board_id", "is_stub")
    assert town.rows("sprint", *columns) == {"71": ("active", "TM Sprint 1", "7", False)}
    assert town.rows("board", "type")["7"] == "simple"
    assert {*references(town, "issue", "sprint_ids")} == {"71"}
    assert dangling(town) == set()


def test_a_sprint_of_a_board_out_of_sight_is_a_stub(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False, issues=20)
    town.site.options.oddities = [with_fields({SPRINT_FIELD: [OLD_SPRINT]}, issues=3)]
    town.backfill()
    columns = ("name", "state", "origin_board_id", "goal", "is_stub")
    assert town.rows("sprint", *columns)["999"] == ("Old team's sprint", "closed", "555", None, True)
    assert (stubs(town, "sprint"), stubs(town, "board")) == ({"999"}, {"555"})
    assert incomplete(town) == []
    town.refresh("sprint", "board")
    assert (stubs(town, "sprint"), stubs(town, "board")) == ({"999"}, {"555"}), "no list buries them"
    assert incomplete(town) == []
    assert dangling(town) == set()


def test_the_feed_marks_stubs(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False, issues=20)
    town.site.options.oddities = [with_fields({SPRINT_FIELD: [OLD_SPRINT]})]
    town.backfill()
    with town.parts.store.bound_to(town.tenant_id) as session:
        names = ("sprint", "comment")
        lines = feed.changes(session, town.integration_id, cursor=None, limit=5000, entity_names=names).lines
    sprints = {line["id"]: line["data"]["is_stub"] for line in lines if line["entity"] == "sprint"}
    assert sprints.pop("999") is True
    assert {*sprints.values()} == {False}
    assert all("is_stub" not in line["data"] for line in lines if line["entity"] == "comment")


def test_each_id_leads_to_a_row_on_a_seeded_site(a_town: Callable[..., Town]) -> None:
    town = a_town(issues=120, projects=3)
    assert dangling(town) == set()
    assert {of.name for of in stub_entities() if stubs(town, of.name)} == set()
    assert town.drain() == 0, "a sprint that its list brings after its issues is no change of them"


def test_each_id_leads_to_a_row_on_a_site_with_unlisted_objects(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False, issues=60, projects=3)
    town.site.options.oddities = [with_fields(UNLISTED, issues=2)]
    town.backfill()
    assert dangling(town) == set()
    assert {of.name: stubs(town, of.name) for of in stub_entities() if stubs(town, of.name)} == {
        "board": {"555"},
        "component": {"9908"},
        "issue": {"990001", "990003"},
        "issue_type": {"9903", "9907"},
        "priority": {"9902", "9905"},
        "resolution": {"9906"},
        "sprint": {"999"},
        "status": {"9901", "9904"},
        "version": {"9909", "9910"},
    }
    assert town.rows("user", "display_name")["unlisted-person"] == "Sam Unlisted"
    assert town.rows("version", "name", "released")["9909"] == ("v0", True)
    columns = ("key", "summary", "issue_type_name", "hierarchy_level", "is_subtask", "archived", "custom")
    assert town.rows("issue", *columns)["990001"] == ("FAR-1", "Out of sight", "Initiative", 2, False, None, None)
    assert incomplete(town) == []


def test_lists_of_their_entities_leave_stubs_alone(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False, issues=60, projects=3)
    town.site.options.oddities = [with_fields(UNLISTED, issues=2)]
    town.backfill()
    marks_before = {of.name: marks(town, of.name) for of in stub_entities()}
    town.refresh(*marks_before)
    assert {of.name: marks(town, of.name) for of in stub_entities()} == marks_before
    assert incomplete(town) == []


def test_a_stub_becomes_an_ordinary_row_once_its_list_has_it(a_town: Callable[..., Town]) -> None:
    town = a_town(reads=False, issues=30)
    status_id = next(iter(town.site.world.searchable())).fields["status"]["id"]

    def without_status(body: Any) -> Any:
        return [status for status in body if status["id"] != status_id]

    town.site.options.oddities = [Oddity("GET /rest/api/3/status", edit=without_status)]
    town.backfill()
    assert stubs(town, "status") == {status_id}
    assert dangling(town) == set()
    town.site.options.oddities = []
    town.refresh("status")
    assert stubs(town, "status") == set()
    assert incomplete(town) == []
    assert town.differences() == []


def test_an_issue_out_of_sight_in_a_project_in_sight_is_a_stub_after_the_first_verification(
    a_town: Callable[..., Town],
) -> None:
    """A page can't tell it from an issue on a later page."""
    town = a_town(reads=False, issues=30)
    project_key = next(iter(town.site.world.catalogue.projects.values()))["key"]
    secret_parent = {**FAR_PARENT, "key": f"{project_key}-99999"}
    town.site.options.oddities = [with_fields({"parent": secret_parent, "issuelinks": [FAR_LINK]})]
    town.backfill()
    town.drain()
    assert stubs(town, "issue") == {"990001", "990003"}
    assert dangling(town) == set()
    versions = town.versions()
    verification.verify(town.parts.store, town.jira, town.tenant_id)
    assert town.drain() == 0, "nothing is asked for twice"
    assert town.versions() == versions


@pytest.fixture
def tenant_id(parts: Runtime) -> UUID:
    return a_paired_site(parts)[0].tenant_id


def write(
    parts: Runtime, tenant_id: UUID, name: str, *bodies: Json, at: datetime, policy: FieldPolicy = SPRINTS
) -> None:
    with parts.store.bound_to(tenant_id) as session:
        write_page(session, parse_page(entity(name), bodies, policy, None), read_at=at)


def stored_row(parts: Runtime, tenant_id: UUID, name: str, row_id: str) -> Any:
    table = table_of(entity(name))
    with parts.store.bound_to(tenant_id) as session:
        return session.execute(select(table).where(table.c.id == row_id)).one_or_none()


def an_issue(issue_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": issue_id, "key": f"EE-{issue_id}", "fields": {"updated": "2026-11-24T12:00:00.000+0000", **fields}}


def test_a_stub_never_replaces_a_row_of_the_objects_own(parts: Runtime, tenant_id: UUID) -> None:
    now = clock.now()
    write(parts, tenant_id, "sprint", {"id": 999, "name": "Whole", "goal": "Win", "originBoardId": 5}, at=now)
    write(parts, tenant_id, "issue", an_issue("1", **{SPRINT_FIELD: [OLD_SPRINT]}), at=now + timedelta(hours=1))
    sprint = stored_row(parts, tenant_id, "sprint", "999")
    assert (sprint.name, sprint.goal, sprint.is_stub) == ("Whole", "Win", False)


def test_the_objects_own_row_replaces_its_stub_even_if_it_was_read_earlier(parts: Runtime, tenant_id: UUID) -> None:
    """A list that was asked for before the issue may be stored after it."""
    now = clock.now()
    write(parts, tenant_id, "issue", an_issue("1", **{SPRINT_FIELD: [OLD_SPRINT]}), at=now)
    write(parts, tenant_id, "sprint", {"id": 999, "name": "Whole"}, at=now - timedelta(seconds=5))
    sprint = stored_row(parts, tenant_id, "sprint", "999")
    assert (sprint.name, sprint.is_stub) == ("Whole", False)


def test_a_stub_follows_its_object(parts: Runtime, tenant_id: UUID) -> None:
    now = clock.now()
    write(parts, tenant_id, "issue", an_issue("1", **{SPRINT_FIELD: [{**OLD_SPRINT, "state": "active"}]}), at=now)
    assert stored_row(parts, tenant_id, "sprint", "999").state == "active"
    write(parts, tenant_id, "issue", an_issue("2", **{SPRINT_FIELD: [OLD_SPRINT]}), at=now + timedelta(minutes=1))
    assert stored_row(parts, tenant_id, "sprint", "999").state == "closed"


def test_a_stub_doesnt_revive_a_deleted_row(parts: Runtime, tenant_id: UUID) -> None:
    """A search index that lags goes on naming it."""
    now = clock.now()
    write(parts, tenant_id, "sprint", {"id": 999, "name": "Whole"}, at=now)
    with parts.store.bound_to(tenant_id) as session:
        records.bury(session, entity("sprint"), ["999"], at=now + timedelta(seconds=1), because="deleted")
    write(parts, tenant_id, "issue", an_issue("1", **{SPRINT_FIELD: [OLD_SPRINT]}), at=now + timedelta(minutes=1))
    assert stored_row(parts, tenant_id, "sprint", "999").deleted_because == "deleted"


def test_a_sprint_in_the_text_of_data_center_is_a_stub(parts: Runtime, tenant_id: UUID) -> None:
    sprint_text = (
        "com.atlassian.greenhopper.service.sprint.Sprint@1f[id=12,rapidViewId=3,state=CLOSED,name=Week 1, 2,"
        "startDate=2020-01-01T00:00:00.000Z,endDate=<null>,goal=]"
    )
    write(parts, tenant_id, "issue", an_issue("1", **{SPRINT_FIELD: [sprint_text]}), at=clock.now())
    sprint = stored_row(parts, tenant_id, "sprint", "12")
    assert (sprint.name, sprint.state, sprint.origin_board_id) == ("Week 1, 2", "closed", "3")
    assert (sprint.start.year, sprint.end, sprint.goal) == (2020, None, None)
    assert stored_row(parts, tenant_id, "board", "3").is_stub


def test_a_project_that_only_an_issue_names_is_a_stub(parts: Runtime, tenant_id: UUID) -> None:
    project = {"id": "777", "key": "FAR", "name": "Far", "projectTypeKey": "software", "simplified": True}
    write(parts, tenant_id, "issue", an_issue("1", project=project), at=clock.now())
    row = stored_row(parts, tenant_id, "project", "777")
    assert (row.key, row.name, row.is_simplified, row.is_stub) == ("FAR", "Far", True, True)
    assert (row.is_archived, row.is_deleted) == (None, None), "nobody has told"


def test_an_odd_object_in_the_place_of_another_costs_no_page(parts: Runtime, tenant_id: UUID) -> None:
    odd = {**OLD_SPRINT, "completeDate": "+20222-01-01T00:00:00.000Z", "name": ["no", "text"]}
    write(
        parts,
        tenant_id,
        "issue",
        an_issue("1", parent={"id": "2", "key": 3, "fields": []}, **{SPRINT_FIELD: [odd]}),
        at=clock.now(),
    )
    sprint = stored_row(parts, tenant_id, "sprint", "999")
    assert (sprint.state, sprint.complete, sprint.is_stub) == ("closed", None, True)
    assert stored_row(parts, tenant_id, "issue", "1") is not None


def test_excluded_text_of_a_carried_issue_is_not_stored(parts: Runtime, tenant_id: UUID) -> None:
    policy = FieldPolicy(excluded=("summary",))
    write(parts, tenant_id, "issue", an_issue("1", parent=FAR_PARENT), at=clock.now(), policy=policy)
    assert stored_row(parts, tenant_id, "issue", "990001").summary is None


def test_many_mentions_take_one_statement(
    parts: Runtime, tenant_id: UUID, statements: Callable[[], AbstractContextManager[list[str]]]
) -> None:
    lengths = []
    for count in (2, 60):
        bodies = [an_issue(str(number), status={"id": str(number % 7), "name": "Open"}) for number in range(count)]
        write(parts, tenant_id, "status", *({"id": str(number), "name": "Open"} for number in range(7)), at=clock.now())
        with statements() as log:
            write(parts, tenant_id, "issue", *bodies, at=clock.now())
        lengths.append(len([line for line in log if "unnest" in line and "jira_status" in line]))
    assert lengths == [1, 1]
