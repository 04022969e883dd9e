"""The life of a seeded issue after its creation: changes that end in the current state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.datasets.seeding.plan import END, SPRINT_LENGTH, START, ProjectPlan, sprint_on_issue
from sandbox.datasets.seeding.vocabulary import LABELS, TEXT, ZONE
from sandbox.moments import DAY, HOUR, MINUTE, in_zone, zone
from sandbox.shapes import ORIGIN, JsonObject
from sandbox.world import Catalogue, Issue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_TIMEZONE = zone(ZONE)
_RARE, _SOMETIMES, _COMMON = 0.02, 0.2, 0.6


@dataclass(slots=True)
class Draft:
    """An issue at its creation."""

    id: str
    key: str
    created_ms: int
    plan: ProjectPlan
    fields: JsonObject

    def reference(self) -> JsonObject:
        """Return the short form of the issue in links and parents."""
        fields = {name: self.fields[name] for name in ("summary", "status", "priority", "issuetype")}
        return {"id": self.id, "key": self.key, "self": f"{ORIGIN}/rest/api/2/issue/{self.id}", "fields": fields}


@dataclass(slots=True)
class _Life:
    chance: Random
    people: list[JsonObject]
    issue: Draft
    ids: Iterator[int]
    moment: int
    last_change: int
    histories: list[JsonObject] = field(default_factory=list)

    def pass_time(self, longest: int) -> None:
        self.moment = min(self.moment + self.chance.randint(MINUTE, longest), END - MINUTE)

    def change(self, *items: JsonObject) -> None:
        """Append one history with these items and move `updated`."""
        author = self.chance.choice(self.people)
        history = {
            "id": str(next(self.ids)),
            "author": author,
            "created": in_zone(self.moment, _TIMEZONE),
            "items": list(items),
        }
        self.histories.append(history)
        self.last_change = self.moment

    def stamp(self) -> str:
        self.last_change = self.moment
        return in_zone(self.moment, _TIMEZONE)


def item(
    name: str, before: tuple[str | None, str | None], after: tuple[str | None, str | None], field_id: str | None = None
) -> JsonObject:
    """Return a changelog item. Custom fields differ in id and name."""
    kind = "custom" if field_id and field_id.startswith("customfield") else "jira"
    fields: JsonObject = {
        "field": name,
        "fieldtype": kind,
        "fieldId": field_id or name,
        "from": before[0],
        "fromString": before[1],
    }
    return {**fields, "to": after[0], "toString": after[1]}


def simulate(chance: Random, catalogue: Catalogue, draft: Draft, ids: Iterator[int], tail: int | None) -> Issue:
    """Return the finished issue. `tail` 1, 2 or 3 forces a long changelog, many comments or many worklogs."""
    life = _Life(chance, list(catalogue.users.values()), draft, ids, draft.created_ms, draft.created_ms)
    long_history = tail == 1 or chance.random() < _RARE
    many_comments = tail == 2 or chance.random() < _RARE  # noqa: PLR2004 - the second kind of tail
    many_worklogs = tail == 3 or chance.random() < _RARE  # noqa: PLR2004 - the third kind of tail
    _assign(life)
    _plan(life)
    if long_history:
        _fiddle(life, chance.randint(41, 160))
    _walk(life, catalogue)
    comments = [_comment(life) for _ in range(chance.randint(21, 60) if many_comments else _few(chance))]
    worklogs = [_worklog(life) for _ in range(chance.randint(21, 45) if many_worklogs else _few(chance))]
    links = [_remote_link(life) for _ in range(_few(chance) if chance.random() < _SOMETIMES else 0)]
    if chance.random() < _SOMETIMES:
        draft.fields["attachment"] = [_attachment(life) for _ in range(chance.randint(1, 3))]
    if worklogs:
        seconds = sum(worklog["timeSpentSeconds"] for worklog in worklogs)
        draft.fields["timetracking"] = {"timeSpent": f"{seconds // 3600}h", "timeSpentSeconds": seconds}
    draft.fields["updated"] = in_zone(life.last_change, _TIMEZONE)
    return Issue(
        draft.id,
        draft.key,
        draft.fields,
        tuple(life.histories),
        tuple(comments),
        tuple(worklogs),
        tuple(links),
        _agile(draft),
    )


def _few(chance: Random) -> int:
    return min(int(chance.expovariate(1.2)), 8)


def _assign(life: _Life) -> None:
    for _ in range(1 + (life.chance.random() < _SOMETIMES)):
        if life.chance.random() > _COMMON:
            continue
        life.pass_time(2 * DAY)
        fields = life.issue.fields
        before, after = fields["assignee"], life.chance.choice(life.people)
        old = (before["accountId"], before["displayName"]) if before else (None, None)
        entry = item("assignee", old, (after["accountId"], after["displayName"]))
        entry |= {"tmpFromAccountId": old[0], "tmpToAccountId": after["accountId"]}
        fields["assignee"] = after
        life.change(entry)


def _plan(life: _Life) -> None:
    """Estimate the issue and plan it into a sprint, sometimes into a second one later."""
    fields, chance = life.issue.fields, life.chance
    if chance.random() < _COMMON:
        points = float(chance.choice((1, 2, 3, 5, 8, 13)))
        life.pass_time(DAY)
        life.change(item("Story Points", (None, None), (None, f"{points:g}"), "customfield_10024"))
        fields["customfield_10024"] = points
    sprints = life.issue.plan.sprints
    if sprints and chance.random() < _COMMON:
        first = min((life.issue.created_ms - START) // SPRINT_LENGTH, len(sprints) - 1)
        issue_sprints = sprints[first : first + 1 + (chance.random() < _SOMETIMES)]
        before: list[JsonObject] = []
        for sprint in issue_sprints:
            life.pass_time(DAY)
            after = [*before, sprint]
            life.change(item("Sprint", _ids_and_names(before), _ids_and_names(after), "customfield_10020"))
            before = after
        fields["customfield_10020"] = [sprint_on_issue(sprint) for sprint in before]
    if chance.random() < _SOMETIMES:
        version = chance.choice(life.issue.plan.versions)
        life.change(item("Fix Version", (None, None), (version["id"], version["name"]), "fixVersions"))
        fields["fixVersions"] = [version]


def _ids_and_names(sprints: list[JsonObject]) -> tuple[str, str]:
    return (", ".join(str(sprint["id"]) for sprint in sprints), ", ".join(sprint["name"] for sprint in sprints))


def _fiddle(life: _Life, times: int) -> None:
    """Edit labels and texts repeatedly: a long changelog that the inline form truncates."""
    fields = life.issue.fields
    for number in range(times):
        life.pass_time(HOUR)
        if number % 3:
            before = fields["labels"]
            after = sorted({*before} ^ {life.chance.choice(LABELS)})
            life.change(item("labels", ("", " ".join(before)), ("", " ".join(after))))
            fields["labels"] = after
        else:
            text = life.chance.choice(TEXT)
            life.change(item("description", (None, fields["description"]), (None, text)))
            fields["description"] = text


def _walk(life: _Life, catalogue: Catalogue) -> None:
    """Move the issue along the workflow, sometimes back, up to its current status."""
    flow, fields = life.issue.plan.flow, life.issue.fields
    at = 0
    for _ in range(life.chance.randint(0, len(flow) + 2)):
        life.pass_time(4 * DAY)
        step = -1 if at and at < len(flow) - 1 and life.chance.random() < _SOMETIMES else 1
        if at + step >= len(flow):
            break
        before, at = flow[at], at + step
        after = flow[at]
        items = [item("status", (before["id"], before["name"]), (after["id"], after["name"]))]
        if after["statusCategory"]["key"] == "done":
            resolution = catalogue.resolutions["10000" if life.chance.random() < 0.9 else "10001"]  # noqa: PLR2004 - a share
            items.insert(0, item("resolution", (None, None), (resolution["id"], resolution["name"])))
            fields |= {"resolution": resolution, "resolutiondate": in_zone(life.moment, _TIMEZONE)}
        fields |= {"status": after, "statuscategorychangedate": in_zone(life.moment, _TIMEZONE)}
        life.change(*items)


def _comment(life: _Life) -> JsonObject:
    life.pass_time(6 * HOUR)
    author, timestamp = life.chance.choice(life.people), life.stamp()
    key = str(next(life.ids))
    comment: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/issue/{life.issue.id}/comment/{key}",
        "id": key,
        "author": author,
    }
    comment |= {"body": life.chance.choice(TEXT), "updateAuthor": author, "created": timestamp, "updated": timestamp}
    return {**comment, "jsdPublic": True}


def _worklog(life: _Life) -> JsonObject:
    life.pass_time(12 * HOUR)
    author, timestamp = life.chance.choice(life.people), life.stamp()
    key, hours = str(next(life.ids)), life.chance.randint(1, 8)
    worklog: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/issue/{life.issue.id}/worklog/{key}",
        "id": key,
        "issueId": life.issue.id,
    }
    worklog |= {"author": author, "updateAuthor": author, "created": timestamp, "updated": timestamp}
    worklog |= {
        "started": in_zone(life.moment - hours * HOUR, _TIMEZONE),
        "timeSpent": f"{hours}h",
        "timeSpentSeconds": hours * 3600,
    }
    return {**worklog, "comment": life.chance.choice(TEXT)} if hours % 2 else worklog


def _remote_link(life: _Life) -> JsonObject:
    life.pass_time(HOUR)
    key = next(life.ids)
    title = f"Commit - {key:x}"
    life.change(item("RemoteIssueLink", (None, None), (str(key), f'This issue links to "{title} (Web Link)"')))
    life.histories[-1]["items"][0].pop("fieldId")  # Jira omits it here
    remote_link: JsonObject = {
        "url": f"https://git.example.com/commit/{key:040x}",
        "title": title,
        "icon": {},
        "status": {"icon": {}},
    }
    return {
        "id": key,
        "self": f"{ORIGIN}/rest/api/2/issue/{life.issue.key}/remotelink/{key}",
        "application": {},
        "object": remote_link,
    }


def _attachment(life: _Life) -> JsonObject:
    life.pass_time(HOUR)
    key, author = str(next(life.ids)), life.chance.choice(life.people)
    name = life.chance.choice(("trace.log", "screenshot 📷.png", "plan.pdf"))
    attachment: JsonObject = {
        "self": f"{ORIGIN}/rest/api/2/attachment/{key}",
        "id": key,
        "filename": name,
        "author": author,
    }
    attachment |= {
        "created": in_zone(life.moment, _TIMEZONE),
        "size": life.chance.randint(100, 10**7),
        "mimeType": "application/octet-stream",
    }
    life.change(item("Attachment", (None, None), (key, name), "attachment"))
    return {**attachment, "content": f"{ORIGIN}/rest/api/2/attachment/content/{key}"}


def _agile(draft: Draft) -> JsonObject:
    sprints = draft.fields["customfield_10020"] or []
    by_state = {sprint["id"]: sprint for sprint in draft.plan.sprints}
    open_sprints = [by_state[sprint["id"]] for sprint in sprints if sprint["state"] != "closed"]
    closed_sprints = [by_state[sprint["id"]] for sprint in sprints if sprint["state"] == "closed"]
    return {
        "flagged": False,
        "epic": None,
        "sprint": open_sprints[-1] if open_sprints else None,
        "closedSprints": closed_sprints,
    }
