"""Issues: created, edited, assigned, transitioned, moved, deleted."""

from __future__ import annotations

from dataclasses import replace

from sandbox.changes import copies
from sandbox.changes.editor import (
    EMBEDDED_PROJECT,
    Change,
    Editor,
    Event,
    edit,
    full_issue,
    id_and_name,
    item,
    public_profile,
    update_event,
)
from sandbox.changes.links import remove_references
from sandbox.shapes import JiraError, JsonObject
from sandbox.world import Issue

_EDITABLE = ("summary", "description", "labels", "duedate", "environment", "priority")
_LABELS = ("hotfix", "planned", "blocked", "ревью", "ops")


def create(editor: Editor, parameters: JsonObject) -> Change:
    """Create an issue. Optional: `project`, `summary`, `user`, `fields`."""
    project, author = editor.project(parameters), editor.person(parameters)
    world, timestamp = editor.world, editor.stamp()
    pattern = next((world.issues[key] for key in reversed(world.by_project.get(project["id"], ()))), None)
    pattern = pattern or next(iter(world.issues.values()))
    blank: JsonObject = {name: [] if isinstance(value, list) else None for name, value in pattern.fields.items()}
    defaults = {name: pattern.fields[name] for name in ("issuetype", "priority")}
    project_copy = {name: project[name] for name in EMBEDDED_PROJECT if name in project}
    status = first_status(editor, project["id"])
    fields = {
        **blank,
        **defaults,
        "project": project_copy,
        "summary": parameters.get("summary", f"New issue {editor.chance.randrange(10**6)}"),
        "description": "Made by the sandbox.",
        "status": status,
        "creator": author,
        "reporter": author,
        "created": timestamp,
        "updated": timestamp,
        "timetracking": {},
        "customfield_10020": None,
        **(parameters.get("fields") or {}),
    }
    issue = Issue(world.new_id(), next_key(editor, project), fields)
    world.put(issue)
    initial = [
        item("status", (None, None), id_and_name(status)),
        item("summary", (None, None), (None, fields["summary"])),
    ]
    initial.append(item("reporter", (None, None), (author["accountId"], author["displayName"])))
    body = {"issue_event_type_name": "issue_created", "user": public_profile(author), "issue": full_issue(issue)}
    body["changelog"] = {"id": world.new_id(), "items": initial}  # in the event only: REST has no such history
    return Change("issue", issue.id, issue.id, {"key": issue.key}, [Event("jira:issue_created", body, issue)])


def next_key(editor: Editor, project: JsonObject) -> str:
    """Return the next free key of a project."""
    prefix = project["key"] + "-"
    numbers = (key[len(prefix) :] for key in editor.world.keys if key.startswith(prefix))
    return f"{prefix}{max((int(number) for number in numbers if number.isdigit()), default=0) + 1}"


def first_status(editor: Editor, project_id: str) -> JsonObject:
    """Return the initial status of a project's issues; team-managed projects have statuses of their own."""
    statuses = list(editor.world.catalogue.statuses.values())
    project_statuses = [status for status in statuses if _scope(status) == project_id]
    candidates = project_statuses or [status for status in statuses if _scope(status) is None]
    return next((status for status in candidates if status["statusCategory"]["key"] == "new"), candidates[0])


def _scope(status: JsonObject) -> str | None:
    project = (status.get("scope") or {}).get("project") or {}
    return str(project["id"]) if project else None


def update(editor: Editor, parameters: JsonObject) -> Change:
    """Edit fields. `fields` gives new values, all in one history; without it a label is toggled."""
    issue, author = editor.issue(parameters), editor.person(parameters)
    values = parameters.get("fields")
    if not values:
        before = issue.fields.get("labels") or []
        values = {"labels": sorted({*before} ^ {editor.chance.choice(_LABELS)})}
    unknown_names = {name for name in values if name not in _EDITABLE and not name.startswith("customfield_")}
    if unknown_names:
        raise JiraError(400, f"cannot edit {sorted(unknown_names)}; only {', '.join(_EDITABLE)} and custom fields")
    items = [_field_item(editor, name, issue.fields.get(name), value) for name, value in values.items()]
    return edit(editor, issue, author, items, **values)


def _field_item(editor: Editor, name: str, before: object, after: object) -> JsonObject:
    label = editor.world.catalogue.fields.get(name, {}).get("name", name) if name.startswith("customfield") else name
    if name == "priority":
        return item(
            name,
            id_and_name(before if isinstance(before, dict) else None),
            id_and_name(after if isinstance(after, dict) else None),
        )
    return item(label, (None, _text(before)), (None, _text(after)), name)


def _text(value: object) -> str | None:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def assign(editor: Editor, parameters: JsonObject) -> Change:
    """Assign an issue to `assignee`, or to a random person."""
    issue, author = editor.issue(parameters), editor.person(parameters)
    before, after = issue.fields.get("assignee"), editor.person(parameters, "assignee")
    old = (before["accountId"], before["displayName"]) if before else (None, None)
    entry = item("assignee", old, (after["accountId"], after["displayName"]))
    entry |= {"tmpFromAccountId": old[0], "tmpToAccountId": after["accountId"]}
    issue, history = editor.save(issue, author, [entry], assignee=after)
    return Change(
        "issue",
        issue.id,
        issue.id,
        {"key": issue.key, "changelog_id": history["id"]},
        [update_event(issue, author, "issue_assigned", history)],
    )


def transition(editor: Editor, parameters: JsonObject) -> Change:
    """Move an issue to the status with id or name `to`, or to a random other one of its project."""
    issue, author = editor.issue(parameters), editor.person(parameters)
    before, after = issue.fields["status"], _target(editor, issue, parameters.get("to"))
    items = [item("status", id_and_name(before), id_and_name(after))]
    changes: JsonObject = {"status": after, "statuscategorychangedate": editor.stamp()}
    is_done, was_done = after["statusCategory"]["key"] == "done", bool(issue.fields.get("resolution"))
    if is_done != was_done and editor.world.catalogue.resolutions:
        resolution = next(iter(editor.world.catalogue.resolutions.values())) if is_done else None
        items.insert(0, item("resolution", id_and_name(issue.fields.get("resolution")), id_and_name(resolution)))
        changes |= {"resolution": resolution, "resolutiondate": editor.stamp() if is_done else None}
    issue, history = editor.save(issue, author, items, **changes)
    detail = {"key": issue.key, "changelog_id": history["id"], "status": after["name"]}
    return Change("issue", issue.id, issue.id, detail, [update_event(issue, author, "issue_generic", history)])


def _target(editor: Editor, issue: Issue, id_or_name: object) -> JsonObject:
    statuses = editor.world.catalogue.statuses.values()
    if id_or_name is not None:
        match = next((status for status in statuses if str(id_or_name) in {status["id"], status["name"]}), None)
        if match is None:
            raise JiraError(404, f"no status {id_or_name!r}")
        return match
    now = issue.fields["status"]["id"]
    project_statuses = [status for status in statuses if _scope(status) == issue.project_id]
    candidates = project_statuses or [status for status in statuses if _scope(status) is None]
    return editor.chance.choice([status for status in candidates if status["id"] != now] or candidates)


def delete(editor: Editor, parameters: JsonObject) -> Change:
    """Delete an issue for good. Links to it vanish; its worklogs enter the feed of deleted worklogs."""
    issue, author = editor.issue(parameters), editor.person(parameters)
    world = editor.world
    body = {"user": public_profile(author), "issue": full_issue(issue)}
    events = [Event("jira:issue_deleted", body, issue)]
    events += remove_references(editor, issue)
    world.drop(issue.id)
    world.deleted_worklogs.extend((str(worklog["id"]), editor.now()) for worklog in issue.worklogs)
    record = {
        "id": len(world.audit) + 1,
        "summary": "Issue deleted",
        "created": editor.stamp(),
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
        "changelog": [history["id"] for history in issue.histories],
        "comment": [comment["id"] for comment in issue.comments],
        "worklog": [worklog["id"] for worklog in issue.worklogs],
    }
    return Change("issue", issue.id, issue.id, detail, events)


def move(editor: Editor, parameters: JsonObject) -> Change:
    """Move an issue and its sub-tasks to project `to`, or to a random other one, with one history each.

    The former key keeps resolving. References on other issues show the new key; their `updated` stays.
    """
    issue, author = editor.issue(parameters), editor.person(parameters)
    projects = [project for project in editor.world.catalogue.projects.values() if _may_take(editor, project, issue)]
    target = editor.project(parameters, "to") if "to" in parameters else editor.pick(projects, "other project")
    followers = [editor.world.issues.get(subtask["id"]) for subtask in issue.fields.get("subtasks") or ()]
    keys, events, history_id = {}, [], ""
    for member in (issue, *(follower for follower in followers if follower is not None)):
        moved_issue, history = _move_one(editor, member, author, target)
        keys[member.id] = (member.key, moved_issue.key)
        events.append(update_event(moved_issue, author, "issue_moved", history))
        history_id = history_id or history["id"]
    copies.renew(editor, lambda record: copies.replace_keys(record, keys))
    detail = {"key": keys[issue.id][1], "former_key": issue.key, "changelog_id": history_id}
    return Change("issue", issue.id, issue.id, detail, events)


def _may_take(editor: Editor, project: JsonObject, issue: Issue) -> bool:
    return project["id"] != issue.project_id and editor.world.is_open(project["id"])


def _move_one(editor: Editor, issue: Issue, author: JsonObject, target: JsonObject) -> tuple[Issue, JsonObject]:
    before, key, status = issue.fields["project"], next_key(editor, target), first_status(editor, target["id"])
    items = [
        item("project", (before["id"], before["name"]), (target["id"], target["name"])),
        item("Key", (None, issue.key), (None, key)),
        item("status", id_and_name(issue.fields["status"]), id_and_name(status)),
    ]
    project_copy = {name: target[name] for name in EMBEDDED_PROJECT if name in target}
    moved_issue = replace(issue, key=key, former_keys=(*issue.former_keys, issue.key))
    return editor.save(moved_issue, author, items, project=project_copy, status=status)
