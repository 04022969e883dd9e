"""Jira's endpoints as its limits see them: one bucket a method and path template, and points for what is returned.

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
"""Of a published burst that we take at most: it is shared by all apps and tokens of the tenant."""
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
_CHARGED: dict[str, tuple[int, tuple[str, ...]]] = {
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
"""Points for each object in the lists named. Measured: what is missing here (versions, user/search) costs its call alone."""
_CHARGED_ALONE = {
    "issue/{}": _CORE,
    "project/{}": _CORE,
    "myself": _IDENTITY,
    "user": _IDENTITY,
    "user/email": _IDENTITY,
}
"""Points for the one object that is the answer."""
_PREFIX = re.compile(r"^/rest/(?:api|agile)/[0-9.]+/")
_WORD = re.compile(r"[a-z][A-Za-z_-]*")
_UNASKED = 50
"""Objects in a page where the caller names no number."""


@dataclass(frozen=True)
class Endpoint:
    """A method and a path in which every id is `{}`."""

    method: str
    template: str

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    @property
    def ceiling(self) -> float:
        """Requests a second that we never exceed."""
        return _SHARE * _OWN_BURSTS.get(f"{self.method} {self._name}", _BURSTS.get(self.method, min(_BURSTS.values())))

    @property
    def _name(self) -> str:
        return _PREFIX.sub("", self.template)

    def expected_points(self, asked: int = _UNASKED) -> int:
        """What an answer may cost when it holds as many objects as were asked for (`maxResults`)."""
        if self._name in _CHARGED:
            price, lists = _CHARGED[self._name]
            return 1 + price * asked * len(lists)
        return 1 + _CHARGED_ALONE.get(self._name, 0)

    def points_of(self, body: Json) -> int:
        """What a successful answer costs: one point, and the objects in it by their kind."""
        if self._name in _CHARGED:
            price, lists = _CHARGED[self._name]
            return 1 + price * sum(_length(find(body, each)) for each in lists)
        return 1 + _CHARGED_ALONE.get(self._name, 0)


def endpoint_of(method: str, path: str) -> Endpoint:
    """The endpoint of a path, whether its ids are filled in or are placeholders."""
    prefix = _PREFIX.match(path)
    start = prefix.end() if prefix else 1
    steps = [step if _WORD.fullmatch(step) else "{}" for step in path[start:].partition("?")[0].split("/")]
    return Endpoint(method, path[:start] + "/".join(steps))


def _length(found: Json) -> int:
    return len(found) if isinstance(found, list | dict) else 0
