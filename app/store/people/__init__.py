"""The tables of people's e-mail addresses: those given by hand, the imports of files, and the values that these replaced.

All belong to an SEI account, with `account_id` first in their primary key, and are isolated by it. Names and addresses
from Jira stay in `jira_user`; the view `account_users` shows an account those of its paired sites.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    column,
    table,
)

from app.store.schema import METADATA

_SOURCES = "source IN ('api', 'console')"


def _account() -> Column[object]:
    return Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, nullable=False)


def _count(name: str, *, is_required: bool = True) -> Column[object]:
    return Column(name, Integer, nullable=not is_required)


PEOPLE_EMAILS = Table(
    "people_emails",
    METADATA,
    _account(),
    Column("person_id", Text, primary_key=True, comment="Atlassian account id"),
    Column("email", Text, nullable=False),
    Column("source", Text, nullable=False, comment="the door that it came through"),
    Column("import_id", Uuid, comment="the import that wrote it; null: it was given alone"),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(_SOURCES, name="source"),
    Index("ix_people_emails_person_id", "person_id"),
    comment="addresses that an SEI admin gave; they win over Jira's",
)

PEOPLE_IMPORTS = Table(
    "people_imports",
    METADATA,
    _account(),
    Column("id", Uuid, primary_key=True),
    Column("source", Text, nullable=False),
    Column("applied_at", DateTime(timezone=True), nullable=False),
    _count("new_count"),
    _count("changed_count"),
    _count("same_count"),
    _count("unknown_count"),
    Column("undone_at", DateTime(timezone=True)),
    _count("restored_count", is_required=False),
    _count("stayed_count", is_required=False),
    CheckConstraint(_SOURCES, name="source"),
    Index("ix_people_imports_applied_at", "applied_at"),
    comment="files of addresses that were applied",
)

FORMER_EMAILS = Table(
    "people_former_emails",
    METADATA,
    _account(),
    Column("import_id", Uuid, primary_key=True),
    Column("person_id", Text, primary_key=True),
    Column("email", Text, comment="the address before the import; null: there was none"),
    Column("source", Text),
    Column("replaced_import_id", Uuid, comment="the import that had written it"),
    ForeignKeyConstraint(
        ["account_id", "import_id"],
        ["people_imports.account_id", "people_imports.id"],
        ondelete="CASCADE",
        name="fk_people_former_emails_import",
    ),
    Index("ix_people_former_emails_person_id", "person_id"),
    comment="the addresses before an import, to undo it",
)

ACCOUNT_TABLES = (PEOPLE_EMAILS, PEOPLE_IMPORTS, FORMER_EMAILS)
"""Tables isolated by `account_id`."""

ACCOUNT_USERS = table(
    "account_users",
    *(column(name) for name in ("integration_id", "integration_name", "person_id", "display_name", "email", "read_at")),
)
"""A view: the people of all paired Jira Cloud sites of the session's SEI account, once an integration."""
