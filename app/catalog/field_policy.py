"""Field policy of one integration: its issues, the requested fields, the excluded ones, and the site's own field ids."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.catalog.selection import EVERYTHING, Selection

REQUESTABLE = ("summary", "description", "comment")
"""Excludable fields by Jira's own names; custom fields are the others."""
WORKLOG_COMMENT = "worklog_comment"
"""Name for the comments of worklogs: Jira can't leave them out of its answers."""
_CUSTOM_ID = re.compile(r"customfield_[0-9]+", re.ASCII)


@dataclass(frozen=True)
class FieldPolicy:
    """Made from the integration's settings and the site's field list; requests and extraction both read it.

    A field of the site is named by a tuple of ids: the first that holds a value in an issue counts.
    """

    story_points: tuple[str, ...] = ()
    sprint: tuple[str, ...] = ()
    epic: tuple[str, ...] = ()
    start_date: tuple[str, ...] = ()
    due_date: tuple[str, ...] = ()
    """Before Jira's own due date."""
    team: tuple[str, ...] = ()
    flagged: tuple[str, ...] = ()
    custom: tuple[str, ...] = ()
    """Custom fields for the issue's `custom` column; empty means all of them."""
    excluded: tuple[str, ...] = ()
    """Fields that are neither requested nor stored: `summary`, `description`, `comment`, `worklog_comment`, custom ids."""
    excluded_names: frozenset[str] = frozenset()
    """Names of excluded fields in lower case, displayed and untranslated: histories name fields as people see them."""
    other_ids: frozenset[str] = frozenset()
    """Ids of the site's other fields."""
    other_names: frozenset[str] = frozenset()
    """Names of the site's other fields in lower case."""
    fields_digest: str = ""
    """Of the settings that named the mapped and the custom fields."""
    selection: Selection = EVERYTHING
    """The issues to take."""

    def may_keep(self, name: str) -> bool:
        """Whether a field, or the entity of that name, may be stored."""
        return name not in self.excluded

    def may_keep_change(self, name: str, field_id: str, field_type: str) -> bool:
        """Whether a history may keep the values of a field's change; the parameters are the item's own, "" where absent.

        The id decides where the site has such a field. Without one, a custom field under a name that no other field has
        may be an excluded one before it was renamed.
        """
        if not self.excluded:
            return True
        if field_id in self.excluded:
            return False
        if field_id in self.other_ids:
            return True
        name, field_id = name.lower(), field_id.lower()
        if {name, field_id} & {*self.excluded, *self.excluded_names}:
            return False
        is_nameless = field_type == "custom" and not _CUSTOM_ID.fullmatch(field_id) and name not in self.other_names
        return not (is_nameless and any(map(_CUSTOM_ID.fullmatch, self.excluded)))

    def requested(self) -> tuple[str, ...]:
        """Jira's `fields` parameter for whole issues: all of them, less the excluded ones."""
        return ("*all", *(f"-{name}" for name in self.excluded if name != WORKLOG_COMMENT))
