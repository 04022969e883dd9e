"""Endpoints closed to a Connect app with scope READ. Most are open to people with an API token."""

from __future__ import annotations

from flask import Blueprint, Response

from sandbox.gate.authentication import unauthorized
from sandbox.web.callers import (
    ADMINISTER,
    BROWSE_USERS,
    accessible_to_connect,
    has_permission,
    needs_permission,
    visible_issue,
)
from sandbox.web.exchange import API, IDENTITY, json_body, number, page, reply, site

routes = Blueprint("restricted", __name__)


@routes.get(f"{API}/users")
@routes.get(f"{API}/users/search", endpoint="users_search")
def users(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return every user, inactive ones included."""
    accessible_to_connect("INACCESSIBLE")
    needs_permission(BROWSE_USERS)
    start, size = number("startAt", 0), min(number("maxResults", 50), 1000)
    members = list(site().world.catalogue.users.values())[start : start + size]
    return reply(members, objects=len(members), cost=IDENTITY)


@routes.get(f"{API}/statuses")
@routes.get(f"{API}/statuses/search", endpoint="statuses_search")
def statuses(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return statuses by page to administrators; the document gives others 401."""
    accessible_to_connect("INACCESSIBLE")
    if not has_permission(ADMINISTER):
        raise unauthorized()
    return reply(page(list(site().world.catalogue.statuses.values()), default=200, cap=200))


@routes.get(f"{API}/field/search")
def fields(version: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return fields by page."""
    accessible_to_connect("INACCESSIBLE")
    return reply(page(list(site().world.catalogue.fields.values()), default=50, cap=50))


@routes.post(f"{API}/issue/<key>/changelog/list")
def changelogs_by_id(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories by id."""
    accessible_to_connect("WRITE")
    history_ids = {str(history_id) for history_id in json_body().get("changelogIds") or []}
    return reply(
        page(
            [history for history in visible_issue(key).histories if history["id"] in history_ids],
            default=1000,
            cap=1000,
        )
    )
