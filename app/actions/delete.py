"""An SEI admin deletes an integration."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from app import jobs
from app.conditions import Code, Condition
from app.errors import Unavailable
from app.integrations import ledger
from app.integrations.model import State

if TYPE_CHECKING:
    from uuid import UUID

    from app.integrations.model import Integration
    from app.pairing.otp_store import OtpStore
    from app.store.session import Session


def delete(session: Session, otp_store: OtpStore, integration_id: UUID) -> Integration:
    """Mark the integration as deleting; a job erases its data. Nothing leads back. Raises Missing."""
    ledger.get(session, integration_id, lock=True)
    ledger.move_to(session, integration_id, State.DELETING, reason=Condition(Code.ERASING))
    session.enqueue(jobs.ERASE, str(integration_id), once_as=str(integration_id))
    session.after_commit(lambda: _revoke(otp_store, integration_id))
    return ledger.get(session, integration_id)


def _revoke(otp_store: OtpStore, integration_id: UUID) -> None:
    """Drop the one-time password from Redis; redemption refuses it anyway once the integration is deleting."""
    with suppress(Unavailable):
        otp_store.revoke(integration_id)
