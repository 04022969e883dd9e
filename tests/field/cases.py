"""Field cases: the oddities of a site, the parts that can't be had because of them, and the rows that are missing then.

A case is one entry. Those named after a file of `../shared/field` are situations of public bug reports; the others are
members of the same class that nobody has reported yet, or that concern a whole site. More members of each class live
together on `sandbox.difficult`: a case is here if it was reported, or if it needs a site to itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import damage, odd_issues
from sandbox.damage import errors, total_of
from sandbox.difficult import CARD, NO_COLUMNS, ORPHAN, REFUSAL, SCOPE, WRONG, card
from sandbox.oddities import LOGIN_PAGE

if TYPE_CHECKING:
    from sandbox import Site
    from sandbox.damage import Damage, Spoil


@dataclass(frozen=True)
class Case:
    """One situation, on a site of its own."""

    name: str
    spoil: Spoil


def three_issues(site: Site) -> Damage:
    """Three issues fail every answer that would hold them."""
    return total_of(damage.issue(503, place=place)(site) for place in (3, 16, 29))


CASES = [
    Case("c01 a team-managed board has sprints", damage.team_board),
    Case("c03 one board's sprints answer 422", damage.sprints(422, NO_COLUMNS, "not_offered")),
    Case("c04 no licence of Jira Software", damage.agile(403, errors("no valid licence"), "not_for_us")),
    Case("no Jira Software at all", damage.agile(404, errors("null for uri"), "not_offered")),
    Case("a login page for Jira Software", damage.agile(200, LOGIN_PAGE, "part_broken")),
    Case("c05 one board's configuration answers 403", damage.configuration(403, REFUSAL, "not_for_us")),
    Case("c06 a scope of the credential is missing", damage.agile(401, SCOPE, "not_for_us")),
    Case("c07 one issue answers 500 for ever", damage.issue(500)),
    Case("three issues answer 503 for ever", three_issues),
    Case("one project's components answer 404", damage.project_list("component", 404, WRONG, "not_for_us")),
    Case("one board's configuration answers 404", damage.configuration(404, WRONG, "not_for_us")),
    Case("one issue's comments answer 404", odd_issues.refused_list("comment", 404, WRONG, "not_for_us")),
    Case(
        "c30 an error object in place of the statuses",
        damage.site_list("status", "status", 200, WRONG, "part_broken"),
    ),
    Case("issue types are an empty list", damage.site_list("issuetype", "issue_type", 200, [], "part_broken")),
    Case("resolutions answer 403", damage.site_list("resolution", "resolution", 403, REFUSAL, "not_for_us")),
    Case("c33 one filter can't be matched", damage.board_filter()),
    Case("c09 story points in two translated fields", odd_issues.translated_points()),
    Case(
        "c11 a description of one card",
        odd_issues.odd_fields({"description": card(CARD)}, {"description_text": CARD}),
    ),
    Case(
        "c15x half a surrogate pair, and a year of five digits",
        odd_issues.odd_fields({"summary": "cut \ud83d", "duedate": "20222-03-01"}, {"summary": "cut ?", "due": None}),
    ),
    Case("c16 an empty page in place of the comments", odd_issues.short_list("comment", 5, is_empty=True)),
    Case("c17 a total of comments that is never reached", odd_issues.short_list("comment", 1, is_empty=False)),
    Case("c24 the site is restored from a backup", odd_issues.stepped_back()),
    Case("counts of issues are too high", damage.counts(3)),
    Case(
        "c29 a sprint of a board out of sight",
        odd_issues.odd_fields({"customfield_10020": [ORPHAN]}, {"sprint_ids": ["999"]}),
    ),
    Case("c18 a due date in the year 20222", odd_issues.odd_fields({"duedate": "20222-03-01"}, {"due": None})),
]
