"""An SEI admin changes an integration's name, description, tags or settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app import jobs
from app.integrations import ledger
from app.integrations.settings import IntegrationSettings

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.store.session import Session


@dataclass(frozen=True)
class Changes:
    """New values; None leaves a value as it is."""

    name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    settings: IntegrationSettings | None = None

    def columns(self) -> dict[str, Any]:
        """The values by column, as the ledger stores them."""
        columns = {"name": self.name, "description": self.description, "tags": self.tags}
        settings = None if self.settings is None else self.settings.model_dump(mode="json")
        return {name: value for name, value in {**columns, "settings": settings}.items() if value is not None}


def change_settings(session: Session, integration_id: UUID, changes: Changes) -> Integration:
    """Store the changes. Settings that differ have a paired site read again, with the new fields. Raises Missing."""
    before = ledger.get(session, integration_id, lock=True)
    integration = ledger.change(session, integration_id, changes.columns())
    is_same = changes.settings in (None, IntegrationSettings.model_validate(before.settings))
    if integration.tenant_id is not None and not is_same:
        session.enqueue(jobs.PLAN, str(integration.tenant_id), once_as=str(integration.tenant_id))
    return integration
