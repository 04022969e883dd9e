"""Start date, team and flag of issues; the excluded fields without text in a tenant's rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = (("start", sa.Date()), ("team_id", sa.Text()), ("team_name", sa.Text()), ("flagged", sa.Boolean()))


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("jira_issue", sa.Column(name, kind, nullable=True))
    op.add_column(
        "tenants",
        sa.Column(
            "withheld",
            sa.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="excluded fields without text in rows",
        ),
    )


def downgrade() -> None:
    op.drop_column("tenants", "withheld")
    for name, _ in _COLUMNS:
        op.drop_column("jira_issue", name)
