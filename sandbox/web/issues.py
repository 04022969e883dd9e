"""One issue and what hangs on it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sandbox import rendering
from sandbox.shapes import JiraError
from sandbox.web.exchange import API, by_created, json_body, names, page, reply, site, visible_issue

routes = Blueprint("issues", __name__)
_MAX_LISTED = 1000


@routes.get(f"{API}/issue/<key>")
def issue(version: str, key: str) -> Response:
    """Return one issue; a key it had before a move still finds it."""
    found = visible_issue(key)
    wanted = rendering.Selection.of(request.args.getlist("fields"), "*all")
    shown = rendering.issue(found, wanted, frozenset(names("expand")), rendering.SINGLE, version)
    return reply(shown, objects=1)


@routes.get(f"{API}/issue/<key>/changelog")
def changelog(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories, oldest first, at most 100 a page whatever is asked."""
    return reply(page(visible_issue(key).histories, default=100, cap=100))


@routes.get(f"{API}/issue/<key>/comment")
def comments(version: str, key: str) -> Response:
    """Return comments; the array is named `comments`."""
    order = request.args.get("orderBy", "created")
    if order not in {"created", "+created", "-created"}:
        raise JiraError(400, f"The orderBy field '{order}' is invalid.")
    entries = by_created(visible_issue(key).comments)
    cut = page(entries[::-1] if order == "-created" else entries, default=100, cap=100, name="comments", links=False)
    cut["comments"] = rendering.bodies(cut["comments"], "body", version)
    return reply(cut)


@routes.get(f"{API}/issue/<key>/comment/<comment_id>")
def comment(version: str, key: str, comment_id: str) -> Response:
    """Return one comment."""
    found = next((each for each in visible_issue(key).comments if each["id"] == comment_id), None)
    if found is None:
        raise JiraError(404, f"Can not find a comment for the id: {comment_id}.")
    return reply(rendering.bodies([found], "body", version)[0])


@routes.get(f"{API}/issue/<key>/remotelink")
def remote_links(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return every remote link as a bare array."""
    return reply(list(visible_issue(key).remote_links))


@routes.post(f"{API}/comment/list")
def listed_comments(version: str) -> Response:
    """Return comments by id; those of issues out of sight are left out."""
    ids = json_body().get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MAX_LISTED:
        raise JiraError(400, f"Between 1 and {_MAX_LISTED} comment ids are needed.")
    wanted = {str(each) for each in ids}
    world = site().world
    found = [
        entry
        for each in list(world.issues.values())
        if world.may_see(each)
        for entry in each.comments
        if entry["id"] in wanted
    ]
    cut = page(rendering.bodies(found, "body", version), default=_MAX_LISTED, cap=_MAX_LISTED)
    return reply(cut)
