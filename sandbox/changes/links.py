"""Issue links and remote links."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Editor, Event, item
from sandbox.shapes import ORIGIN, JiraError, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue


def link(editor: Editor, parameters: JsonObject) -> Change:
    """Link `issue` to `target` with link type `type` (a name). Both get a history and the same link id."""
    source, author = editor.issue(parameters), editor.person(parameters)
    target = editor.issue(parameters, name="target")
    if target.id == source.id:
        candidates = [issue for issue in editor.world.searchable() if issue.id != source.id]
        target = editor.pick(candidates, "other issue")
    kinds = [
        link_type
        for link_type in editor.world.catalogue.link_types.values()
        if parameters.get("type") in {None, link_type["name"]}
    ]
    if not kinds:
        raise JiraError(404, f"no link type {parameters.get('type')!r}")
    kind, link_id = editor.chance.choice(kinds), editor.world.new_id()
    outward = _end(link_id, kind, "outwardIssue", target)
    inward = _end(link_id, kind, "inwardIssue", source)
    for near, opposite, end, phrase in (
        (source, target, outward, kind["outward"]),
        (target, source, inward, kind["inward"]),
    ):
        entry = item("Link", (None, None), (opposite.key, f"This issue {phrase} {opposite.key}"), "issuelinks")
        editor.save(near, author, [entry], issuelinks=[*(near.fields.get("issuelinks") or ()), end])
    event = Event("issuelink_created", {"issueLink": _event_body(link_id, kind, source.id, target.id)})
    return Change("issue_link", link_id, source.id, {"target_id": target.id}, [event])


def unlink(editor: Editor, parameters: JsonObject) -> Change:
    """Remove link `link`, or a random one, from both ends."""
    ends: dict[str, list[Issue]] = {}
    for issue in editor.world.issues.values():
        for link in issue.fields.get("issuelinks") or ():
            ends.setdefault(str(link["id"]), []).append(issue)
    link_id = str(parameters.get("link") or editor.chance.choice(sorted(ends) or [""]))
    if link_id not in ends:
        raise JiraError(404, f"no link {link_id!r}")
    author = editor.person(parameters)
    source = ends[link_id][0]
    kind: JsonObject = {}
    for issue in ends[link_id]:
        remaining_links = [entry for entry in issue.fields["issuelinks"] if str(entry["id"]) != link_id]
        link = next(entry for entry in issue.fields["issuelinks"] if str(entry["id"]) == link_id)
        kind, linked_issue = link["type"], link.get("outwardIssue") or link["inwardIssue"]
        source = issue if "outwardIssue" in link else source
        editor.save(
            issue,
            author,
            [
                item(
                    "Link",
                    (linked_issue["key"], f"This issue links to {linked_issue['key']}"),
                    (None, None),
                    "issuelinks",
                )
            ],
            issuelinks=remaining_links,
        )
    target = next((issue for issue in ends[link_id] if issue.id != source.id), source)
    event = Event("issuelink_deleted", {"issueLink": _event_body(link_id, kind, source.id, target.id)})
    return Change("issue_link", link_id, source.id, {"target_id": target.id}, [event])


def add_remote_link(editor: Editor, parameters: JsonObject) -> Change:
    """Add a remote link, as a development tool does: a history, a new `updated`, no event of its own."""
    issue, author, key = editor.issue(parameters), editor.person(parameters), int(editor.world.new_id())
    title = str(parameters.get("title", f"Commit - {key:x}"))
    entry = item("RemoteIssueLink", (None, None), (str(key), f'This issue links to "{title} (Web Link)"'))
    del entry["fieldId"]
    url = str(parameters.get("url", f"https://git.example.com/commit/{key:x}"))
    remote_link = {"id": key, "self": f"{ORIGIN}/rest/api/2/issue/{issue.key}/remotelink/{key}", "application": {}}
    remote_link["object"] = {"url": url, "title": title, "icon": {}, "status": {"icon": {}}}
    issue = replace(issue, remote_links=(*issue.remote_links, remote_link))
    editor.save(issue, author, [entry])
    return Change("remote_link", str(key), issue.id)


def delete_remote_link(editor: Editor, parameters: JsonObject) -> Change:
    """Remove remote link `remote_link` of an issue, or a random one: a history, no event of its own."""
    issue, author = editor.issue(parameters, children="remote_links"), editor.person(parameters)
    remote_link = editor.entry(issue.remote_links, parameters, "remote_link")
    title = remote_link.get("object", {}).get("title", "")
    entry = item("RemoteIssueLink", (str(remote_link["id"]), f'This issue links to "{title} (Web Link)"'), (None, None))
    del entry["fieldId"]
    issue = replace(
        issue, remote_links=tuple(entry for entry in issue.remote_links if entry["id"] != remote_link["id"])
    )
    editor.save(issue, author, [entry])
    return Change("remote_link", str(remote_link["id"]), issue.id)


def remove_references(editor: Editor, deleted_issue: Issue) -> list[Event]:
    """Remove every reference to a deleted issue; `updated` of the other issues stays, as in Jira."""
    events: list[Event] = []
    for link in deleted_issue.fields.get("issuelinks") or ():
        neighbour = editor.world.issues.get((link.get("outwardIssue") or link["inwardIssue"])["id"])
        if neighbour is not None:
            remaining_entries = [entry for entry in neighbour.fields["issuelinks"] if entry["id"] != link["id"]]
            editor.world.put(replace(neighbour, fields={**neighbour.fields, "issuelinks": remaining_entries}))
            body = {"issueLink": _event_body(str(link["id"]), link["type"], deleted_issue.id, neighbour.id)}
            events.append(Event("issuelink_deleted", body, flow="Secondary"))
    for neighbour in [*editor.world.issues.values()]:
        fields = neighbour.fields
        if (fields.get("parent") or {}).get("id") == deleted_issue.id:
            editor.world.put(replace(neighbour, fields={**fields, "parent": None, "customfield_10014": None}))
        elif any(child["id"] == deleted_issue.id for child in fields.get("subtasks") or ()):
            remaining_entries = [child for child in fields["subtasks"] if child["id"] != deleted_issue.id]
            editor.world.put(replace(neighbour, fields={**fields, "subtasks": remaining_entries}))
    return events


def _end(link_id: str, kind: JsonObject, side: str, target: Issue) -> JsonObject:
    names = ("summary", "status", "priority", "issuetype")
    reference = {"id": target.id, "key": target.key, "self": f"{ORIGIN}/rest/api/2/issue/{target.id}"}
    fields = {name: target.fields.get(name) for name in names}
    return {
        "id": link_id,
        "self": f"{ORIGIN}/rest/api/2/issueLink/{link_id}",
        "type": kind,
        side: {**reference, "fields": fields},
    }


def _event_body(link_id: str, kind: JsonObject, source_id: str, target_id: str) -> JsonObject:
    """Return the body of a link event: numeric ids, neither keys nor user."""
    link_type = {
        "id": int(kind["id"]),
        "name": kind["name"],
        "outwardName": kind["outward"],
        "inwardName": kind["inward"],
    }
    link_type |= {"isSubTaskLinkType": False, "isSystemLinkType": False}
    ends = {"sourceIssueId": int(source_id), "destinationIssueId": int(target_id)}
    return {"id": int(link_id), **ends, "issueLinkType": link_type, "systemLink": False}
