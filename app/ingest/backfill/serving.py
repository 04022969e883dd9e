"""The note that rows were stored, which ends the transaction of an integration that is no longer served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.integrations import ledger
from app.store.checkpoints import LeaseLost

if TYPE_CHECKING:
    from app.store.session import Session


def mark_ingested(session: Session) -> None:
    """Note the moment of the latest rows, in their transaction. Raises LeaseLost where the integration isn't served."""
    if not ledger.mark_ingested(session):
        raise LeaseLost("the integration was paused, disconnected or deleted meanwhile")
