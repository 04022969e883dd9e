"""Jira's endpoints in terms of its limits: one bucket a method and path template, and points for the objects returned.

Figures: Atlassian, "Rate limiting".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.catalog.json_value import find

if TYPE_CHECKING:
    from app.catalog.json_value import Json

_SHARE = 0.6
"""Our limit as a share of a published burst, since all apps and tokens of the tenant share the burst."""
_BURSTS = {"GET": 100, "POST": 100, "PUT": 50, "DELETE": 50}
_OWN_BURSTS = {
    "GET issue/{}": 150,
    "GET issue/{}/changelog": 200,
    "GET user": 150,
    "GET user/email": 200,
    "POST search/approximate-count": 150,
    "POST expression/evaluate": 150,
    "GET component/{}": 200,
    "GET project/{}/role": 200,
    "GET project/{}/role/{}": 200,
}
_CORE, _IDENTITY = 1, 2
_LIST_PRICES: dict[str, tuple[int, tuple[str, ...]]] = {
    "search/jql": (_CORE, ("issues",)),
    "issue/bulkfetch": (_CORE, ("issues",)),
    "board/{}/issue": (_CORE, ("issues",)),
    "sprint/{}/issue": (_CORE, ("issues",)),
    "project/search": (_CORE, ("values",)),
    "group/member": (_IDENTITY, ("values",)),
    "user/bulk": (_IDENTITY, ("values",)),
    "users": (_IDENTITY, ("",)),
    "users/search": (_IDENTITY, ("",)),
    "permissions/check": (_IDENTITY, ("globalPermissions", "projectPermissions")),
    "mypermissions": (_IDENTITY, ("permissions",)),
}
"""Points an object, and the lists of the objects. Measured: other endpoints (versions, user/search) cost one point."""
_OBJECT_PRICES = {
    "issue/{}": _CORE,
    "project/{}": _CORE,
    "myself": _IDENTITY,
    "user": _IDENTITY,
    "user/email": _IDENTITY,
}
"""Points for an answer of a single object."""
_PREFIX = re.compile(r"^/rest/(?:api|agile)/[0-9.]+/")
_WORD = re.compile(r"[a-z][A-Za-z_-]*")
_DEFAULT_PAGE = 50
"""Objects in a page if the request names no number."""


@dataclass(frozen=True)
class Endpoint:
    """A method and a path template with `{}` for every id."""

    method: str
    template: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def ceiling(self) -> float:
        """Upper limit of our requests a second."""
        return _SHARE * _OWN_BURSTS.get(f"{self.method} {self._name}", _BURSTS.get(self.method, min(_BURSTS.values())))

    @property
    def _name(self) -> str:
        return _PREFIX.sub("", self.template)

    def expected_points(self, object_count: int = _DEFAULT_PAGE) -> int:
        """The cost of an answer with the full number of objects (`maxResults`)."""
        if self._name in _LIST_PRICES:
            price, lists = _LIST_PRICES[self._name]
            return 1 + price * object_count * len(lists)
        return 1 + _OBJECT_PRICES.get(self._name, 0)

    def points_of(self, body: Json) -> int:
        """The cost of a successful answer: one point, and the price of its objects."""
        if self._name in _LIST_PRICES:
            price, lists = _LIST_PRICES[self._name]
            return 1 + price * sum(_length(find(body, path)) for path in lists)
        return 1 + _OBJECT_PRICES.get(self._name, 0)


def endpoint_of(method: str, path: str) -> Endpoint:
    """The endpoint of a path, with ids or with placeholders."""
    prefix = _PREFIX.match(path)
    start = prefix.end() if prefix else 1
    steps = [step if _WORD.fullmatch(step) else "{}" for step in path[start:].partition("?")[0].split("/")]
    return Endpoint(method, path[:start] + "/".join(steps))


def _length(value: Json) -> int:
    return len(value) if isinstance(value, list | dict) else 0
