"""Time of the last install: an `uninstalled` of an earlier install ends nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "installations",
        sa.Column(
            "installed_at",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="iat of the newest installed: an older uninstalled is of an install before it",
        ),
    )
    # Known where nothing has come since; elsewhere any `uninstalled` counts until the next install.
    op.execute("UPDATE installations SET installed_at = lifecycle_at WHERE lifecycle_rank = 0")


def downgrade() -> None:
    op.drop_column("installations", "installed_at")
