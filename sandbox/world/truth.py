"""The rows of a complete ingest, computed from the world and not from answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.shapes import JsonObject
    from sandbox.world import Issue, World


def entities(world: World) -> dict[str, list[str]]:
    """Return the sorted ids of every entity, by the product's entity name."""
    issues = [issue for issue in world.searchable()]  # noqa: C416 - a snapshot
    catalogue = world.catalogue
    live = {key for key in catalogue.projects if key not in world.lost_projects and world.is_live(key)}
    id_sets: dict[str, set[str]] = {
        "issue": {issue.id for issue in issues},
        "changelog": {str(entry["id"]) for issue in issues for entry in issue.histories},
        "comment": {str(entry["id"]) for issue in issues for entry in issue.comments},
        "worklog": {str(entry["id"]) for issue in issues for entry in issue.worklogs},
        "issue_link": {str(entry["id"]) for issue in issues for entry in issue.fields.get("issuelinks") or ()},
        "remote_link": {str(entry["id"]) for issue in issues for entry in issue.remote_links},
        "attachment": {str(entry["id"]) for issue in issues for entry in issue.fields.get("attachment") or ()},
        "sprint": {str(key) for board in catalogue.boards.values() if board.has_sprints for key in board.sprint_ids},
        "board": {str(key) for key in catalogue.boards},
        "project": live,
        "component": {key for key, component in catalogue.components.items() if str(component["projectId"]) in live},
        "version": {key for key, version in catalogue.versions.items() if str(version["projectId"]) in live},
        "status": set(catalogue.statuses),
        "issue_type": set(catalogue.issue_types),
        "priority": set(catalogue.priorities),
        "resolution": set(catalogue.resolutions),
        "field": set(catalogue.fields),
        "user": {account_id for issue in issues for account_id in people_on(issue)},
    }
    return {name: sorted(ids, key=lambda entity_id: (len(entity_id), entity_id)) for name, ids in id_sets.items()}


def people_on(issue: Issue) -> Iterator[str]:
    """Yield every account id on the issue and its children; blank ids are skipped."""
    fields = issue.fields
    people = [fields.get(role) for role in ("creator", "reporter", "assignee")]
    people += [history.get("author") for history in issue.histories]
    people += [entry.get(role) for entry in (*issue.comments, *issue.worklogs) for role in ("author", "updateAuthor")]
    people += [attachment.get("author") for attachment in fields.get("attachment") or ()]
    for person in people:
        if person and person.get("accountId"):
            yield person["accountId"]


def facts(issue: Issue) -> JsonObject:
    """Return the facts of one issue that an ingest must store."""
    fields = issue.fields
    return {
        "key": issue.key,
        "former_keys": list(issue.former_keys),
        "project_id": issue.project_id,
        "status_id": fields["status"]["id"],
        "created": _utc(issue.created_ms),
        "updated": _utc(issue.updated_ms),
        "assignee": (fields.get("assignee") or {}).get("accountId"),
        "changelogs": len(issue.histories),
        "comments": len(issue.comments),
        "worklogs": len(issue.worklogs),
        "seconds": sum(worklog["timeSpentSeconds"] for worklog in issue.worklogs),
        "issue_links": len(fields.get("issuelinks") or ()),
        "remote_links": len(issue.remote_links),
        "attachments": len(fields.get("attachment") or ()),
    }


def _utc(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"


def report(world: World, *, with_issues: bool = True) -> JsonObject:
    """Return the answer of `GET /sandbox/truth`."""
    entity_lists: JsonObject = {name: {"count": len(ids), "ids": ids} for name, ids in entities(world).items()}
    issues = list(world.issues.values())
    return {
        "entities": entity_lists,
        "archived": sorted(issue.id for issue in issues if issue.archive_fields and not issue.is_hidden),
        "hidden": sorted(issue.id for issue in issues if issue.is_hidden),
        "lost_projects": sorted(world.lost_projects),
        "issues": {issue.id: facts(issue) for issue in world.searchable()} if with_issues else {},
    }


def counts(world: World) -> dict[str, int]:
    """Return the number of objects of each entity."""
    return {name: len(ids) for name, ids in entities(world).items()}
