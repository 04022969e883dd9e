"""The REST calls that ingests make, answered from bytes."""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from zlib import crc32

import orjson

from bench.site import bodies
from bench.site.catalogue import LINK_TYPE, ORIGIN
from bench.site.jql import JqlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bench.site.slots import Slotted
    from bench.site.world import World

Parts = list[bytes]
"""A body in pieces."""
_LIGHT = frozenset({"id", "key", "created", "updated"})
_WHOLE = {"3": ({"*all"}, {"changelog"}), "2": ({"*all"}, {"changelog", "transitions"})}
"""What the bytes rendered beforehand hold: fields and expansions, by API version."""
_MOST = {"whole": 100, "light": 5000}
_LIST_NAMES = {"changelog": "values", "comment": "comments", "worklog": "worklogs"}
_LIST_CAPS = {"changelog": 100, "comment": 100, "worklog": 5000}


@dataclass(frozen=True)
class Call:
    """A request, read."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any

    def one(self, name: str, default: str = "") -> str:
        """A parameter, of the body where there is one; lists are joined with commas."""
        if isinstance(self.body, dict) and name in self.body:
            found = self.body[name]
            return ",".join(map(str, found)) if isinstance(found, list) else str(found)
        return ",".join(self.query.get(name, [default]))

    def number(self, name: str, default: int) -> int:
        """A parameter that is a number."""
        return int(self.one(name) or default)


@dataclass
class Reply:
    """An answer before it is sent; `points` and `issues` as the limits count them, `whole` the issues sent with all fields."""

    parts: Parts
    status: int = 200
    points: int = 1
    issues: int = 0
    whole: Sequence[int] = ()
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def read_call(method: str, target: str, body: bytes) -> Call:
    """Read a request line and body."""
    parts = urlsplit(target)
    given = orjson.loads(body) if body else None
    return Call(method, unquote(parts.path), parse_qs(parts.query, keep_blank_values=True), given)


_API = r"^/rest/api/(?P<version>[23])"
_AGILE = r"^/rest/agile/1\.0"


class Routes:
    """Finds who answers a call."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: list[tuple[re.Pattern[str], str, Callable[..., Reply]]] = []
        catalogue = world.catalogue
        for name, listed in (
            ("field", catalogue.fields),
            ("status", catalogue.statuses),
            ("issuetype", catalogue.issue_types),
            ("priority", catalogue.priorities),
            ("resolution", catalogue.resolutions),
        ):
            self._add(f"{_API}/{name}$", name, _whole(listed))
        link_types = {"issueLinkTypes": [LINK_TYPE]}
        self._add(f"{_API}/issueLinkType$", "issueLinkType", lambda _call, **_: _json(link_types))
        self._add(f"{_API}/(?P<name>role|projectCategory|project/type)$", "role", lambda _call, **_: _json([]))
        self._add(
            f"{_API}/webhook/failed$", "webhook/failed", lambda _call, **_: _json({"values": [], "maxResults": 100})
        )
        self._add(f"{_API}/serverInfo$", "serverInfo", self._server_info)
        self._add(f"{_API}/myself$", "myself", lambda _call, **_: _json(catalogue.users[0], points=3))
        self._add(f"{_API}/user$", "user", self._user)
        self._add(f"{_API}/permissions/check$", "permissions/check", self._permissions)
        self._add(f"{_API}/mypermissions$", "mypermissions", self._my_permissions)
        self._add(f"{_API}/project/search$", "project/search", self._projects)
        for kind, plural in product(("component", "version"), ("", "s")):
            self._add(
                f"{_API}/project/(?P<known>[^/]+)/(?P<kind>{kind}){plural}$",
                f"project/{{}}/{kind}{plural}",
                self._of_project,
            )
        self._add(f"{_API}/project/(?P<known>[^/]+)$", "project/{}", self._project)
        self._add(f"{_API}/search/approximate-count$", "search/approximate-count", self._count)
        self._add(f"{_API}/search/jql$", "search/jql", self._search)
        self._add(f"{_API}/jql/match$", "jql/match", self._match)
        self._add(f"{_API}/search$", "search", _gone)
        self._add(f"{_API}/worklog/updated$", "worklog/updated", self._worklogs_updated)
        self._add(f"{_API}/worklog/list$", "worklog/list", self._worklogs)
        for name in _LIST_NAMES:
            self._add(f"{_API}/issue/(?P<known>[^/]+)/(?P<kind>{name})$", f"issue/{{}}/{name}", self._list)
        self._add(f"{_API}/issue/(?P<known>[^/]+)/remotelink$", "issue/{}/remotelink", self._remote_links)
        self._add(f"{_API}/issue/(?P<known>[^/]+)$", "issue/{}", self._issue)
        self._add(f"{_AGILE}/board$", "board", lambda call, **_: _page(call, catalogue.boards, 50))
        self._add(f"{_AGILE}/board/(?P<known>\\d+)/sprint$", "board/{}/sprint", self._sprints)
        self._add(f"{_AGILE}/board/(?P<known>\\d+)/issue$", "board/{}/issue", self._board_issues)
        self._add(f"{_AGILE}/board/(?P<known>\\d+)/configuration$", "board/{}/configuration", self._board_configuration)

    def _add(self, pattern: str, template: str, answer: Callable[..., Reply]) -> None:
        self._made.append((re.compile(pattern), template, answer))

    def template_of(self, path: str) -> str:
        """The name under which a path is counted."""
        return next((template for pattern, template, _ in self._made if pattern.match(path)), "?")

    def answer(self, call: Call, fault: str | None) -> Reply:
        """Answer a call; `fault` names what a page is to suffer. Raises Refused."""
        for pattern, _, answer in self._made:
            if found := pattern.match(call.path):
                try:
                    return answer(call, fault=fault, **found.groupdict())
                except JqlError as error:
                    raise Refused(
                        400, f"Error in the JQL Query: the bench's site does not understand {error}."
                    ) from error
        raise Refused(404, "null for uri: " + call.path)

    # -- search

    def _search(self, call: Call, fault: str | None, version: str) -> Reply:
        fields, expand = _names(call.one("fields", "id")), _names(call.one("expand"))
        whole_fields, whole_expand = _WHOLE[version]
        is_whole, is_light = fields == whole_fields and expand == whole_expand, fields <= _LIGHT and not expand
        size = min(call.number("maxResults", 50), _MOST["light" if fields <= {"id", "key"} else "whole"])
        jql = call.one("jql")
        found = self._world.select(jql)
        binding = f"{crc32(orjson.dumps([jql, sorted(fields), sorted(expand)])):08x}"
        asked = call.one("nextPageToken")
        at = _place(asked, binding)
        numbers = found[at : at + size] if fault != "empty" else []
        if is_whole:
            bodies_ = [self._world.fill(self._world.template(number).issue[version], number) for number in numbers]
        elif is_light:
            bodies_ = [[self._light(number, fields, version)] for number in numbers]
        else:
            bodies_ = [[self._chosen(number, fields, expand, version)] for number in numbers]
        token = f"{binding}{at + len(numbers):x}" if at + len(numbers) < len(found) and fault != "early_end" else None
        if fault == "repeat" and asked:
            token = asked
        if fault == "empty" and token:
            # Another one than was asked for, to the same place.
            token += "-" * (asked.count("-") + 1)
        end = b'],"isLast":true}' if token is None else b'],"isLast":false,"nextPageToken":"%b"}' % token.encode()
        return Reply(
            [b'{"issues":[', *_joined(bodies_), end],
            points=1 + len(numbers),
            issues=len(numbers),
            # What a webhook has read again is no work done twice.
            whole=numbers if is_whole and not call.one("reconcileIssues") else (),
        )

    def _light(self, number: int, fields: set[str], version: str) -> bytes:
        world = self._world
        known = world.id_of(number)
        if fields <= {"id"}:
            return b'{"id":"%b"}' % known.encode()
        shown: dict[str, Any] = {
            "id": known,
            "self": f"{ORIGIN}/rest/api/{version}/issue/{known}",
            "key": world.key_of(number),
        }
        if moments := fields & {"created", "updated"}:
            body = orjson.loads(b"".join(world.fill(world.template(number).issue[version], number)))
            shown["fields"] = {name: body["fields"][name] for name in sorted(moments)}
        return orjson.dumps(shown)

    def _chosen(self, number: int, fields: set[str], expand: set[str], version: str) -> bytes:
        """The long way: only what was asked for."""
        body = orjson.loads(b"".join(self._world.fill(self._world.template(number).issue[version], number)))
        if "*all" not in fields:
            body["fields"] = {
                name: value for name, value in body["fields"].items() if name in fields or "*navigable" in fields
            }
        for name in {"changelog", "transitions"} - expand:
            body.pop(name, None)
        return orjson.dumps(body)

    def _count(self, call: Call, **_: object) -> Reply:
        return _json({"count": len(self._world.select(call.one("jql")))})

    def _match(self, call: Call, **_: object) -> Reply:
        """Every query is a board's filter, which holds all issues of its project."""
        known = {each: self._world.find(str(each)) for each in call.body["issueIds"]}
        places = {each: self._world.template(number).project for each, number in known.items() if number is not None}
        matches = []
        for jql in call.body["jqls"]:
            at = self._board_at(jql.removeprefix("filter = "))
            matches.append({"matchedIssues": [each for each, place in places.items() if place == at], "errors": []})
        return _json({"matches": matches})

    # -- one issue

    def _number(self, known: str) -> int:
        number = self._world.find(known)
        if number is None:
            raise Refused(404, "Issue does not exist or you do not have permission to see it.")
        return number

    def _issue(self, call: Call, version: str, known: str, **_: object) -> Reply:
        number = self._number(known)
        fields, expand = _names(call.one("fields", "*all")), _names(call.one("expand"))
        if fields <= _LIGHT:
            return Reply([self._light(number, fields | {"key"}, version)], points=2)
        return Reply([self._chosen(number, fields, expand, version)], points=2)

    def _list(self, call: Call, version: str, known: str, kind: str, **_: object) -> Reply:
        number = self._number(known)
        listed = self._world.template(number).lists[version][kind]
        cap = _LIST_CAPS[kind]
        start, size = call.number("startAt", 0), min(call.number("maxResults", cap), cap)
        shown = listed[start : start + size]
        items = _joined([self._world.fill(each, number) for each in shown])
        is_last = f',"isLast":{"true" if start + len(shown) >= len(listed) else "false"}' if kind == "changelog" else ""
        head = f'{{"maxResults":{size},"startAt":{start},"total":{len(listed)}{is_last},"{_LIST_NAMES[kind]}":['
        return Reply([head.encode(), *items, b"]}"])

    def _remote_links(self, call: Call, known: str, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        number = self._number(known)
        return Reply(self._world.fill(self._world.template(number).remote_links, number))

    # -- worklogs of the whole site

    @lru_cache(1)  # noqa: B019 - there is one site a process
    def _all_worklogs(self) -> list[tuple[int, int, int, int]]:
        """Every worklog's moment, id, issue and place in the issue's list, oldest first: made when first asked for."""
        world, found = self._world, []
        for number in range(world.issues):
            template, copy = world.template(number), world.copy(number)
            shift = world.moments(number)[0] - template.created
            for place, (known, ms) in enumerate(template.rows.made.get("worklog", ())):
                found.append((shift + ms, known + copy * bodies.step_of(bodies.WORKLOG), number, place))
        return sorted(found)

    @lru_cache(1)  # noqa: B019 - there is one site a process
    def _worklog_places(self) -> dict[int, tuple[int, int]]:
        return {known: (number, place) for _, known, number, place in self._all_worklogs()}

    def _worklogs_updated(self, call: Call, **_: object) -> Reply:
        everything = self._all_worklogs()
        at = bisect_left(everything, (call.number("since", 0), 0, 0, 0))
        shown = everything[at : at + 1000]
        return _json(
            {
                "values": [{"worklogId": known, "updatedTime": ms, "properties": []} for ms, known, _, _ in shown],
                "since": call.number("since", 0),
                "until": shown[-1][0] if shown else call.number("since", 0),
                "lastPage": at + len(shown) >= len(everything),
            }
        )

    def _worklogs(self, call: Call, version: str, **_: object) -> Reply:
        places = self._worklog_places()
        found = [places[known] for each in call.body["ids"] if (known := int(each)) in places]
        items: list[tuple[Slotted, int]] = [
            (self._world.template(number).lists[version]["worklog"][place], number) for number, place in found
        ]
        return Reply([b"[", *_joined([self._world.fill(slotted, number) for slotted, number in items]), b"]"])

    # -- the rest

    def _server_info(self, call: Call, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        now = time.gmtime()
        return _json(
            {
                "baseUrl": ORIGIN,
                "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0],
                "deploymentType": "Cloud",
                "buildNumber": 100300,
                "serverTime": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", now),
                "serverTimeZone": "Etc/UTC",
                "serverTitle": "Jira",
            }
        )

    def _user(self, call: Call, **_: object) -> Reply:
        wanted = call.one("accountId")
        for each in self._world.catalogue.users:
            if each["accountId"] == wanted:
                return _json(each, points=3)
        raise Refused(404, "Specified user does not exist or you do not have required permissions.")

    def _permissions(self, call: Call, **_: object) -> Reply:
        asked = call.body if isinstance(call.body, dict) else {}
        projects = [
            {"permission": permission, "projects": each.get("projects", []), "issues": each.get("issues", [])}
            for each in asked.get("projectPermissions", [])
            for permission in each.get("permissions", [])
        ]
        everywhere = asked.get("globalPermissions", [])
        body = {"projectPermissions": projects, "globalPermissions": everywhere}
        return _json(body, points=1 + 2 * (len(projects) + len(everywhere)))

    def _my_permissions(self, call: Call, **_: object) -> Reply:
        named = _names(call.one("permissions", "BROWSE_PROJECTS"))
        return _json(
            {"permissions": {each: {"key": each, "havePermission": True} for each in named}}, points=1 + 2 * len(named)
        )

    def _projects(self, call: Call, **_: object) -> Reply:
        reply = _page(call, self._world.catalogue.projects, 100)
        reply.points += len(self._world.catalogue.projects)
        return reply

    def _project(self, call: Call, known: str, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        return _json(self._world.catalogue.projects[self._project_at(known)], points=2)

    def _project_at(self, known: str) -> int:
        at = self._world.project_of(known)
        if at is None:
            raise Refused(404, f"No project could be found with key '{known}'.")
        return at

    def _of_project(self, call: Call, known: str, kind: str, **_: object) -> Reply:
        project = self._world.catalogue.projects[self._project_at(known)]["id"]
        lists = self._world.catalogue.components if kind == "component" else self._world.catalogue.versions
        return _json(lists[project]) if call.path.endswith("s") else _page(call, lists[project], 50)

    def _board_at(self, known: str) -> int:
        at = next((at for at, each in enumerate(self._world.catalogue.boards) if str(each["id"]) == known), None)
        if at is None:
            raise Refused(404, "The requested board cannot be viewed because it either does not exist or is hidden.")
        return at

    def _sprints(self, call: Call, known: str, **_: object) -> Reply:
        board = self._world.catalogue.boards[self._board_at(known)]
        if board["type"] != "scrum":
            raise Refused(400, "The board does not support sprints")
        return _page(call, self._world.catalogue.sprints[board["id"]], 50)

    def _board_configuration(self, call: Call, known: str, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        board = self._world.catalogue.boards[self._board_at(known)]
        return _json(
            {
                "id": board["id"],
                "name": board["name"],
                "type": board["type"],
                "filter": {"id": str(board["id"])},
                "columnConfig": {"columns": []},
            }
        )

    def _board_issues(self, call: Call, known: str, **_: object) -> Reply:
        at = self._board_at(known)
        fields = _names(call.one("fields", "*all"))
        if not fields <= _LIGHT:
            raise Refused(400, "The bench's boards show ids only: ask with fields=id.")
        found = self._world.select(f"project = {self._world.catalogue.projects[at]['id']}")
        start, size = call.number("startAt", 0), min(call.number("maxResults", 50), 5000)
        shown = found[start : start + size]
        issues: Iterable[Parts] = ([self._light(number, fields | {"key"}, "3")] for number in shown)
        head = b'{"expand":"schema,names","startAt":%d,"maxResults":%d,"total":%d,"issues":[' % (
            start,
            size,
            len(found),
        )
        return Reply([head, *_joined(issues), b"]}"], points=1 + len(shown), issues=len(shown))


def _names(text: str) -> set[str]:
    return {each.strip() for each in text.split(",") if each.strip()}


def _place(token: str, binding: str) -> int:
    if not token:
        return 0
    if not token.startswith(binding):
        raise Refused(400, "The provided nextPageToken is invalid or has expired.")
    return int(token[len(binding) :].rstrip("-"), 16)


def _joined(bodies_: Iterable[Parts]) -> Parts:
    parts: Parts = []
    for body in bodies_:
        if parts:
            parts.append(b",")
        parts += body
    return parts


def _json(body: Any, points: int = 1) -> Reply:  # noqa: ANN401 - JSON
    return Reply([orjson.dumps(body)], points=points)


def _whole(listed: Sequence[Any]) -> Callable[..., Reply]:
    body = orjson.dumps(listed)
    return lambda _call, **_: Reply([body])


def _page(call: Call, values: Sequence[Any], cap: int) -> Reply:
    start, size = call.number("startAt", 0), min(call.number("maxResults", cap), cap)
    shown = values[start : start + size]
    is_last = start + len(shown) >= len(values)
    return _json({"maxResults": size, "startAt": start, "total": len(values), "isLast": is_last, "values": shown})


def _gone(call: Call, **_: object) -> Reply:  # noqa: ARG001 - one signature for all
    raise Refused(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
