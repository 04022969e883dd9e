"""The people of an account, each once: names and addresses of all its sites, and the address that was given.

A page takes four statements, however many integrations the account has.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select, text

from app.people.model import MOST_LINES
from app.store.people import ACCOUNT_USERS, PEOPLE_EMAILS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from app.store.session import Session


class Holder(NamedTuple):
    """An integration that has a person, and the person as its site tells."""

    integration_id: UUID
    integration_name: str
    display_name: str | None
    email: str | None


class Override(NamedTuple):
    """The address that an admin gave."""

    email: str
    source: str
    import_id: UUID | None
    changed_at: datetime


@dataclass(frozen=True)
class Person:
    """An Atlassian account. Its holders are in the order of their sites' latest word."""

    id: str
    holders: list[Holder]
    override: Override | None

    @property
    def names(self) -> list[str]:
        """Display names, each once, latest first."""
        return list(dict.fromkeys(holder.display_name for holder in self.holders if holder.display_name))

    @property
    def jira_email(self) -> str | None:
        """The address that a site told last."""
        return next((holder.email for holder in self.holders if holder.email), None)

    @property
    def email(self) -> str | None:
        """The address that counts: the given one, else Jira's."""
        return self.override.email if self.override else self.jira_email


class People(NamedTuple):
    """One page of people and the count of all that match."""

    people: list[Person]
    total: int


class Line(NamedTuple):
    """A person in the worksheet of addresses."""

    person_id: str
    given_email: str | None
    name: str | None
    jira_email: str | None


_PAGE = text("""
WITH line AS (
  SELECT person_id, display_name, email FROM account_users
  UNION ALL
  SELECT person_id, NULL, email FROM people_emails WHERE account_id = :account_id
), match AS (
  SELECT person_id, lower(min(display_name)) AS name FROM line GROUP BY person_id
  HAVING CAST(:pattern AS text) IS NULL OR bool_or(
    display_name ILIKE :pattern OR email ILIKE :pattern OR person_id ILIKE :pattern)
)
SELECT (SELECT count(*) FROM match) AS total,
       ARRAY(SELECT person_id FROM match ORDER BY name NULLS LAST, person_id LIMIT :size OFFSET :start) AS ids
""")
_WORKSHEET = text("""
WITH line AS (
  SELECT person_id, display_name, email, NULL AS given, read_at FROM account_users
  UNION ALL
  SELECT person_id, NULL, NULL, email, NULL FROM people_emails WHERE account_id = :account_id
)
SELECT person_id, max(given) AS given,
       (array_agg(display_name ORDER BY read_at DESC) FILTER (WHERE display_name IS NOT NULL))[1] AS name,
       (array_agg(email ORDER BY read_at DESC) FILTER (WHERE email IS NOT NULL))[1] AS email
FROM line GROUP BY person_id
ORDER BY max(given) IS NOT NULL OR max(email) IS NOT NULL, lower(min(display_name)) NULLS LAST, person_id LIMIT :size
""")
_ESCAPES = str.maketrans({sign: f"\\{sign}" for sign in "\\%_"})


def page_of(session: Session, account_id: UUID, *, page: int, page_size: int, search: str | None) -> People:
    """A page (from 1) of an account's people by name; `search` looks into names, addresses and account ids."""
    choice = {
        "account_id": account_id,
        "pattern": f"%{search.translate(_ESCAPES)}%" if search else None,
        "size": page_size,
        "start": (page - 1) * page_size,
    }
    row = session.execute(_PAGE, choice).one()
    return People(_people(session, account_id, row.ids), row.total)


def find(session: Session, account_id: UUID, person_id: str) -> Person:
    """One person, also one that no site has."""
    return _people(session, account_id, [person_id])[0]


def worksheet(session: Session, account_id: UUID) -> Iterator[Line]:
    """The first 10,000 people of an account, those without any address first."""
    for row in session.execute(_WORKSHEET, {"account_id": account_id, "size": MOST_LINES}):
        yield Line(row.person_id, row.given, row.name, row.email)


def _people(session: Session, account_id: UUID, ids: list[str]) -> list[Person]:
    users = session.execute(
        select(ACCOUNT_USERS)
        .where(ACCOUNT_USERS.c.person_id.in_(ids))
        .order_by(ACCOUNT_USERS.c.read_at.desc(), ACCOUNT_USERS.c.integration_id)
    )
    holders: dict[str, list[Holder]] = defaultdict(list)
    for row in users:
        holder = Holder(row.integration_id, row.integration_name, row.display_name or None, row.email or None)
        holders[row.person_id].append(holder)
    emails = session.execute(
        select(PEOPLE_EMAILS).where(PEOPLE_EMAILS.c.account_id == account_id, PEOPLE_EMAILS.c.person_id.in_(ids))
    )
    overrides = {row.person_id: Override(row.email, row.source, row.import_id, row.changed_at) for row in emails}
    return [Person(person_id, holders[person_id], overrides.get(person_id)) for person_id in ids]
