"""The settings that the stored rows follow; issues outside their selection are absent for a cause of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_CAUSES = "'unknown', 'deleted', 'moved', 'archived', 'hidden', 'permission lost', 'not indexed yet'"


def upgrade() -> None:
    _allow(f"{_CAUSES}, 'out of scope'")
    comment = "the settings that the rows follow; null before the first backfill"
    op.add_column("tenants", sa.Column("applied_settings", JSONB(), nullable=True, comment=comment))
    # Rows so far follow the settings of now: a change of them had the issues read again at once.
    op.execute(
        "UPDATE tenants SET applied_settings = integrations.settings FROM integrations"
        " WHERE integrations.tenant_id = tenants.id AND integrations.started_at IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_column("tenants", "applied_settings")
    op.execute("DELETE FROM absences WHERE cause = 'out of scope'")
    _allow(_CAUSES)


def _allow(causes: str) -> None:
    # Checked without the lock that blocks writers: the old rows have old causes.
    op.drop_constraint(op.f("ck_absences_cause"), "absences", type_="check")
    op.execute(f"ALTER TABLE absences ADD CONSTRAINT ck_absences_cause CHECK (cause IN ({causes})) NOT VALID")
    op.execute("ALTER TABLE absences VALIDATE CONSTRAINT ck_absences_cause")
