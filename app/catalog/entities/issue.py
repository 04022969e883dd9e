"""A whole issue: its standard fields, the site's own fields and the totals of its lists.

Jira keeps story points, sprints, the epic and others in custom fields with ids that differ by site (`site_fields`).
"""

from __future__ import annotations

from dataclasses import replace

from app.catalog.columns import (
    account,
    boolean,
    carried_at,
    document,
    ids,
    integer,
    moment,
    reading,
    reference,
    rich_text,
    text,
    texts,
    unless_excluded,
)
from app.catalog.field_policy import FieldPolicy
from app.catalog.json_value import Json, absent, find
from app.catalog.language import Column, Each, Entity, Example, Item, Kind, Paging, Upkeep, Walk
from app.catalog.site_fields import CUSTOM, DUE, EPIC_KEY, FLAGGED, SPRINT_IDS, START, STORY_POINTS, TEAM


def _seconds(name: str, at: str, tracking_name: str) -> Column:
    """A column of seconds at a path; Data Center may have them only below `timetracking`."""
    take_first, take_second = reading(at), reading(f"fields.timetracking.{tracking_name}")

    def take(item: Item) -> Json:
        seconds = take_first(item)
        return take_second(item) if seconds is None else seconds

    return Column(name, Kind.INTEGER, take)


def _of_project(name: str, target: str, at: str) -> Column:
    """A column of ids of things that belong to the issue's project, which their objects don't name."""
    take_objects = carried_at(at)

    def take(item: Item) -> list[Json]:
        project_id = find(item.body, "fields.project.id")
        return [{**thing, "projectId": project_id} for thing in take_objects(item) if isinstance(thing, dict)]

    return replace(ids(name, target, at), carried=take)


def _is_archived(item: Item) -> Json:
    return bool(find(item.body, "fields.archived") or find(item.body, "fields.archiveddate"))


def _attachment_total(item: Item) -> Json:
    attachments = find(item.body, "fields.attachment")
    return len(attachments) if isinstance(attachments, list) else absent(attachments)


_DESCRIPTION: Json = {
    "type": "doc",
    "version": 1,
    "content": [{"type": "paragraph", "content": [{"type": "text", "text": "By size"}]}],
}
_TEAM: Json = {"id": "36885b3c-1bf0-4f85-a357-c5b858c31de4", "name": "Charts", "isVisible": True}
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
        reference("project_id", "project", "fields.project"),
        text("project_key", "fields.project.key"),
        reference("issue_type_id", "issue_type", "fields.issuetype"),
        text("issue_type_name", "fields.issuetype.name"),
        boolean("is_subtask", "fields.issuetype.subtask"),
        integer("hierarchy_level", "fields.issuetype.hierarchyLevel"),
        reference("status_id", "status", "fields.status"),
        text("status_name", "fields.status.name"),
        text("status_category", "fields.status.statusCategory.key"),
        reference("priority_id", "priority", "fields.priority"),
        text("priority_name", "fields.priority.name"),
        reference("resolution_id", "resolution", "fields.resolution"),
        text("resolution_name", "fields.resolution.name"),
        *unless_excluded("summary", text("summary", "fields.summary")),
        *unless_excluded("description", *rich_text("description", "fields.description")),
        *rich_text("environment", "fields.environment"),
        moment("created", "fields.created"),
        moment("updated", "fields.updated"),
        moment("resolved", "fields.resolutiondate"),
        moment("status_category_changed", "fields.statuscategorychangedate"),
        START,
        DUE,
        account("assignee_id", "fields.assignee"),
        account("reporter_id", "fields.reporter"),
        account("creator_id", "fields.creator"),
        reference("parent_id", "issue", "fields.parent"),
        text("parent_key", "fields.parent.key"),
        EPIC_KEY,
        STORY_POINTS,
        SPRINT_IDS,
        *TEAM,
        FLAGGED,
        texts("labels", "fields.labels"),
        _of_project("component_ids", "component", "fields.components"),
        _of_project("fix_version_ids", "version", "fields.fixVersions"),
        _of_project("affected_version_ids", "version", "fields.versions"),
        ids("subtask_ids", "issue", "fields.subtasks"),
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
        *unless_excluded("comment", integer("comment_total", "fields.comment.total")),
        integer("worklog_total", "fields.worklog.total"),
        Column("attachment_total", Kind.INTEGER, _attachment_total),
        CUSTOM,
    ),
    example=Example(
        policy=FieldPolicy(
            story_points=("customfield_10024",),
            sprint=("customfield_10020",),
            epic=("customfield_10014",),
            start_date=("customfield_10015",),
            team=("customfield_10001",),
            flagged=("customfield_10021",),
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
                "customfield_10001": _TEAM,
                "customfield_10014": "K5-1",
                "customfield_10015": "2025-03-01",
                "customfield_10020": [_SPRINT],
                "customfield_10021": [{"id": "10019", "value": "Impediment"}],
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
            "start": "2025-03-01",
            "due": "2025-03-09",
            "assignee_id": "58199f9a2b6f4d0b33b34209",
            "reporter_id": "54c965db8acd172e3af3fe36",
            "creator_id": "54c965db8acd172e3af3fe36",
            "parent_id": "20707",
            "parent_key": "K5-1",
            "epic_key": "K5-1",
            "story_points": 3.0,
            "sprint_ids": ["175"],
            "team_id": "36885b3c-1bf0-4f85-a357-c5b858c31de4",
            "team_name": "Charts",
            "flagged": True,
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
                "customfield_10001": _TEAM,
                "customfield_10014": "K5-1",
                "customfield_10015": "2025-03-01",
                "customfield_10020": [_SPRINT],
                "customfield_10021": [{"id": "10019", "value": "Impediment"}],
                "customfield_10024": 3.0,
            },
        },
    ),
)
