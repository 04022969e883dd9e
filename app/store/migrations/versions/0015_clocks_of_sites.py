"""Rows with a site's steps back in time, and the difference of its clock from ours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = ("jira_comment", "jira_issue", "jira_worklog")


def upgrade() -> None:
    comment = "when the request was sent that brought an older edit than the stored one: the site was restored"
    for table in _TABLES:
        op.add_column(table, sa.Column("stepped_back_at", sa.DateTime(timezone=True), comment=comment))
    skew = sa.Column("clock_skew_ms", sa.BigInteger(), comment="the site's clock less ours, at the last poll")
    op.add_column("tenants", skew)


def downgrade() -> None:
    op.drop_column("tenants", "clock_skew_ms")
    for table in _TABLES:
        op.drop_column(table, "stepped_back_at")
