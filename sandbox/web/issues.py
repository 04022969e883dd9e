"""One issue and its children."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sandbox import rendering
from sandbox.shapes import JiraError
from sandbox.web.callers import visible_issue, world
from sandbox.web.exchange import API, by_created, json_body, names, page, reply, shown_fields

routes = Blueprint("issues", __name__)
_MAX_IDS = 1000


@routes.get(f"{API}/issue/<key>")
def issue(version: str, key: str) -> Response:
    """Return one issue by id, key or former key."""
    record = visible_issue(key)
    selection = shown_fields(request.args.getlist("fields"), "*all")
    body = rendering.issue(record, selection, frozenset(names("expand")), rendering.SINGLE, version)
    return reply(body, objects=1)


@routes.get(f"{API}/issue/<key>/changelog")
def changelog(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return histories, oldest first, at most 100 per page."""
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
    match = next((candidate for candidate in visible_issue(key).comments if candidate["id"] == comment_id), None)
    if match is None:
        raise JiraError(404, f"Can not find a comment for the id: {comment_id}.")
    return reply(rendering.bodies([match], "body", version)[0])


@routes.get(f"{API}/issue/<key>/remotelink")
def remote_links(version: str, key: str) -> Response:  # noqa: ARG001 - both versions answer alike
    """Return every remote link as a bare array."""
    return reply(list(visible_issue(key).remote_links))


@routes.post(f"{API}/comment/list")
def comments_by_id(version: str) -> Response:
    """Return comments by id, without those of invisible issues."""
    ids = json_body().get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MAX_IDS:
        raise JiraError(400, f"Between 1 and {_MAX_IDS} comment ids are needed.")
    comment_ids = {str(comment_id) for comment_id in ids}
    visible_world = world()
    matches = [
        entry
        for issue in list(visible_world.issues.values())
        if visible_world.may_see(issue)
        for entry in issue.comments
        if entry["id"] in comment_ids
    ]
    cut = page(rendering.bodies(matches, "body", version), default=_MAX_IDS, cap=_MAX_IDS)
    return reply(cut)
