"""The bulk endpoints that a token may use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from bench.site.routes.exchange import API, Call, RefusedError, Reply, join
from bench.site.routes.search import issue_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.site.routes.exchange import Parts, Route
    from bench.site.world import World

_MAX_ISSUES, _HISTORY_PAGE, _MAX_HISTORY_PAGE = 100, 1000, 10_000


class BulkRoutes:
    """Whole issues by id, and the histories of many issues."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterator[Route]:
        """Yield the routes in order of precedence."""
        yield f"{API}/issue/bulkfetch$", "issue/bulkfetch", self._issues
        yield f"{API}/changelog/bulkfetch$", "changelog/bulkfetch", self._histories

    def _numbers(self, call: Call, limit: int) -> list[int]:
        ids = call.body["issueIdsOrKeys"]
        if not 1 <= len(ids) <= limit:
            raise RefusedError(400, f"Between 1 and {limit} issues can be asked for.")
        matches = (self._world.find(str(issue_id)) for issue_id in ids)
        return sorted(number for number in matches if number is not None)

    def _issues(self, call: Call, version: str, **_: object) -> Reply:
        numbers, fields, expand = self._numbers(call, _MAX_ISSUES), call.names("fields"), call.names("expand")
        bodies = (issue_parts(self._world, number, fields, expand, version) for number in numbers)
        return Reply(
            [b'{"issues":[', *join(bodies), b'],"issueErrors":[]}'],
            points=1 + len(numbers),
            issues=len(numbers),
            whole=numbers,
        )

    def _histories(self, call: Call, version: str, **_: object) -> Reply:
        """Return histories by time, and those of one issue may span answers."""
        world, places = self._world, []
        for number in self._numbers(call, 1000):
            template = world.template(number)
            shift = world.moments(number)[0] - template.created_ms
            rows = template.rows.by_entity.get("changelog", ())
            places += [(shift + ms, number, index) for index, (_, ms) in enumerate(rows)]
        places.sort()
        size = min(call.number("maxResults", _HISTORY_PAGE), _MAX_HISTORY_PAGE)
        start = call.number("nextPageToken", 0)
        groups: dict[int, list[Parts]] = {}
        for _, number, index in places[start : start + size]:
            entry = world.template(number).lists[version]["changelog"][index]
            groups.setdefault(number, []).append(world.fill(entry, number))
        bodies = (
            [b'{"issueId":%b,"changeHistories":[' % orjson.dumps(world.id_of(number)), *join(entries), b"]}"]
            for number, entries in groups.items()
        )
        end = start + size
        token = b',"nextPageToken":"%d"' % end if end < len(places) else b""
        return Reply([b'{"issueChangeLogs":[', *join(bodies), b"]", token, b"}"])
