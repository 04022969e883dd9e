"""Field policy of an integration: its settings and the site's custom fields, told apart by schema, not by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from app.catalog.field_policy import FieldPolicy
from app.catalog.registry import entity
from app.integrations.settings import IntegrationSettings
from app.store.schema import CHUNKS
from app.store.tables import table_of

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.store.session import Session

_SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
_EPIC_LINK = "com.pyxis.greenhopper.jira:gh-epic-link"
_POINT_NAMES = ("story points", "story point estimate")
"""Company-managed and team-managed projects each have their own."""


def is_known(session: Session) -> bool:
    """Whether the site's fields have been read."""
    state = session.execute(select(CHUNKS.c.state).where(CHUNKS.c.entity == "field")).scalar_one_or_none()
    return state == "done"


def load(session: Session, integration: Integration) -> FieldPolicy:
    """The policy of the bound tenant; settings take precedence."""
    settings = IntegrationSettings.model_validate(integration.settings)
    table = table_of(entity("field"))
    fields = session.execute(select(table.c.id, table.c.name, table.c.schema_custom).order_by(table.c.id)).all()
    by_schema = {row.schema_custom: row.id for row in fields if row.schema_custom}
    points = tuple(row.id for row in fields if (row.name or "").lower() in _POINT_NAMES)
    return FieldPolicy(
        story_points=(settings.story_point_field,) if settings.story_point_field else points,
        sprint=by_schema.get(_SPRINT),
        epic_link=settings.epic_field or by_schema.get(_EPIC_LINK),
        custom=tuple(settings.custom_fields),
        excluded=tuple(settings.excluded_fields),
    )
