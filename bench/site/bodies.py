"""Draws the issues that a site has copies of: about 33 kB each, one in twenty-five with a list that Jira cuts off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.site.catalogue import (
    EMPTY_FIELDS,
    EPIC_FIELD,
    LINK_TYPE,
    ORIGIN,
    POINTS_FIELD,
    PROJECTS,
    RANK_FIELD,
    SPRINT_FIELD,
)
from bench.site.slots import COPY, DAY_MS, SPAN_DAYS, Slotted, integer, moment

if TYPE_CHECKING:
    from random import Random

    from bench.site.catalogue import Catalogue, Object

INLINE = {"changelog": 40, "comment": 20, "worklog": 20}
ISSUE, CHANGELOG, COMMENT, WORKLOG, ATTACHMENT, LINK, REMOTE = range(1, 8)
"""First digits of ids, by what they are of."""
_ISSUE_DIGITS, _DIGITS = 5, 6
_LONGEST_LIFE = 50 * DAY_MS
_WORDS = (  # noqa: SIM905 - words are easier to read than a list of them
    "the export of a large board stops after the first page when the filter holds a quotation mark and nobody notices "
    "because the count is right we should read the response again and compare both before we tell the customer that "
    "everything is stored Grüße aus München 次のスプリントで直します see the log of the second worker for details"
).split()
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


@dataclass
class Rows:
    """The ids and moments of what hangs on an issue, for one copy: what a complete ingest must hold."""

    made: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)

    def add(self, entity: str, known: int, ms: int) -> None:
        """One row of an entity: its number in copy 0 and its moment, ms after the copy's start."""
        self.made.setdefault(entity, []).append((known, ms))


@dataclass
class Template:
    """One issue, rendered for both API versions."""

    number: int
    project: int
    place: int
    """Its number within its project's issues of one copy."""
    created: int
    updated: int
    rows: Rows
    issue: dict[str, Slotted]
    """By API version: version 3 with expand=changelog, version 2 with transitions as well."""
    lists: dict[str, dict[str, list[Slotted]]]
    """All of its histories (oldest first), comments and worklogs, by API version and entity."""
    remote_links: Slotted


def id_of(kind: int, number: int) -> str:
    """An id with its slot, e.g. `1¤0¤00042`."""
    return f"{kind}{COPY}{number:0{_digits(kind)}d}"


def number_of(kind: int, number: int) -> int:
    """The same id in copy 0, as a number; `step_of` leads to the other copies."""
    return int(f"{kind}0000{number:0{_digits(kind)}d}")


def step_of(kind: int) -> int:
    """What one copy adds to an id."""
    return int(10 ** _digits(kind))


def _digits(kind: int) -> int:
    return _ISSUE_DIGITS if kind == ISSUE else _DIGITS


class Draughtsman:
    """Draws templates one after the other; numbers of children run on."""

    def __init__(self, chance: Random, catalogue: Catalogue, count: int) -> None:
        self._chance = chance
        self._catalogue = catalogue
        self._count = count
        self._next = dict.fromkeys((CHANGELOG, COMMENT, WORKLOG, ATTACHMENT, REMOTE), 0)
        self._in_project = [0] * len(PROJECTS)

    def draw(self, number: int) -> Template:
        """The issue of that number."""
        chance = self._chance
        project = chance.choices(range(len(PROJECTS)), [share for _, share in PROJECTS])[0]
        self._in_project[project] += 1
        step = SPAN_DAYS * DAY_MS // self._count
        created = number * step + chance.randrange(step)
        last = created + min(int(chance.expovariate(1 / (8 * DAY_MS))) + 60_000, _LONGEST_LIFE)
        rows = Rows()
        lists = self._lists(number, created, last, rows)
        times = [ms for entity in ("changelog", "comment", "worklog") for _, ms in rows.made.get(entity, ())]
        updated = max([created, *times])
        rows.add("issue", number_of(ISSUE, number), updated)
        remote, links = self._remote_links(number, lists, rows), self._attachments(created, rows)
        fields = self._fields(number, project, created, updated, rows) | {"attachment": links}
        return Template(
            number=number,
            project=project,
            place=self._in_project[project],
            created=created,
            updated=updated,
            rows=rows,
            issue={version: Slotted(self._issue(number, project, fields, lists, version)) for version in ("2", "3")},
            lists={
                version: {
                    name: [Slotted(_in_version(each, version)) for each in found] for name, found in lists.items()
                }
                for version in ("2", "3")
            },
            remote_links=remote,
        )

    # -- parts

    def _issue(self, number: int, project: int, fields: Object, lists: dict[str, list[Object]], version: str) -> Object:
        shown = {name: [_in_version(each, version) for each in found] for name, found in lists.items()}
        where = f"{ORIGIN}/rest/api/{version}/issue/{id_of(ISSUE, number)}"
        comments, worklogs = shown["comment"][: INLINE["comment"]], shown["worklog"][: INLINE["worklog"]]
        newest = shown["changelog"][::-1][: INLINE["changelog"]]
        issue: Object = {
            "expand": "operations,versionedRepresentations,editmeta,changelog,renderedFields",
            "id": id_of(ISSUE, number),
            "self": where,
            "key": self._key(project, self._in_project[project]),
            "changelog": {
                "startAt": 0,
                "maxResults": len(newest),
                "total": len(shown["changelog"]),
                "histories": newest,
            },
            "fields": {
                **_in_version(fields, version),
                "comment": {
                    "comments": comments,
                    "self": f"{where}/comment",
                    "maxResults": len(comments),
                    "total": len(shown["comment"]),
                    "startAt": 0,
                },
                "worklog": {
                    "startAt": 0,
                    "maxResults": INLINE["worklog"],
                    "total": len(shown["worklog"]),
                    "worklogs": worklogs,
                },
            },
        }
        return issue | ({"transitions": _TRANSITIONS} if version == "2" else {})

    @staticmethod
    def _key(project: int, place: int) -> str:
        return f"{PROJECTS[project][0]}-1{COPY}{place:04d}"

    def _lists(self, number: int, created: int, last: int, rows: Rows) -> dict[str, list[Object]]:
        chance = self._chance
        histories = chance.randint(41, 160) if chance.random() < 0.015 else min(40, int(chance.gauss(18.3, 9)))  # noqa: PLR2004 - shares
        comments = chance.randint(21, 60) if chance.random() < 0.01 else min(20, int(chance.expovariate(1 / 5)))  # noqa: PLR2004
        worklogs = chance.randint(21, 80) if chance.random() < 0.01 else min(20, int(chance.expovariate(1 / 3)))  # noqa: PLR2004
        return {
            "changelog": [self._history(ms, rows) for ms in self._moments(max(2, histories), created, last)],
            "comment": [self._comment(number, ms, rows) for ms in self._moments(comments, created, last)],
            "worklog": [self._worklog(number, ms, rows) for ms in self._moments(worklogs, created, last)],
        }

    def _moments(self, count: int, first: int, last: int) -> list[int]:
        return sorted(self._chance.randint(first, last) for _ in range(count))

    def _new(self, kind: int) -> int:
        self._next[kind] += 1
        return self._next[kind]

    def _person(self, rows: Rows) -> Object:
        person: Object = self._chance.choice(self._catalogue.users)
        rows.people.add(person["accountId"])
        return person

    def _history(self, ms: int, rows: Rows) -> Object:
        known = self._new(CHANGELOG)
        rows.add("changelog", number_of(CHANGELOG, known), ms)
        return {
            "id": id_of(CHANGELOG, known),
            "author": self._person(rows),
            "created": moment(ms),
            "items": self._items(),
        }

    def _items(self) -> list[Object]:
        chance = self._chance
        kind = chance.choice(("status", "status", "assignee", "description", "Sprint", "priority"))
        if kind == "status":
            was, now = chance.sample(self._catalogue.statuses, 2)
            return [_item("status", "status", was["id"], was["name"], now["id"], now["name"])]
        if kind == "assignee":
            now = chance.choice(self._catalogue.users)
            return [_item("assignee", "assignee", None, None, now["accountId"], now["displayName"])]
        if kind == "description":
            return [_item("description", "description", None, self._text(10), None, self._text(24))]
        if kind == "Sprint":
            return [_item("Sprint", SPRINT_FIELD, "101", "Sprint 2", "101, 102", "Sprint 2, Sprint 3", "custom")]
        return [
            _item("priority", "priority", "3", "Medium", "2", "High"),
            _item("labels", "labels", None, "", None, "urgent"),
        ]

    def _comment(self, number: int, ms: int, rows: Rows) -> Object:
        known = self._new(COMMENT)
        rows.add("comment", number_of(COMMENT, known), ms)
        author = self._person(rows)
        return {
            "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}/comment/{id_of(COMMENT, known)}",
            "id": id_of(COMMENT, known),
            "author": author,
            "body": _Rich(self._text(self._chance.randint(5, 60))),
            "updateAuthor": author,
            "created": moment(ms),
            "updated": moment(ms),
            "jsdPublic": True,
        }

    def _worklog(self, number: int, ms: int, rows: Rows) -> Object:
        known, hours = self._new(WORKLOG), self._chance.randint(1, 8)
        rows.add("worklog", number_of(WORKLOG, known), ms)
        author = self._person(rows)
        return {
            "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}/worklog/{id_of(WORKLOG, known)}",
            "author": author,
            "updateAuthor": author,
            "comment": _Rich(self._text(self._chance.randint(3, 12))),
            "created": moment(ms),
            "updated": moment(ms),
            "started": moment(ms),
            "timeSpent": f"{hours}h",
            "timeSpentSeconds": hours * 3600,
            "id": id_of(WORKLOG, known),
            "issueId": id_of(ISSUE, number),
        }

    def _attachments(self, created: int, rows: Rows) -> list[Object]:
        found = []
        for _ in range(min(6, int(self._chance.expovariate(0.9)))):
            known = self._new(ATTACHMENT)
            rows.add("attachment", number_of(ATTACHMENT, known), created)
            where = f"{ORIGIN}/rest/api/3/attachment"
            found.append(
                {
                    "self": f"{where}/{id_of(ATTACHMENT, known)}",
                    "id": id_of(ATTACHMENT, known),
                    "filename": f"Screenshot {known}.png",
                    "author": self._person(rows),
                    "created": moment(created),
                    "size": self._chance.randint(1000, 2_000_000),
                    "mimeType": "image/png",
                    "content": f"{where}/content/{id_of(ATTACHMENT, known)}",
                    "thumbnail": f"{where}/thumbnail/{id_of(ATTACHMENT, known)}",
                }
            )
        return found

    def _remote_links(self, number: int, lists: dict[str, list[Object]], rows: Rows) -> Slotted:
        """One issue in a hundred has links to commits; only its histories say so."""
        if self._chance.random() >= 0.01:  # noqa: PLR2004 - a share
            return Slotted([])
        made = []
        for history in lists["changelog"][-2:]:
            known = self._new(REMOTE)
            rows.add("remote_link", number_of(REMOTE, known), 0)
            title = f"Commit - {known:06d}"
            history["items"] = [
                _item("RemoteIssueLink", None, None, None, id_of(REMOTE, known), f'This links to "{title}"')
            ]
            made.append(
                {
                    "id": integer(id_of(REMOTE, known)),
                    "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}/remotelink/{id_of(REMOTE, known)}",
                    "application": {"type": "com.example.git", "name": "Git"},
                    "object": {
                        "url": f"https://git.example.com/c/{id_of(REMOTE, known)}",
                        "title": title,
                        "icon": {},
                        "status": {"icon": {}},
                    },
                }
            )
        return Slotted(made)

    def _fields(self, number: int, project: int, created: int, updated: int, rows: Rows) -> Object:
        chance, catalogue = self._chance, self._catalogue
        whole = catalogue.projects[project]
        status = chance.choice(catalogue.statuses)
        is_done = status["statusCategory"]["key"] == "done"
        spent = sum(1 for _ in rows.made.get("worklog", ())) * 3600
        board = catalogue.project_board(whole["id"])
        sprints = catalogue.sprints.get(board["id"], [])
        where = f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, number)}"
        embedded = ("self", "id", "key", "name", "projectTypeKey", "simplified", "avatarUrls")
        progress = {"progress": spent, "total": spent, "percent": 100} if spent else {"progress": 0, "total": 0}
        return {
            **dict.fromkeys(EMPTY_FIELDS),
            "statuscategorychangedate": moment(updated),
            "issuetype": chance.choice([each for each in catalogue.issue_types if not each["subtask"]]),
            "timespent": spent or None,
            "project": {name: whole[name] for name in embedded},
            "fixVersions": chance.sample(catalogue.versions[whole["id"]], chance.randint(0, 1)),
            "aggregatetimespent": spent or None,
            "resolution": catalogue.resolutions[0] if is_done else None,
            "resolutiondate": moment(updated) if is_done else None,
            "workratio": -1,
            "lastViewed": None,
            "watches": {"self": f"{where}/watchers", "watchCount": chance.randint(0, 5), "isWatching": False},
            "issuerestriction": {"issuerestrictions": {}, "shouldDisplay": False},
            "created": moment(created),
            "priority": chance.choice(catalogue.priorities),
            "labels": chance.sample(("urgent", "frontend", "customer", "tech-debt"), chance.randint(0, 2)),
            "timeestimate": 0 if spent else None,
            "aggregatetimeoriginalestimate": 14400,
            "versions": [],
            "issuelinks": self._issue_link(number),
            "assignee": self._person(rows),
            "updated": moment(updated),
            "status": status,
            "components": chance.sample(catalogue.components[whole["id"]], chance.randint(0, 2)),
            "timeoriginalestimate": 14400,
            "description": _Rich("\n\n".join(self._text(chance.randint(10, 50)) for _ in range(3))),
            "timetracking": {
                "originalEstimate": "4h",
                "timeSpent": "4h",
                "originalEstimateSeconds": 14400,
                "timeSpentSeconds": spent,
            },
            "security": None,
            "summary": self._text(8),
            "creator": self._person(rows),
            "subtasks": [],
            "reporter": self._person(rows),
            "aggregateprogress": progress,
            "environment": None,
            "duedate": None,
            "progress": progress,
            "votes": {"self": f"{where}/votes", "votes": chance.randint(0, 3), "hasVoted": False},
            EPIC_FIELD: None,
            RANK_FIELD: f"0|i{number:05x}:",
            SPRINT_FIELD: [_sprint_value(each) for each in chance.sample(sprints, chance.randint(1, 3))]
            if sprints
            else None,
            POINTS_FIELD: chance.choice((None, 1.0, 2.0, 3.0, 5.0, 8.0)),
        }

    def _issue_link(self, number: int) -> list[Object]:
        """Every fifth pair of neighbours is linked; both ends carry the link."""
        first = number - number % 2
        if first % 10 or first + 1 >= self._count:
            return []
        other = first + 1 if number == first else first
        link = id_of(LINK, first)
        side = "outwardIssue" if number == first else "inwardIssue"
        status, priority = self._catalogue.statuses[0], self._catalogue.priorities[2]
        # The key names the right copy and a project of its own: templates do not know where their neighbours go.
        end = {
            "id": id_of(ISSUE, other),
            "key": f"LINK-1{COPY}{other:05d}",
            "self": f"{ORIGIN}/rest/api/3/issue/{id_of(ISSUE, other)}",
            "fields": {
                "summary": self._text(8),
                "status": status,
                "priority": priority,
                "issuetype": self._catalogue.issue_types[1],
            },
        }
        return [{"id": link, "self": f"{ORIGIN}/rest/api/3/issueLink/{link}", "type": LINK_TYPE, side: end}]

    def _text(self, words: int) -> str:
        return " ".join(self._chance.choices(_WORDS, k=words))


def link_of(number: int, count: int) -> int | None:
    """The number of the link that an issue shows, if it is the first of its two ends."""
    return number_of(LINK, number) if number % 10 == 0 and number + 1 < count else None


class _Rich(str):
    """Text that version 3 of the API shows as a document."""

    __slots__ = ()


def _in_version(body: Object, version: str) -> Object:
    shown = {name: _shown(value, version) for name, value in body.items()}
    if version == "2" and isinstance(address := shown.get("self"), str):
        shown["self"] = address.replace("/rest/api/3/", "/rest/api/2/")
    return shown


def _shown(value: Any, version: str) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, _Rich):
        return value
    if version == "2":
        return str(value)
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": each}]} for each in str(value).split("\n\n")
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _item(  # noqa: PLR0913, PLR0917 - Jira's own columns
    name: str,
    known: str | None,
    was: str | None,
    was_shown: str | None,
    now: str | None,
    now_shown: str | None,
    kind: str = "jira",
) -> Object:
    item = {"field": name, "fieldtype": kind, "from": was, "fromString": was_shown, "to": now, "toString": now_shown}
    return item | ({"fieldId": known} if known else {})


def _sprint_value(sprint: Object) -> Object:
    return {
        name: sprint.get(name) for name in ("id", "name", "state", "goal", "startDate", "endDate", "completeDate")
    } | {"boardId": sprint["originBoardId"]}
