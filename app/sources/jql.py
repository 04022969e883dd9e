"""How many issues Jira says it has, and the query of a part of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.json_value import find
from app.errors import JiraRejected
from app.store.schema import OPEN_END

if TYPE_CHECKING:
    from app.jira.client import Site


def count(site: Site, jql: str) -> int | None:
    """How many issues Jira says match; None where it will not say."""
    try:
        found = find(site.post("/rest/api/3/search/approximate-count", {"jql": jql}).body, "count")
    except JiraRejected:
        return None
    return found if isinstance(found, int) else None


def jql_of(project_id: str, lower: int = 0, upper: int = OPEN_END) -> str:
    """The issues of a project, created in a range of epoch ms: a literal that no user's time zone touches."""
    parts = [f"project = {project_id}"]
    if lower:
        parts.append(f"created >= {lower}")
    if upper != OPEN_END:
        parts.append(f"created < {upper}")
    return " AND ".join(parts)
