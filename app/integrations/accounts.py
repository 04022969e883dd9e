"""SEI accounts and their API keys. A key is shown once; its hash and a prefix to find it by are kept."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from app import clock, ids
from app.conditions import Code
from app.config import API_KEY_SHAPE
from app.errors import Conflicting, Missing, Unproven
from app.store.schema import ACCOUNTS, API_KEYS

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from app.store.session import Session, Store

BY_PROVIDER = "provider"
"""Origin of a console session without an API key: no key's prefix looks like it."""
_PREFIX_LENGTH = len("sei_") + 8
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Account:
    """An SEI account."""

    id: UUID
    name: str


def make_key() -> str:
    """A new API key: `sei_<8 to find it by>_<256 random bits>`."""
    prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
    return f"sei_{prefix}_{secrets.token_urlsafe(32)}"


def is_key(text: str) -> bool:
    """Whether a text has the shape of a key."""
    return API_KEY_SHAPE.fullmatch(text) is not None


def create(session: Session, name: str, *, key: str | None = None) -> str:
    """A new account and its API key, which is returned and never seen again. Raises Conflicting where the name is taken."""
    key = key or make_key()
    account_id = ids.new()
    account = session.changed(
        insert(ACCOUNTS).values(id=account_id, name=name).on_conflict_do_nothing(index_elements=["name"])
    )
    if not account:
        raise Conflicting(Code.ACCOUNT_EXISTS, name=name)
    _add_key(session, account_id, key)
    return key


def ensure(session: Session, name: str, key: str) -> bool:
    """The account and key an operator names in the environment, made if absent. Returns whether anything was made."""
    session.execute(insert(ACCOUNTS).values(id=ids.new(), name=name).on_conflict_do_nothing(index_elements=["name"]))
    account_id = _account_id(session, name)
    if _add_key(session, account_id, key):
        return True
    account = session.execute(select(API_KEYS.c.digest).where(API_KEYS.c.prefix == prefix_of(key))).scalar_one()
    if not hmac.compare_digest(account, _digest(key)):
        raise Conflicting(Code.API_KEY_TAKEN)
    return False


def add_key(session: Session, name: str) -> str:
    """A further API key of an account, returned and never seen again. Raises Missing."""
    key = make_key()
    _add_key(session, _account_id(session, name), key)
    return key


def keys_of(session: Session, name: str) -> list[tuple[str, datetime, datetime | None]]:
    """Prefix, birth and end of an account's keys, oldest first. Raises Missing."""
    rows = session.execute(
        select(API_KEYS.c.prefix, API_KEYS.c.created_at, API_KEYS.c.revoked_at)
        .where(API_KEYS.c.account_id == _account_id(session, name))
        .order_by(API_KEYS.c.created_at)
    )
    return [(row.prefix, row.created_at, row.revoked_at) for row in rows]


def revoke(session: Session, prefix: str) -> None:
    """End a key, and the console sessions that it opened. Raises Missing."""
    is_it = (API_KEYS.c.prefix == prefix, API_KEYS.c.revoked_at.is_(None))
    if not session.changed(update(API_KEYS).where(*is_it).values(revoked_at=clock.now())):
        raise Missing(Code.NO_API_KEY)


def _account_id(session: Session, name: str) -> UUID:
    account_id: UUID | None = session.execute(select(ACCOUNTS.c.id).where(ACCOUNTS.c.name == name)).scalar_one_or_none()
    if account_id is None:
        raise Missing(Code.UNKNOWN_ACCOUNT, name=name)
    return account_id


def authenticate(store: Store, key: str) -> Account:
    """The account of a key. Raises Unproven: malformed, unknown and revoked are one answer, in comparable time."""
    if not is_key(key):
        raise Unproven("API key is malformed")
    with store.unrestricted_unsafe() as session:
        row = session.execute(
            select(ACCOUNTS.c.id, ACCOUNTS.c.name, API_KEYS.c.digest)
            .join(API_KEYS, API_KEYS.c.account_id == ACCOUNTS.c.id)
            .where(API_KEYS.c.prefix == prefix_of(key), API_KEYS.c.revoked_at.is_(None))
        ).one_or_none()
    if not hmac.compare_digest(row.digest if row else "0" * 64, _digest(key)) or row is None:
        raise Unproven("API key is unknown")
    return Account(row.id, row.name)


def find_live(store: Store, account_id: UUID, opened_by: str) -> Account | None:
    """The account of a console session, while its origin is valid: a key's prefix that is not revoked, or a provider."""
    query = select(ACCOUNTS.c.id, ACCOUNTS.c.name).where(ACCOUNTS.c.id == account_id)
    if opened_by != BY_PROVIDER:
        query = query.join(API_KEYS, API_KEYS.c.account_id == ACCOUNTS.c.id).where(
            API_KEYS.c.prefix == opened_by, API_KEYS.c.revoked_at.is_(None)
        )
    with store.unrestricted_unsafe() as session:
        row = session.execute(query).one_or_none()
    return None if row is None else Account(row.id, row.name)


def named(store: Store, name: str) -> Account | None:
    """The account of a name, as a sign-in provider gives it."""
    with store.unrestricted_unsafe() as session:
        row = session.execute(select(ACCOUNTS.c.id, ACCOUNTS.c.name).where(ACCOUNTS.c.name == name)).one_or_none()
    return None if row is None else Account(row.id, row.name)


def name_of(store: Store, account_id: UUID) -> str:
    """The name of an account, which a Jira admin may know of the one that a site is paired with."""
    with store.unrestricted_unsafe() as session:
        query = select(ACCOUNTS.c.name).where(ACCOUNTS.c.id == account_id)
        return str(session.execute(query).scalar_one_or_none() or "")


def prefix_of(key: str) -> str:
    """The prefix of a key, to find it by; not secret."""
    return key[:_PREFIX_LENGTH]


def _add_key(session: Session, account_id: UUID, key: str) -> bool:
    row_count = session.changed(
        insert(API_KEYS)
        .values(id=ids.new(), account_id=account_id, prefix=prefix_of(key), digest=_digest(key))
        .on_conflict_do_nothing(index_elements=["prefix"])
    )
    return bool(row_count)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
