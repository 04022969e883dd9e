"""Projects, statuses, fields and other configuration."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sandbox.moments import in_zone, zone
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.web.callers import ADMINISTER, needs_permission, visible_project, world
from sandbox.web.exchange import API, names, page, reply, site

routes = Blueprint("catalogue", __name__)
_CATEGORIES = (
    (1, "undefined", "medium-gray", "No Category"),
    (2, "new", "blue-gray", "To Do"),
    (4, "indeterminate", "yellow", "In Progress"),
    (3, "done", "green", "Done"),
)
_TIME_TRACKING = {"workingHoursPerDay": 8.0, "workingDaysPerWeek": 5.0, "timeFormat": "pretty", "defaultUnit": "minute"}
_STATES = frozenset({"live", "archived", "deleted"})
_UNPAGED_LISTS = {
    "status": "statuses",
    "issuetype": "issue_types",
    "priority": "priorities",
    "resolution": "resolutions",
    "field": "fields",
}


@routes.get(f"{API}/serverInfo")
def server_info(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the kind of Jira and its current time."""
    timezone = zone(site().world.timezone)
    now = in_zone(site().clock(), timezone)
    facts: JsonObject = {
        "baseUrl": site().base_url,
        "displayUrl": site().base_url,
        "version": "1001.0.0-SNAPSHOT",
        "versionNumbers": [1001, 0, 0],
    }
    facts |= {
        "deploymentType": "Cloud",
        "buildNumber": 100300,
        "buildDate": "2026-10-01T00:00:00.000+0000",
        "serverTime": now,
    }
    return reply(
        {
            **facts,
            "scmInfo": "sandbox",
            "serverTitle": "Jira",
            "serverTimeZone": site().world.timezone,
            "defaultLocale": {"locale": "en_US"},
        }
    )


@routes.get(f'{API}/<any("status","issuetype","priority","resolution","field"):kind>')
def unpaged(version: str, kind: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return a whole list."""
    return reply(list(getattr(site().world.catalogue, _UNPAGED_LISTS[kind]).values()))


@routes.get(f"{API}/statuscategory")
def status_categories(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the four categories."""
    url = f"{ORIGIN}/rest/api/2/statuscategory"
    return reply(
        [
            {"self": f"{url}/{n}", "id": n, "key": key, "colorName": color, "name": name}
            for n, key, color, name in _CATEGORIES
        ]
    )


@routes.get(f"{API}/issueLinkType")
def link_types(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the link types."""
    return reply({"issueLinkTypes": list(site().world.catalogue.link_types.values())})


@routes.get(f"{API}/project/search")
def projects(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return projects in the order of `orderBy`, by default live ones only."""
    states = set(names("status")) or {"live"}
    if states - _STATES:
        raise JiraError(400, f"The status {sorted(states - _STATES)} is invalid; use live, archived or deleted.")
    visible_world = world()
    ids, keys = set(names("id")), {key.upper() for key in names("keys")}
    query = request.args.get("query", "").lower()
    matches = [
        project
        for project in visible_world.catalogue.projects.values()
        if project["id"] not in visible_world.lost_projects
        and _state(project) in states
        and (not ids or project["id"] in ids)
        and (not keys or project["key"].upper() in keys)
        and query in (project["key"] + " " + project["name"]).lower()
    ]
    order = request.args.get("orderBy", "key")
    field = order.lstrip("+-")
    if field not in {"key", "name", "category", "owner", "issueCount", "lastIssueUpdatedDate"}:
        raise JiraError(400, f"The orderBy field '{order}' is invalid.")
    matches.sort(key=lambda project: str(project.get(field, project["key"])), reverse=order.startswith("-"))
    cut = page(matches, default=50, cap=100)
    expand = set(names("expand"))
    cut["values"] = [_expand(project, expand) for project in cut["values"]]
    return reply(cut, objects=len(cut["values"]))


def _state(project: JsonObject) -> str:
    return "deleted" if project.get("deleted") else "archived" if project.get("archived") else "live"


def _expand(project: JsonObject, expand: set[str]) -> JsonObject:
    """Return a project with exactly the expansions in `expand`."""
    visible_world = world()
    optional = {"insight", "projectKeys", "description", "lead"} - expand
    body = {name: value for name, value in project.items() if name not in optional}
    if "projectKeys" in expand:
        body["projectKeys"] = project.get("projectKeys") or [project["key"]]
    if "description" in expand:
        body["description"] = project.get("description", "")
    if "lead" in expand and project.get("lead") is None:
        body["lead"] = next(iter(visible_world.catalogue.users.values()))
    if "insight" in expand:
        issues = list(visible_world.searchable([project["id"]]))
        body["insight"] = {"totalIssueCount": len(issues)}
        if issues:
            newest = max(issue.updated_ms for issue in issues)
            body["insight"]["lastIssueUpdateTime"] = in_zone(newest, zone("UTC"))
    return body


@routes.get(f"{API}/project/<key>")
def project(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return one project with its types, components and versions."""
    match = visible_project(key)
    catalogue = site().world.catalogue
    body = _expand(match, {"description", "lead", *names("expand")})
    body["issueTypes"] = list(catalogue.issue_types.values())
    body["components"], body["versions"] = _components(match), _versions(match)
    return reply(body, objects=1)


@routes.get(f"{API}/project/<key>/statuses")
def statuses(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the statuses of each issue type."""
    project = visible_project(key)
    catalogue = site().world.catalogue
    project_statuses = [status for status in catalogue.statuses.values() if _scope(status) == project["id"]]
    statuses_in_use = project_statuses or [status for status in catalogue.statuses.values() if _scope(status) is None]
    names_ = ("self", "id", "name", "subtask")
    return reply(
        [
            {**{name: issue_type[name] for name in names_}, "statuses": statuses_in_use}
            for issue_type in catalogue.issue_types.values()
        ]
    )


def _scope(status: JsonObject) -> str | None:
    scope = (status.get("scope") or {}).get("project") or {}
    return str(scope["id"]) if scope else None


def _versions(project: JsonObject) -> list[JsonObject]:
    return [
        version for version in site().world.catalogue.versions.values() if str(version["projectId"]) == project["id"]
    ]


def _components(project: JsonObject) -> list[JsonObject]:
    return [
        component
        for component in site().world.catalogue.components.values()
        if str(component["projectId"]) == project["id"]
    ]


@routes.get(f"{API}/project/<key>/versions")
def versions(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return all versions."""
    return reply(_versions(visible_project(key)))


@routes.get(f"{API}/project/<key>/version")
def versions_page(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return versions by page."""
    return reply(page(_versions(visible_project(key))))


@routes.get(f"{API}/project/<key>/components")
def components(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return all components."""
    return reply(_components(visible_project(key)))


@routes.get(f"{API}/project/<key>/component")
def components_page(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return components by page."""
    return reply(page(_components(visible_project(key))))


@routes.get(f"{API}/configuration")
def configuration(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the features of the site, and how time is tracked if it is."""
    features: JsonObject = {"attachmentsEnabled": True, "issueLinkingEnabled": True, "subTasksEnabled": True}
    features |= {"unassignedIssuesAllowed": True, "votingEnabled": True, "watchingEnabled": True}
    if site().options.time_tracking:
        features["timeTrackingConfiguration"] = _TIME_TRACKING
    return reply({**features, "timeTrackingEnabled": site().options.time_tracking})


@routes.get(f"{API}/configuration/timetracking")
def time_tracking(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the provider of time tracking to administrators, or an empty 204."""
    needs_permission(ADMINISTER)
    if not site().options.time_tracking:
        return Response(status=204)
    return reply({"key": "JIRA", "name": "JIRA provided time tracking"})


@routes.get(f"{API}/configuration/timetracking/options")
def time_tracking_options(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the settings of time tracking to administrators."""
    needs_permission(ADMINISTER)
    return reply(_TIME_TRACKING)
