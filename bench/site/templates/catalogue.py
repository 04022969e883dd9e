"""Everything on a site besides issues: people, projects, statuses, fields, boards, as Jira writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

ORIGIN = "https://bench.atlassian.net"
PROJECTS = (("ALPH", 8), ("BRAV", 5), ("CHAR", 4), ("DELT", 3), ("ECHO", 2), ("FOXT", 1), ("GOLF", 1), ("HOTL", 1))
"""Keys, with each project's share of 25 issues."""
SPRINT_FIELD, POINTS_FIELD, EPIC_FIELD, RANK_FIELD = (f"customfield_{n}" for n in (10020, 10024, 10014, 10019))
EMPTY_FIELDS = tuple(f"customfield_{n}" for n in range(10100, 10140))
"""Fields of other projects; Jira sends them as null with every issue."""
LINK_TYPE = {
    "id": "10000",
    "name": "Blocks",
    "inward": "is blocked by",
    "outward": "blocks",
    "self": f"{ORIGIN}/rest/api/3/issueLinkType/10000",
}
_FIRST_NAMES = ("Ada", "Björn", "Chiyo", "Dag", "Élodie", "Fatou", "Grace", "Hiro", "Ines", "Jan", "小明", "Lucía")
_LAST_NAMES = (
    "Ångström",
    "Brown",
    "de la Cruz",
    "Evans",
    "Fischer",
    "Haddad",
    "Ito",
    "Kovács",
    "Müller",
    "Okafor",
    "王",
)
_STATUSES = (
    ("10000", "Backlog", 2),
    ("10001", "To Do", 2),
    ("3", "In Progress", 4),
    ("10002", "In Review", 4),
    ("10003", "QA", 4),
    ("10004", "Done", 3),
)
_CATEGORIES = {
    2: ("new", "blue-gray", "To Do"),
    4: ("indeterminate", "yellow", "In Progress"),
    3: ("done", "green", "Done"),
}
_TYPES = (
    ("10000", "Epic", 1),
    ("10001", "Story", 0),
    ("10002", "Task", 0),
    ("10003", "Sub-task", -1),
    ("10004", "Bug", 0),
)
_SYSTEM_FIELDS = (  # noqa: SIM905 - words are easier to read than a list of them
    "summary description issuetype project status resolution resolutiondate created updated priority assignee reporter "
    "creator labels components fixVersions versions duedate environment parent subtasks issuelinks attachment "
    "timetracking worklog comment"
).split()
_CUSTOM_FIELDS = (
    (EPIC_FIELD, "Epic Link", "any", "com.pyxis.greenhopper.jira:gh-epic-link"),
    (RANK_FIELD, "Rank", "any", "com.pyxis.greenhopper.jira:gh-lexo-rank"),
    (SPRINT_FIELD, "Sprint", "array", "com.pyxis.greenhopper.jira:gh-sprint"),
    (POINTS_FIELD, "Story Points", "number", "com.atlassian.jira.plugin.system.customfieldtypes:float"),
    *(
        (name, f"Field {name[-3:]}", "string", "com.atlassian.jira.plugin.system.customfieldtypes:textfield")
        for name in EMPTY_FIELDS
    ),
)

Object = dict[str, Any]


@dataclass
class Catalogue:
    """Lists in Jira's order."""

    users: list[Object] = field(default_factory=list)
    projects: list[Object] = field(default_factory=list)
    components: dict[str, list[Object]] = field(default_factory=dict)
    versions: dict[str, list[Object]] = field(default_factory=dict)
    boards: list[Object] = field(default_factory=list)
    sprints: dict[int, list[Object]] = field(default_factory=dict)
    statuses: list[Object] = field(default_factory=list)
    issue_types: list[Object] = field(default_factory=list)
    priorities: list[Object] = field(default_factory=list)
    resolutions: list[Object] = field(default_factory=list)
    fields: list[Object] = field(default_factory=list)

    def project_board(self, project_id: str) -> Object:
        """Return the board of a project."""
        return next(board for board in self.boards if str(board["location"]["projectId"]) == project_id)


def make_catalogue(chance: Random, people: int = 240) -> Catalogue:
    """Return a catalogue of eight projects, five of them with sprints."""
    catalogue = Catalogue(users=[_user(chance, number) for number in range(people)])
    catalogue.statuses = [_status(*row) for row in _STATUSES]
    catalogue.issue_types = [_issue_type(*row) for row in _TYPES]
    catalogue.priorities = [
        {
            "self": f"{ORIGIN}/rest/api/3/priority/{n}",
            "iconUrl": f"{ORIGIN}/images/icons/priorities/{n}.svg",
            "name": name,
            "id": str(n),
        }
        for n, name in enumerate(("Highest", "High", "Medium", "Low", "Lowest"), 1)
    ]
    catalogue.resolutions = [
        {
            "self": f"{ORIGIN}/rest/api/3/resolution/{n}",
            "id": str(n),
            "description": f"Work is {name.lower()}.",
            "name": name,
        }
        for n, name in ((10000, "Done"), (10001, "Won't Do"))
    ]
    catalogue.fields = [
        *(_system_field(name) for name in _SYSTEM_FIELDS),
        *(_custom_field(*row) for row in _CUSTOM_FIELDS),
    ]
    for number, (key, _) in enumerate(PROJECTS):
        _add_project(catalogue, chance, number, key)
    return catalogue


def _add_project(catalogue: Catalogue, chance: Random, number: int, key: str) -> None:
    project_id = str(10000 + number)
    project = {
        "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
        "self": f"{ORIGIN}/rest/api/3/project/{project_id}",
        "id": project_id,
        "key": key,
        "name": f"{key.title()} platform",
        "description": f"What the {key.title()} team builds",
        "lead": chance.choice(catalogue.users),
        "avatarUrls": {"48x48": f"{ORIGIN}/rest/api/3/universal_avatar/view/type/project/avatar/{10400 + number}"},
        "projectTypeKey": "software",
        "simplified": False,
        "style": "classic",
        "isPrivate": False,
        "properties": {},
        "projectKeys": [key],
        "issueTypes": catalogue.issue_types,
    }
    catalogue.projects.append(project)
    catalogue.components[project_id] = [
        {
            "self": f"{ORIGIN}/rest/api/3/component/{10000 + 10 * number + n}",
            "id": str(10000 + 10 * number + n),
            "name": name,
            "lead": chance.choice(catalogue.users),
            "project": key,
            "projectId": int(project_id),
        }
        for n, name in enumerate(("api", "web", "mobile", "data"))
    ]
    catalogue.versions[project_id] = [
        {
            "self": f"{ORIGIN}/rest/api/3/version/{10000 + 10 * number + n}",
            "id": str(10000 + 10 * number + n),
            "name": f"1.{n}",
            "description": f"Release {n}",
            "archived": False,
            "released": n < 4,  # noqa: PLR2004 - the last two are unreleased
            "releaseDate": f"2025-{n + 1:02d}-15",
            "projectId": int(project_id),
        }
        for n in range(6)
    ]
    board = number + 1
    is_scrum = number < 5  # noqa: PLR2004 - a share
    catalogue.boards.append(
        {
            "id": board,
            "self": f"{ORIGIN}/rest/agile/1.0/board/{board}",
            "name": f"{key} board",
            "type": "scrum" if is_scrum else "kanban",
            "location": {
                "projectId": int(project_id),
                "projectKey": key,
                "projectName": project["name"],
                "projectTypeKey": "software",
            },
            "isPrivate": False,
        }
    )
    if is_scrum:
        catalogue.sprints[board] = [_sprint(board, n) for n in range(24)]


def _user(chance: Random, number: int) -> Object:
    account_id = f"557058:{chance.getrandbits(64):016x}-{number:04d}"
    picture = f"https://secure.gravatar.com/avatar/{chance.getrandbits(64):016x}"
    return {
        "self": f"{ORIGIN}/rest/api/3/user?accountId={account_id}",
        "accountId": account_id,
        "avatarUrls": {size: f"{picture}/{size[:2]}" for size in ("48x48", "24x24", "16x16", "32x32")},
        "displayName": f"{chance.choice(_FIRST_NAMES)} {chance.choice(_LAST_NAMES)}",
        "active": chance.random() > 0.1,  # noqa: PLR2004 - a share
        "timeZone": "Etc/UTC",
        "accountType": "atlassian",
    }


def _status(status_id: str, name: str, category: int) -> Object:
    key, color, label = _CATEGORIES[category]
    url = f"{ORIGIN}/rest/api/3"
    return {
        "self": f"{url}/status/{status_id}",
        "description": "",
        "iconUrl": f"{ORIGIN}/images/icons/statuses/generic.png",
        "name": name,
        "id": status_id,
        "statusCategory": {
            "self": f"{url}/statuscategory/{category}",
            "id": category,
            "key": key,
            "colorName": color,
            "name": label,
        },
    }


def _issue_type(type_id: str, name: str, level: int) -> Object:
    return {
        "self": f"{ORIGIN}/rest/api/3/issuetype/{type_id}",
        "id": type_id,
        "description": f"A {name.lower()} of the team",
        "iconUrl": f"{ORIGIN}/rest/api/2/universal_avatar/view/type/issuetype/avatar/10315?size=medium",
        "name": name,
        "subtask": level < 0,
        "avatarId": 10315,
        "hierarchyLevel": level,
    }


def _system_field(name: str) -> Object:
    return {
        "id": name,
        "key": name,
        "name": name.title(),
        "custom": False,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": [name],
        "schema": {"type": "string", "system": name},
    }


def _custom_field(field_id: str, name: str, kind: str, custom: str) -> Object:
    number = int(field_id.rpartition("_")[2])
    return {
        "id": field_id,
        "key": field_id,
        "name": name,
        "untranslatedName": name,
        "custom": True,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": [f"cf[{number}]", name],
        "schema": {"type": kind, "custom": custom, "customId": number},
    }


def _sprint(board: int, number: int) -> Object:
    sprint_id, month = board * 100 + number, number // 2 + 1
    sprint = {
        "id": sprint_id,
        "self": f"{ORIGIN}/rest/agile/1.0/sprint/{sprint_id}",
        "state": "closed" if number < 22 else "active" if number == 22 else "future",  # noqa: PLR2004 - the last but one runs
        "name": f"Sprint {number + 1}",
        "createdDate": f"2025-{month:02d}-01T08:00:00.000Z",
        "startDate": f"2025-{month:02d}-02T08:00:00.000Z",
        "endDate": f"2025-{month:02d}-16T08:00:00.000Z",
        "originBoardId": board,
        "goal": "",
    }
    return sprint | ({"completeDate": f"2025-{month:02d}-16T09:00:00.000Z"} if sprint["state"] == "closed" else {})
