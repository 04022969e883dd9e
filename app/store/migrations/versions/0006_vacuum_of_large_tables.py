"""Vacuum large tables at 2 % dead rows rather than 20 %: a table of 100 million rows would first grow by a fifth."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LARGE = (
    "jira_issue",
    "jira_changelog",
    "jira_comment",
    "jira_worklog",
    "jira_attachment",
    "jira_board_issue",
    "chunks",
)
_SETTINGS = {
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
}


def upgrade() -> None:
    values = ", ".join(f"{name} = {value}" for name, value in _SETTINGS.items())
    for table in _LARGE:
        op.execute(f"ALTER TABLE {table} SET ({values})")


def downgrade() -> None:
    for table in _LARGE:
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(_SETTINGS)})")
