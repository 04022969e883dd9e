"""Words and fixed objects of a seeded site."""

from __future__ import annotations

from sandbox.shapes import ORIGIN, JsonObject

ZONE = "America/Los_Angeles"
FIRST = (
    "Ada",
    "Bo",
    "Chiyo",
    "Dmitri",
    "Élodie",
    "Farid",
    "Grace",
    "Hüseyin",
    "Ines",
    "Jürgen",
    "Kofi",
    "Lucía",
    "小明",
    "Maja",
)
LAST = ("Okafor", "Ångström", "Tanaka", "Müller", "Silva", "Novák", "Brown", "de la Cruz", "王", "Haddad")
VERBS = ("Add", "Fix", "Speed up", "Remove", "Document", "Test", "Move", "Harden", "Rework", "Trace")
THINGS = (
    "login page",
    "payment webhook",
    "search index",
    "CSV export",
    "retry policy",
    "audit log",
    "naïve cache",
    "日本語 locale",
)
PLACES = (
    "on mobile",
    "for admins",
    "in the worker",
    "behind a proxy",
    "after upgrade",
    "under load 🚀",
    "in EU region",
)
LABELS = ("backend", "frontend", "tech-debt", "security", "customer", "регрессия", "perf")
PROJECT_NAMES = (
    "Apollo",
    "Borealis",
    "Citadel",
    "Dynamo",
    "Élan",
    "Foundry",
    "Gateway",
    "Harbor",
    "Ionosphere",
    "Juniper",
)
TEXT = (
    "Steps: open the page, wait, reload.",
    "The *first* call answers, the second one hangs.\n\nSee {{trace_id}} in the log.",
    "Wie besprochen: bitte bis Freitag.",
    "再現手順を追記しました。",
    "h2. Context\nCustomers reported this twice.\n# one\n# two",
)
CATEGORIES: dict[str, JsonObject] = {
    key: {"self": f"{ORIGIN}/rest/api/2/statuscategory/{n}", "id": n, "key": key, "colorName": color, "name": name}
    for n, key, color, name in (
        (1, "undefined", "medium-gray", "No Category"),
        (2, "new", "blue-gray", "To Do"),
        (4, "indeterminate", "yellow", "In Progress"),
        (3, "done", "green", "Done"),
    )
}
STATUSES = (
    ("10000", "Backlog", "new"),
    ("10001", "To Do", "new"),
    ("3", "In Progress", "indeterminate"),
    ("10002", "In Review", "indeterminate"),
    ("10003", "QA", "indeterminate"),
    ("10004", "Done", "done"),
)
TYPES = (
    ("10000", "Epic", False, 1),
    ("10001", "Story", False, 0),
    ("10002", "Task", False, 0),
    ("10003", "Sub-task", True, -1),
    ("10004", "Bug", False, 0),
)
FIELDS = (
    ("summary", "Summary", "string", None),
    ("description", "Description", "string", None),
    ("issuetype", "Issue Type", "issuetype", None),
    ("project", "Project", "project", None),
    ("status", "Status", "status", None),
    ("resolution", "Resolution", "resolution", None),
    ("resolutiondate", "Resolved", "datetime", None),
    ("created", "Created", "datetime", None),
    ("updated", "Updated", "datetime", None),
    ("priority", "Priority", "priority", None),
    ("assignee", "Assignee", "user", None),
    ("reporter", "Reporter", "user", None),
    ("creator", "Creator", "user", None),
    ("labels", "Labels", "array", None),
    ("components", "Components", "array", None),
    ("fixVersions", "Fix versions", "array", None),
    ("versions", "Affects versions", "array", None),
    ("duedate", "Due date", "date", None),
    ("environment", "Environment", "string", None),
    ("parent", "Parent", "issuelink", None),
    ("subtasks", "Sub-tasks", "array", None),
    ("issuelinks", "Linked Issues", "array", None),
    ("attachment", "Attachment", "array", None),
    ("timetracking", "Time tracking", "timetracking", None),
    ("worklog", "Log Work", "array", None),
    ("comment", "Comment", "comments-page", None),
    ("customfield_10014", "Epic Link", "any", "com.pyxis.greenhopper.jira:gh-epic-link"),
    ("customfield_10015", "Start date", "date", "com.atlassian.jira.plugin.system.customfieldtypes:datepicker"),
    ("customfield_10019", "Rank", "any", "com.pyxis.greenhopper.jira:gh-lexo-rank"),
    ("customfield_10020", "Sprint", "array", "com.pyxis.greenhopper.jira:gh-sprint"),
    ("customfield_10024", "Story Points", "number", "com.atlassian.jira.plugin.system.customfieldtypes:float"),
    ("customfield_10030", "Story Points", "number", "com.atlassian.jira.plugin.system.customfieldtypes:float"),
)


def field_objects() -> dict[str, JsonObject]:
    """Return the site's fields. Two custom fields share a name, as on real sites."""
    fields: dict[str, JsonObject] = {}
    for key, name, kind, custom in FIELDS:
        schema: JsonObject = {"type": kind}
        schema |= {"custom": custom, "customId": int(key.split("_")[1])} if custom else {"system": key}
        clauses = [f"cf[{key.split('_')[1]}]", name] if custom else [key]
        flags = {"custom": custom is not None, "orderable": True, "navigable": True, "searchable": True}
        fields[key] = {"id": key, "key": key, "name": name, **flags, "clauseNames": clauses, "schema": schema}
    return fields


def status(key: str, name: str, category: str, project_id: str | None = None) -> JsonObject:
    """Return a status object; `project_id` makes it a team-managed one with `scope`."""
    fields: JsonObject = {"self": f"{ORIGIN}/rest/api/2/status/{key}", "description": "", "iconUrl": f"{ORIGIN}/"}
    fields |= {"name": name, "untranslatedName": name, "id": key, "statusCategory": CATEGORIES[category]}
    if project_id is not None:
        fields["scope"] = {"type": "PROJECT", "project": {"id": project_id}}
    return fields


def issue_type(key: str, name: str, level: int, *, is_subtask: bool) -> JsonObject:
    """Return an issue type object."""
    fields = {"self": f"{ORIGIN}/rest/api/2/issuetype/{key}", "id": key, "description": "", "iconUrl": f"{ORIGIN}/"}
    return {**fields, "name": name, "untranslatedName": name, "subtask": is_subtask, "hierarchyLevel": level}


def user(
    account_id: str, name: str, *, active: bool = True, kind: str = "atlassian", email: str | None = None
) -> JsonObject:
    """Return a user object. Most lack the e-mail, because most profiles hide it."""
    url = f"{ORIGIN}/rest/api/2/user?accountId={account_id}"
    profile: JsonObject = {"self": url, "accountId": account_id, "accountType": kind}
    if email:
        profile["emailAddress"] = email
    avatars = {f"{size}x{size}": f"https://avatars.example/{size}" for size in (16, 24, 32, 48)}
    return {
        **profile,
        "avatarUrls": avatars,
        "displayName": name,
        "active": active,
        "timeZone": ZONE,
        "locale": "en_US",
    }
