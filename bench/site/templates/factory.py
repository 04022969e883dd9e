"""Draws templates of issues: about 33 kB each, one in twenty-five with a list that Jira truncates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.site.templates.catalogue import (
    EMPTY_FIELDS,
    EPIC_FIELD,
    LINK_TYPE,
    ORIGIN,
    POINTS_FIELD,
    PROJECTS,
    RANK_FIELD,
    SPRINT_FIELD,
)
from bench.site.templates.children import ChildFactory
from bench.site.templates.ids import ISSUE, LINK, id_of, number_of
from bench.site.templates.rich_text import RichText, in_version
from bench.site.templates.slots import COPY, DAY_MS, SPAN_DAYS, SlottedJson, moment
from bench.site.templates.template import Rows, Template

if TYPE_CHECKING:
    from random import Random

    from bench.site.templates.catalogue import Catalogue, Object

INLINE = {"changelog": 40, "comment": 20, "worklog": 20}
_LONGEST_LIFE = 50 * DAY_MS
_TRANSITIONS = [
    {
        "id": str(n),
        "name": name,
        "hasScreen": False,
        "isGlobal": True,
        "isInitial": False,
        "isConditional": False,
        "to": {"self": f"{ORIGIN}/rest/api/2/status/{n}", "name": name, "id": str(10000 + n)},
    }
    for n, name in enumerate(("Backlog", "To Do", "In Progress", "Done"))
]


class TemplateFactory:
    """Draws templates in order of their numbers."""

    def __init__(self, chance: Random, catalogue: Catalogue, count: int) -> None:
        self._chance = chance
        self._catalogue = catalogue
        self._count = count
        self._children = ChildFactory(chance, catalogue)
        self._in_project = [0] * len(PROJECTS)

    def draw(self, number: int) -> Template:
        """Return the template with that number."""
        chance = self._chance
        project = chance.choices(range(len(PROJECTS)), [share for _, share in PROJECTS])[0]
        self._in_project[project] += 1
        step = SPAN_DAYS * DAY_MS // self._count
        created_ms = number * step + chance.randrange(step)
        last_ms = created_ms + min(int(chance.expovariate(1 / (8 * DAY_MS))) + 60_000, _LONGEST_LIFE)
        rows = Rows()
        lists = self._children.lists(number, created_ms, last_ms, rows)
        times = [ms for entity in ("changelog", "comment", "worklog") for _, ms in rows.by_entity.get(entity, ())]
        updated_ms = max([created_ms, *times])
        rows.add("issue", number_of(ISSUE, number), updated_ms)
        remote_links = self._children.remote_links(number, lists["changelog"], rows)
        attachments = self._children.attachments(created_ms, rows)
        fields = self._fields(number, project, created_ms, updated_ms, rows) | {"attachment": attachments}
        return Template(
            number=number,
            project=project,
            place=self._in_project[project],
            created_ms=created_ms,
            updated_ms=updated_ms,
            rows=rows,
            issue={
                version: SlottedJson(self._issue(number, project, fields, lists, version)) for version in ("2", "3")
            },
            lists={
                version: {
                    name: [SlottedJson(in_version(entry, version)) for entry in entries]
                    for name, entries in lists.items()
                }
                for version in ("2", "3")
            },
            remote_links=remote_links,
        )

    def _issue(self, number: int, project: int, fields: Object, lists: dict[str, list[Object]], version: str) -> Object:
        children = {name: [in_version(entry, version) for entry in entries] for name, entries in lists.items()}
        url = f"{ORIGIN}/rest/api/{version}/issue/{id_of(ISSUE, number)}"
        comments, worklogs = children["comment"][: INLINE["comment"]], children["worklog"][: INLINE["worklog"]]
        newest = children["changelog"][::-1][: INLINE["changelog"]]
        issue: Object = {
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": id_of(ISSUE, number),
            "self": url,
            "key": f"{PROJECTS[project][0]}-1{COPY}{self._in_project[project]:04d}",
            "changelog": {
                "startAt": 0,
                "maxResults": len(newest),
                "total": len(children["changelog"]),
                "histories": newest,
            },
            "fields": {
                **in_version(fields, version),
                "comment": {
                    "comments": comments,
                    "self": f"{url}/comment",
                    "maxResults": len(comments),
                    "total": len(children["comment"]),
                    "startAt": 0,
                },
                "worklog": {
                    "startAt": 0,
                    "maxResults": INLINE["worklog"],
                    "total": len(children["worklog"]),
                    "worklogs": worklogs,
                },
            },
        }
        return issue | ({"transitions": _TRANSITIONS} if version == "2" else {})

    def _fields(self, number: int, project: int, created_ms: int, updated_ms: int, rows: Rows) -> Object:
        chance, catalogue = self._chance, self._catalogue
        project_object = catalogue.projects[project]
        status = chance.choice(catalogue.statuses)
        is_done = status["statusCategory"]["key"] == "done"
        seconds = sum(1 for _ in rows.by_entity.get("worklog", ())) * 3600
        board = catalogue.project_board(project_object["id"])
        sprints = catalogue.sprints.get(board["id"], [])
        url = f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}"
        project_members = ("self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls")
        progress = {"progress": seconds, "total": seconds, "percent": 100} if seconds else {"progress": 0, "total": 0}
        return {
            **dict.fromkeys(EMPTY_FIELDS),
            "statuscategorychangedate": moment(updated_ms),
            "issuetype": chance.choice(
                [issue_type for issue_type in catalogue.issue_types if not issue_type["subtask"]]
            ),
            "timespent": seconds or None,
            "project": {name: project_object[name] for name in project_members},
            "fixVersions": chance.sample(catalogue.versions[project_object["id"]], chance.randint(0, 1)),
            "aggregatetimespent": seconds or None,
            "resolution": catalogue.resolutions[0] if is_done else None,
            "resolutiondate": moment(updated_ms) if is_done else None,
            "workratio": -1,
            "lastViewed": None,
            "watches": {"self": f"{url}/watchers", "watchCount": chance.randint(0, 5), "isWatching": False},
            "issuerestriction": {"issuerestrictions": {}, "shouldDisplay": False},
            "created": moment(created_ms),
            "priority": chance.choice(catalogue.priorities),
            "labels": chance.sample(("urgent", "frontend", "customer", "tech-debt"), chance.randint(0, 2)),
            "timeestimate": 0 if seconds else None,
            "aggregatetimeoriginalestimate": 14400,
            "versions": [],
            "issuelinks": self._issue_link(number, project),
            "assignee": self._children.person(rows),
            "updated": moment(updated_ms),
            "status": status,
            "components": chance.sample(catalogue.components[project_object["id"]], chance.randint(0, 2)),
            "timeoriginalestimate": 14400,
            "description": RichText("\n\n".join(self._children.text(chance.randint(10, 50)) for _ in range(3))),
            "timetracking": {
                "originalEstimate": "4h",
                "timeSpent": "4h",
                "originalEstimateSeconds": 14400,
                "timeSpentSeconds": seconds,
            },
            "security": None,
            "summary": self._children.text(8),
            "creator": self._children.person(rows),
            "subtasks": [],
            "reporter": self._children.person(rows),
            "aggregateprogress": progress,
            "environment": None,
            "duedate": None,
            "progress": progress,
            "votes": {"self": f"{url}/votes", "votes": chance.randint(0, 3), "hasVoted": False},
            EPIC_FIELD: None,
            RANK_FIELD: f"0|i{number:05x}:",
            SPRINT_FIELD: [_sprint_value(sprint) for sprint in chance.sample(sprints, chance.randint(1, 3))]
            if sprints
            else None,
            POINTS_FIELD: chance.choice((None, 1.0, 2.0, 3.0, 5.0, 8.0)),
        }

    def _issue_link(self, number: int, project: int) -> list[Object]:
        """Return the link of every fifth pair of neighbours, as seen from one end."""
        first = number - number % 2
        if first % 10 or first + 1 >= self._count:
            return []
        neighbour = first + 1 if number == first else first
        link = id_of(LINK, first)
        side = "outwardIssue" if number == first else "inwardIssue"
        status, priority = self._catalogue.statuses[0], self._catalogue.priorities[2]
        # A template does not know its neighbour's project. Its own is open, as most that links lead to; a key of no
        # project on the site would make the app store the neighbour from here as well.
        end = {
            "id": id_of(ISSUE, neighbour),
            "key": f"{PROJECTS[project][0]}-1{COPY}{neighbour:04d}",
            "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, neighbour)}",
            "fields": {
                "summary": self._children.text(8),
                "status": status,
                "priority": priority,
                "issuetype": self._catalogue.issue_types[1],
            },
        }
        return [{"id": link, "self": f"{ORIGIN}/rest/api/3/issueLink/{link}", "type": LINK_TYPE, side: end}]


def _sprint_value(sprint: Object) -> Object:
    return {
        name: sprint.get(name) for name in ("id", "name", "state", "goal", "startDate", "endDate", "completeDate")
    } | {"boardId": sprint["originBoardId"]}
