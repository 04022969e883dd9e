"""People, permissions, and the few endpoints only administrators or apps may use."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, request

from sandbox.shapes import ORIGIN, JiraError, JsonObject
from sandbox.site import APP_USER
from sandbox.web.exchange import (
    API,
    IDENTITY,
    accessible_to_connect,
    caller,
    json_body,
    names,
    number,
    page,
    reply,
    site,
    visible_project,
)

routes = Blueprint("people", __name__)
GLOBAL_PERMISSIONS = frozenset(
    {
        "ADMINISTER",
        "SYSTEM_ADMIN",
        "USER_PICKER",
        "CREATE_SHARED_OBJECTS",
        "MANAGE_GROUP_FILTER_SUBSCRIPTIONS",
        "BULK_CHANGE",
    }
)
PROJECT_PERMISSIONS = frozenset(
    {
        "BROWSE_PROJECTS",
        "EDIT_ISSUES",
        "CREATE_ISSUES",
        "ADD_COMMENTS",
        "WORK_ON_ISSUES",
        "ADMINISTER_PROJECTS",
        "VIEW_DEV_TOOLS",
    }
)
_ADMIN_ONLY = frozenset({"ADMINISTER", "SYSTEM_ADMIN", "ADMINISTER_PROJECTS"})
_MAX_CHECKED, _SEARCH_WINDOW, _MAX_AUDIT = 1000, 1000, 1000


@routes.get(f"{API}/myself")
def myself(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return the caller: the app's own user, or the person behind a token."""
    return reply(_me(), objects=1, cost=IDENTITY)


def _me() -> JsonObject:
    return site().app_user() if caller().kind == "connect" else site().world.catalogue.users[site().admin]


@routes.get(f"{API}/user")
def user(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return one user."""
    account_id = request.args.get("accountId")
    if not account_id:
        raise JiraError(400, "Either the accountId or the username query parameter needs to be provided.")
    found = site().user(account_id)
    if found is None:
        raise JiraError(404, "Specified user does not exist or you do not have required permissions")
    return reply(found, objects=1, cost=IDENTITY)


@routes.get(f"{API}/user/search")
def user_search(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Find active people by a part of their name; an empty query is an error."""
    query = request.args.get("query", "").lower()
    if not query and not request.args.get("accountId"):
        raise JiraError(400, "At least one of query, accountId or property is required.")
    start, size = number("startAt", 0), min(number("maxResults", 50), 1000)
    users = [each for each in site().world.catalogue.users.values() if each["active"]][:_SEARCH_WINDOW]
    wanted = request.args.get("accountId")
    found = [
        each for each in users if (each["accountId"] == wanted if wanted else query in each["displayName"].lower())
    ]
    return reply(found[start : start + size])


@routes.get(f"{API}/user/bulk")
def user_bulk(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return profiles by id, ten a page unless asked for more; unknown ids are left out."""
    asked = request.args.getlist("accountId")
    if not asked:
        raise JiraError(400, "The accountId query parameter needs to be provided.")
    found = [each for key in dict.fromkeys(asked) if (each := site().user(key)) is not None]
    cut = page(found, default=10, cap=200)
    if "nextPage" in cut:  # a page link repeats what was asked
        cut["nextPage"] += "".join(f"&accountId={quote(key, safe='')}" for key in asked)
    return reply(cut, objects=len(cut["values"]), cost=IDENTITY)


@routes.get(f"{API}/user/email")
def email(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return an e-mail address, to apps that Atlassian has approved."""
    _needs_email_approval()
    found = site().world.catalogue.users.get(request.args.get("accountId", ""))
    if found is None:
        raise JiraError(404, "User not found.")
    return reply(_email_of(found), objects=1, cost=IDENTITY)


@routes.get(f"{API}/user/email/bulk")
def email_bulk(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return e-mail addresses, to apps that Atlassian has approved."""
    _needs_email_approval()
    users = site().world.catalogue.users
    found = [_email_of(users[key]) for key in request.args.getlist("accountId") if key in users]
    return reply(found, objects=len(found), cost=IDENTITY)


def _needs_email_approval() -> None:
    accessible_to_connect("ACCESS_EMAIL_ADDRESSES")
    if not site().options.email_approved:
        raise JiraError(400, "The app is not approved to access e-mail addresses.")


def _email_of(found: JsonObject) -> JsonObject:
    address = found.get("emailAddress") or f"{found['accountId'].replace(':', '-')}@site.example"
    return {"accountId": found["accountId"], "email": address}


@routes.post(f"{API}/permissions/check")
def check_permissions(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Tell which permissions a user has; without an accountId that is the caller, not nobody."""
    body = json_body()
    account_id = body.get("accountId") or (APP_USER if caller().kind == "connect" else site().admin)
    if not isinstance(account_id, str) or site().user(account_id) is None:
        raise JiraError(400, "The account ID provided is invalid.")
    wanted = body.get("globalPermissions") or []
    if not isinstance(wanted, list) or set(map(str, wanted)) - GLOBAL_PERMISSIONS:
        raise JiraError(400, "Unrecognized permission.")
    granted = [each for each in wanted if each not in _ADMIN_ONLY or site().is_admin(account_id)]
    shown = [_in_projects(each, account_id) for each in body.get("projectPermissions") or []]
    flat = [each for part in shown for each in part]
    return reply(
        {"globalPermissions": granted, "projectPermissions": flat}, objects=len(granted) + len(flat), cost=IDENTITY
    )


def _in_projects(asked: JsonObject, account_id: str) -> list[JsonObject]:
    permissions, projects, issues = (
        asked.get("permissions") or [],
        asked.get("projects") or [],
        asked.get("issues") or [],
    )
    if (
        not permissions
        or set(map(str, permissions)) - PROJECT_PERMISSIONS
        or len(projects) > _MAX_CHECKED
        or len(issues) > _MAX_CHECKED
    ):
        raise JiraError(400, "Unrecognized permission, or too many projects or issues.")
    world = site().world
    open_projects = [
        each for each in projects if str(each) in world.catalogue.projects and str(each) not in world.lost_projects
    ]
    open_issues = [
        each for each in issues if (found := world.issues.get(str(each))) is not None and world.may_see(found)
    ]
    allowed = [each for each in permissions if each not in _ADMIN_ONLY or site().is_admin(account_id)]
    return [{"permission": each, "projects": open_projects, "issues": open_issues} for each in allowed]


@routes.get(f"{API}/mypermissions")
def my_permissions(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Tell the caller's own permissions, in a project if one is named."""
    asked = names("permissions")
    if not asked:
        raise JiraError(400, "The 'permissions' query parameter is required.")
    unknown = set(asked) - GLOBAL_PERMISSIONS - PROJECT_PERMISSIONS
    if unknown:
        raise JiraError(400, f"Unrecognized permission: {', '.join(sorted(unknown))}")
    key = request.args.get("projectKey") or request.args.get("projectId")
    if key:
        visible_project(key)
    admin = caller().kind == "token"
    made = {
        each: _permission(number_, each, have=admin or each not in _ADMIN_ONLY) for number_, each in enumerate(asked)
    }
    return reply({"permissions": made}, objects=len(made), cost=IDENTITY)


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
    """Return deliveries that Jira gave up, oldest first; only an app may ask."""
    if caller().kind != "connect":
        raise JiraError(403, "Only Connect apps can use this operation.")
    after, size = number("after", 0), min(number("maxResults", 100), 100)
    lost = sorted(
        (each for each in list(site().webhooks.deliveries) if (each.failed_at or 0) > after),
        key=lambda each: each.failed_at or 0,
    )
    values = [
        {"id": each.identifier, "body": each.body.decode(), "url": each.url, "failureTime": each.failed_at}
        for each in lost[:size]
    ]
    made: JsonObject = {"values": values, "maxResults": size}
    if len(lost) > size:
        made["next"] = f"{ORIGIN}/rest/api/{version}/webhook/failed?after={lost[size - 1].failed_at}&maxResults={size}"
    return reply(made)


@routes.get(f"{API}/auditing/record")
def audit(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return audit records; needs Administer Jira, which apps lack unless an option grants it."""
    if caller().kind == "connect" and not site().options.audit_allowed:
        raise JiraError(403, "You do not have permission to view audit records.")
    start, size = number("offset", 0), min(number("limit", _MAX_AUDIT), _MAX_AUDIT)
    records = list(reversed(site().world.audit))
    return reply({"offset": start, "limit": size, "total": len(records), "records": records[start : start + size]})
