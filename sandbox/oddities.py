"""Oddities: answers that real sites gave, in place of the simulated ones or changed from them.

Each concerns one endpoint or one object of an otherwise good site. An oddity that is removed has healed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.shapes import JsonObject

LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Log in with Atlassian account</title></head><body>Log in</body></html>"


@dataclass(frozen=True)
class Call:
    """One request: the line `METHOD /path`, its query as sent, and its body."""

    line: str
    query: str
    body: str

    @property
    def text(self) -> str:
        """Query and body together, as the caller wrote them."""
        return f"{self.query}\n{self.body}"


@dataclass(frozen=True)
class Oddity:
    """An odd answer. Jira's own is computed first, so `edit` can change it and `concerns` can look at it."""

    line: str
    """`METHOD /path`; `*` stands for anything, `GET|POST` for either method."""
    status: int = 200
    body: Any = None
    """JSON, or HTML as text; ignored where `edit` is set."""
    headers: dict[str, str] = field(default_factory=dict)
    edit: Callable[[JsonObject], Any] | None = None
    """Returns the body to send in place of a good one."""
    concerns: Callable[[Call, Any], bool] | None = None
    """Whether a request and Jira's own answer are meant; None: all of the line."""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        methods, _, path = self.line.partition(" ")
        pieces = [re.escape(piece) for piece in path.split("*")]
        return re.compile(f"(?:{methods}) {'.*'.join(pieces)}")

    def replaces(self, call: Call, status: int, body: Any) -> tuple[int, Any] | None:  # noqa: ANN401 - JSON
        """The status and body to send; None where Jira's own answer stands."""
        if not self._pattern.fullmatch(call.line) or (self.concerns and not self.concerns(call, body)):
            return None
        if self.edit is None:
            return self.status, self.body
        return (status, self.edit(body)) if status == 200 else None  # noqa: PLR2004 - HTTP


def ids_in(body: Any) -> set[str]:  # noqa: ANN401 - JSON
    """Ids of the whole issues in an answer: those with fields."""
    issues = body.get("issues", [body]) if isinstance(body, dict) else []
    return {str(issue.get("id")) for issue in issues if isinstance(issue, dict) and len(issue.get("fields") or {}) > 1}


def broken_issue(issue_id: str, status: int = 500) -> Oddity:
    """Every answer that would hold the issue's fields fails; its id is still listed."""
    return Oddity(
        "GET|POST /rest/api/3/*",
        status,
        {"errorMessages": ["Internal server error"]},
        concerns=lambda call, body: ("/search/jql" in call.line or "/issue/" in call.line) and issue_id in ids_in(body),
    )


def edited_issue(issue_id: str, edit: Callable[[JsonObject], Any]) -> Oddity:
    """Every answer with the fields of an issue, with these fields changed in place."""

    def change(body: JsonObject) -> JsonObject:
        for issue in body.get("issues", [body]):
            if str(issue.get("id")) == issue_id:
                edit(issue["fields"])
        return body

    return Oddity("GET|POST /rest/api/3/*", edit=change, concerns=lambda _, body: issue_id in ids_in(body))


def parsed(octets: bytes) -> Any:  # noqa: ANN401 - JSON
    """A body as JSON; None where it isn't."""
    try:
        return orjson.loads(octets)
    except orjson.JSONDecodeError:
        return None
