"""Selection of an integration: the issues that it takes from its site."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_TOKENS = re.compile(
    r""" "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | ["'()] | \border\s+by\b """, re.VERBOSE | re.IGNORECASE | re.DOTALL
)
"""The parts of a query that decide where it ends: whole strings, brackets, quotes without a partner, the order."""


@dataclass(frozen=True)
class Selection:
    """Issues of some projects that fit a query, were changed since a moment and hold a field; each condition may be absent."""

    projects: frozenset[str] = frozenset()
    """Project ids, and keys that have not become ids yet; empty means all projects."""
    jql: str = ""
    """A condition in Jira's query language, without an order."""
    updated_from: int = 0
    """Epoch milliseconds. An issue that was last changed before it stays out until its next change."""

    holding: tuple[str, ...] = ()
    """Custom fields; where there are any, an issue must hold a value in one of them."""

    @property
    def is_everything(self) -> bool:
        """Whether every issue of the site is taken."""
        return not (self.projects or self.has_query or self.holding)

    @property
    def has_query(self) -> bool:
        """Whether more than the project decides."""
        return bool(self.jql or self.updated_from)

    def joined(self, query: Selection) -> Selection:
        """The issues that both queries take; the projects are the other one's."""
        queries = [f"({condition})" for condition in map(condition_of, (self.jql, query.jql)) if condition]
        start = max(self.updated_from, query.updated_from)
        return replace(query, jql=" AND ".join(queries), updated_from=start)

    def takes_project(self, project_id: str, key: str | None) -> bool:
        """Whether issues of a project may be taken."""
        return not self.projects or project_id in self.projects or (key is not None and key in self.projects)


EVERYTHING = Selection()


def condition_of(jql: str) -> str:
    """The condition of a query, to be joined with others: without its order. Raises ValueError where it can't stand in brackets."""
    end, depth = len(jql), 0
    for token in _TOKENS.finditer(jql):
        text = token[0]
        if text in {'"', "'"}:
            raise ValueError("has a quotation mark without a partner")
        depth += {"(": 1, ")": -1}.get(text, 0)
        if depth < 0:
            break
        if depth == 0 and text.lower().startswith("order"):
            end = token.start()
            break
    if depth:
        raise ValueError("has a bracket without a partner")
    return jql[:end].strip()
