"""Field cases: the oddities of a site, the parts that can't be had because of them, and the rows that are missing then.

A case is one entry. Those named after a file of `../shared/field` are situations of public bug reports; the others are
members of the same class that nobody has reported yet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.oddities import LOGIN_PAGE, Call, Oddity, broken_issue, edited_issue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox import Site
    from sandbox.shapes import JsonObject
    from sandbox.world import Issue

CARD = "https://example.com/only"
AGILE = "/rest/agile/1.0"
PLATFORM = "/rest/api/3"


@dataclass(frozen=True)
class Unread:
    """A part that the product must name as unreadable."""

    entity: str
    scope_id: str
    reason: str
    is_object: bool = False


@dataclass(frozen=True)
class Expectation:
    """The oddities of a site, the parts that can't be had, and the true rows that are missing until they heal."""

    oddities: list[Oddity]
    unread: frozenset[Unread] = frozenset()
    missing: Mapping[str, frozenset[str]] | None = None
    values: Mapping[tuple[str, str, str], object] = field(default_factory=dict)
    """Stored values by entity, id and column, for issues with odd fields; a set: any of them."""
    heal: Callable[[Site], object] | None = None
    """The change that makes Jira send the healed objects again, where nothing else would."""

    @property
    def odd_issues(self) -> set[str]:
        """The issues whose fields aren't the true ones."""
        return {object_id for entity, object_id, _ in self.values if entity == "issue"}


@dataclass(frozen=True)
class Case:
    """One situation, on a site of its own."""

    name: str
    spoil: Callable[[Site], Expectation]


def errors(*messages: str) -> dict[str, Any]:
    return {"errorMessages": [*messages], "errors": {}}


def a_board(site: Site, kind: str = "scrum") -> str:
    return next(str(key) for key, board in site.world.catalogue.boards.items() if board.json["type"] == kind)


def sprints_of(site: Site, board_id: str) -> frozenset[str]:
    """Sprints that no other board lists."""
    boards = site.world.catalogue.boards
    elsewhere = {
        sprint
        for board in boards.values()
        if str(board.id) != board_id and board.has_sprints
        for sprint in board.sprint_ids
    }
    (board,) = [board for board in boards.values() if str(board.id) == board_id]
    return frozenset(str(sprint) for sprint in board.sprint_ids if sprint not in elsewhere)


def all_sprints(site: Site) -> frozenset[str]:
    boards = site.world.catalogue.boards.values()
    return frozenset(str(sprint) for board in boards if board.has_sprints for sprint in board.sprint_ids)


def no_agile(status: int, body: Any, reason: str, **options: Any) -> Callable[[Site], Expectation]:
    """Nothing of Jira Software is answered."""

    def spoil(site: Site) -> Expectation:
        return Expectation(
            [Oddity(f"GET {AGILE}/*", status, body, **options)],
            frozenset({Unread("board", "", reason)}),
            {"board": frozenset(map(str, site.world.catalogue.boards)), "sprint": all_sprints(site)},
        )

    return spoil


def one_board(resource: str, entity: str, status: int, body: Any, reason: str) -> Callable[[Site], Expectation]:
    """One list of one board is refused."""

    def spoil(site: Site) -> Expectation:
        board_id = a_board(site)
        return Expectation(
            [Oddity(f"GET {AGILE}/board/{board_id}/{resource}", status, body)],
            frozenset({Unread(entity, board_id, reason)}),
            {"sprint": sprints_of(site, board_id)} if entity == "sprint" else None,
        )

    return spoil


def one_project(resource: str, entity: str, status: int, body: Any, reason: str) -> Callable[[Site], Expectation]:
    """One list of one project is refused."""

    def spoil(site: Site) -> Expectation:
        project_id = next(iter(site.world.catalogue.projects))
        objects = getattr(site.world.catalogue, f"{entity}s")
        ids = frozenset(key for key, item in objects.items() if str(item["projectId"]) == project_id)
        return Expectation(
            [Oddity(f"GET {PLATFORM}/project/{project_id}/{resource}", status, body)],
            frozenset({Unread(entity, project_id, reason)}),
            {entity: ids},
        )

    return spoil


def broken_issues(count: int, status: int) -> Callable[[Site], Expectation]:
    """Some issues fail every answer that would hold them."""

    def spoil(site: Site) -> Expectation:
        issues = list(site.world.searchable())[3 :: max(1, len(list(site.world.searchable())) // count)][:count]
        ids = frozenset(issue.id for issue in issues)
        missing: dict[str, frozenset[str]] = {"issue": ids}
        for entity, children in (("changelog", "histories"), ("comment", "comments"), ("worklog", "worklogs")):
            missing[entity] = frozenset(str(child["id"]) for issue in issues for child in getattr(issue, children))
        attachments = (file for issue in issues for file in issue.fields.get("attachment") or [])
        missing["attachment"] = frozenset(str(file["id"]) for file in attachments)
        return Expectation(
            [broken_issue(issue_id, status) for issue_id in sorted(ids)],
            frozenset(Unread("issue", issue_id, "part_broken", is_object=True) for issue_id in ids),
            missing,
        )

    return spoil


def site_list(path: str, entity: str, status: int, body: Any, reason: str) -> Callable[[Site], Expectation]:
    """One list of the whole site is odd."""

    def spoil(site: Site) -> Expectation:
        plural = {"status": "statuses", "priority": "priorities"}.get(entity, f"{entity}s")
        return Expectation(
            [Oddity(f"GET {PLATFORM}/{path}", status, body)],
            frozenset({Unread(entity, "", reason)}),
            {entity: frozenset(getattr(site.world.catalogue, plural))},
        )

    return spoil


def bad_filter(site: Site) -> Expectation:
    """A question about many filters is refused because of one."""
    board_id = a_board(site, "kanban")
    filter_id = next(board for board in site.world.catalogue.boards.values() if str(board.id) == board_id).filter_id

    def holds_filter(call: Call, _body: Any) -> bool:
        return f"filter = {filter_id}" in call.body

    return Expectation(
        [
            Oddity(
                f"POST {PLATFORM}/jql/match",
                400,
                errors(f"The value '{filter_id}' does not exist for the field 'filter'."),
                concerns=holds_filter,
            )
        ],
        frozenset({Unread("board_issue", board_id, "not_offered")}),
    )


def an_issue(site: Site, place: int = 5) -> Issue:
    return list(site.world.searchable())[place]


def odd_fields(fields: JsonObject, columns: JsonObject) -> Callable[[Site], Expectation]:
    """One issue has odd values; the columns say what is stored of them."""

    def spoil(site: Site) -> Expectation:
        issue_id = an_issue(site).id
        return Expectation(
            [edited_issue(issue_id, lambda issue_fields: issue_fields.update(fields))],
            values={("issue", issue_id, column): value for column, value in columns.items()},
            heal=lambda healed_site: healed_site.mutate("update_issue", issue=issue_id),
        )

    return spoil


def short_list(entity: str, resource: str, surplus: int, *, is_empty: bool) -> Callable[[Site], Expectation]:
    """An issue's list states more objects than it sends, or sends none."""

    def spoil(site: Site) -> Expectation:
        issue = next(issue for issue in site.world.searchable() if getattr(issue, f"{resource}s"))
        total = len(getattr(issue, f"{resource}s")) + surplus

        def shorten(body: JsonObject) -> JsonObject:
            return {**body, "total": total, f"{resource}s": [] if is_empty else body[f"{resource}s"]}

        return Expectation(
            [
                edited_issue(issue.id, lambda fields: fields[resource].update(total=total)),
                Oddity(f"GET {PLATFORM}/issue/{issue.id}/{resource}", edit=shorten),
            ],
            frozenset({Unread(entity, issue.id, "part_broken")}),
            values={("issue", issue.id, f"{entity}_total"): total},
            heal=lambda healed_site: healed_site.mutate("update_issue", issue=issue.id),
        )

    return spoil


def translated_points(site: Site) -> Expectation:
    """Two fields of story points with translated names; each issue has its own."""
    fields = json.loads((FIELD / "c09_translated_points.json").read_text())["GET /rest/api/3/field"]
    site.world.catalogue.fields.update({item["id"]: item for item in fields})
    first, second = an_issue(site, 5), an_issue(site, 6)

    def points(name: str, value: float) -> Callable[[JsonObject], None]:
        def change(issue_fields: JsonObject) -> None:
            issue_fields.update({"customfield_10016": None, "customfield_10024": None, name: value})

        return change

    return Expectation(
        [
            edited_issue(first.id, points("customfield_10016", 5.0)),
            edited_issue(second.id, points("customfield_10024", 8.0)),
        ],
        values={("issue", first.id, "story_points"): 5.0, ("issue", second.id, "story_points"): 8.0},
        heal=lambda healed_site: [healed_site.mutate("update_issue", issue=issue.id) for issue in (first, second)],
    )


FIELD = Path(__file__).parents[3] / "shared" / "field"
NO_LICENCE, REFUSAL, SCOPE = errors("no valid licence"), errors("no"), {"code": 401, "message": "scope does not match"}
CONFIGURATION = ("configuration", "board_configuration")
WRONG = errors("Something went wrong")
NO_COLUMNS = errors("This board has no columns with a mapped status")
CASES = [
    Case("c03 one board's sprints answer 422", one_board("sprint", "sprint", 422, NO_COLUMNS, "not_offered")),
    Case("one board's sprints answer 500 for ever", one_board("sprint", "sprint", 500, errors("oops"), "part_broken")),
    Case("one board's sprints lead to a login", one_board("sprint", "sprint", 302, "", "part_broken")),
    Case("c04 no licence of Jira Software", no_agile(403, NO_LICENCE, "not_for_us")),
    Case("no Jira Software at all", no_agile(404, errors("null for uri"), "not_offered")),
    Case("a login page for Jira Software", no_agile(200, LOGIN_PAGE, "part_broken")),
    Case(
        "c05 one board's configuration answers 403",
        one_board("configuration", "board_configuration", 403, REFUSAL, "not_for_us"),
    ),
    Case(
        "one board's configuration is null", one_board("configuration", "board_configuration", 200, None, "part_broken")
    ),
    Case("c06 a scope of the credential is missing", no_agile(401, SCOPE, "not_for_us")),
    Case("c07 one issue answers 500 for ever", broken_issues(1, 500)),
    Case("three issues answer 503 for ever", broken_issues(3, 503)),
    Case("one issue leads to a login page", broken_issues(1, 302)),
    Case("one project's components answer 403", one_project("component", "component", 403, REFUSAL, "not_for_us")),
    Case(
        "one project's versions answer 409", one_project("version", "version", 409, errors("conflict"), "not_offered")
    ),
    Case(
        "c30 an error object in place of the statuses",
        site_list("status", "status", 200, WRONG, "part_broken"),
    ),
    Case("priorities are null", site_list("priority", "priority", 200, None, "part_broken")),
    Case("resolutions answer 403", site_list("resolution", "resolution", 403, REFUSAL, "not_for_us")),
    Case("c33 one filter can't be matched", bad_filter),
    Case("c09 story points in two translated fields", translated_points),
    Case(
        "c11 a description of one card",
        odd_fields(
            {"description": {"type": "doc", "version": 1, "content": [{"type": "blockCard", "attrs": {"url": CARD}}]}},
            {"description_text": CARD},
        ),
    ),
    Case(
        "c15x half a surrogate pair, and a year of five digits",
        odd_fields({"summary": "cut \ud83d", "duedate": "20222-03-01"}, {"summary": "cut ?", "due": None}),
    ),
    Case("c16 an empty page in place of the comments", short_list("comment", "comment", 5, is_empty=True)),
    Case("c17 a total of comments that is never reached", short_list("comment", "comment", 1, is_empty=False)),
    Case("a total of worklogs that is never reached", short_list("worklog", "worklog", 3, is_empty=False)),
    Case("an empty page in place of the worklogs", short_list("worklog", "worklog", 30, is_empty=True)),
    Case("c18 a due date in the year 20222", odd_fields({"duedate": "20222-03-01"}, {"due": None})),
    Case("an estimate in words", odd_fields({"timeoriginalestimate": "2h"}, {"time_original_seconds": None})),
    Case("a number of 400 digits", odd_fields({"customfield_10024": 10**400}, {"story_points": None})),
    Case("text in place of the assignee", odd_fields({"assignee": "Jane"}, {"assignee_id": None})),
]
