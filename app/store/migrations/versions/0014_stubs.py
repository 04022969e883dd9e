"""Rows that only other objects have brought are marked as stubs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ENTITIES = (
    "board",
    "component",
    "field",
    "issue",
    "issue_type",
    "priority",
    "project",
    "resolution",
    "sprint",
    "status",
    "version",
)


def upgrade() -> None:
    for name in _ENTITIES:
        # A constant default: PostgreSQL notes it without writing the rows anew.
        op.add_column(
            f"jira_{name}",
            sa.Column(
                "is_stub",
                sa.Boolean(),
                server_default=sa.false(),
                nullable=False,
                comment="only other objects have brought it; null columns are unknown",
            ),
        )


def downgrade() -> None:
    for name in _ENTITIES:
        op.execute(f"DELETE FROM jira_{name} WHERE is_stub")  # noqa: S608 - our own names
        op.drop_column(f"jira_{name}", "is_stub")
