"""Parts of a site that can't be had while the rest can: their outcome, reason and next try."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.migrations import isolation

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unreadable",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False, comment="the entity whose rows can't be had"),
        sa.Column("is_object", sa.Boolean(), nullable=False, comment="a single object, as against the list of a scope"),
        sa.Column(
            "scope_id",
            sa.Text(),
            nullable=False,
            comment="the object, or the project, board or issue of the list; empty: the site",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="a condition: the site's answer"),
        sa.Column("tries", sa.Integer(), server_default="1", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_unreadable_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "entity", "is_object", "scope_id", name=op.f("pk_unreadable")),
        comment="parts of a site that can't be had while the rest can; a part that is read again leaves the table",
    )
    op.create_index("ix_unreadable_retry_at", "unreadable", ["tenant_id", "retry_at"], unique=False)
    for statement in isolation.isolate("unreadable", isolation.BY_TENANT):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("unreadable")
