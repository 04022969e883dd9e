"""Field policy of one integration: the requested fields, the excluded ones, and the site's own field ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldPolicy:
    """Made from the integration's settings and the site's field list; requests and extraction both read it."""

    story_points: tuple[str, ...] = ()
    """Ids of the site's estimate fields, in order of preference."""
    sprint: str | None = None
    epic_link: str | None = None
    custom: tuple[str, ...] = ()
    """Custom fields for the issue's `custom` column; empty means all of them."""
    excluded: tuple[str, ...] = ()
    """Fields that are neither requested nor stored, by Jira's names: `summary`, `description`, `comment`."""

    def may_keep(self, name: str) -> bool:
        """Whether a field, or the entity of that name, may be stored."""
        return name not in self.excluded

    def requested(self) -> tuple[str, ...]:
        """Jira's `fields` parameter for whole issues: all of them, less the excluded ones."""
        return ("*all", *(f"-{name}" for name in self.excluded))
