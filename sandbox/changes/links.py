"""What ties issues to each other and to the world: links and remote links."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.changes.editor import Change, Desk, Event, item
from sandbox.shapes import ORIGIN, JiraError, JsonObject

if TYPE_CHECKING:
    from sandbox.world import Issue


def link(desk: Desk, asked: JsonObject) -> Change:
    """Link `issue` to `target` with link type `type` (a name); both get a history and the same link id."""
    source, author = desk.issue(asked), desk.person(asked)
    target = desk.issue(asked, name="target")
    if target.id == source.id:
        others = [each for each in desk.world.searchable() if each.id != source.id]
        target = desk.one_of(others, "other issue")
    kinds = [each for each in desk.world.catalogue.link_types.values() if asked.get("type") in {None, each["name"]}]
    if not kinds:
        raise JiraError(404, f"no link type {asked.get('type')!r}")
    kind, link_id = desk.chance.choice(kinds), desk.world.new_id()
    outward = _end(link_id, kind, "outwardIssue", target)
    inward = _end(link_id, kind, "inwardIssue", source)
    for one, other, end, phrase in (
        (source, target, outward, kind["outward"]),
        (target, source, inward, kind["inward"]),
    ):
        entry = item("Link", (None, None), (other.key, f"This issue {phrase} {other.key}"), "issuelinks")
        desk.changed(one, author, [entry], issuelinks=[*(one.fields.get("issuelinks") or ()), end])
    event = Event("issuelink_created", {"issueLink": _event_body(link_id, kind, source.id, target.id)})
    return Change("issue_link", link_id, source.id, {"target_id": target.id}, [event])


def unlink(desk: Desk, asked: JsonObject) -> Change:
    """Remove link `link`, or any."""
    ends: dict[str, list[Issue]] = {}
    for issue in desk.world.issues.values():
        for each in issue.fields.get("issuelinks") or ():
            ends.setdefault(str(each["id"]), []).append(issue)
    link_id = str(asked.get("link") or desk.chance.choice(sorted(ends) or [""]))
    if link_id not in ends:
        raise JiraError(404, f"no link {link_id!r}")
    author = desk.person(asked)
    source = ends[link_id][0]
    kind: JsonObject = {}
    for issue in ends[link_id]:
        kept = [each for each in issue.fields["issuelinks"] if str(each["id"]) != link_id]
        gone = next(each for each in issue.fields["issuelinks"] if str(each["id"]) == link_id)
        kind, other = gone["type"], gone.get("outwardIssue") or gone["inwardIssue"]
        source = issue if "outwardIssue" in gone else source
        desk.changed(
            issue,
            author,
            [item("Link", (other["key"], f"This issue links to {other['key']}"), (None, None), "issuelinks")],
            issuelinks=kept,
        )
    target = next((each for each in ends[link_id] if each.id != source.id), source)
    event = Event("issuelink_deleted", {"issueLink": _event_body(link_id, kind, source.id, target.id)})
    return Change("issue_link", link_id, source.id, {"target_id": target.id}, [event])


def add_remote_link(desk: Desk, asked: JsonObject) -> Change:
    """Add a remote link, as a development tool does: a history, a new `updated`, and no event of its own."""
    issue, author, key = desk.issue(asked), desk.person(asked), int(desk.world.new_id())
    title = str(asked.get("title", f"Commit - {key:x}"))
    entry = item("RemoteIssueLink", (None, None), (str(key), f'This issue links to "{title} (Web Link)"'))
    del entry["fieldId"]
    url = str(asked.get("url", f"https://git.example.com/commit/{key:x}"))
    shown = {"id": key, "self": f"{ORIGIN}/rest/api/2/issue/{issue.key}/remotelink/{key}", "application": {}}
    shown["object"] = {"url": url, "title": title, "icon": {}, "status": {"icon": {}}}
    issue = replace(issue, remote_links=(*issue.remote_links, shown))
    desk.changed(issue, author, [entry])
    return Change("remote_link", str(key), issue.id)


def delete_remote_link(desk: Desk, asked: JsonObject) -> Change:
    """Remove remote link `remote_link` of an issue, or any: a history, and no event of its own."""
    issue, author = desk.issue(asked, having="remote_links"), desk.person(asked)
    gone = desk.entry(issue.remote_links, asked, "remote_link")
    title = gone.get("object", {}).get("title", "")
    entry = item("RemoteIssueLink", (str(gone["id"]), f'This issue links to "{title} (Web Link)"'), (None, None))
    del entry["fieldId"]
    issue = replace(issue, remote_links=tuple(each for each in issue.remote_links if each["id"] != gone["id"]))
    desk.changed(issue, author, [entry])
    return Change("remote_link", str(gone["id"]), issue.id)


def without_references(desk: Desk, gone: Issue) -> list[Event]:
    """Remove every trace of a deleted issue from others; their `updated` stays, as in Jira."""
    events: list[Event] = []
    for each in gone.fields.get("issuelinks") or ():
        other = desk.world.issues.get((each.get("outwardIssue") or each["inwardIssue"])["id"])
        if other is not None:
            kept = [one for one in other.fields["issuelinks"] if one["id"] != each["id"]]
            desk.world.put(replace(other, fields={**other.fields, "issuelinks": kept}))
            body = {"issueLink": _event_body(str(each["id"]), each["type"], gone.id, other.id)}
            events.append(Event("issuelink_deleted", body, flow="Secondary"))
    for other in [*desk.world.issues.values()]:
        fields = other.fields
        if (fields.get("parent") or {}).get("id") == gone.id:
            desk.world.put(replace(other, fields={**fields, "parent": None, "customfield_10014": None}))
        elif any(child["id"] == gone.id for child in fields.get("subtasks") or ()):
            kept = [child for child in fields["subtasks"] if child["id"] != gone.id]
            desk.world.put(replace(other, fields={**fields, "subtasks": kept}))
    return events


def _end(link_id: str, kind: JsonObject, side: str, other: Issue) -> JsonObject:
    names = ("summary", "status", "priority", "issuetype")
    shown = {"id": other.id, "key": other.key, "self": f"{ORIGIN}/rest/api/2/issue/{other.id}"}
    fields = {name: other.fields.get(name) for name in names}
    return {
        "id": link_id,
        "self": f"{ORIGIN}/rest/api/2/issueLink/{link_id}",
        "type": kind,
        side: {**shown, "fields": fields},
    }


def _event_body(link_id: str, kind: JsonObject, source_id: str, target_id: str) -> JsonObject:
    """Return the event's own shape: numeric ids, no keys, no user."""
    shown = {"id": int(kind["id"]), "name": kind["name"], "outwardName": kind["outward"], "inwardName": kind["inward"]}
    shown |= {"isSubTaskLinkType": False, "isSystemLinkType": False}
    ends = {"sourceIssueId": int(source_id), "destinationIssueId": int(target_id)}
    return {"id": int(link_id), **ends, "issueLinkType": shown, "systemLink": False}
