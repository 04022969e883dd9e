"""One-time use of lifecycle tokens: they sign the address but not the body, so a captured one could bring another body."""

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

RECORD_MARGIN = timedelta(minutes=5)
"""Life of a record after its token's expiry, longer than the leeway: otherwise a replay could get in."""


def spend(session: Session, token: str, body: bytes, *, expires_at: int) -> bool:
    """Use up a token in the transaction of its effect. Returns False for a repeated call: answer it alike, do nothing.

    Raises Unproven for a repeated token with another body.
    """
    # The digest covers the signed part alone: base64 has more than one spelling of the signature.
    digest, body_digest = _digest(token.rpartition(".")[0].encode()), _digest(body)
    is_first = session.changed(
        insert(SPENT_TOKENS)
        .values(
            digest=digest, body_digest=body_digest, expires_at=datetime.fromtimestamp(expires_at, UTC) + RECORD_MARGIN
        )
        .on_conflict_do_nothing()
    )
    if is_first:
        return True
    stored_digest = session.execute(
        select(SPENT_TOKENS.c.body_digest).where(SPENT_TOKENS.c.digest == digest)
    ).scalar_one()
    if stored_digest != body_digest:
        raise Unproven("lifecycle token replayed with another body")
    return False


def forget_expired(session: Session) -> int:
    """Delete records of expired tokens. Returns their number."""
    return session.changed(delete(SPENT_TOKENS).where(SPENT_TOKENS.c.expires_at < clock.now()))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
