"""Single addresses that an admin gives or takes back, and the lock that puts an account's changes in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app import clock
from app.conditions import Code
from app.errors import Missing
from app.store.people import PEOPLE_EMAILS

if TYPE_CHECKING:
    from uuid import UUID

    from app.people.model import Source
    from app.store.session import Session


def lock(session: Session, account_id: UUID) -> None:
    """Let no one else change the account's addresses until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"people {account_id}", 0))))


def give(session: Session, account_id: UUID, person_id: str, email: str, source: Source) -> None:
    """Set the address of one person."""
    lock(session, account_id)
    values = {"email": email, "source": source.value, "import_id": None, "changed_at": clock.now()}
    session.execute(
        insert(PEOPLE_EMAILS)
        .values(account_id=account_id, person_id=person_id, **values)
        .on_conflict_do_update(index_elements=["account_id", "person_id"], set_=values)
    )


def take_back(session: Session, account_id: UUID, person_id: str) -> None:
    """Remove the address that was given for one person. Raises Missing where there is none."""
    lock(session, account_id)
    is_it = (PEOPLE_EMAILS.c.account_id == account_id, PEOPLE_EMAILS.c.person_id == person_id)
    if not session.changed(delete(PEOPLE_EMAILS).where(*is_it)):
        raise Missing(Code.NO_GIVEN_EMAIL)
