"""`search/jql` with its faults, the approximate count, and `jql/match`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import orjson

from bench.site.routes.boards import board_place
from bench.site.routes.exchange import API, Call, RefusedError, Reply, join, json_reply
from bench.site.routes.records import LIGHT_FIELDS, light, selected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.site.routes.exchange import Parts, Route
    from bench.site.world import World

_WHOLE = {"3": ({"*all"}, {"changelog"}), "2": ({"*all"}, {"changelog", "transitions"})}
"""Fields and expansions of the rendered bytes, by API version."""
_MAX_PAGE, _MAX_KEYS_PAGE = 100, 5000


class SearchRoutes:
    """Searches over all issues of a world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterator[Route]:
        """Yield the routes in order of precedence."""
        yield f"{API}/search/approximate-count$", "search/approximate-count", self._count
        yield f"{API}/search/jql$", "search/jql", self._search
        yield f"{API}/jql/match$", "jql/match", self._match
        yield f"{API}/search$", "search", _removed_search

    def _search(self, call: Call, fault: str | None, version: str) -> Reply:
        fields, expand = call.names("fields", "id"), call.names("expand")
        is_whole = (fields, expand) == _WHOLE[version]
        size = min(call.number("maxResults", 50), _MAX_KEYS_PAGE if fields <= {"id", "key"} else _MAX_PAGE)
        jql, request_token = call.one("jql"), call.one("nextPageToken")
        matches = self._world.select(jql)
        binding = f"{crc32(orjson.dumps([jql, sorted(fields), sorted(expand)])):08x}"
        start = _position(request_token, binding)
        numbers = matches[start : start + size] if fault != "empty" else []
        end = start + len(numbers)
        token = f"{binding}{end:x}" if end < len(matches) and fault != "early_end" else None
        if fault == "repeat" and request_token:
            token = request_token
        if fault == "empty" and token:
            # Another token than the request's, for the same position.
            token += "-" * (request_token.count("-") + 1)
        tail = b'],"isLast":true}' if token is None else b'],"isLast":false,"nextPageToken":"%b"}' % token.encode()
        return Reply(
            [
                b'{"issues":[',
                *join(issue_parts(self._world, number, fields, expand, version) for number in numbers),
                tail,
            ],
            points=1 + len(numbers),
            issues=len(numbers),
            # A read after a webhook is no duplicate work.
            whole=numbers if is_whole and not call.one("reconcileIssues") else (),
        )

    def _count(self, call: Call, **_: object) -> Reply:
        return json_reply({"count": len(self._world.select(call.one("jql")))})

    def _match(self, call: Call, **_: object) -> Reply:
        """Answer queries that are board filters; the filter of a board contains all issues of its project."""
        numbers = {issue_id: self._world.find(str(issue_id)) for issue_id in call.body["issueIds"]}
        projects = {
            issue_id: self._world.template(number).project for issue_id, number in numbers.items() if number is not None
        }
        matches = []
        for jql in call.body["jqls"]:
            place = board_place(self._world, jql.removeprefix("filter = "))
            members = [issue_id for issue_id, project in projects.items() if project == place]
            matches.append({"matchedIssues": members, "errors": []})
        return json_reply({"matches": matches})


def issue_parts(world: World, number: int, fields: set[str], expand: set[str], version: str) -> Parts:
    """Return an issue in pieces: rendered in advance if it is whole."""
    if (fields, expand) == _WHOLE[version]:
        return world.fill(world.template(number).issue[version], number)
    if fields <= LIGHT_FIELDS and not expand:
        return [light(world, number, fields, version)]
    return [selected(world, number, fields, expand, version)]


def _position(token: str, binding: str) -> int:
    if not token:
        return 0
    if not token.startswith(binding):
        raise RefusedError(400, "The provided nextPageToken is invalid or has expired.")
    return int(token[len(binding) :].rstrip("-"), 16)


def _removed_search(call: Call, **_: object) -> Reply:  # noqa: ARG001 - one signature for all
    raise RefusedError(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
