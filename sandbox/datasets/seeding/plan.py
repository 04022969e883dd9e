"""Projects, people, boards, sprints, versions and components of a seeded site."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.datasets.seeding import vocabulary as words
from sandbox.datasets.stock import by_id, standard_link_types, standard_priorities, stock
from sandbox.moments import DAY, HOUR, day, zulu
from sandbox.shapes import ORIGIN, JsonObject
from sandbox.world import Board, Catalogue

if TYPE_CHECKING:
    from random import Random

START = 1_735_804_800_000  # 2025-01-02T08:00Z; fixed, so that a seed always gives the same site
SPRINT_LENGTH = 14 * DAY
SPRINTS = 12
END = START + (SPRINTS - 2) * SPRINT_LENGTH + 5 * DAY  # "now" of the site: inside the sprint before the last
TEAM_MANAGED_PROJECT = 2  # index of the project with its own statuses


@dataclass(slots=True)
class ProjectPlan:
    """A project with its workflow, sprints, versions and components."""

    json: JsonObject
    flow: list[JsonObject]  # statuses from first to last
    sprints: list[JsonObject] = field(default_factory=list)
    versions: list[JsonObject] = field(default_factory=list)
    components: list[JsonObject] = field(default_factory=list)
    board_id: int | None = None

    @property
    def embedded(self) -> JsonObject:
        """The short form of the project on issues."""
        return {
            name: self.json[name]
            for name in ("self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls")
        }


def plan_site(chance: Random, projects: int, people: int) -> tuple[Catalogue, list[ProjectPlan]]:
    """Return the catalogue and one plan per project."""
    statuses = {key: words.status(key, name, category) for key, name, category in words.STATUSES}
    users = _people(chance, people)
    catalogue = Catalogue(
        statuses=statuses,
        issue_types=by_id([words.issue_type(k, n, level, is_subtask=sub) for k, n, sub, level in words.TYPES]),
        priorities=standard_priorities(),
        resolutions=by_id([stock("resolution", key, name) for key, name in (("10000", "Done"), ("10001", "Won't Do"))]),
        link_types=standard_link_types(),
        fields=words.field_objects(),
        users=users,
        administrators=frozenset(list(users)[:1]),
    )
    plans = [_project(chance, catalogue, index) for index in range(projects)]
    return catalogue, plans


def _people(chance: Random, count: int) -> dict[str, JsonObject]:
    users: dict[str, JsonObject] = {}
    for number in range(count):
        name = f"{chance.choice(words.FIRST)} {chance.choice(words.LAST)}"
        account_id = (
            f"{chance.getrandbits(96):024x}" if number % 3 else f"557058:{chance.getrandbits(64):016x}-{number:04d}"
        )
        email = f"person{number}@site.example" if number % 5 == 0 else None
        users[account_id] = words.user(account_id, name, active=number % 7 != 6, email=email)  # noqa: PLR2004 - one of seven
    robot = f"557058:{chance.getrandbits(64):016x}-app"
    users[robot] = words.user(robot, "Automation for Jira", kind="app")
    return users


def _project(chance: Random, catalogue: Catalogue, index: int) -> ProjectPlan:
    name = words.PROJECT_NAMES[index % len(words.PROJECT_NAMES)]
    key = name.encode("ascii", "ignore").decode().upper()[:4]
    if index >= len(words.PROJECT_NAMES):
        name, key = f"{name} {index}", f"P{index}"
    project_id = str(10_000 + index)
    is_team_managed = index == TEAM_MANAGED_PROJECT
    project: JsonObject = {
        "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
        "self": f"{ORIGIN}/rest/api/2/project/{project_id}",
        "id": project_id,
        "key": key,
        "name": name,
        "avatarUrls": {"48x48": f"{ORIGIN}/secure/projectavatar?pid={project_id}"},
        "projectTypeKey": "software",
        "simplified": is_team_managed,
        "style": "next-gen" if is_team_managed else "classic",
        "isPrivate": False,
        "properties": {},
        "description": f"Project {name}",
        "lead": chance.choice(list(catalogue.users.values())),
    }
    catalogue.projects[project_id] = project
    plan = ProjectPlan(project, _flow(catalogue, project_id, is_team_managed=is_team_managed))
    _versions_and_components(chance, catalogue, plan)
    _board(catalogue, plan, index)
    return plan


def _flow(catalogue: Catalogue, project_id: str, *, is_team_managed: bool) -> list[JsonObject]:
    if not is_team_managed:
        return [catalogue.statuses[key] for key, _, _ in words.STATUSES]
    rows = (("10100", "To Do", "new"), ("10101", "In Progress", "indeterminate"), ("10102", "Done", "done"))
    statuses = by_id([words.status(key, name, category, project_id) for key, name, category in rows])
    catalogue.statuses.update(statuses)
    return list(statuses.values())


def _versions_and_components(chance: Random, catalogue: Catalogue, plan: ProjectPlan) -> None:
    project_id = int(plan.json["id"])
    for number in range(3):
        key = str(10_000 + len(catalogue.versions))
        version = {
            **stock("version", key, f"{number + 1}.0"),
            "description": "",
            "archived": False,
            "released": number == 0,
        }
        version["releaseDate"] = day(START + (number + 1) * 60 * DAY)
        plan.versions.append(version)
        catalogue.versions[key] = {**version, "projectId": project_id}
    for name in chance.sample(("api", "web", "billing", "mobile", "доки"), 2):
        key = str(10_000 + len(catalogue.components))
        component = stock("component", key, name)
        plan.components.append(component)
        catalogue.components[key] = {**component, "project": plan.json["key"], "projectId": project_id}


def _board(catalogue: Catalogue, plan: ProjectPlan, index: int) -> None:
    board_id = index + 1
    is_kanban = index % 3 == 1
    location = {"projectId": int(plan.json["id"]), "projectKey": plan.json["key"], "projectName": plan.json["name"]}
    fields: JsonObject = {"id": board_id, "self": f"{ORIGIN}/rest/agile/1.0/board/{board_id}"}
    fields |= {"name": f"{plan.json['key']} board", "type": "kanban" if is_kanban else "scrum"}
    fields["location"] = {**location, "projectTypeKey": "software"}
    if not is_kanban:
        plan.board_id = board_id
        plan.sprints = [_sprint(board_id, number, 100 * board_id + number) for number in range(SPRINTS)]
        catalogue.sprints.update({sprint["id"]: sprint for sprint in plan.sprints})
    columns = tuple({"name": status["name"], "statuses": [{"id": status["id"]}]} for status in plan.flow)
    catalogue.boards[board_id] = Board(
        fields,
        f"project = {plan.json['id']} ORDER BY Rank ASC",
        columns,
        tuple(sprint["id"] for sprint in plan.sprints),
        estimation_field=None if is_kanban else "customfield_10024",
        sub_query="fixVersion in unreleasedVersions() OR fixVersion is EMPTY" if is_kanban else "",
    )


def _sprint(board_id: int, number: int, sprint_id: int) -> JsonObject:
    starts = START + number * SPRINT_LENGTH
    sprint: JsonObject = {
        "id": sprint_id,
        "self": f"{ORIGIN}/rest/agile/1.0/sprint/{sprint_id}",
        "originBoardId": board_id,
    }
    sprint |= {
        "name": f"Sprint {number + 1}",
        "goal": "" if number % 2 else f"Goal {number + 1} ✓",
        "createdDate": zulu(starts - DAY),
    }
    if number == SPRINTS - 1:
        return {**sprint, "state": "future"}
    sprint |= {"startDate": zulu(starts), "endDate": zulu(starts + SPRINT_LENGTH)}
    if number == SPRINTS - 2:
        return {**sprint, "state": "active"}
    return {**sprint, "state": "closed", "completeDate": zulu(starts + SPRINT_LENGTH + HOUR)}


def sprint_on_issue(sprint: JsonObject) -> JsonObject:
    """Return a sprint as `customfield_10020` shows it."""
    names = ("id", "name", "state", "goal", "startDate", "endDate", "completeDate")
    return {**{name: sprint[name] for name in names if name in sprint}, "boardId": sprint["originBoardId"]}
