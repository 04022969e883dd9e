"""Small questions about a site of Jira Cloud and the account that asks, for the checks of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.json_value import Json, account_of, find
from app.conditions import Code
from app.errors import JiraNonsense
from app.sources.answers import Account, AccountKind
from app.sources.cloud.issues import EVERYTHING
from app.sources.cloud.pages import list_in
from app.sources.cloud.rest import path_of
from app.sources.outcomes import attempt

if TYPE_CHECKING:
    from app.sources.cloud.rest import CloudSession
    from app.sources.outcomes import Finding

_SERVICE_ACCOUNTS = "@serviceaccount.atlassian.com"
"""End of the addresses that Atlassian gives to service accounts; their type is `app` as well."""


def whoami(site: CloudSession) -> Account:
    """`GET myself`. Raises a JiraFailure."""
    path = path_of("myself")
    body = site.get(path).body
    account_id, name, zone = account_of(body), find(body, "displayName"), find(body, "timeZone")
    if account_id is None:
        raise JiraNonsense(Code.OBJECT_MISSING, path=path)
    return Account(account_id, str(name) if name else None, _kind_of(body), str(zone) if zone else None)


def _kind_of(body: Json) -> AccountKind:
    if str(find(body, "emailAddress") or "").lower().endswith(_SERVICE_ACCOUNTS):
        return AccountKind.SERVICE
    return AccountKind.APP if find(body, "accountType") == "app" else AccountKind.PERSON


def has_permission(site: CloudSession, permission: str) -> bool | Finding:
    """`GET mypermissions` for one permission: Jira refuses a question that names one unknown to it."""
    place = f"permissions.{permission}.havePermission"
    return attempt(lambda: _flag(site, "mypermissions", place, permissions=permission), names_object=False)


def tracks_time(site: CloudSession) -> bool | Finding:
    """`GET configuration`."""
    return attempt(lambda: _flag(site, "configuration", "timeTrackingEnabled"), names_object=False)


def _flag(site: CloudSession, resource: str, place: str, **params: str) -> bool:
    path = path_of(resource)
    flag = find(site.get(path, params).body, place)
    if not isinstance(flag, bool):
        raise JiraNonsense(Code.OBJECT_MISSING, path=path)
    return flag


def board_count(site: CloudSession) -> int | Finding:
    """`total` of `GET board`."""
    path = path_of("board")

    def ask() -> int:
        total = find(site.get(path, {"maxResults": 1}).body, "total")
        if not isinstance(total, int) or isinstance(total, bool):
            raise JiraNonsense(Code.OBJECT_MISSING, path=path)
        return total

    return attempt(ask, names_object=False)


def newest_id(site: CloudSession) -> str | None:
    """Id of the newest issue by `GET search/jql`; None where no issue is in sight. Raises a JiraFailure."""
    path = path_of("search/jql")
    query: dict[str, str | int] = {"jql": f"{EVERYTHING} ORDER BY created DESC", "fields": "id", "maxResults": 1}
    issues = list_in(site.get(path, query).body, "issues", path)
    return str(find(issues[0], "id")) if issues else None
