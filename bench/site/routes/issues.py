"""Single issues with their histories, comments, worklogs and remote links, and the worklogs of the whole site."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

from bench.site.routes.exchange import API, Call, RefusedError, Reply, join, json_reply
from bench.site.routes.records import LIGHT_FIELDS, light, selected
from bench.site.templates.ids import WORKLOG, step_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.site.routes.exchange import Route
    from bench.site.world import World

_LIST_NAMES = {"changelog": "values", "comment": "comments", "worklog": "worklogs"}
_LIST_CAPS = {"changelog": 100, "comment": 100, "worklog": 5000}
_FEED_PAGE = 1000


class IssueRoutes:
    """Reads of single issues and of worklogs."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Iterator[Route]:
        """Yield the routes in order of precedence."""
        yield f"{API}/worklog/updated$", "worklog/updated", self._updated_worklogs
        yield f"{API}/worklog/list$", "worklog/list", self._worklogs_by_id
        for name in _LIST_NAMES:
            yield f"{API}/issue/(?P<key>[^/]+)/(?P<kind>{name})$", f"issue/{{}}/{name}", self._list
        yield f"{API}/issue/(?P<key>[^/]+)/remotelink$", "issue/{}/remotelink", self._remote_links
        yield f"{API}/issue/(?P<key>[^/]+)$", "issue/{}", self._issue

    def _number(self, key: str) -> int:
        number = self._world.find(key)
        if number is None:
            raise RefusedError(404, "Issue does not exist or you do not have permission to see it.")
        return number

    def _issue(self, call: Call, version: str, key: str, **_: object) -> Reply:
        number = self._number(key)
        fields, expand = call.names("fields", "*all"), call.names("expand")
        if fields <= LIGHT_FIELDS:
            return Reply([light(self._world, number, fields | {"key"}, version)], points=2)
        return Reply([selected(self._world, number, fields, expand, version)], points=2)

    def _list(self, call: Call, version: str, key: str, kind: str, **_: object) -> Reply:
        number = self._number(key)
        entries = self._world.template(number).lists[version][kind]
        cap = _LIST_CAPS[kind]
        start, size = call.number("startAt", 0), min(call.number("maxResults", cap), cap)
        members = entries[start : start + size]
        items = join(self._world.fill(entry, number) for entry in members)
        is_last = "true" if start + len(members) >= len(entries) else "false"
        last_member = f',"isLast":{is_last}' if kind == "changelog" else ""
        head = f'{{"maxResults":{size},"startAt":{start},"total":{len(entries)}{last_member},"{_LIST_NAMES[kind]}":['
        return Reply([head.encode(), *items, b"]}"])

    def _remote_links(self, call: Call, key: str, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        number = self._number(key)
        return Reply(self._world.fill(self._world.template(number).remote_links, number))

    @lru_cache(1)  # noqa: B019 - one site per process
    def _all_worklogs(self) -> list[tuple[int, int, int, int]]:
        """Return time, id, issue and index within the issue of every worklog, oldest first."""
        world, worklogs = self._world, []
        for number in range(world.issues):
            template, copy = world.template(number), world.copy(number)
            shift = world.moments(number)[0] - template.created_ms
            for index, (worklog_id, ms) in enumerate(template.rows.by_entity.get("worklog", ())):
                worklogs.append((shift + ms, worklog_id + copy * step_of(WORKLOG), number, index))
        return sorted(worklogs)

    @lru_cache(1)  # noqa: B019 - one site per process
    def _worklog_places(self) -> dict[int, tuple[int, int]]:
        return {worklog_id: (number, index) for _, worklog_id, number, index in self._all_worklogs()}

    def _updated_worklogs(self, call: Call, **_: object) -> Reply:
        worklogs, since = self._all_worklogs(), call.number("since", 0)
        start = bisect_left(worklogs, (since, 0, 0, 0))
        members = worklogs[start : start + _FEED_PAGE]
        return json_reply(
            {
                "values": [
                    {"worklogId": worklog_id, "updatedTime": ms, "properties": []} for ms, worklog_id, _, _ in members
                ],
                "since": since,
                "until": members[-1][0] if members else since,
                "lastPage": start + len(members) >= len(worklogs),
            }
        )

    def _worklogs_by_id(self, call: Call, version: str, **_: object) -> Reply:
        places = self._worklog_places()
        matches = [places[worklog_id] for text in call.body["ids"] if (worklog_id := int(text)) in places]
        bodies = (
            self._world.fill(self._world.template(number).lists[version]["worklog"][index], number)
            for number, index in matches
        )
        return Reply([b"[", *join(bodies), b"]"])
