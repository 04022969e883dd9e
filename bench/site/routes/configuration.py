"""The server, users, permissions, projects and the site's lists."""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING

from bench.site.routes.exchange import API, Call, RefusedError, Reply, constant, json_reply, page
from bench.site.templates import ORIGIN
from bench.site.templates.catalogue import LINK_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.site.routes.exchange import Route
    from bench.site.world import World


class ConfigurationRoutes:
    """Reads of everything besides issues and boards."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._catalogue = world.catalogue

    def routes(self) -> Iterator[Route]:
        """Yield the routes in order of precedence."""
        catalogue = self._catalogue
        for name, objects in (
            ("field", catalogue.fields),
            ("status", catalogue.statuses),
            ("issuetype", catalogue.issue_types),
            ("priority", catalogue.priorities),
            ("resolution", catalogue.resolutions),
        ):
            yield f"{API}/{name}$", name, constant(objects)
        yield f"{API}/issueLinkType$", "issueLinkType", constant({"issueLinkTypes": [LINK_TYPE]})
        yield f"{API}/(?P<name>role|projectCategory|project/type)$", "role", constant([])
        yield f"{API}/webhook/failed$", "webhook/failed", constant({"values": [], "maxResults": 100})
        yield f"{API}/serverInfo$", "serverInfo", self._server_info
        yield f"{API}/myself$", "myself", constant(catalogue.users[0], points=3)
        yield f"{API}/user$", "user", self._user
        yield f"{API}/permissions/check$", "permissions/check", self._permissions
        yield f"{API}/mypermissions$", "mypermissions", self._my_permissions
        yield f"{API}/project/search$", "project/search", self._projects
        for kind, plural in product(("component", "version"), ("", "s")):
            pattern = f"{API}/project/(?P<key>[^/]+)/(?P<kind>{kind}){plural}$"
            yield pattern, f"project/{{}}/{kind}{plural}", self._parts_of_project
        yield f"{API}/project/(?P<key>[^/]+)$", "project/{}", self._project

    def _server_info(self, call: Call, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        now = time.gmtime()
        return json_reply(
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
        account_id = call.one("accountId")
        for user in self._catalogue.users:
            if user["accountId"] == account_id:
                return json_reply(user, points=3)
        raise RefusedError(404, "Specified user does not exist or you do not have required permissions.")

    def _permissions(self, call: Call, **_: object) -> Reply:
        """Grant every permission."""
        body = call.body if isinstance(call.body, dict) else {}
        projects = [
            {"permission": permission, "projects": query.get("projects", []), "issues": query.get("issues", [])}
            for query in body.get("projectPermissions", [])
            for permission in query.get("permissions", [])
        ]
        global_permissions = body.get("globalPermissions", [])
        answer = {"projectPermissions": projects, "globalPermissions": global_permissions}
        return json_reply(answer, points=1 + 2 * (len(projects) + len(global_permissions)))

    def _my_permissions(self, call: Call, **_: object) -> Reply:
        keys = call.names("permissions", "BROWSE_PROJECTS")
        return json_reply(
            {"permissions": {key: {"key": key, "havePermission": True} for key in keys}}, points=1 + 2 * len(keys)
        )

    def _projects(self, call: Call, **_: object) -> Reply:
        reply = page(call, self._catalogue.projects, 100)
        reply.points += len(self._catalogue.projects)
        return reply

    def _project(self, call: Call, key: str, **_: object) -> Reply:  # noqa: ARG002 - one signature for all
        return json_reply(self._catalogue.projects[self._project_place(key)], points=2)

    def _project_place(self, key: str) -> int:
        place = self._world.project_of(key)
        if place is None:
            raise RefusedError(404, f"No project could be found with key '{key}'.")
        return place

    def _parts_of_project(self, call: Call, key: str, kind: str, **_: object) -> Reply:
        project_id = self._catalogue.projects[self._project_place(key)]["id"]
        lists = self._catalogue.components if kind == "component" else self._catalogue.versions
        return json_reply(lists[project_id]) if call.path.endswith("s") else page(call, lists[project_id], 50)
