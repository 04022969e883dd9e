"""E-mail addresses of people that an SEI admin gives, the imports that bring them, and an account's view of its people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

from app.store.migrations.isolation import BY_ACCOUNT, isolate
from app.store.schema import APP_ROLE

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# A session has one tenant or none, and an account has many sites. The view reads as its owner and brings the rows of the
# session's account alone: the pairing is part of the same statement. Data Center's users are left out, since their keys
# name other people on each server.
_ACCOUNT_USERS = """
CREATE VIEW account_users WITH (security_barrier) AS
SELECT integrations.id AS integration_id, integrations.name AS integration_name, jira_user.id AS person_id,
       jira_user.display_name, jira_user.email, jira_user.read_at
FROM integrations JOIN jira_user ON jira_user.tenant_id = integrations.tenant_id
WHERE integrations.account_id = nullif(current_setting('app.account_id', true), '')::uuid
  AND integrations.product = 'jira_cloud' AND integrations.state <> 'deleting'
  AND jira_user.deleted_at IS NULL AND jira_user.account_type IS DISTINCT FROM 'app'
"""


def upgrade() -> None:
    _add_emails()
    _add_imports()
    _add_replaced()
    for table in ("people_emails", "people_imports", "people_former_emails"):
        for statement in isolate(table, BY_ACCOUNT):
            op.execute(statement)
    op.execute(_ACCOUNT_USERS)
    op.execute(f"GRANT SELECT ON account_users TO {APP_ROLE}")


def downgrade() -> None:
    op.execute("DROP VIEW account_users")
    for table in ("people_former_emails", "people_imports", "people_emails"):
        op.drop_table(table)


def _account() -> list[SchemaItem]:
    return [
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
    ]


def _source() -> list[SchemaItem]:
    return [sa.CheckConstraint("source IN ('api', 'console')", name="source")]


def _add_emails() -> None:
    op.create_table(
        "people_emails",
        *_account(),
        sa.Column("person_id", sa.Text(), nullable=False, comment="Atlassian account id"),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="the door that it came through"),
        sa.Column("import_id", sa.Uuid(), comment="the import that wrote it; null: it was given alone"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "person_id"),
        *_source(),
        comment="addresses that an SEI admin gave; they win over Jira's",
    )
    op.create_index("ix_people_emails_person_id", "people_emails", ["person_id"])


def _add_imports() -> None:
    op.create_table(
        "people_imports",
        *_account(),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(f"{name}_count", sa.Integer(), nullable=False) for name in ("new", "changed", "same", "unknown")),
        sa.Column("undone_at", sa.DateTime(timezone=True)),
        *(sa.Column(f"{name}_count", sa.Integer()) for name in ("restored", "stayed")),
        sa.PrimaryKeyConstraint("account_id", "id"),
        *_source(),
        comment="files of addresses that were applied",
    )
    op.create_index("ix_people_imports_applied_at", "people_imports", ["applied_at"])


def _add_replaced() -> None:
    op.create_table(
        "people_former_emails",
        *_account(),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), comment="the address before the import; null: there was none"),
        sa.Column("source", sa.Text()),
        sa.Column("replaced_import_id", sa.Uuid(), comment="the import that had written it"),
        sa.PrimaryKeyConstraint("account_id", "import_id", "person_id"),
        sa.ForeignKeyConstraint(
            ["account_id", "import_id"],
            ["people_imports.account_id", "people_imports.id"],
            ondelete="CASCADE",
            name="fk_people_former_emails_import",
        ),
        comment="the addresses before an import, to undo it",
    )
    op.create_index("ix_people_former_emails_person_id", "people_former_emails", ["person_id"])
