"""What a complete ingest of this site must hold, computed from the truth and not from what was served."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.shapes import JsonObject
    from sandbox.world import Issue, World


def entities(world: World) -> dict[str, list[str]]:
    """Return the ids of every entity, by the product's name for it, each list sorted."""
    issues = [each for each in world.searchable()]  # noqa: C416 - a snapshot
    catalogue = world.catalogue
    live = {key for key in catalogue.projects if key not in world.lost_projects and world.is_live(key)}
    found: dict[str, set[str]] = {
        "issue": {each.id for each in issues},
        "changelog": {str(entry["id"]) for each in issues for entry in each.histories},
        "comment": {str(entry["id"]) for each in issues for entry in each.comments},
        "worklog": {str(entry["id"]) for each in issues for entry in each.worklogs},
        "issue_link": {str(entry["id"]) for each in issues for entry in each.fields.get("issuelinks") or ()},
        "remote_link": {str(entry["id"]) for each in issues for entry in each.remote_links},
        "attachment": {str(entry["id"]) for each in issues for entry in each.fields.get("attachment") or ()},
        "sprint": {str(key) for board in catalogue.boards.values() if board.has_sprints for key in board.sprint_ids},
        "board": {str(key) for key in catalogue.boards},
        "project": live,
        "component": {key for key, each in catalogue.components.items() if str(each["projectId"]) in live},
        "version": {key for key, each in catalogue.versions.items() if str(each["projectId"]) in live},
        "status": set(catalogue.statuses),
        "issue_type": set(catalogue.issue_types),
        "priority": set(catalogue.priorities),
        "resolution": set(catalogue.resolutions),
        "field": set(catalogue.fields),
        "user": {account_id for each in issues for account_id in people_on(each)},
    }
    return {name: sorted(ids, key=lambda each: (len(each), each)) for name, ids in found.items()}


def people_on(issue: Issue) -> Iterator[str]:
    """Yield every account that the issue or anything on it shows; blank ids are no accounts."""
    fields = issue.fields
    shown = [fields.get(role) for role in ("creator", "reporter", "assignee")]
    shown += [each.get("author") for each in issue.histories]
    shown += [each.get(role) for each in (*issue.comments, *issue.worklogs) for role in ("author", "updateAuthor")]
    shown += [each.get("author") for each in fields.get("attachment") or ()]
    for person in shown:
        if person and person.get("accountId"):
            yield person["accountId"]


def facts(issue: Issue) -> JsonObject:
    """Return what an ingest must know of one issue."""
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
        "seconds": sum(each["timeSpentSeconds"] for each in issue.worklogs),
        "issue_links": len(fields.get("issuelinks") or ()),
        "remote_links": len(issue.remote_links),
        "attachments": len(fields.get("attachment") or ()),
    }


def _utc(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"


def whole(world: World, *, with_issues: bool = True) -> JsonObject:
    """Return everything `GET /sandbox/truth` answers."""
    shown: JsonObject = {name: {"count": len(ids), "ids": ids} for name, ids in entities(world).items()}
    everything = list(world.issues.values())
    return {
        "entities": shown,
        "archived": sorted(each.id for each in everything if each.archived and not each.hidden),
        "hidden": sorted(each.id for each in everything if each.hidden),
        "lost_projects": sorted(world.lost_projects),
        "issues": {each.id: facts(each) for each in world.searchable()} if with_issues else {},
    }


def counts(world: World) -> dict[str, int]:
    """Return how many of each entity there are."""
    return {name: len(ids) for name, ids in entities(world).items()}
