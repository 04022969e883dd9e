"""The selection of the settings against the stored projects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import or_, select

from app.catalog.registry import entity
from app.ingest.writing import project_access
from app.integrations.settings import IntegrationSettings
from app.store.tables import is_live, table_of

if TYPE_CHECKING:
    from app.integrations.model import Integration
    from app.store.session import Session


def unseen_projects(session: Session, integration: Integration) -> list[str]:
    """The chosen projects that aren't in sight, as the settings name them."""
    names = IntegrationSettings.model_validate(integration.settings).projects
    if not names:
        return []
    project = table_of(entity("project"))
    is_chosen = or_(project.c.id.in_(names), project.c.key.in_(names))
    rows = session.execute(select(project.c.id, project.c.key).where(is_live(entity("project")), is_chosen))
    frozen_ids = project_access.frozen(session).keys()
    visible_names = {name for row in rows if row.id not in frozen_ids for name in (row.id, row.key)}
    return [name for name in names if name not in visible_names]
