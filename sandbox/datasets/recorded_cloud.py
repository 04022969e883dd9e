"""The site "acme" from recorded payloads, with synthetic issues around children without a recorded issue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.datasets.stock import by_id, project_of, standard_link_types, standard_priorities, used_objects
from sandbox.moments import DAY, in_zone, parse_ms, zone
from sandbox.world import Board, Catalogue, Entries, Issue, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.shapes import JsonObject

ZONE = "Asia/Shanghai"
AGILE_ONLY = ("epic", "sprint", "closedSprints", "flagged")
HEAVY = ("13383", "13954", "13491")
_SHELL_TYPE, _SHELL_STATUS, _PRIORITY, _DONE_STATUS = "10031", "10068", "3", "10000"


class Recordings:
    """A folder of recordings. File names repeat the URL path."""

    def __init__(self, root: Path) -> None:
        """Read from `root`, the folder with `index.json`."""
        self.root = root

    def read(self, path: str) -> Any:  # noqa: ANN401 - bodies of many shapes
        """Return the parsed body of a path below `cloud/rest`."""
        return json.loads((self.root / "cloud/rest" / path).read_text("utf-8"))

    def per_issue(self, name: str) -> dict[str, Any]:
        """Return {issue id: body} of one per-issue resource of REST version 2."""
        files = (self.root / "cloud/rest/api/2/issue").glob(f"*/{name}.json")
        return {path.parent.name: json.loads(path.read_text("utf-8")) for path in sorted(files)}


def acme(root: Path) -> World:
    """Build the recorded Cloud site."""
    recordings = Recordings(root)
    issues = [
        _issue(raw) for board in (8, 93) for raw in recordings.read(f"agile/1.0/board/{board}/issue.json")["issues"]
    ]
    links = recordings.per_issue("remotelink")
    worklogs = {key: tuple(body["worklogs"]) for key, body in recordings.per_issue("worklog").items()}
    comments = {key: tuple(body["comments"]) for key, body in recordings.per_issue("comment").items()}
    issues = [_with_children(issue, comments, worklogs, links) for issue in issues]
    catalogue = _catalogue(recordings, issues)
    shells = _Shells(catalogue, issues)
    issues += [shells.heavy(recordings, issue_id) for issue_id in HEAVY]
    issue_ids = {issue.id for issue in issues}
    for issue_id in sorted((set(links) | set(worklogs)) - issue_ids, key=int):
        issues.append(shells.shell(issue_id, worklogs.get(issue_id, ()), tuple(links.get(issue_id, ()))))
    return World(catalogue, issues, ZONE)


def _issue(raw: JsonObject) -> Issue:
    """Convert one element of a board's issue list."""
    fields = dict(raw["fields"])
    comments = (fields.pop("comment", None) or {}).get("comments", [])
    worklogs = (fields.pop("worklog", None) or {}).get("worklogs", [])
    agile = {name: fields.pop(name) for name in AGILE_ONLY if name in fields}
    histories = sorted(raw["changelog"]["histories"], key=_by_time)
    return Issue(raw["id"], raw["key"], fields, tuple(histories), tuple(comments), tuple(worklogs), agile=agile)


def _by_time(history: JsonObject) -> tuple[int, int]:
    return (parse_ms(history["created"]), int(history["id"]))


def _with_children(
    issue: Issue, comments: dict[str, Entries], worklogs: dict[str, Entries], links: dict[str, list[JsonObject]]
) -> Issue:
    return Issue(
        issue.id,
        issue.key,
        issue.fields,
        issue.histories,
        comments.get(issue.id, issue.comments),
        worklogs.get(issue.id, issue.worklogs),
        tuple(links.get(issue.id, ())),
        agile=issue.agile,
    )


def _catalogue(recordings: Recordings, issues: list[Issue]) -> Catalogue:
    projects = by_id(recordings.read("api/2/project/search.json")["values"])
    for issue in issues:  # K5 lies outside the recorded project list, yet its issues were recorded
        projects.setdefault(issue.project_id, project_of(issue.fields["project"]))
    users = {user["accountId"]: user for user in recordings.read("api/2/users/search.json")}
    for issue in issues:
        creator = issue.fields.get("creator") or {}
        if creator.get("accountId"):
            users.setdefault(creator["accountId"], {**creator, "locale": "en_US"})
    sprints = {sprint["id"]: sprint for sprint in recordings.read("agile/1.0/board/8/sprint.json")["values"]}
    recorded_sprints = tuple(sprints)
    for issue in issues:
        sprint_copy = issue.agile.get("sprint")
        if sprint_copy:
            sprints.setdefault(sprint_copy["id"], sprint_copy)
    members = {board: _members(issues, key) for board, key in ((8, "EE"), (93, "K5"))}
    boards = {
        raw["id"]: Board(
            raw,
            f"project = {raw['location']['projectKey']} ORDER BY Rank ASC",
            _columns(),
            recorded_sprints if raw["id"] == 8 else tuple(sorted(set(sprints) - set(recorded_sprints))),  # noqa: PLR2004 - board 8 is the recorded one
            members[raw["id"]],
        )
        for raw in recordings.read("agile/1.0/board.json")["values"]
    }
    objects = {name: used_objects(issues, name) for name in ("issuetype", "priority", "resolution", "fixVersions")}
    active = [user["accountId"] for user in users.values() if user["active"] and user["accountType"] == "atlassian"]
    return Catalogue(
        projects=projects,
        statuses=by_id(recordings.read("api/2/status.json")),
        issue_types={**objects["issuetype"], **by_id(recordings.read("api/3/issuetype.json"))},
        priorities={**standard_priorities(), **objects["priority"]},
        resolutions=objects["resolution"],
        link_types=standard_link_types(),
        fields=by_id(recordings.read("api/2/field.json")),
        users=users,
        versions={key: {**version, "projectId": 10003} for key, version in objects["fixVersions"].items()},
        boards=boards,
        sprints=sprints,
        administrators=frozenset(active[:1]),
    )


def _members(issues: list[Issue], project_key: str) -> frozenset[str]:
    return frozenset(issue.id for issue in issues if issue.fields["project"]["key"] == project_key)


def _columns() -> tuple[JsonObject, ...]:
    return (
        {"name": "To Do", "statuses": [{"id": "10033"}, {"id": "1"}]},
        {"name": "In Progress", "statuses": [{"id": "3"}]},
        {"name": "Done", "statuses": [{"id": "10068"}, {"id": "10034"}]},
    )


class _Shells:
    """Builds issues around recorded children. People rotate, so every user appears on some issue."""

    def __init__(self, catalogue: Catalogue, issues: list[Issue]) -> None:
        self._catalogue = catalogue
        self._people = list(catalogue.users.values())
        self._turn = 0
        self._project = next(issue.fields["project"] for issue in issues if issue.fields["project"]["key"] == "EE")
        self._next_history = 9_000_000  # far above every recorded history id
        points = [(int(issue.id), issue.created_ms) for issue in issues if issue.fields["project"]["key"] == "EE"]
        self._estimate_creation = _interpolation([*points, (13383, parse_ms("2021-01-25T11:09:27.985+0800"))])

    def heavy(self, recordings: Recordings, issue_id: str) -> Issue:
        """Return an issue with a recorded changelog longer than the inline form."""
        page = recordings.read("api/2/search/jql/changelog-heavy.page-1.json")
        raw = next(issue for issue in page["issues"] if issue["id"] == issue_id)
        histories = sorted(recordings.read(f"api/3/issue/{issue_id}/changelog.json")["values"], key=_by_time)
        fields = self._fields(raw["fields"]["created"], raw["fields"]["updated"], raw["fields"]["summary"])
        fields["status"] = self._catalogue.statuses[raw["fields"]["status"]["id"]]
        return Issue(issue_id, raw["key"], fields, tuple(histories))

    def shell(self, issue_id: str, worklogs: Entries, links: Entries) -> Issue:
        """Return an issue around the recorded worklogs and remote links."""
        creation_ms = min(
            [self._estimate_creation(int(issue_id)), *(parse_ms(worklog["started"]) - DAY for worklog in worklogs)]
        )
        key = links[0]["self"].split("/")[-3] if links else f"EE-{issue_id}"
        histories = tuple(
            self._link_history(link, creation_ms + DAY + number * 60_000) for number, link in enumerate(links)
        )
        times = [
            creation_ms,
            *(parse_ms(worklog["updated"]) for worklog in worklogs),
            *(parse_ms(h["created"]) for h in histories),
        ]
        timezone = zone(ZONE)
        fields = self._fields(
            in_zone(creation_ms, timezone), in_zone(max(times), timezone), f"Issue {key} of the recorded site"
        )
        return Issue(issue_id, key, fields, histories, (), worklogs, links)

    def _fields(self, creation_time: str, update_time: str, summary: str) -> JsonObject:
        person = self._people[self._turn % len(self._people)]
        self._turn += 1
        catalogue = self._catalogue
        return {
            "summary": summary,
            "description": None,
            "issuetype": catalogue.issue_types[_SHELL_TYPE],
            "project": self._project,
            "status": catalogue.statuses[_SHELL_STATUS],
            "priority": catalogue.priorities[_PRIORITY],
            "resolution": catalogue.resolutions[_DONE_STATUS],
            "resolutiondate": update_time,
            "creator": person,
            "reporter": person,
            "assignee": None,
            "labels": [],
            "components": [],
            "fixVersions": [],
            "versions": [],
            "subtasks": [],
            "issuelinks": [],
            "attachment": [],
            "created": creation_time,
            "updated": update_time,
            "duedate": None,
            "environment": None,
            "customfield_10014": None,
            "customfield_10020": None,
            "customfield_10024": None,
        }

    def _link_history(self, link: JsonObject, moment: int) -> JsonObject:
        self._next_history += 1
        title = (link.get("object") or {}).get("title", "")
        item = {"field": "RemoteIssueLink", "fieldtype": "jira", "from": None, "fromString": None}
        item |= {"to": str(link["id"]), "toString": f'This issue links to "{title} (Web Link)"'}
        author = self._people[self._turn % len(self._people)]
        return {
            "id": str(self._next_history),
            "author": author,
            "created": in_zone(moment, zone(ZONE)),
            "items": [item],
        }


def _interpolation(points: list[tuple[int, int]]) -> Callable[[int], int]:
    """Return an estimate of creation times by issue id, linear between known points."""
    sorted_points = sorted(points)

    def estimate(issue_id: int) -> int:
        lower = max((p for p in sorted_points if p[0] <= issue_id), default=sorted_points[0])
        right = min((p for p in sorted_points if p[0] >= issue_id), default=sorted_points[-1])
        if lower[0] >= right[0]:
            return lower[1]
        return lower[1] + (right[1] - lower[1]) * (issue_id - lower[0]) // (right[0] - lower[0])

    return estimate
