"""Known install keys, shared by all processes: a flood of invented kids cannot block a known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.store.schema import INSTALL_KEYS

if TYPE_CHECKING:
    from app.store.session import Store


class InstallKeyCache:
    """Public keys by kid, in PostgreSQL: an attacker with write access there needs no forged install."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, kid: str) -> str | None:
        """The PEM of a kid. Raises Unavailable."""
        with self._store.unrestricted_unsafe() as session:
            return session.execute(select(INSTALL_KEYS.c.pem).where(INSTALL_KEYS.c.kid == kid)).scalar_one_or_none()

    def keep(self, kid: str, pem: str) -> None:
        """Store a key. Raises Unavailable."""
        with self._store.unrestricted_unsafe() as session:
            session.execute(insert(INSTALL_KEYS).values(kid=kid, pem=pem).on_conflict_do_nothing())
