"""An index for each tenant's last verification: the history spans months and is queried with every scrape."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_completeness_last", "completeness", ["tenant_id", "verified_at"])


def downgrade() -> None:
    op.drop_index("ix_completeness_last", table_name="completeness")
