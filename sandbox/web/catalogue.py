"""What a site has besides issues and people: projects, statuses, fields and their like."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sandbox.moments import in_zone, zone
from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.web.exchange import API, names, page, reply, site, visible_project

routes = Blueprint("catalogue", __name__)
_CATEGORIES = (
    (1, "undefined", "medium-gray", "No Category"),
    (2, "new", "blue-gray", "To Do"),
    (4, "indeterminate", "yellow", "In Progress"),
    (3, "done", "green", "Done"),
)
_STATES = frozenset({"live", "archived", "deleted"})
_UNPAGED = {
    "status": "statuses",
    "issuetype": "issue_types",
    "priority": "priorities",
    "resolution": "resolutions",
    "field": "fields",
}


@routes.get(f"{API}/serverInfo")
def server_info(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Tell what kind of Jira this is and what time it has."""
    where = zone(site().world.timezone)
    now = in_zone(site().clock(), where)
    made: JsonObject = {
        "baseUrl": ORIGIN,
        "displayUrl": ORIGIN,
        "version": "1001.0.0-SNAPSHOT",
        "versionNumbers": [1001, 0, 0],
    }
    made |= {
        "deploymentType": "Cloud",
        "buildNumber": 100300,
        "buildDate": "2026-10-01T00:00:00.000+0000",
        "serverTime": now,
    }
    return reply(
        {
            **made,
            "scmInfo": "sandbox",
            "serverTitle": "Jira",
            "serverTimeZone": site().world.timezone,
            "defaultLocale": {"locale": "en_US"},
        }
    )


@routes.get(f'{API}/<any("status","issuetype","priority","resolution","field"):kind>')
def unpaged(version: str, kind: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return a whole list."""
    return reply(list(getattr(site().world.catalogue, _UNPAGED[kind]).values()))


@routes.get(f"{API}/statuscategory")
def status_categories(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the four categories."""
    where = f"{ORIGIN}/rest/api/2/statuscategory"
    return reply(
        [
            {"self": f"{where}/{n}", "id": n, "key": key, "colorName": color, "name": name}
            for n, key, color, name in _CATEGORIES
        ]
    )


@routes.get(f"{API}/issueLinkType")
def link_types(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the link types."""
    return reply({"issueLinkTypes": list(site().world.catalogue.link_types.values())})


@routes.get(f"{API}/project/search")
def projects(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return projects in the order asked for, live ones unless told otherwise."""
    states = set(names("status")) or {"live"}
    if states - _STATES:
        raise JiraError(400, f"The status {sorted(states - _STATES)} is invalid; use live, archived or deleted.")
    world = site().world
    wanted, keys = set(names("id")), {key.upper() for key in names("keys")}
    query = request.args.get("query", "").lower()
    found = [
        each
        for each in world.catalogue.projects.values()
        if each["id"] not in world.lost_projects
        and _state(each) in states
        and (not wanted or each["id"] in wanted)
        and (not keys or each["key"].upper() in keys)
        and query in (each["key"] + " " + each["name"]).lower()
    ]
    order = request.args.get("orderBy", "key")
    field = order.lstrip("+-")
    if field not in {"key", "name", "category", "owner", "issueCount", "lastIssueUpdatedDate"}:
        raise JiraError(400, f"The orderBy field '{order}' is invalid.")
    found.sort(key=lambda each: str(each.get(field, each["key"])), reverse=order.startswith("-"))
    cut = page(found, default=50, cap=100)
    expand = set(names("expand"))
    cut["values"] = [_shown(each, expand) for each in cut["values"]]
    return reply(cut, objects=len(cut["values"]))


def _state(project: JsonObject) -> str:
    return "deleted" if project.get("deleted") else "archived" if project.get("archived") else "live"


def _shown(project: JsonObject, expand: set[str]) -> JsonObject:
    """Return a project with the expansions asked for and no others."""
    world = site().world
    optional = {"insight", "projectKeys", "description", "lead"} - expand
    shown = {name: value for name, value in project.items() if name not in optional}
    if "projectKeys" in expand:
        shown["projectKeys"] = project.get("projectKeys") or [project["key"]]
    if "description" in expand:
        shown["description"] = project.get("description", "")
    if "lead" in expand and project.get("lead") is None:
        shown["lead"] = next(iter(world.catalogue.users.values()))
    if "insight" in expand:
        issues = list(world.searchable([project["id"]]))
        shown["insight"] = {"totalIssueCount": len(issues)}
        if issues:
            newest = max(each.updated_ms for each in issues)
            shown["insight"]["lastIssueUpdateTime"] = in_zone(newest, zone("UTC"))
    return shown


@routes.get(f"{API}/project/<key>")
def project(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return one project with its types, components and versions."""
    found = visible_project(key)
    catalogue = site().world.catalogue
    shown = _shown(found, {"description", "lead", *names("expand")})
    shown["issueTypes"] = list(catalogue.issue_types.values())
    shown["components"], shown["versions"] = _components(found), _versions(found)
    return reply(shown, objects=1)


@routes.get(f"{API}/project/<key>/statuses")
def statuses(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the statuses of each issue type."""
    found = visible_project(key)
    catalogue = site().world.catalogue
    own = [each for each in catalogue.statuses.values() if _scope(each) == found["id"]]
    used = own or [each for each in catalogue.statuses.values() if _scope(each) is None]
    names_ = ("self", "id", "name", "subtask")
    return reply(
        [{**{name: each[name] for name in names_}, "statuses": used} for each in catalogue.issue_types.values()]
    )


def _scope(status: JsonObject) -> str | None:
    scope = (status.get("scope") or {}).get("project") or {}
    return str(scope["id"]) if scope else None


def _versions(project: JsonObject) -> list[JsonObject]:
    return [each for each in site().world.catalogue.versions.values() if str(each["projectId"]) == project["id"]]


def _components(project: JsonObject) -> list[JsonObject]:
    return [each for each in site().world.catalogue.components.values() if str(each["projectId"]) == project["id"]]


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
