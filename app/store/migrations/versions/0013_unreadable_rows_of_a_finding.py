"""Rows of a finding that can't be had, since their part of the site isn't readable."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _comment_on_suspected("rows that wait for a second look")
    op.add_column(
        "completeness",
        sa.Column(
            "unreadable",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="missing rows that can't be had",
        ),
    )


def downgrade() -> None:
    op.drop_column("completeness", "unreadable")
    _comment_on_suspected("stored rows that wait for a second look")


def _comment_on_suspected(text: str) -> None:
    kind = sa.BigInteger()
    op.alter_column("completeness", "suspected", existing_type=kind, existing_nullable=False, comment=text)
