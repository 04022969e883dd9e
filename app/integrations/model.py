"""An integration: an SEI account's connection to one Jira site, and the one vocabulary of its states."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.conditions import Condition
    from app.sources.kinds import Method, Product


class State(StrEnum):
    """How an integration stands; the same words in API, pages, logs and metrics."""

    PENDING = "pending"
    BACKFILLING = "backfilling"
    HEALTHY = "healthy"
    DELAYED = "delayed"
    NEEDS_ATTENTION = "needs attention"
    PAUSED = "paused"
    DISCONNECTED = "disconnected"
    DELETING = "deleting"

    @property
    def is_working(self) -> bool:
        """Whether workers pull for it."""
        return self in {State.BACKFILLING, State.HEALTHY, State.DELAYED, State.NEEDS_ATTENTION}


@dataclass(frozen=True)
class Integration:
    """One integration as it is stored; moments are UTC."""

    id: UUID
    account_id: UUID
    tenant_id: UUID | None
    name: str
    description: str
    tags: list[str]
    product: Product
    method: Method
    settings: dict[str, Any]
    state: State
    state_reason: Condition | None
    paired_by: str | None
    paired_at: datetime | None
    started_at: datetime | None
    last_ingested_at: datetime | None
    verified_at: datetime | None
    polled_at: datetime | None
    """When a poll last ended cleanly."""
    state_before: str | None
    parked_until: datetime | None
    parked_because: str | None
    """Why nothing is asked of the site but one probe an hour (`parked_until`); None where it is not parked."""
    created_at: datetime

    @property
    def catch_up_state(self) -> State:
        """The state while missed changes are read: `delayed` for a site that was verified before."""
        return State.DELAYED if self.verified_at is not None else State.BACKFILLING

    @property
    def is_served(self) -> bool:
        """Whether workers ask the site now."""
        return self.state.is_working and self.parked_because is None
