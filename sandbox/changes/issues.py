"""Issues: created, edited, assigned, moved along the workflow, deleted."""

from __future__ import annotations

from dataclasses import replace

from sandbox.changes import copies
from sandbox.changes.editor import EMBEDDED_PROJECT, Change, Desk, Event, edited, item, pair, public, updated, whole
from sandbox.changes.links import without_references
from sandbox.shapes import JiraError, JsonObject
from sandbox.world import Issue

_EDITABLE = ("summary", "description", "labels", "duedate", "environment", "customfield_10024", "priority")
_LABELS = ("hotfix", "planned", "blocked", "ревью", "ops")


def create(desk: Desk, asked: JsonObject) -> Change:
    """Create an issue; `project`, `summary`, `user`, `fields` may be given."""
    project, author = desk.project(asked), desk.person(asked)
    world, written = desk.world, desk.stamp()
    pattern = next((world.issues[key] for key in reversed(world.by_project.get(project["id"], ()))), None)
    pattern = pattern or next(iter(world.issues.values()))
    blank: JsonObject = {name: [] if isinstance(value, list) else None for name, value in pattern.fields.items()}
    same = {name: pattern.fields[name] for name in ("issuetype", "priority")}
    embedded = {name: project[name] for name in EMBEDDED_PROJECT if name in project}
    status = first_status(desk, project["id"])
    fields = {
        **blank,
        **same,
        "project": embedded,
        "summary": asked.get("summary", f"New issue {desk.chance.randrange(10**6)}"),
        "description": "Made by the sandbox.",
        "status": status,
        "creator": author,
        "reporter": author,
        "created": written,
        "updated": written,
        "timetracking": {},
        "customfield_10020": None,
        **(asked.get("fields") or {}),
    }
    issue = Issue(world.new_id(), next_key(desk, project), fields)
    world.put(issue)
    initial = [item("status", (None, None), pair(status)), item("summary", (None, None), (None, fields["summary"]))]
    initial.append(item("reporter", (None, None), (author["accountId"], author["displayName"])))
    body = {"issue_event_type_name": "issue_created", "user": public(author), "issue": whole(issue)}
    body["changelog"] = {"id": world.new_id(), "items": initial}  # only here: REST has no such history
    return Change("issue", issue.id, issue.id, {"key": issue.key}, [Event("jira:issue_created", body, issue)])


def next_key(desk: Desk, project: JsonObject) -> str:
    """Return the next free key of a project."""
    prefix = project["key"] + "-"
    taken = (key[len(prefix) :] for key in desk.world.keys if key.startswith(prefix))
    return f"{prefix}{max((int(number) for number in taken if number.isdigit()), default=0) + 1}"


def first_status(desk: Desk, project_id: str) -> JsonObject:
    """Return where issues of a project begin: its own first status if it is team-managed."""
    statuses = list(desk.world.catalogue.statuses.values())
    own = [each for each in statuses if _scope(each) == project_id]
    fitting = own or [each for each in statuses if _scope(each) is None]
    return next((each for each in fitting if each["statusCategory"]["key"] == "new"), fitting[0])


def _scope(status: JsonObject) -> str | None:
    project = (status.get("scope") or {}).get("project") or {}
    return str(project["id"]) if project else None


def update(desk: Desk, asked: JsonObject) -> Change:
    """Edit fields: `fields` gives new values (one history for all), else a label or the summary changes."""
    issue, author = desk.issue(asked), desk.person(asked)
    values = asked.get("fields")
    if not values:
        before = issue.fields.get("labels") or []
        values = {"labels": sorted({*before} ^ {desk.chance.choice(_LABELS)})}
    unknown = set(values) - set(_EDITABLE)
    if unknown:
        raise JiraError(400, f"cannot edit {sorted(unknown)}; only {', '.join(_EDITABLE)}")
    items = [_edited(desk, name, issue.fields.get(name), value) for name, value in values.items()]
    return edited(desk, issue, author, items, **values)


def _edited(desk: Desk, name: str, before: object, after: object) -> JsonObject:
    label = desk.world.catalogue.fields.get(name, {}).get("name", name) if name.startswith("customfield") else name
    if name == "priority":
        return item(
            name, pair(before if isinstance(before, dict) else None), pair(after if isinstance(after, dict) else None)
        )
    return item(label, (None, _text(before)), (None, _text(after)), name)


def _text(value: object) -> str | None:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def assign(desk: Desk, asked: JsonObject) -> Change:
    """Assign an issue to `assignee`, or to anybody."""
    issue, author = desk.issue(asked), desk.person(asked)
    before, after = issue.fields.get("assignee"), desk.person(asked, "assignee")
    old = (before["accountId"], before["displayName"]) if before else (None, None)
    entry = item("assignee", old, (after["accountId"], after["displayName"]))
    entry |= {"tmpFromAccountId": old[0], "tmpToAccountId": after["accountId"]}
    issue, history = desk.changed(issue, author, [entry], assignee=after)
    return Change(
        "issue",
        issue.id,
        issue.id,
        {"key": issue.key, "changelog_id": history["id"]},
        [updated(issue, author, "issue_assigned", history)],
    )


def transition(desk: Desk, asked: JsonObject) -> Change:
    """Move an issue to the status with id or name `to`, or to any other of its project."""
    issue, author = desk.issue(asked), desk.person(asked)
    before, after = issue.fields["status"], _target(desk, issue, asked.get("to"))
    items = [item("status", pair(before), pair(after))]
    changes: JsonObject = {"status": after, "statuscategorychangedate": desk.stamp()}
    is_done, was_done = after["statusCategory"]["key"] == "done", bool(issue.fields.get("resolution"))
    if is_done != was_done and desk.world.catalogue.resolutions:
        resolution = next(iter(desk.world.catalogue.resolutions.values())) if is_done else None
        items.insert(0, item("resolution", pair(issue.fields.get("resolution")), pair(resolution)))
        changes |= {"resolution": resolution, "resolutiondate": desk.stamp() if is_done else None}
    issue, history = desk.changed(issue, author, items, **changes)
    detail = {"key": issue.key, "changelog_id": history["id"], "status": after["name"]}
    return Change("issue", issue.id, issue.id, detail, [updated(issue, author, "issue_generic", history)])


def _target(desk: Desk, issue: Issue, wanted: object) -> JsonObject:
    statuses = desk.world.catalogue.statuses.values()
    if wanted is not None:
        found = next((each for each in statuses if str(wanted) in {each["id"], each["name"]}), None)
        if found is None:
            raise JiraError(404, f"no status {wanted!r}")
        return found
    now = issue.fields["status"]["id"]
    own = [each for each in statuses if _scope(each) == issue.project_id]
    fitting = own or [each for each in statuses if _scope(each) is None]
    return desk.chance.choice([each for each in fitting if each["id"] != now] or fitting)


def delete(desk: Desk, asked: JsonObject) -> Change:
    """Delete an issue for good; links to it vanish from the other side, its worklogs enter the deleted feed."""
    issue, author = desk.issue(asked), desk.person(asked)
    world = desk.world
    body = {"user": public(author), "issue": whole(issue)}
    events = [Event("jira:issue_deleted", body, issue)]
    events += without_references(desk, issue)
    world.drop(issue.id)
    world.deleted_worklogs.extend((str(each["id"]), desk.now()) for each in issue.worklogs)
    record = {
        "id": len(world.audit) + 1,
        "summary": "Issue deleted",
        "created": desk.stamp(),
        "category": "issue management",
    }
    world.audit.append(
        {
            **record,
            "objectItem": {"name": issue.key, "typeName": "ISSUE_DELETE"},
            "authorAccountId": author["accountId"],
        }
    )
    world.touch()
    detail = {
        "key": issue.key,
        "changelog": [each["id"] for each in issue.histories],
        "comment": [each["id"] for each in issue.comments],
        "worklog": [each["id"] for each in issue.worklogs],
    }
    return Change("issue", issue.id, issue.id, detail, events)


def move(desk: Desk, asked: JsonObject) -> Change:
    """Move an issue to project `to`, or to any other: new key, the old one keeps resolving, one history.

    Its sub-tasks go along. What refers to it shows the new key, untouched.
    """
    issue, author = desk.issue(asked), desk.person(asked)
    others = [each for each in desk.world.catalogue.projects.values() if _may_take(desk, each, issue)]
    target = desk.project(asked, "to") if "to" in asked else desk.one_of(others, "other project")
    followers = [desk.world.issues.get(each["id"]) for each in issue.fields.get("subtasks") or ()]
    keys, events, history_id = {}, [], ""
    for each in (issue, *(one for one in followers if one is not None)):
        moved, history = _moved(desk, each, author, target)
        keys[each.id] = (each.key, moved.key)
        events.append(updated(moved, author, "issue_moved", history))
        history_id = history_id or history["id"]
    copies.renew(desk, lambda each: copies.of_keys(each, keys))
    detail = {"key": keys[issue.id][1], "former_key": issue.key, "changelog_id": history_id}
    return Change("issue", issue.id, issue.id, detail, events)


def _may_take(desk: Desk, project: JsonObject, issue: Issue) -> bool:
    return project["id"] != issue.project_id and desk.world.is_open(project["id"])


def _moved(desk: Desk, issue: Issue, author: JsonObject, target: JsonObject) -> tuple[Issue, JsonObject]:
    before, key, status = issue.fields["project"], next_key(desk, target), first_status(desk, target["id"])
    items = [
        item("project", (before["id"], before["name"]), (target["id"], target["name"])),
        item("Key", (None, issue.key), (None, key)),
        item("status", pair(issue.fields["status"]), pair(status)),
    ]
    embedded = {name: target[name] for name in EMBEDDED_PROJECT if name in target}
    moved = replace(issue, key=key, former_keys=(*issue.former_keys, issue.key))
    return desk.changed(moved, author, items, project=embedded, status=status)
