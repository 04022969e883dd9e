"""Board configurations, and board membership by the boards' filters instead of by walks of their issues."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.store.migrations import isolation

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE = "jira_board_configuration"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("board_id", sa.Text(), nullable=True),
        sa.Column("filter_id", sa.Text(), nullable=True),
        sa.Column("sub_query", sa.Text(), nullable=True),
        sa.Column("board_columns", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("constraint_type", sa.Text(), nullable=True),
        sa.Column("estimation_type", sa.Text(), nullable=True),
        sa.Column("estimation_field_id", sa.Text(), nullable=True),
        sa.Column("rank_field_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_board_configuration")),
        comment="Jira's board_configuration",
    )
    op.create_index("ix_jira_board_configuration_board_id", TABLE, ["tenant_id", "board_id"], unique=False)
    op.create_index("ix_jira_board_configuration_version", TABLE, ["tenant_id", "version"], unique=True)
    for statement in isolation.isolate(TABLE, isolation.BY_TENANT):
        op.execute(statement)
    # Boards are read again, for their configurations; their members are asked for by ranges of issues from now on.
    op.execute("DELETE FROM chunks WHERE entity = 'board_issue'")
    op.execute("UPDATE chunks SET state = 'waiting', page_offset = 0, due_at = now() WHERE entity = 'board'")
    op.execute(
        "INSERT INTO chunks (tenant_id, id, entity, scope_id, lower, upper, priority, state, due_at)"
        " SELECT tenant_id, gen_random_uuid(), 'board_issue', scope_id, lower, upper, 60, 'waiting', now()"
        " FROM chunks WHERE entity = 'issue' AND state = 'done'"
    )


def downgrade() -> None:
    op.drop_index("ix_jira_board_configuration_version", table_name=TABLE)
    op.drop_index("ix_jira_board_configuration_board_id", table_name=TABLE)
    op.drop_table(TABLE)
