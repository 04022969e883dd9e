"""Issues outside the selection of the settings are absent for a cause of their own."""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_CAUSES = "'unknown', 'deleted', 'moved', 'archived', 'hidden', 'permission lost', 'not indexed yet'"


def upgrade() -> None:
    _allow(f"{_CAUSES}, 'out of scope'")


def downgrade() -> None:
    op.execute("DELETE FROM absences WHERE cause = 'out of scope'")
    _allow(_CAUSES)


def _allow(causes: str) -> None:
    # Checked without the lock that blocks writers: the old rows have old causes.
    op.drop_constraint(op.f("ck_absences_cause"), "absences", type_="check")
    op.execute(f"ALTER TABLE absences ADD CONSTRAINT ck_absences_cause CHECK (cause IN ({causes})) NOT VALID")
    op.execute("ALTER TABLE absences VALIDATE CONSTRAINT ck_absences_cause")
