"""Damage: oddities of one part of a site, and their cost to an app that reads it.

Each function names a part and its odd answer, and returns a `Spoil`, which finds the part on a site.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.oddities import Call, Oddity, broken_issue

if TYPE_CHECKING:
    from sandbox.shapes import JsonObject
    from sandbox.site import Site
    from sandbox.world import Board, Issue

AGILE = "/rest/agile/1.0"
PLATFORM = "/rest/api/3"
INLINE_HISTORIES = 40
"""The newest histories, which come with an issue; the others are in a list of their own."""


@dataclass(frozen=True)
class Part:
    """A part of a site that can't be had: the list of an entity in a scope (empty: the site), or an object."""

    entity: str
    scope_id: str
    reason: str
    """Code of the finding: `not_offered`, `not_for_us`, `part_broken`."""
    is_object: bool = False


@dataclass(frozen=True)
class Damage:
    """Oddities, the parts that can't be had because of them, and the true rows that are missing until they heal."""

    oddities: list[Oddity]
    parts: frozenset[Part] = frozenset()
    absent_ids: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Ids by entity."""
    values: Mapping[tuple[str, str, str], object] = field(default_factory=dict)
    """Values that an app stores by entity, id and column, where they aren't the true ones."""
    mend: Callable[[Site], object] | None = None
    """The change that makes Jira send the healed objects again, where nothing else would."""

    @property
    def odd_issues(self) -> frozenset[str]:
        """The issues with fields that aren't the true ones."""
        return frozenset(object_id for entity, object_id, _ in self.values if entity == "issue")

    def heal(self, site: Site) -> None:
        """Remove the oddities from the site."""
        site.options.oddities = [oddity for oddity in site.options.oddities if oddity not in self.oddities]
        if self.mend is not None:
            self.mend(site)


Spoil = Callable[["Site"], Damage]
"""Finds a part on a site and damages it; the oddities are still to be set."""


def total_of(damages: Iterable[Damage]) -> Damage:
    """Several damages of one site as one."""
    damages = list(damages)
    entities = {entity for damage in damages for entity in damage.absent_ids}
    return Damage(
        [oddity for damage in damages for oddity in damage.oddities],
        frozenset(part for damage in damages for part in damage.parts),
        {
            entity: frozenset(row_id for damage in damages for row_id in damage.absent_ids.get(entity, ()))
            for entity in entities
        },
        {key: value for damage in damages for key, value in damage.values.items()},
        lambda site: [damage.mend(site) for damage in damages if damage.mend],
    )


def errors(*messages: str) -> dict[str, Any]:
    """Jira's error object."""
    return {"errorMessages": [*messages], "errors": {}}


def _boards(site: Site, kind: str) -> list[Board]:
    return [board for board in site.world.catalogue.boards.values() if board.json["type"] == kind]


def _sprints_of(site: Site, board: Board) -> frozenset[str]:
    """Sprints that no other board lists."""
    neighbours = [b for b in site.world.catalogue.boards.values() if b.id != board.id and b.has_sprints]
    shared_ids = {sprint_id for neighbour in neighbours for sprint_id in neighbour.sprint_ids}
    return frozenset(str(sprint_id) for sprint_id in board.sprint_ids if sprint_id not in shared_ids)


def agile(status: int, body: Any, reason: str) -> Spoil:  # noqa: ANN401 - JSON
    """Jira Software gives one odd answer to all questions."""

    def spoil(site: Site) -> Damage:
        boards = site.world.catalogue.boards
        sprint_ids = {
            str(sprint_id) for board in boards.values() if board.has_sprints for sprint_id in board.sprint_ids
        }
        return Damage(
            [Oddity(f"GET {AGILE}/*", status, body)],
            frozenset({Part("board", "", reason)}),
            {"board": frozenset(map(str, boards)), "sprint": frozenset(sprint_ids)},
        )

    return spoil


def sprints(status: int, body: Any, reason: str, *, place: int = 0) -> Spoil:  # noqa: ANN401 - JSON
    """The list of sprints of the scrum board at this place is odd."""

    def spoil(site: Site) -> Damage:
        board = _boards(site, "scrum")[place]
        return Damage(
            [Oddity(f"GET {AGILE}/board/{board.id}/sprint", status, body)],
            frozenset({Part("sprint", str(board.id), reason)}),
            {"sprint": _sprints_of(site, board)},
        )

    return spoil


def team_board(site: Site) -> Damage:
    """A team-managed board: its type doesn't tell that it has sprints."""
    _boards(site, "scrum")[0].json["type"] = "simple"
    return Damage([])


def configuration(status: int, body: Any, reason: str, *, kind: str = "scrum", place: int = 0) -> Spoil:  # noqa: ANN401 - JSON
    """The configuration of the board of that kind at this place is odd."""

    def spoil(site: Site) -> Damage:
        board = _boards(site, kind)[place]
        return Damage(
            [Oddity(f"GET {AGILE}/board/{board.id}/configuration", status, body)],
            frozenset({Part("board_configuration", str(board.id), reason)}),
        )

    return spoil


def board_filter(*, place: int = 0) -> Spoil:
    """Every question about filters is refused that holds the one of the kanban board at this place."""

    def spoil(site: Site) -> Damage:
        board = _boards(site, "kanban")[place]

        def holds_filter(call: Call, _body: Any) -> bool:  # noqa: ANN401 - JSON
            return f"filter = {board.filter_id}" in call.body

        message = f"The value '{board.filter_id}' does not exist for the field 'filter'."
        return Damage(
            [Oddity(f"POST {PLATFORM}/jql/match", 400, errors(message), concerns=holds_filter)],
            frozenset({Part("board_issue", str(board.id), "not_offered")}),
        )

    return spoil


def project_list(entity: str, status: int, body: Any, reason: str, *, place: int = 0) -> Spoil:  # noqa: ANN401 - JSON
    """The components or versions of the project at this place can't be had."""

    def spoil(site: Site) -> Damage:
        project_id = list(site.world.catalogue.projects)[place]
        objects = getattr(site.world.catalogue, f"{entity}s")
        row_ids = frozenset(key for key, item in objects.items() if str(item["projectId"]) == project_id)
        return Damage(
            [Oddity(f"GET {PLATFORM}/project/{project_id}/{entity}", status, body)],
            frozenset({Part(entity, project_id, reason)}),
            {entity: row_ids},
        )

    return spoil


def site_list(path: str, entity: str, status: int, body: Any, reason: str) -> Spoil:  # noqa: ANN401 - JSON
    """One list of the whole site is odd."""

    def spoil(site: Site) -> Damage:
        plural = {"status": "statuses", "priority": "priorities"}.get(entity, f"{entity}s")
        return Damage(
            [Oddity(f"GET {PLATFORM}/{path}", status, body)],
            frozenset({Part(entity, "", reason)}),
            {entity: frozenset(getattr(site.world.catalogue, plural))},
        )

    return spoil


def counts(surplus: int) -> Spoil:
    """Every count of issues is too high."""

    def spoil(_site: Site) -> Damage:
        def raise_count(body: JsonObject) -> JsonObject:
            return {**body, "count": body["count"] + surplus}

        return Damage([Oddity(f"POST {PLATFORM}/search/approximate-count", edit=raise_count)])

    return spoil


def an_issue(
    site: Site,
    place: int,
    *,
    children: str | None = None,
    minimum: int = 1,
    maximum: int = 10**6,
    project: int | None = None,
) -> Issue:
    """The issue at a place among those with so many children, or of a project."""
    project_ids = None if project is None else [list(site.world.catalogue.projects)[project]]
    issues = site.world.searchable(project_ids)
    counts = range(minimum, maximum + 1)
    return [issue for issue in issues if children is None or len(getattr(issue, children)) in counts][place]


def issue(status: int, *, place: int = 3, project: int | None = None) -> Spoil:
    """Every answer fails that would hold the issue."""

    def spoil(site: Site) -> Damage:
        bad_issue = an_issue(site, place, project=project)
        lists = {
            "changelog": bad_issue.histories,
            "comment": bad_issue.comments,
            "worklog": bad_issue.worklogs,
            "remote_link": bad_issue.remote_links,
            "attachment": bad_issue.fields.get("attachment") or (),
        }
        rows = {entity: frozenset(str(child["id"]) for child in children) for entity, children in lists.items()}
        return Damage(
            [broken_issue(bad_issue.id, status)],
            frozenset({Part("issue", bad_issue.id, "part_broken", is_object=True)}),
            {"issue": frozenset({bad_issue.id}), **rows},
        )

    return spoil
