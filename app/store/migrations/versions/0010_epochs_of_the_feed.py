"""Epochs of the feed: the spans in which its cursors stand in one line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.migrations import isolation

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feed_epochs",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False, comment="random; cursors carry it"),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("server", sa.Text(), nullable=False, comment="the running server, the database and this table"),
        sa.Column(
            "written_in",
            sa.BigInteger(),
            nullable=False,
            comment="the transaction that last wrote this row: its own xmin",
        ),
        sa.Column("handouts", sa.BigInteger(), server_default="0", nullable=False, comment="answers with rows"),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_feed_epochs_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "number", name=op.f("pk_feed_epochs")),
        comment="spans in which the feed's cursors stand in one line (`app.handoff.epochs`)",
    )
    op.create_index("ix_feed_epochs_id", "feed_epochs", ["tenant_id", "id"], unique=True)
    for statement in isolation.isolate("feed_epochs", isolation.BY_TENANT):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("feed_epochs")
