"""The maximum of objects seen by any walk of a chunk; attempts count until a walk exceeds it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ATTEMPTS = "since it last got further than ever"


def upgrade() -> None:
    op.add_column(
        "chunks",
        sa.Column(
            "reached", sa.Integer(), server_default="0", nullable=False, comment="the most that any walk of it has seen"
        ),
    )
    op.execute("UPDATE chunks SET reached = seen")
    op.alter_column("chunks", "attempts", existing_type=sa.Integer(), existing_nullable=False, comment=_ATTEMPTS)


def downgrade() -> None:
    op.alter_column("chunks", "attempts", existing_type=sa.Integer(), existing_nullable=False, comment=None)
    op.drop_column("chunks", "reached")
