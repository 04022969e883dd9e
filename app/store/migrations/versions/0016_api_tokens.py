"""Sites that an API token opens: the method of a tenant, and the words about a token beside its seal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.store.schema import APP_ROLE

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    method = "whose name requests to the site are sent in"
    op.add_column(
        "tenants", sa.Column("method", sa.Text(), nullable=False, server_default="connect_app", comment=method)
    )
    op.add_column("credentials", sa.Column("holder", sa.Text(), comment="the account of an API token, for people"))
    op.add_column("credentials", sa.Column("kind", sa.Text(), comment="the kind of an API token"))
    op.add_column("credentials", sa.Column("expires_at", sa.DateTime(timezone=True)))
    # Row-level security leaves a bound session one row to insert: its own tenant.
    op.execute(f"GRANT INSERT ON tenants TO {APP_ROLE}")


def downgrade() -> None:
    # Without the columns a token would be taken for the app's secret, and its tenant for a site with the app.
    op.execute("DELETE FROM credentials WHERE purpose = 'api_token'")
    op.execute("DELETE FROM tenants WHERE method = 'api_token' AND id NOT IN (SELECT tenant_id FROM installations)")
    op.execute(f"REVOKE INSERT ON tenants FROM {APP_ROLE}")
    for column in ("expires_at", "kind", "holder"):
        op.drop_column("credentials", column)
    op.drop_column("tenants", "method")
