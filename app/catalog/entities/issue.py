"""A whole issue: its standard fields, the site's own fields and the totals of its lists.

Jira keeps story points, sprints and the epic in custom fields with ids that differ by site; `Item` names them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from app.catalog.columns import account, boolean, date, document, ids, integer, moment, reading, rich_text, text, texts
from app.catalog.field_policy import FieldPolicy
from app.catalog.json_value import Json, absent, find, ids_of
from app.catalog.language import Column, Each, Entity, Example, Item, Kind, Paging, Upkeep, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EPIC_LEVEL = 1
"""Jira's `hierarchyLevel` of an epic; a story is 0, a sub-task -1."""
_SPRINT_ID = re.compile(r"[\[,]id=(\d+)[,\]]")
"""In Data Center's `com.atlassian.greenhopper.service.sprint.Sprint@1f[id=12,rapidViewId=3,state=ACTIVE,…]`."""


def _unless_excluded(field: str, *columns: Column) -> Iterator[Column]:
    """The columns, empty if the SEI admin excludes the field."""

    def taking(take: Callable[[Item], Json]) -> Callable[[Item], Json]:
        return lambda item: take(item) if item.policy.may_keep(field) else None

    return (replace(column, take=taking(column.take)) for column in columns)


def _seconds(name: str, at: str, tracking_name: str) -> Column:
    """A column of seconds at a path; Data Center may have them only below `timetracking`."""
    take_first, take_second = reading(at), reading(f"fields.timetracking.{tracking_name}")

    def take(item: Item) -> Json:
        seconds = take_first(item)
        return take_second(item) if seconds is None else seconds

    return Column(name, Kind.INTEGER, take)


def _story_points(item: Item) -> Json:
    """The first number among the site's story point fields; a choice field has its number in `value`.

    Without one, the first other value, which is no number and is left out as such.
    """
    odd_value: Json = None
    for field in item.policy.story_points:
        value = find(item.body, f"fields.{field}")
        points = value.get("value") if isinstance(value, dict) else value
        if isinstance(points, str | int | float) and _is_number(points):
            return points
        odd_value = points if odd_value is None else odd_value
    return odd_value


def _is_number(value: str | float) -> bool:
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True


def _sprint_ids(item: Item) -> Json:
    """Ids of all sprints of the issue, past ones included: objects on Cloud, strings on Data Center.

    Raises ShapeError for anything else.
    """
    sprints = find(item.body, f"fields.{item.policy.sprint}") if item.policy.sprint else None
    if not isinstance(sprints, list):
        absent(sprints)
        return []
    return ids_of([_with_id(sprint) for sprint in sprints if sprint is not None])


def _with_id(sprint: Json) -> Json:
    """An object with the sprint's id, of Data Center's text as well."""
    match = _SPRINT_ID.search(sprint) if isinstance(sprint, str) else None
    return {"id": match.group(1)} if match else sprint


def _epic_key(item: Item) -> Json:
    """The epic link, or the parent if it is an epic: Jira is moving from the first to the second."""
    epic_key = find(item.body, f"fields.{item.policy.epic_link}") if item.policy.epic_link else None
    if isinstance(epic_key, str) and epic_key:
        return epic_key
    above = find(item.body, "fields.parent")
    return find(above, "key") if find(above, "fields.issuetype.hierarchyLevel") == _EPIC_LEVEL else None


def _is_archived(item: Item) -> Json:
    return bool(find(item.body, "fields.archived") or find(item.body, "fields.archiveddate"))


def _attachment_total(item: Item) -> Json:
    attachments = find(item.body, "fields.attachment")
    return len(attachments) if isinstance(attachments, list) else absent(attachments)


def _custom(item: Item) -> Json:
    """The custom fields with a value, by id: all of them, or the SEI admin's choice."""
    fields = find(item.body, "fields")
    pairs = fields.items() if isinstance(fields, dict) else ()
    values = {name: value for name, value in pairs if name.startswith("customfield_") and value is not None}
    names = item.policy.custom or values
    return {name: value for name, value in values.items() if name in names and item.policy.may_keep(name)}


_DESCRIPTION: Json = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "By size"}]}],
}
_SPRINT: Json = {"id": 175, "name": "K5 Sprint 1", "state": "active", "boardId": 93}

ENTITY = Entity(
    name="issue",
    label="Issues",
    position=10,
    refresh=Upkeep.POLL,
    priority=30,
    walk=Walk("search/jql", Paging.TOKEN, "issues", Each.PROJECT),
    webhooks=("jira:issue_created", "jira:issue_updated", "jira:issue_deleted"),
    updated="updated",
    core="fields",
    columns=(
        text("key", "key"),
        text("project_id", "fields.project.id"),
        text("project_key", "fields.project.key"),
        text("issue_type_id", "fields.issuetype.id"),
        text("issue_type_name", "fields.issuetype.name"),
        boolean("is_subtask", "fields.issuetype.subtask"),
        integer("hierarchy_level", "fields.issuetype.hierarchyLevel"),
        text("status_id", "fields.status.id"),
        text("status_name", "fields.status.name"),
        text("status_category", "fields.status.statusCategory.key"),
        text("priority_id", "fields.priority.id"),
        text("priority_name", "fields.priority.name"),
        text("resolution_id", "fields.resolution.id"),
        text("resolution_name", "fields.resolution.name"),
        *_unless_excluded("summary", text("summary", "fields.summary", personal=True)),
        *_unless_excluded("description", *rich_text("description", "fields.description")),
        *rich_text("environment", "fields.environment"),
        moment("created", "fields.created"),
        moment("updated", "fields.updated"),
        moment("resolved", "fields.resolutiondate"),
        moment("status_category_changed", "fields.statuscategorychangedate"),
        date("due", "fields.duedate"),
        account("assignee_id", "fields.assignee"),
        account("reporter_id", "fields.reporter"),
        account("creator_id", "fields.creator"),
        text("parent_id", "fields.parent.id"),
        text("parent_key", "fields.parent.key"),
        Column("epic_key", Kind.TEXT, _epic_key),
        Column("story_points", Kind.NUMBER, _story_points),
        Column("sprint_ids", Kind.TEXTS, _sprint_ids),
        texts("labels", "fields.labels"),
        ids("component_ids", "fields.components"),
        ids("fix_version_ids", "fields.fixVersions"),
        ids("affected_version_ids", "fields.versions"),
        ids("subtask_ids", "fields.subtasks"),
        text("security_level_id", "fields.security.id"),
        integer("votes", "fields.votes.votes"),
        boolean("has_voted", "fields.votes.hasVoted"),
        integer("watches", "fields.watches.watchCount"),
        _seconds("time_original_seconds", "fields.timeoriginalestimate", "originalEstimateSeconds"),
        _seconds("time_remaining_seconds", "fields.timeestimate", "remainingEstimateSeconds"),
        _seconds("time_spent_seconds", "fields.timespent", "timeSpentSeconds"),
        document("progress", "fields.progress"),
        document("aggregate_progress", "fields.aggregateprogress"),
        integer("work_ratio", "fields.workratio"),
        document("issue_restriction", "fields.issuerestriction"),
        Column("archived", Kind.BOOLEAN, _is_archived),
        integer("changelog_total", "changelog.total"),
        *_unless_excluded("comment", integer("comment_total", "fields.comment.total")),
        integer("worklog_total", "fields.worklog.total"),
        Column("attachment_total", Kind.INTEGER, _attachment_total),
        Column("custom", Kind.JSON, _custom, personal=True),
    ),
    example=Example(
        policy=FieldPolicy(
            story_points=("customfield_10024",), sprint="customfield_10020", epic_link="customfield_10014"
        ),
        body={
            "id": "20708",
            "key": "K5-2",
            "changelog": {"startAt": 0, "maxResults": 0, "total": 0, "histories": []},
            "fields": {
                "project": {"id": "10050", "key": "K5", "name": "Kilo_5", "projectTypeKey": "software"},
                "issuetype": {"id": "10001", "name": "Story", "subtask": False, "hierarchyLevel": 0},
                "status": {"id": "10034", "name": "Done", "statusCategory": {"id": 3, "key": "done", "name": "Done"}},
                "priority": {"id": "3", "name": "Medium"},
                "resolution": {"id": "10000", "name": "Done"},
                "summary": "Sort the charts",
                "description": _DESCRIPTION,
                "environment": None,
                "created": "2020-06-12T08:13:13.360+0800",
                "updated": "2021-03-28T16:06:08.713+0800",
                "resolutiondate": "2020-06-19T14:31:18.495+0800",
                "statuscategorychangedate": "2020-06-19T14:31:18.502+0800",
                "duedate": "2025-03-09",
                "assignee": {"accountId": "58199f9a2b6f4d0b33b34209", "accountType": "atlassian", "active": True},
                "reporter": {"accountId": "54c965db8acd172e3af3fe36", "accountType": "atlassian", "active": True},
                "creator": {"accountId": "54c965db8acd172e3af3fe36", "accountType": "atlassian", "active": True},
                "parent": {"id": "20707", "key": "K5-1", "fields": {"issuetype": {"id": "10000", "hierarchyLevel": 1}}},
                "labels": ["Saas", "frontEnd"],
                "components": [{"id": "10011", "name": "Charts"}],
                "fixVersions": [{"id": "10026", "name": "v2.7.0", "released": True, "releaseDate": "2020-07-10"}],
                "versions": [],
                "subtasks": [{"id": "20711", "key": "K5-5"}],
                "security": {"id": "10001", "name": "Staff only"},
                "votes": {"votes": 2, "hasVoted": False},
                "watches": {"watchCount": 1, "isWatching": False},
                "timeoriginalestimate": 14400,
                "timeestimate": 0,
                "timespent": 36000,
                "progress": {"progress": 36000, "total": 36000, "percent": 100},
                "aggregateprogress": {"progress": 36000, "total": 75600, "percent": 47},
                "workratio": 250,
                "issuerestriction": {"issuerestrictions": {}, "shouldDisplay": False},
                "comment": {"comments": [], "maxResults": 0, "total": 0, "startAt": 0},
                "worklog": {"worklogs": [], "maxResults": 20, "total": 0, "startAt": 0},
                "attachment": [],
                "customfield_10014": "K5-1",
                "customfield_10020": [_SPRINT],
                "customfield_10024": 3.0,
                "customfield_10060": None,
            },
        },
        row={
            "key": "K5-2",
            "project_id": "10050",
            "project_key": "K5",
            "issue_type_id": "10001",
            "issue_type_name": "Story",
            "is_subtask": False,
            "hierarchy_level": 0,
            "status_id": "10034",
            "status_name": "Done",
            "status_category": "done",
            "priority_id": "3",
            "priority_name": "Medium",
            "resolution_id": "10000",
            "resolution_name": "Done",
            "summary": "Sort the charts",
            "description": _DESCRIPTION,
            "description_text": "By size",
            "description_length": 7,
            "environment": None,
            "environment_text": None,
            "environment_length": 0,
            "created": "2020-06-12T00:13:13.360Z",
            "updated": "2021-03-28T08:06:08.713Z",
            "resolved": "2020-06-19T06:31:18.495Z",
            "status_category_changed": "2020-06-19T06:31:18.502Z",
            "due": "2025-03-09",
            "assignee_id": "58199f9a2b6f4d0b33b34209",
            "reporter_id": "54c965db8acd172e3af3fe36",
            "creator_id": "54c965db8acd172e3af3fe36",
            "parent_id": "20707",
            "parent_key": "K5-1",
            "epic_key": "K5-1",
            "story_points": 3.0,
            "sprint_ids": ["175"],
            "labels": ["Saas", "frontEnd"],
            "component_ids": ["10011"],
            "fix_version_ids": ["10026"],
            "affected_version_ids": [],
            "subtask_ids": ["20711"],
            "security_level_id": "10001",
            "votes": 2,
            "has_voted": False,
            "watches": 1,
            "time_original_seconds": 14400,
            "time_remaining_seconds": 0,
            "time_spent_seconds": 36000,
            "progress": {"progress": 36000, "total": 36000, "percent": 100},
            "aggregate_progress": {"progress": 36000, "total": 75600, "percent": 47},
            "work_ratio": 250,
            "issue_restriction": {"issuerestrictions": {}, "shouldDisplay": False},
            "archived": False,
            "changelog_total": 0,
            "comment_total": 0,
            "worklog_total": 0,
            "attachment_total": 0,
            "custom": {
                "customfield_10014": "K5-1",
                "customfield_10020": [_SPRINT],
                "customfield_10024": 3.0,
            },
        },
    ),
)
