"""Freshness: schedules, cursors, absences, frozen projects, spans of validity, activity; retries of deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.store import validity
from app.store.migrations import isolation

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("issue_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True, comment="what says so"),
        sa.Column(
            "sweeps", sa.Integer(), server_default="1", nullable=False, comment="how many in a row did not see it"
        ),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_missed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "cause IN ('unknown', 'deleted', 'moved', 'archived', 'hidden', 'permission lost', 'not indexed yet')",
            name=op.f("ck_absences_cause"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_absences_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "issue_id", name=op.f("pk_absences")),
        comment="issues that a sweep did not see, and why; two phases lie between an absence and a tombstone",
    )
    op.create_index(
        "ix_absences_open",
        "absences",
        ["tenant_id", "last_missed_at"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "activity",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "result IN ('running', 'done', 'put off', 'failed', 'killed')", name=op.f("ck_activity_result")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_activity_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_activity")),
        comment="what the workers did for a tenant",
    )
    op.create_index("ix_activity_job", "activity", ["tenant_id", "job", "started_at"], unique=False)
    op.create_index("ix_activity_started", "activity", ["tenant_id", "started_at"], unique=False)
    op.create_table(
        "cursors",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="which walk"),
        sa.Column(
            "reached",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="epoch ms of the site: all before is here",
        ),
        sa.Column("scope_id", sa.Text(), server_default="", nullable=False, comment="the project that a sweep is in"),
        sa.Column(
            "began", sa.BigInteger(), nullable=True, comment="the site's time when the walk under way began, epoch ms"
        ),
        sa.Column("page_token", sa.Text(), nullable=True),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_cursors_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "name", name=op.f("pk_cursors")),
        comment="how far polls and sweeps have come; moved with what they bring",
    )
    op.create_table(
        "frozen_projects",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("thawed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_frozen_projects_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "project_id", name=op.f("pk_frozen_projects")),
        comment="projects that the app may no longer browse: what is stored of them stays as it was",
    )
    op.create_table(
        "schedules",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("duty", sa.Text(), nullable=False, comment="a name on the list of `ingest.rota`"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_schedules_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "duty", name=op.f("pk_schedules")),
        comment="when each tenant's periodic work is due; the clock asks for it, the job itself moves it on",
    )
    op.create_index("ix_schedules_due_at", "schedules", ["due_at"], unique=False)
    op.create_table(
        "validities",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_validities_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "entity", "row_id", "valid_from", name=op.f("pk_validities")),
        comment="what a status was called and in which category, from when to when; written by a trigger",
    )
    op.add_column(
        "completeness",
        sa.Column(
            "suspected",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="stored rows that wait for a second look",
        ),
    )
    op.add_column(
        "inbox",
        sa.Column(
            "origin",
            sa.Text(),
            server_default="webhook",
            nullable=False,
            comment="who says so: Jira, or one of our sweeps",
        ),
    )
    op.add_column("inbox", sa.Column("happened_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "inbox",
        sa.Column(
            "duplicates", sa.Integer(), server_default="0", nullable=False, comment="how often Jira sent it again"
        ),
    )
    op.add_column(
        "inbox", sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )
    op.add_column(
        "inbox", sa.Column("problem", sa.Text(), nullable=True, comment="why the last attempt did not end well")
    )
    op.create_index("ix_inbox_received", "inbox", ["tenant_id", "received_at"], unique=False)
    op.add_column("integrations", sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "integrations",
        sa.Column(
            "state_before",
            sa.Text(),
            nullable=True,
            comment="what it was before the site disabled the app, and will be again",
        ),
    )
    op.add_column("integrations", sa.Column("parked_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "integrations",
        sa.Column(
            "parked_because",
            sa.Text(),
            nullable=True,
            comment="credential or licence: nothing is asked but one probe an hour",
        ),
    )
    for table in ("absences", "activity", "cursors", "frozen_projects", "schedules", "validities"):
        for statement in isolation.isolate(table, isolation.BY_TENANT):
            op.execute(statement)
    op.execute(validity.KEEP_STATUS)
    op.execute(validity.WATCH_STATUS)


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_validity ON jira_status")
    op.execute("DROP FUNCTION keep_status_validity()")
    op.drop_column("integrations", "parked_because")
    op.drop_column("integrations", "parked_until")
    op.drop_column("integrations", "state_before")
    op.drop_column("integrations", "polled_at")
    op.drop_index("ix_inbox_received", table_name="inbox")
    op.drop_column("inbox", "problem")
    op.drop_column("inbox", "due_at")
    op.drop_column("inbox", "duplicates")
    op.drop_column("inbox", "happened_at")
    op.drop_column("inbox", "origin")
    op.drop_column("completeness", "suspected")
    op.drop_table("validities")
    op.drop_index("ix_schedules_due_at", table_name="schedules")
    op.drop_table("schedules")
    op.drop_table("frozen_projects")
    op.drop_table("cursors")
    op.drop_index("ix_activity_started", table_name="activity")
    op.drop_index("ix_activity_job", table_name="activity")
    op.drop_table("activity")
    op.drop_index("ix_absences_open", table_name="absences", postgresql_where=sa.text("settled_at IS NULL"))
    op.drop_table("absences")
