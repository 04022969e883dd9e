"""People, permissions, and endpoints reserved for administrators or apps."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Blueprint, Response, request

from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.web.callers import (
    ADMIN_ONLY,
    ADMINISTER,
    BROWSE_USERS,
    GLOBAL_PERMISSIONS,
    PROJECT_PERMISSIONS,
    accessible_to_connect,
    account,
    caller,
    has_permission,
    needs_permission,
    visible_issue,
    visible_project,
    world,
)
from sandbox.web.exchange import API, IDENTITY, json_body, names, number, page, reply, site

if TYPE_CHECKING:
    from collections.abc import Callable

routes = Blueprint("people", __name__)
_MAX_ACCOUNTS, _SEARCH_WINDOW, _MAX_AUDIT = 1000, 1000, 1000


@routes.get(f"{API}/myself")
def myself(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the caller: the app's own user, or the owner of a token."""
    return reply(account(), objects=1, cost=IDENTITY)


@routes.get(f"{API}/user")
def user(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return one user."""
    account_id = request.args.get("accountId")
    if not account_id:
        raise JiraError(400, "Either the accountId or the username query parameter needs to be provided.")
    needs_permission(BROWSE_USERS)
    profile = site().user(account_id)
    if profile is None:
        raise JiraError(404, "Specified user does not exist or you do not have required permissions")
    return reply(profile, objects=1, cost=IDENTITY)


@routes.get(f"{API}/user/search")
def user_search(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Find active people by a part of their name or by id; an empty query is an error.

    An account without Browse users gets an empty list.
    """
    query = request.args.get("query", "").lower()
    if not query and not request.args.get("accountId"):
        raise JiraError(400, "At least one of query, accountId or property is required.")
    start, size = number("startAt", 0), min(number("maxResults", 50), 1000)
    if not has_permission(BROWSE_USERS):
        return reply([])
    users = [user for user in site().world.catalogue.users.values() if user["active"]][:_SEARCH_WINDOW]
    account_id = request.args.get("accountId")
    matches = [
        user
        for user in users
        if (user["accountId"] == account_id if account_id else query in user["displayName"].lower())
    ]
    return reply(matches[start : start + size])


@routes.get(f"{API}/user/bulk")
def user_bulk(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return profiles by id, ten per page by default, without unknown ids."""
    account_ids = request.args.getlist("accountId")
    if not account_ids:
        raise JiraError(400, "The accountId query parameter needs to be provided.")
    users = [user for key in dict.fromkeys(account_ids) if (user := site().user(key)) is not None]
    cut = page(users, default=10, cap=200)
    if "nextPage" in cut:  # a page link repeats the parameters
        cut["nextPage"] += "".join(f"&accountId={quote(key, safe='')}" for key in account_ids)
    return reply(cut, objects=len(cut["values"]), cost=IDENTITY)


@routes.get(f"{API}/user/email")
def email(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return an e-mail address, for apps with Atlassian's approval."""
    _needs_email_approval()
    user = site().user(request.args.get("accountId", ""))
    if user is None:
        raise JiraError(404, "User not found.")
    return reply(_email_of(user), objects=1, cost=IDENTITY)


@routes.get(f"{API}/user/email/bulk")
def email_bulk(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return e-mail addresses, for apps with Atlassian's approval."""
    _needs_email_approval()
    users = site().world.catalogue.users
    emails = [_email_of(users[key]) for key in request.args.getlist("accountId") if key in users]
    return reply(emails, objects=len(emails), cost=IDENTITY)


def _needs_email_approval() -> None:
    accessible_to_connect("ACCESS_EMAIL_ADDRESSES")
    if not site().options.email_approved:
        raise JiraError(400, "The app is not approved to access e-mail addresses.")


def _email_of(user: JsonObject) -> JsonObject:
    address = user.get("emailAddress") or f"{user['accountId'].replace(':', '-')}@site.example"
    return {"accountId": user["accountId"], "email": address}


@routes.post(f"{API}/permissions/check")
def check_permissions(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the permissions of the caller, or of the user `accountId` for apps and administrators."""
    body = json_body()
    own_id = account()["accountId"] if caller().kind != "anonymous" else None
    account_id = body.get("accountId") or own_id
    if account_id != own_id:
        if caller().kind != "connect" and not has_permission(ADMINISTER):
            raise JiraError(403, "You do not have the permission to check the permissions of other users.")
        if not isinstance(account_id, str) or site().user(account_id) is None:
            raise JiraError(400, "The account ID provided is invalid.")
    permissions = body.get("globalPermissions") or []
    if not isinstance(permissions, list) or set(map(str, permissions)) - GLOBAL_PERMISSIONS:
        raise JiraError(400, "Unrecognized permission.")

    def has(permission: str, project_key: str | None = None) -> bool:
        if account_id == own_id:
            return has_permission(permission, project_key)
        return permission not in ADMIN_ONLY or site().is_admin(str(account_id))

    granted_permissions = [permission for permission in permissions if has(permission)]
    answers = [_in_projects(query, has) for query in body.get("projectPermissions") or []]
    flat = [entry for part in answers for entry in part]
    return reply(
        {"globalPermissions": granted_permissions, "projectPermissions": flat},
        objects=len(granted_permissions) + len(flat),
        cost=IDENTITY,
    )


def _in_projects(query: JsonObject, has: Callable[[str, str | None], bool]) -> list[JsonObject]:
    permissions, projects, issues = (
        query.get("permissions") or [],
        query.get("projects") or [],
        query.get("issues") or [],
    )
    if (
        not permissions
        or set(map(str, permissions)) - PROJECT_PERMISSIONS
        or len(projects) > _MAX_ACCOUNTS
        or len(issues) > _MAX_ACCOUNTS
    ):
        raise JiraError(400, "Unrecognized permission, or too many projects or issues.")
    visible_world = world()
    keys = {
        project_id: visible_world.catalogue.projects[str(project_id)]["key"]
        for project_id in projects
        if str(project_id) in visible_world.catalogue.projects and str(project_id) not in visible_world.lost_projects
    }
    issue_keys = {
        issue_id: issue.fields["project"]["key"]
        for issue_id in issues
        if (issue := visible_world.issues.get(str(issue_id))) is not None and visible_world.may_see(issue)
    }
    return [
        {
            "permission": permission,
            "projects": [project_id for project_id, key in keys.items() if has(permission, key)],
            "issues": [issue_id for issue_id, key in issue_keys.items() if has(permission, key)],
        }
        for permission in permissions
        if has(permission, None)
    ]


@routes.get(f"{API}/mypermissions")
def my_permissions(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the caller's own permissions, in a project or on an issue if given."""
    permissions = names("permissions")
    if not permissions:
        raise JiraError(400, "The 'permissions' query parameter is required.")
    unknown_permissions = set(permissions) - GLOBAL_PERMISSIONS - PROJECT_PERMISSIONS
    if unknown_permissions:
        raise JiraError(400, f"Unrecognized permission: {', '.join(sorted(unknown_permissions))}")
    project_key = _project_in_question()
    body = {
        permission: _permission(number_, permission, have=has_permission(permission, project_key))
        for number_, permission in enumerate(permissions)
    }
    return reply({"permissions": body}, objects=len(body), cost=IDENTITY)


def _project_in_question() -> str | None:
    """Key of the project that a permission query names, itself or by an issue. Raises JiraError 404."""
    issue = request.args.get("issueKey") or request.args.get("issueId")
    if issue:
        return str(visible_issue(issue).fields["project"]["key"])
    project = request.args.get("projectKey") or request.args.get("projectId")
    return str(visible_project(project)["key"]) if project else None


def _permission(key: int, name: str, *, have: bool) -> JsonObject:
    kind = "GLOBAL" if name in GLOBAL_PERMISSIONS else "PROJECT"
    return {
        "id": str(key),
        "key": name,
        "name": name.replace("_", " ").title(),
        "type": kind,
        "description": "",
        "havePermission": have,
    }


@routes.get(f"{API}/webhook/failed")
def failed_webhooks(version: str) -> Response:
    """Return deliveries without a further retry, oldest first; for apps only."""
    if caller().kind != "connect":
        raise JiraError(403, "Only Connect apps can use this operation.")
    after, size = number("after", 0), min(number("maxResults", 100), 100)
    deliveries = sorted(
        (delivery for delivery in list(site().webhooks.deliveries) if (delivery.failed_at or 0) > after),
        key=lambda delivery: delivery.failed_at or 0,
    )
    values = [
        {
            "id": delivery.identifier,
            "body": delivery.body.decode(),
            "url": delivery.url,
            "failureTime": delivery.failed_at,
        }
        for delivery in deliveries[:size]
    ]
    body: JsonObject = {"values": values, "maxResults": size}
    if len(deliveries) > size:
        body["next"] = (
            f"{ORIGIN}/rest/api/{version}/webhook/failed?after={deliveries[size - 1].failed_at}&maxResults={size}"
        )
    return reply(body)


@routes.get(f"{API}/auditing/record")
def audit(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return audit records. Apps lack the permission unless an option grants it."""
    if not (site().options.audit_allowed if caller().kind == "connect" else has_permission(ADMINISTER)):
        raise JiraError(403, "You do not have permission to view audit records.")
    start, size = number("offset", 0), min(number("limit", _MAX_AUDIT), _MAX_AUDIT)
    records = list(reversed(site().world.audit))
    return reply({"offset": start, "limit": size, "total": len(records), "records": records[start : start + size]})
