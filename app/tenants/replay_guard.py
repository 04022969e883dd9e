"""Lifecycle tokens are good once: their signature covers the address, not the body, so a captured token could bring another."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.errors import Unproven
from app.store.schema import SPENT_TOKENS

if TYPE_CHECKING:
    from app.store.session import Session

OUTLIVES = timedelta(minutes=5)
"""The record outlives the token's expiry by more than the leeway: a record that dies first lets a replay in."""


def spend(session: Session, token: str, body: bytes, *, expires_at: int) -> bool:
    """Use a token up, in the transaction of its effect. Returns False for the same call again: answer it alike, do nothing.

    Raises Unproven where the token comes back with another body.
    """
    # What is signed names the token, not how its signature is spelled: base64 has more than one spelling.
    digest, body_digest = _digest(token.rpartition(".")[0].encode()), _digest(body)
    is_first = session.changed(
        insert(SPENT_TOKENS)
        .values(digest=digest, body_digest=body_digest, expires_at=datetime.fromtimestamp(expires_at, UTC) + OUTLIVES)
        .on_conflict_do_nothing()
    )
    if is_first:
        return True
    held = session.execute(select(SPENT_TOKENS.c.body_digest).where(SPENT_TOKENS.c.digest == digest)).scalar_one()
    if held != body_digest:
        raise Unproven("lifecycle token replayed with another body")
    return False


def forget_expired(session: Session) -> int:
    """Drop records that no token can match any more."""
    return session.changed(delete(SPENT_TOKENS).where(SPENT_TOKENS.c.expires_at < clock.now()))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
