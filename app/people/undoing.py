"""Takes an import back: its people get the address of before, unless theirs was changed since.

An address that a later import replaced stays. That import then restores the address before both: imports can be
undone in any order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, select, text, update

from app import clock
from app.conditions import Code
from app.errors import Conflicting, Missing
from app.people.emails import lock
from app.people.imports import Import, get
from app.store.people import FORMER_EMAILS, PEOPLE_IMPORTS

if TYPE_CHECKING:
    from uuid import UUID

    from app.store.session import Session

_LINES = """people_former_emails AS line
WHERE line.account_id = :account_id AND line.import_id = :import_id
  AND current.account_id = line.account_id AND current.person_id = line.person_id AND current.import_id = :import_id
"""
_STAYED_IDS = text("""
SELECT line.person_id FROM people_former_emails AS line
LEFT JOIN people_emails AS current ON current.account_id = line.account_id AND current.person_id = line.person_id
WHERE line.account_id = :account_id AND line.import_id = :import_id AND current.import_id IS DISTINCT FROM :import_id
ORDER BY line.person_id
""")
_RESTORE = text(f"""
UPDATE people_emails AS current
SET email = line.email, source = line.source, import_id = line.replaced_import_id, changed_at = :now
FROM {_LINES} AND line.email IS NOT NULL
""")  # noqa: S608 - our own text
_REMOVE = text(f"""
DELETE FROM people_emails AS current
USING {_LINES} AND line.email IS NULL
""")  # noqa: S608 - our own text
_HAND_ON = text("""
UPDATE people_former_emails AS later
SET email = line.email, source = line.source, replaced_import_id = line.replaced_import_id
FROM people_former_emails AS line
WHERE line.account_id = :account_id AND line.import_id = :import_id
  AND later.account_id = line.account_id AND later.person_id = line.person_id AND later.replaced_import_id = :import_id
""")


class Undo(NamedTuple):
    """The outcome of an undo."""

    record: Import
    stayed_ids: list[str]
    """Account ids with an address that was changed since the import."""


def undo(session: Session, account_id: UUID, import_id: UUID) -> Undo:
    """Undo an import once. Raises Missing, and Conflicting where it is undone."""
    lock(session, account_id)
    is_it = (PEOPLE_IMPORTS.c.account_id == account_id, PEOPLE_IMPORTS.c.id == import_id)
    row = session.execute(select(PEOPLE_IMPORTS.c.undone_at).where(*is_it).with_for_update()).one_or_none()
    if row is None:
        raise Missing(Code.NO_IMPORT)
    if row.undone_at is not None:
        raise Conflicting(Code.IMPORT_UNDONE)
    lines = (FORMER_EMAILS.c.account_id == account_id, FORMER_EMAILS.c.import_id == import_id)
    # The lock keeps an erasure of a person from passing between the reads and the writes.
    line_count = len(session.execute(select(FORMER_EMAILS.c.person_id).where(*lines).with_for_update()).all())
    choice = {"account_id": account_id, "import_id": import_id}
    stayed_ids = list(session.execute(_STAYED_IDS, choice).scalars())
    session.execute(_REMOVE, choice)
    session.execute(_RESTORE, {**choice, "now": clock.now()})
    session.execute(_HAND_ON, choice)
    session.execute(delete(FORMER_EMAILS).where(*lines))
    session.execute(
        update(PEOPLE_IMPORTS)
        .where(*is_it)
        .values(undone_at=clock.now(), restored_count=line_count - len(stayed_ids), stayed_count=len(stayed_ids))
    )
    return Undo(get(session, account_id, import_id), stayed_ids)
