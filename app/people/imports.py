"""Imports of files of addresses: previewed, applied as a whole, listed.

Preview and application make the same plan; the application makes it under the account's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ARRAY, Text, any_, bindparam, delete, select, text

from app import clock, ids
from app.conditions import Code
from app.errors import Malformed
from app.people.emails import lock
from app.people.model import UnfitFile
from app.store.people import ACCOUNT_USERS, PEOPLE_EMAILS, PEOPLE_IMPORTS

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import CollectionAggregate

    from app.people.csv_file import CsvFile
    from app.people.model import Source
    from app.store.session import Session

LIFE = timedelta(days=30)
"""Time in which an import can be undone; then the addresses that it replaced are forgotten."""
_LIST_LENGTH = 100


class Change(NamedTuple):
    """An address that replaces another one."""

    person_id: str
    before: str
    after: str


@dataclass(frozen=True)
class Plan:
    """The effect of a file on an account's addresses."""

    new_ids: list[str]
    """Account ids without an address by hand so far."""
    changes: list[Change]
    same_count: int
    unknown_ids: list[str]
    """Account ids that no integration has; their addresses are kept all the same."""


class Import(NamedTuple):
    """A file that was applied."""

    id: UUID
    source: str
    applied_at: datetime
    new_count: int
    changed_count: int
    same_count: int
    unknown_count: int
    undone_at: datetime | None
    restored_count: int | None
    stayed_count: int | None


_COLUMNS = tuple(PEOPLE_IMPORTS.c[name] for name in Import._fields)
_REMEMBER = text("""
INSERT INTO people_former_emails (account_id, import_id, person_id, email, source, replaced_import_id)
SELECT :account_id, :import_id, line.person_id, before.email, before.source, before.import_id
FROM unnest(CAST(:person_ids AS text[])) AS line (person_id)
LEFT JOIN people_emails AS before ON before.account_id = :account_id AND before.person_id = line.person_id
""")
_STORE = text("""
INSERT INTO people_emails (account_id, person_id, email, source, import_id, changed_at)
SELECT :account_id, line.person_id, line.email, :source, :import_id, :now
FROM unnest(CAST(:person_ids AS text[]), CAST(:emails AS text[])) AS line (person_id, email)
ON CONFLICT (account_id, person_id) DO UPDATE
SET email = excluded.email, source = excluded.source, import_id = excluded.import_id, changed_at = excluded.changed_at
""")


def preview(session: Session, account_id: UUID, file: CsvFile) -> Plan:
    """The effect that applying the good lines of a file would have now. Changes nothing."""
    person_ids = list(file.emails)
    rows = session.execute(
        select(PEOPLE_EMAILS.c.person_id, PEOPLE_EMAILS.c.email).where(
            PEOPLE_EMAILS.c.account_id == account_id, PEOPLE_EMAILS.c.person_id == _any(person_ids)
        )
    )
    before = {row.person_id: row.email for row in rows}
    users = session.execute(
        select(ACCOUNT_USERS.c.person_id).where(ACCOUNT_USERS.c.person_id == _any(person_ids)).distinct()
    )
    site_people = set(users.scalars())
    changes = [
        Change(person_id, before[person_id], email)
        for person_id, email in file.emails.items()
        if before.get(person_id, email) != email
    ]
    return Plan(
        new_ids=[person_id for person_id in person_ids if person_id not in before],
        changes=changes,
        same_count=len(before) - len(changes),
        unknown_ids=[person_id for person_id in person_ids if person_id not in site_people],
    )


def apply(session: Session, account_id: UUID, file: CsvFile, source: Source) -> tuple[Import, Plan]:
    """Apply a file as a whole. Raises UnfitFile where a line is bad, Malformed where there is no address."""
    if file.bad_lines:
        raise UnfitFile(file.bad_lines)
    if not file.emails:
        raise Malformed(Code.CSV_EMPTY)
    lock(session, account_id)
    plan = preview(session, account_id, file)
    import_id, now = ids.new(), clock.now()
    session.execute(
        PEOPLE_IMPORTS.insert().values(
            account_id=account_id,
            id=import_id,
            source=source.value,
            applied_at=now,
            new_count=len(plan.new_ids),
            changed_count=len(plan.changes),
            same_count=plan.same_count,
            unknown_count=len(plan.unknown_ids),
        )
    )
    person_ids = [*plan.new_ids, *(change.person_id for change in plan.changes)]
    line = {"account_id": account_id, "import_id": import_id, "person_ids": person_ids}
    session.execute(_REMEMBER, line)
    emails = [file.emails[person_id] for person_id in person_ids]
    session.execute(_STORE, {**line, "emails": emails, "source": source.value, "now": now})
    return get(session, account_id, import_id), plan


def get(session: Session, account_id: UUID, import_id: UUID) -> Import:
    """One import."""
    is_it = (PEOPLE_IMPORTS.c.account_id == account_id, PEOPLE_IMPORTS.c.id == import_id)
    return Import._make(session.execute(select(*_COLUMNS).where(*is_it)).one())


def listed(session: Session, account_id: UUID) -> list[Import]:
    """The newest 100 imports of an account, newest first."""
    rows = session.execute(
        select(*_COLUMNS)
        .where(PEOPLE_IMPORTS.c.account_id == account_id)
        .order_by(PEOPLE_IMPORTS.c.applied_at.desc(), PEOPLE_IMPORTS.c.id.desc())
        .limit(_LIST_LENGTH)
    )
    return [Import._make(row) for row in rows]


def _any(person_ids: list[str]) -> CollectionAggregate[Any]:
    """One parameter for all ids; a list of ten thousand would be a statement of its own."""
    return any_(bindparam(None, person_ids, ARRAY(Text), unique=True))


def forget_old(session: Session) -> None:
    """Delete all accounts' imports of more than 30 days ago, with the addresses that they replaced."""
    session.execute(delete(PEOPLE_IMPORTS).where(PEOPLE_IMPORTS.c.applied_at < clock.now() - LIFE))
