"""Reads single things of Jira again, as they are now: issues by their ids, other things one by one.

What a search for ids (`named`) does not return is asked for directly: that read knows no index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from app import clock
from app.catalog.json_value import find
from app.errors import JiraGone, JiraRefused, JiraRejected
from app.sources import by_ids

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from app.catalog.json_value import Json
    from app.catalog.language import Entity, Walk
    from app.jira.client import Site


@dataclass
class Read:
    """What was read of some issues."""

    sent_at: datetime
    bodies: list[Json] = field(default_factory=list)
    unsearchable: set[str] = field(default_factory=set)
    """Answered to a direct read only: archived, or not indexed."""
    gone: set[str] = field(default_factory=set)
    """404: deleted, hidden, or in a project that the app may not browse."""


def issues(site: Site, known: Sequence[str], *, doubted: Collection[str] = ()) -> Read:
    """Issues as they are now, fifty a request, with their own writes in sight. Raises a JiraFailure.

    Those that are `doubted` are called deleted by somebody: they are asked for directly, since Jira would refuse the
    search for all others with them.
    """
    read = Read(clock.now())
    absent = [each for each in known if each in doubted]
    searched = [each for each in known if each not in doubted]
    for start in range(0, len(searched), by_ids.MOST):
        found = by_ids.read(site, searched[start : start + by_ids.MOST])
        read.bodies += found.bodies
        absent += found.absent
    for each in absent:
        body = issue(site, each)
        if body is None:
            read.gone.add(each)
        else:
            read.bodies.append(body)
            read.unsearchable.add(each)
    return read


def issue(site: Site, known: str) -> Json:
    """One issue by a direct read; None where Jira says that there is none for us."""
    try:
        return site.get(f"/rest/api/3/issue/{quote(known, safe='')}", {"fields": "*all", "expand": "changelog"}).body
    except (JiraGone, JiraRejected):
        return None
    except JiraRefused as refused:
        if refused.is_credential:
            raise
        return None


def is_archived(body: Json) -> bool:
    """Whether an issue is archived: no search finds it, a direct read does."""
    return bool(find(body, "fields.archiveddate") or find(body, "fields.archived"))


def one(site: Site, entity: Entity, known: str) -> Json:
    """One thing other than an issue by its id; None where Jira says that there is none for us. Raises a JiraFailure."""
    walk = entity.one
    if walk is None:
        raise LookupError(f"{entity.name} is not read one by one")
    try:
        body = site.get(walk.path.format(id=quote(known, safe="")), _filled(walk, known)).body
    except (JiraGone, JiraRejected):
        return None
    except JiraRefused as refused:
        if refused.is_credential:
            raise
        return None
    found = find(body, walk.items)
    if not isinstance(found, list):
        return found
    return next((each for each in found if str(find(each, "id")) == known), None)


def _filled(walk: Walk, known: str) -> dict[str, str | int | Sequence[str | int]]:
    return {name: known if value == "{id}" else value for name, value in walk.params.items()}
