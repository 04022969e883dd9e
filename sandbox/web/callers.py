"""Callers: the account behind a request, its permissions, and the site as that account sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import g

from sandbox.gate.authentication import unauthorized
from sandbox.shapes import JiraError, JsonObject
from sandbox.web.exchange import site

if TYPE_CHECKING:
    from sandbox.gate.authentication import Caller
    from sandbox.world import Issue, World

BROWSE_PROJECTS, BROWSE_USERS, ADMINISTER = "BROWSE_PROJECTS", "USER_PICKER", "ADMINISTER"
GLOBAL_PERMISSIONS = frozenset(
    {
        ADMINISTER,
        "SYSTEM_ADMIN",
        BROWSE_USERS,
        "CREATE_SHARED_OBJECTS",
        "MANAGE_GROUP_FILTER_SUBSCRIPTIONS",
        "BULK_CHANGE",
    }
)
PROJECT_PERMISSIONS = frozenset(
    {
        BROWSE_PROJECTS,
        "EDIT_ISSUES",
        "CREATE_ISSUES",
        "ADD_COMMENTS",
        "WORK_ON_ISSUES",
        "ADMINISTER_PROJECTS",
        "VIEW_DEV_TOOLS",
        "VIEW_AGGREGATED_DATA",
    }
)
ADMIN_ONLY = frozenset({ADMINISTER, "SYSTEM_ADMIN", "ADMINISTER_PROJECTS"})


def caller() -> Caller:
    """Return the authenticated caller."""
    result: Caller = g.caller
    return result


def account() -> JsonObject:
    """Return the caller's own user: the app's, or the token's by e-mail address. Raises JiraError 401 if anonymous.

    Datasets hide most addresses, as profiles do, so a token with another address belongs to an administrator.
    """
    if caller().kind == "connect":
        return site().app_user()
    if caller().kind == "anonymous":
        raise unauthorized()
    users = site().world.catalogue.users
    email = caller().holder
    matches = (user for user in users.values() if email and str(user.get("emailAddress", "")).casefold() == email)
    return next(matches, users[site().admin])


def has_permission(name: str, project_key: str | None = None) -> bool:
    """Whether the caller has a permission, in one project or, without one, globally or in any project."""
    if caller().kind == "anonymous":
        return False
    if name in ADMIN_ONLY and not site().is_admin(account()["accountId"]):
        return False
    withheld_names = _withheld()
    if name in withheld_names:
        return False
    if name in GLOBAL_PERMISSIONS or not withheld_names:
        return True
    keys = [project_key] if project_key else [project["key"] for project in site().world.catalogue.projects.values()]
    return any(f"{name}:{key}" not in withheld_names for key in keys)


def _withheld() -> frozenset[str]:
    """The permissions that an option takes from the caller's account."""
    email = caller().holder
    lists = (names for owner, names in site().options.withheld_permissions.items() if owner.casefold() == email)
    return frozenset(next(lists, ()))


def needs_permission(name: str) -> None:
    """Refuse an account without the permission. Raises JiraError 403."""
    if not has_permission(name):
        raise JiraError(403, "You do not have the permission to perform this operation.")


def closed_projects() -> frozenset[str]:
    """Ids of the projects that the caller can't browse although the app can."""
    if caller().kind != "anonymous" and not _withheld():
        return frozenset()
    projects = site().world.catalogue.projects.values()
    return frozenset(project["id"] for project in projects if not has_permission(BROWSE_PROJECTS, project["key"]))


def world() -> World:
    """Return the site's world as the caller sees it."""
    return site().world.without(closed_projects())


def visible_issue(id_or_key: str) -> Issue:
    """Return the issue. Raises the same JiraError 404 for a missing and an invisible one."""
    visible_world = world()
    issue = visible_world.find(id_or_key)
    if issue is None or not visible_world.may_see(issue):
        raise JiraError(404, "Issue does not exist or you do not have permission to see it.")
    return issue


def visible_project(id_or_key: str) -> JsonObject:
    """Return the project. Raises JiraError 404."""
    project = world().project(id_or_key)
    if project is None:
        raise JiraError(404, f"No project could be found with key '{id_or_key}'.")
    return project


def accessible_to_connect(scope: str) -> None:
    """Refuse an app without `scope`. INACCESSIBLE and NONE refuse every app, but no person."""
    if caller().kind == "connect" and scope not in caller().scopes:
        raise JiraError(403, "The app is not authorized to make this request: the required scope is missing.")
