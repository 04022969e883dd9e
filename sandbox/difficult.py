"""The difficult site: a whole site with some forty oddities of real sites, side by side.

Each spoils a part of its own: another board, project or issue, or another list of the site.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox import damage, odd_issues
from sandbox.damage import Damage, Spoil, errors, total_of
from sandbox.oddities import LOGIN_PAGE
from sandbox.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterable

CARD = "https://example.com/only"
NO_COLUMNS = errors("This board has no columns with a mapped status")
REFUSAL = errors("You do not have permission to see this.")
WRONG = errors("Something went wrong")
SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}
ORPHAN = {"id": 999, "name": "Sprint of another board", "state": "closed", "boardId": 555}
_ISSUES, _PROJECTS, _SEED = 300, 10, 14


@dataclass(frozen=True)
class Difficulty:
    """One oddity of the site, under a short name."""

    name: str
    spoil: Spoil


def card(url: str) -> dict[str, Any]:
    """A rich text of one card."""
    return {"type": "doc", "version": 1, "content": [{"type": "blockCard", "attrs": {"url": url}}]}


DIFFICULTIES: dict[str, tuple[Difficulty, ...]] = {
    "boards": (
        Difficulty("sprints of a board without columns: 422", damage.sprints(422, NO_COLUMNS, "not_offered")),
        Difficulty("sprints: 403", damage.sprints(403, REFUSAL, "not_for_us", place=1)),
        Difficulty("sprints: 500 for ever", damage.sprints(500, WRONG, "part_broken", place=2)),
        Difficulty("sprints: redirect to a login", damage.sprints(302, "", "part_broken", place=3)),
        Difficulty("sprints: a login page with 200", damage.sprints(200, LOGIN_PAGE, "part_broken", place=4)),
        Difficulty("sprints: null", damage.sprints(200, None, "part_broken", place=5)),
        Difficulty("configuration: 403", damage.configuration(403, REFUSAL, "not_for_us", kind="kanban")),
        Difficulty("configuration: null", damage.configuration(200, None, "part_broken", kind="kanban", place=1)),
        Difficulty("a filter that can't be matched", damage.board_filter(place=2)),
    ),
    "projects": (
        Difficulty("components: 403", damage.project_list("component", 403, REFUSAL, "not_for_us")),
        Difficulty("components: 401, a scope", damage.project_list("component", 401, SCOPE, "not_for_us", place=1)),
        Difficulty("components: null", damage.project_list("component", 200, None, "part_broken", place=2)),
        Difficulty("versions: 409", damage.project_list("version", 409, errors("conflict"), "not_offered", place=3)),
        Difficulty("versions: 422", damage.project_list("version", 422, WRONG, "not_offered", place=4)),
        Difficulty("versions: a login page", damage.project_list("version", 200, LOGIN_PAGE, "part_broken", place=5)),
    ),
    "lists of the site": (
        Difficulty("statuses: errors with 200", damage.site_list("status", "status", 200, WRONG, "part_broken")),
        Difficulty("priorities: null", damage.site_list("priority", "priority", 200, None, "part_broken")),
        Difficulty("resolutions: {}", damage.site_list("resolution", "resolution", 200, {}, "part_broken")),
        Difficulty("issue types: 403", damage.site_list("issuetype", "issue_type", 403, REFUSAL, "not_for_us")),
    ),
    "issues": (
        Difficulty("an issue: 500 for ever", damage.issue(500, project=3)),
        Difficulty("an issue: 503 for ever", damage.issue(503, project=4)),
        Difficulty("an issue: redirect to a login", damage.issue(302, project=5)),
    ),
    "lists of issues": (
        Difficulty("comments: 403", odd_issues.refused_list("comment", 403, REFUSAL, "not_for_us", place=10)),
        Difficulty("comments: an empty page", odd_issues.short_list("comment", 5, is_empty=True, place=14)),
        Difficulty("comments: a total out of reach", odd_issues.short_list("comment", 1, is_empty=False, place=18)),
        Difficulty("worklogs: 500", odd_issues.refused_list("worklog", 500, WRONG, "part_broken", place=22)),
        Difficulty("worklogs: an empty page", odd_issues.short_list("worklog", 30, is_empty=True, place=26)),
        Difficulty("histories: 403", odd_issues.refused_histories(place=1)),
        Difficulty("remote links: 403", odd_issues.refused_remote_links(place=3)),
    ),
    "values": (
        Difficulty("a due date in the year 20222", odd_issues.odd_fields({"duedate": "20222-03-01"}, {"due": None})),
        Difficulty(
            "a due date in the year 0001", odd_issues.odd_fields({"duedate": "0001-01-01"}, {"due": None}, place=30)
        ),
        Difficulty(
            "half a surrogate pair", odd_issues.odd_fields({"summary": "cut \ud83d"}, {"summary": "cut ?"}, place=32)
        ),
        Difficulty(
            "an estimate in words",
            odd_issues.odd_fields({"timeoriginalestimate": "2h"}, {"time_original_seconds": None}, place=34),
        ),
        Difficulty(
            "a number of 400 digits",
            odd_issues.odd_fields({"customfield_10024": 10**400}, {"story_points": None}, place=36),
        ),
        Difficulty("text for an object", odd_issues.odd_fields({"assignee": "Jane"}, {"assignee_id": None}, place=38)),
        Difficulty(
            "a description of one card",
            odd_issues.odd_fields({"description": card(CARD)}, {"description_text": CARD}, place=40),
        ),
        Difficulty(
            "a sprint of a board out of sight",
            odd_issues.odd_fields({"customfield_10020": [ORPHAN]}, {"sprint_ids": ["999"]}, place=42),
        ),
        Difficulty("translated story points", odd_issues.translated_points(place=44)),
    ),
}
"""In groups that heal one after another."""


def difficult_site(**options: Any) -> tuple[Site, dict[str, Damage]]:  # noqa: ANN401 - options of Site
    """A site with all oddities, and its damage by group. Options are those of `Site`."""
    site = Site(dataset="seeded", issues=_ISSUES, projects=_PROJECTS, seed=_SEED, **options)
    damages = {group: _spoil(site, difficulties) for group, difficulties in DIFFICULTIES.items()}
    site.options.oddities = total_of(damages.values()).oddities
    return site, damages


def _spoil(site: Site, difficulties: Iterable[Difficulty]) -> Damage:
    """Damage the site in all these ways."""
    damages = [difficulty.spoil(site) for difficulty in difficulties]
    return total_of(damages)
