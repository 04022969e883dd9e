"""Every guarded route from the app's URL map, and every kind of credential."""

from __future__ import annotations

import functools
import uuid
from typing import TYPE_CHECKING, NamedTuple

from app import runtime
from app.web import create_app
from app.web.guard import DOORS, Door
from tests.conftest import a_settings
from tests.story.processes import API_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.attacks.grounds import Ground

NOBODYS = str(uuid.UUID(int=7))


class Route(NamedTuple):
    method: str
    path: str
    door: Door

    @property
    def answers(self) -> str:
        """The class of its refusals (`grounds.check_headers`)."""
        return {Door.PAGE: "stranger", Door.CONSOLE: "console"}.get(self.door, "api")


@functools.cache
def guarded() -> tuple[Route, ...]:
    """All routes that are not public, with unknown ids."""
    parts = runtime.assemble(
        a_settings(), database_url="postgresql://nobody@127.0.0.1:1/x", redis_url="redis://127.0.0.1:1/0"
    )
    routes = []
    for rule in create_app(parts).url_map.iter_rules():
        door = DOORS[rule.endpoint.rpartition(".")[0]]
        path = rule.rule
        for argument in rule.arguments:
            value = "jira.issue_updated" if door is Door.SERVER else NOBODYS
            path = path.replace(f"<{argument}>", value)
        assert "<" not in path or door is Door.PUBLIC, path
        if door is not Door.PUBLIC:
            routes += [Route(method, path, door) for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})]
    return tuple(sorted(routes))


class Credentials(NamedTuple):
    """Credentials of a request: an addition to its query, and headers."""

    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def _header(token: str, scheme: str = "JWT") -> Credentials:
    return Credentials(headers=(("Authorization", f"{scheme} {token}"),))


def _lifecycle(ground: Ground, route: Route) -> Credentials:
    return _header(
        ground.scene.atlassian.lifecycle_token(
            route.path, ground.site.client_key, ground.scene.app.url, route.method, sub=ground.site.admin
        )
    )


def _server(ground: Ground, route: Route) -> Credentials:
    return _header(ground.site.webhook_token(route.path, route.method, sub=ground.site.admin))


def _page(ground: Ground, route: Route) -> Credentials:
    return Credentials(query=f"jwt={ground.site.page_token(route.path, ground.site.admin)}")


def _page_for_method(ground: Ground, route: Route) -> Credentials:
    """A page's token for this method, if pages accepted it."""
    return Credentials(query=f"jwt={ground.site.webhook_token(route.path, route.method, sub=ground.site.admin)}")


CREDENTIALS: dict[str, tuple[Door | None, Callable[[Ground, Route], Credentials]]] = {
    "nothing": (None, lambda _ground, _route: Credentials()),
    "lifecycle": (Door.LIFECYCLE, _lifecycle),
    "server": (Door.SERVER, _server),
    "page": (Door.PAGE, _page),
    "page-any-method": (Door.PAGE, _page_for_method),
    "context": (Door.PAGE_API, lambda ground, _route: _header(ground.context())),
    "page-as-bearer": (None, lambda ground, route: _header(_page(ground, route).query.removeprefix("jwt="), "Bearer")),
    "context-in-query": (None, lambda ground, _route: Credentials(query=f"jwt={ground.context()}")),
    "context-as-bearer": (None, lambda ground, _route: _header(ground.context(), "Bearer")),
    "api-key": (Door.SEI_KEY, lambda _ground, _route: _header(API_KEY, "Bearer")),
    "api-key-as-jwt": (None, lambda _ground, _route: _header(API_KEY)),
    "api-key-in-query": (None, lambda _ground, _route: Credentials(query=f"api_key={API_KEY}&jwt={API_KEY}")),
}
"""Each credential with its door."""
