"""Presence of a site, and of a list's scope: a list's 404 proves nothing while its project, board or issue is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalog.field_policy import FieldPolicy
from app.catalog.language import Each
from app.catalog.registry import entity as entity_named
from app.errors import JiraFailure
from app.sources.outcomes import Gone, NotForUs, persist

if TYPE_CHECKING:
    from app.catalog.language import Entity
    from app.sources.source import Source


def is_site_well(source: Source) -> bool:
    """Whether the site answers the simplest question."""
    try:
        source.whoami()
    except JiraFailure:
        return False
    return True


def confirm(source: Source, entity: Entity, scope_id: str, finding: Gone) -> Gone | NotForUs:
    """The finding about a list that isn't there: Gone only where its scope is. Raises a JiraFailure."""
    return NotForUs(finding.failure) if _is_there(source, entity, scope_id) else finding


def _is_there(source: Source, entity: Entity, scope_id: str) -> bool:
    match entity.walk.each if entity.walk is not None else Each.SITE:
        case Each.PROJECT:
            visible_ids = persist(lambda: source.visible_projects([scope_id]), source.diagnose)
            return not isinstance(visible_ids, set) or scope_id in visible_ids
        case Each.BOARD:
            return not isinstance(source.one(entity_named("board"), scope_id), Gone)
        case Each.ISSUE:
            return not source.by_ids([scope_id], FieldPolicy(), deletion_ids={scope_id}).gone_ids
        case _:
            return False
