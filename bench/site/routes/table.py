"""The table of all routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench.site.jql import JqlError
from bench.site.routes.boards import BoardRoutes
from bench.site.routes.bulk import BulkRoutes
from bench.site.routes.configuration import ConfigurationRoutes
from bench.site.routes.exchange import RefusedError
from bench.site.routes.issues import IssueRoutes
from bench.site.routes.search import SearchRoutes

if TYPE_CHECKING:
    from bench.site.routes.exchange import Call, Reply
    from bench.site.world import World


class Routes:
    """Dispatches calls to handlers."""

    def __init__(self, world: World) -> None:
        groups = (
            *(ConfigurationRoutes(world), SearchRoutes(world), BulkRoutes(world)),
            *(IssueRoutes(world), BoardRoutes(world)),
        )
        self._table = [
            (re.compile(pattern), template, handler)
            for group in groups
            for pattern, template, handler in group.routes()
        ]

    def template_of(self, path: str) -> str:
        """Return the template of a path, the key of the counters."""
        return next((template for pattern, template, _ in self._table if pattern.match(path)), "?")

    def answer(self, call: Call, fault: str | None) -> Reply:
        """Answer a call; `fault` is a fault of a search page. Raises RefusedError."""
        for pattern, _, handler in self._table:
            if match := pattern.match(call.path):
                try:
                    return handler(call, fault=fault, **match.groupdict())
                except JqlError as error:
                    raise RefusedError(
                        400, f"Error in the JQL Query: the bench's site does not understand {error}."
                    ) from error
        raise RefusedError(404, "null for uri: " + call.path)
