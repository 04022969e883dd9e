"""Draws the issues of a seeded site in order of creation."""

from __future__ import annotations

from random import Random

from sandbox.datasets.seeding.life import Draft, simulate
from sandbox.datasets.seeding.plan import END, START, ProjectPlan, plan_site
from sandbox.datasets.seeding.vocabulary import PLACES, TEXT, THINGS, VERBS, ZONE
from sandbox.moments import DAY, in_zone, zone
from sandbox.shapes import ORIGIN, JsonObject
from sandbox.world import Catalogue, Issue, World

FIRST_ISSUE_ID = 10_000


def seeded(seed: int = 1, issues: int = 300, projects: int = 6) -> World:
    """Return the site of `seed`, with its issues unevenly distributed over its projects."""
    chance = Random(seed)  # noqa: S311 - reproducible, not secret
    catalogue, plans = plan_site(chance, projects, people=max(8, min(120, issues // 12)))
    moments = sorted(chance.randrange(START, END - DAY) for _ in range(issues))
    drafts: list[Draft] = []
    counts = dict.fromkeys(range(projects), 0)
    for number, moment in enumerate(moments):
        index = min(int(chance.expovariate(0.6)), projects - 1)
        counts[index] += 1
        issue_id = str(FIRST_ISSUE_ID + number)
        drafts.append(_draw(chance, catalogue, plans[index], issue_id, counts[index], moment))
    _relate(chance, catalogue, drafts)
    records: list[Issue] = []
    ids = iter(range(200_000, 2_000_000_000))
    for number, draft in enumerate(drafts):
        records.append(simulate(chance, catalogue, draft, ids, tail=number if number < 4 else None))  # noqa: PLR2004 - the long tails, always there
    return World(catalogue, records, ZONE)


def _draw(
    chance: Random, catalogue: Catalogue, plan: ProjectPlan, issue_id: str, number: int, creation_ms: int
) -> Draft:
    people = list(catalogue.users.values())
    # rotate the reporters, so that every person of the site is seen on some issue
    reporter = people[int(issue_id) % len(people)]
    kind = "10000" if number <= 2 else chance.choice(("10001", "10001", "10002", "10004"))  # noqa: PLR2004 - first an epic or two
    timestamp = in_zone(creation_ms, zone(ZONE))
    fields: JsonObject = {
        "summary": f"{chance.choice(VERBS)} {chance.choice(THINGS)} {chance.choice(PLACES)}",
        "description": chance.choice((*TEXT, None)),
        "environment": "Chrome\n\nWindows" if chance.random() < 0.05 else None,  # noqa: PLR2004 - a share
        "issuetype": catalogue.issue_types[kind],
        "project": plan.embedded,
        "status": plan.flow[0],
        "priority": catalogue.priorities[str(chance.randint(1, 5))],
        "resolution": None,
        "resolutiondate": None,
        "creator": reporter,
        "reporter": reporter,
        "assignee": None,
        "labels": [],
        "components": chance.sample(plan.components, chance.randint(0, 1)),
        "fixVersions": [],
        "versions": [],
        "subtasks": [],
        "issuelinks": [],
        "attachment": [],
        "timetracking": {},
        "created": timestamp,
        "updated": timestamp,
        "duedate": None,
        "statuscategorychangedate": timestamp,
        "customfield_10014": None,
        "customfield_10015": None,
        "customfield_10019": f"0|i{int(issue_id):05x}:",
        "customfield_10020": None,
        "customfield_10024": None,
        "customfield_10030": None,
        "votes": {"self": f"{ORIGIN}/rest/api/2/issue/{issue_id}/votes", "votes": 0, "hasVoted": False},
        "watches": {"self": f"{ORIGIN}/rest/api/2/issue/{issue_id}/watchers", "watchCount": 1, "isWatching": False},
        "workratio": -1,
        "lastViewed": None,
    }
    return Draft(issue_id, f"{plan.json['key']}-{number}", creation_ms, plan, fields)


def _relate(chance: Random, catalogue: Catalogue, drafts: list[Draft]) -> None:
    """Give issues epics, parents and links. Both ends of a link have the same id."""
    by_project: dict[str, list[Draft]] = {}
    for draft in drafts:
        by_project.setdefault(draft.plan.json["id"], []).append(draft)
    for members in by_project.values():
        epics = members[:2]
        for position, draft in enumerate(members[2:], 2):
            if chance.random() < 0.5:  # noqa: PLR2004 - a share
                _adopt(draft, chance.choice(epics), is_epic=True)
            elif chance.random() < 0.15:  # noqa: PLR2004 - a share
                draft.fields["issuetype"] = catalogue.issue_types["10003"]
                _adopt(draft, chance.choice(members[1 : max(2, position)]), is_epic=False)
    types = list(catalogue.link_types.values())
    for number in range(len(drafts) // 5):
        source, target = chance.choice(drafts), chance.choice(drafts)
        if source is not target:
            link_id = str(10_000 + number)
            kind = chance.choice(types)
            source.fields["issuelinks"].append(link_end(link_id, kind, "outwardIssue", target.reference()))
            target.fields["issuelinks"].append(link_end(link_id, kind, "inwardIssue", source.reference()))


def _adopt(child: Draft, parent: Draft, *, is_epic: bool) -> None:
    if child is parent:
        return
    child.fields["parent"] = parent.reference()
    if is_epic:
        child.fields["customfield_10014"] = parent.key
    else:
        parent.fields["subtasks"].append(child.reference())


def link_end(link_id: str, kind: JsonObject, side: str, target: JsonObject) -> JsonObject:
    """Return one end of a link."""
    return {"id": link_id, "self": f"{ORIGIN}/rest/api/2/issueLink/{link_id}", "type": kind, side: target}
