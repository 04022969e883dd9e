"""The recorded Data Center project, served as a Cloud site. Only these recordings have issue links."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandbox.datasets.recorded_cloud import AGILE_ONLY
from sandbox.datasets.stock import by_id, project_of, standard_link_types, standard_priorities, used_objects
from sandbox.moments import parse_ms
from sandbox.shapes import ORIGIN, JsonObject
from sandbox.world import Board, Catalogue, Issue, World

if TYPE_CHECKING:
    from pathlib import Path

_RECORDED_ORIGIN = "http://jira-dc.acme.example:8080"


def data_center(root: Path) -> World:
    """Build the site; account ids derive from Data Center user keys."""
    text = (root / "dc/rest/agile/1.0/board/3/issue.json").read_text("utf-8").replace(_RECORDED_ORIGIN, ORIGIN)
    page = json.loads(text, object_hook=_as_cloud)
    fields = json.loads((root / "dc/rest/api/2/field.json").read_text("utf-8"))
    cloud_fields = json.loads((root / "cloud/rest/api/2/field.json").read_text("utf-8"))
    issues = [_issue(raw) for raw in page["issues"]]
    users: dict[str, JsonObject] = {}
    for issue in issues:
        for role in ("creator", "reporter", "assignee"):
            person = issue.fields.get(role)
            if person:
                users.setdefault(person["accountId"], person)
    for name in ("second", "third"):
        users[f"dc:{name}"] = _user(name)
    return World(_catalogue(issues, [*cloud_fields, *fields], users), issues, "Etc/UTC")


def _user(name: str) -> JsonObject:
    profile = {"self": f"{ORIGIN}/rest/api/2/user?accountId=dc:{name}", "accountId": f"dc:{name}", "avatarUrls": {}}
    return {**profile, "displayName": name, "active": True, "timeZone": "Etc/UTC", "accountType": "atlassian"}


def _as_cloud(value: JsonObject) -> JsonObject:
    """Convert a Data Center user (`name`, `key`) to a Cloud user."""
    if "displayName" not in value or "key" not in value:
        return value
    account_id = f"dc:{value['key']}"
    profile: JsonObject = {
        name: value[name]
        for name in ("emailAddress", "avatarUrls", "displayName", "active", "timeZone")
        if name in value
    }
    url = f"{ORIGIN}/rest/api/2/user?accountId={account_id}"
    return {"self": url, "accountId": account_id, **profile, "accountType": "atlassian"}


def _issue(raw: JsonObject) -> Issue:
    fields = dict(raw["fields"])
    comments = tuple((fields.pop("comment", None) or {}).get("comments", []))
    worklogs = tuple((fields.pop("worklog", None) or {}).get("worklogs", []))
    agile = {name: fields.pop(name) for name in AGILE_ONLY if name in fields}
    histories = sorted(
        raw["changelog"]["histories"], key=lambda history: (parse_ms(history["created"]), int(history["id"]))
    )
    return Issue(raw["id"], raw["key"], fields, tuple(histories), comments, worklogs, agile=agile)


def _catalogue(issues: list[Issue], fields: list[JsonObject], users: dict[str, JsonObject]) -> Catalogue:
    objects = {
        name: used_objects(issues, name) for name in ("issuetype", "status", "priority", "resolution", "project")
    }
    project = project_of(next(iter(objects["project"].values())))
    location = {"projectId": int(project["id"]), "projectKey": project["key"], "projectName": project["name"]}
    board = {"id": 3, "self": f"{ORIGIN}/rest/agile/1.0/board/3", "name": "board 3", "type": "kanban"}
    columns = tuple({"name": status["name"], "statuses": [{"id": key}]} for key, status in objects["status"].items())
    return Catalogue(
        projects={project["id"]: project},
        statuses=objects["status"],
        issue_types={key: {"hierarchyLevel": 0, **issue_type} for key, issue_type in objects["issuetype"].items()},
        priorities={**standard_priorities(), **objects["priority"]},
        resolutions=objects["resolution"],
        link_types=standard_link_types(),
        fields=by_id(fields),
        users=users,
        boards={3: Board({**board, "location": location}, f"project = {project['key']}", columns)},
        administrators=frozenset(list(users)[:1]),
    )
