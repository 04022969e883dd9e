"""Boards, their sprints and the ids of their issues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.site.routes.exchange import AGILE, Call, RefusedError, Reply, join, json_reply, page
from bench.site.routes.records import LIGHT_FIELDS, light

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.site.routes.exchange import Route
    from bench.site.world import World


def board_place(world: World, board_id: str) -> int:
    """Return a board's index in the catalogue. Raises RefusedError 404."""
    boards = enumerate(world.catalogue.boards)
    place = next((place for place, board in boards if str(board["id"]) == board_id), None)
    if place is None:
        raise RefusedError(404, "The requested board cannot be viewed because it either does not exist or is hidden.")
    return place


class BoardRoutes:
    """Reads of Jira Software."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterator[Route]:
        """Yield the routes in order of precedence."""
        yield f"{AGILE}/board$", "board", self._boards
        yield f"{AGILE}/board/(?P<board_id>\\d+)/sprint$", "board/{}/sprint", self._sprints
        yield f"{AGILE}/board/(?P<board_id>\\d+)/issue$", "board/{}/issue", self._issues
        yield f"{AGILE}/board/(?P<board_id>\\d+)/configuration$", "board/{}/configuration", self._configuration

    def _boards(self, call: Call, **_: object) -> Reply:
        return page(call, self._world.catalogue.boards, 50)

    def _sprints(self, call: Call, board_id: str, **_: object) -> Reply:
        board = self._world.catalogue.boards[board_place(self._world, board_id)]
        if board["type"] != "scrum":
            raise RefusedError(400, "The board does not support sprints")
        return page(call, self._world.catalogue.sprints[board["id"]], 50)

    def _configuration(self, call: Call, board_id: str, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        board = self._world.catalogue.boards[board_place(self._world, board_id)]
        return json_reply(
            {
                "id": board["id"],
                "name": board["name"],
                "type": board["type"],
                "filter": {"id": str(board["id"])},
                "columnConfig": {"columns": []},
            }
        )

    def _issues(self, call: Call, board_id: str, **_: object) -> Reply:
        place = board_place(self._world, board_id)
        fields = call.names("fields", "*all")
        if not fields <= LIGHT_FIELDS:
            raise RefusedError(400, "The boards of this site show ids only: ask with fields=id.")
        numbers = self._world.select(f"project = {self._world.catalogue.projects[place]['id']}")
        start, size = call.number("startAt", 0), min(call.number("maxResults", 50), 5000)
        members = numbers[start : start + size]
        issues = ([light(self._world, number, fields | {"key"}, "3")] for number in members)
        head = b'{"expand":"schema,names","startAt":%d,"maxResults":%d,"total":%d,"issues":[' % (
            start,
            size,
            len(numbers),
        )
        return Reply([head, *join(issues), b"]}"], points=1 + len(members), issues=len(members))
