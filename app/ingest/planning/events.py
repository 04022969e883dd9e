"""Jira's events: the objects that each has re-read, and the ignored ones with their reason.

The entities declare their events (`catalog`). This module adds the paths of ids in the bodies: of an issue, of an object
that is read by its id, or of a list that is read whole.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.catalog.registry import all_entities

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.catalog.language import Entity

ISSUE_DELETED = "jira:issue_deleted"
PROJECT_DELETED = frozenset({"project_deleted", "project_soft_deleted"})
ACCESS_BLOCKED = frozenset({"app_access_to_objects_blocked", "app_access_to_objects_in_container_blocked"})
"""A data security policy blocks objects; no capture shows how they are named, so all projects are checked."""

ONE_AT = MappingProxyType({entity.name: entity.named_at for entity in all_entities().values() if entity.named_at})
"""Paths of ids in webhook bodies, by the entity of which one object is read again."""
LIST_AT = MappingProxyType(
    {entity.name: entity.listed_at for entity in all_entities().values() if entity.listed_at is not None}
)
"""Paths of scopes in webhook bodies, by entity: its list is read again."""
ORPHAN_AT = MappingProxyType({entity.name: entity.orphan_at for entity in all_entities().values() if entity.orphan_at})
"""Paths of ids in webhook bodies that may arrive without their issue, by entity."""

_NOT_STORED = "properties of issues are not stored"
_OPTION = "a switch of the site; what it changes on issues arrives with them"
_FILTER = "which issues a board shows is read again by the clock; no other filter is stored"
IGNORED: Mapping[str, str] = MappingProxyType(
    {
        "issue_property_set": _NOT_STORED,
        "issue_property_deleted": _NOT_STORED,
        **dict.fromkeys(("filter_created", "filter_updated", "filter_deleted"), _FILTER),
        **dict.fromkeys(
            (
                "option_voting_changed",
                "option_watching_changed",
                "option_unassigned_issues_changed",
                "option_subtasks_changed",
                "option_issuelinks_changed",
                "option_timetracking_changed",
                "option_timetracking_provider_changed",
            ),
            _OPTION,
        ),
        "jira_expression_evaluation_failed": "the app has no expressions that could fail",
    }
)
"""Events that the app doesn't subscribe to, with the reason; one that arrives all the same is kept without effect."""
UNDECLARED = MappingProxyType(
    {
        "jira:version_merged": "named in one list only; Jira's form of a descriptor refuses it, merges arrive as deletions"
    }
)
"""Events that are handled but not subscribed to, with the reason."""


@cache
def touched_by(event: str) -> tuple[Entity, ...]:
    """The entities that an event may have changed."""
    return tuple(entity for entity in all_entities().values() if event in entity.webhooks)
