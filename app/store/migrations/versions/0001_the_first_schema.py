"""The first schema: installs, pairings, progress, and a table for each entity."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.store.migrations import isolation

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


TENANT_TABLES = (
    "jira_attachment",
    "jira_board",
    "jira_board_issue",
    "jira_changelog",
    "jira_comment",
    "jira_component",
    "jira_field",
    "jira_issue",
    "jira_issue_link",
    "jira_issue_type",
    "jira_priority",
    "jira_project",
    "jira_remote_link",
    "jira_resolution",
    "jira_sprint",
    "jira_status",
    "jira_user",
    "jira_version",
    "jira_worklog",
    "installations",
    "credentials",
    "redemptions",
    "chunks",
    "inbox",
    "poison",
    "completeness",
    "tallies",
)


def upgrade() -> None:
    op.execute("CREATE SEQUENCE row_version AS bigint")
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
        comment="SEI accounts: whose integrations are whose",
    )
    op.create_table(
        "jira_attachment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column("filename", sa.Text(), nullable=True),
        sa.Column("mime_type", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("author_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_attachment")),
        comment="Jira's attachment",
    )
    op.create_index("ix_jira_attachment_issue_id", "jira_attachment", ["tenant_id", "issue_id"], unique=False)
    op.create_index("ix_jira_attachment_version", "jira_attachment", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_board",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("project_key", sa.Text(), nullable=True),
        sa.Column("is_private", sa.Boolean(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_board")),
        comment="Jira's board",
    )
    op.create_index("ix_jira_board_project_id", "jira_board", ["tenant_id", "project_id"], unique=False)
    op.create_index("ix_jira_board_version", "jira_board", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_board_issue",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("board_id", sa.Text(), nullable=True),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_board_issue")),
        comment="Jira's board_issue",
    )
    op.create_index("ix_jira_board_issue_board_id", "jira_board_issue", ["tenant_id", "board_id"], unique=False)
    op.create_index("ix_jira_board_issue_issue_id", "jira_board_issue", ["tenant_id", "issue_id"], unique=False)
    op.create_index("ix_jira_board_issue_version", "jira_board_issue", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_changelog",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column("author_id", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("items", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_changelog")),
        comment="Jira's changelog",
    )
    op.create_index("ix_jira_changelog_issue_id", "jira_changelog", ["tenant_id", "issue_id"], unique=False)
    op.create_index("ix_jira_changelog_version", "jira_changelog", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_comment",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column("author_id", sa.Text(), nullable=True),
        sa.Column("update_author_id", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_public", sa.Boolean(), nullable=True),
        sa.Column("body", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("body_text", sa.Text(), nullable=True),
        sa.Column("body_length", sa.BigInteger(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_comment")),
        comment="Jira's comment",
    )
    op.create_index("ix_jira_comment_issue_id", "jira_comment", ["tenant_id", "issue_id"], unique=False)
    op.create_index("ix_jira_comment_version", "jira_comment", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_component",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("lead_id", sa.Text(), nullable=True),
        sa.Column("assignee_id", sa.Text(), nullable=True),
        sa.Column("assignee_type", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_component")),
        comment="Jira's component",
    )
    op.create_index("ix_jira_component_project_id", "jira_component", ["tenant_id", "project_id"], unique=False)
    op.create_index("ix_jira_component_version", "jira_component", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_field",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("untranslated_name", sa.Text(), nullable=True),
        sa.Column("is_custom", sa.Boolean(), nullable=True),
        sa.Column("is_searchable", sa.Boolean(), nullable=True),
        sa.Column("clause_names", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("schema_type", sa.Text(), nullable=True),
        sa.Column("schema_items", sa.Text(), nullable=True),
        sa.Column("schema_system", sa.Text(), nullable=True),
        sa.Column("schema_custom", sa.Text(), nullable=True),
        sa.Column("schema_custom_id", sa.Text(), nullable=True),
        sa.Column("scope_project_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_field")),
        comment="Jira's field",
    )
    op.create_index("ix_jira_field_version", "jira_field", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_issue",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("project_key", sa.Text(), nullable=True),
        sa.Column("issue_type_id", sa.Text(), nullable=True),
        sa.Column("issue_type_name", sa.Text(), nullable=True),
        sa.Column("is_subtask", sa.Boolean(), nullable=True),
        sa.Column("hierarchy_level", sa.BigInteger(), nullable=True),
        sa.Column("status_id", sa.Text(), nullable=True),
        sa.Column("status_name", sa.Text(), nullable=True),
        sa.Column("status_category", sa.Text(), nullable=True),
        sa.Column("priority_id", sa.Text(), nullable=True),
        sa.Column("priority_name", sa.Text(), nullable=True),
        sa.Column("resolution_id", sa.Text(), nullable=True),
        sa.Column("resolution_name", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("description", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("description_text", sa.Text(), nullable=True),
        sa.Column("description_length", sa.BigInteger(), nullable=True),
        sa.Column("environment", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("environment_text", sa.Text(), nullable=True),
        sa.Column("environment_length", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_category_changed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("assignee_id", sa.Text(), nullable=True),
        sa.Column("reporter_id", sa.Text(), nullable=True),
        sa.Column("creator_id", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("parent_key", sa.Text(), nullable=True),
        sa.Column("epic_key", sa.Text(), nullable=True),
        sa.Column("story_points", sa.Double(), nullable=True),
        sa.Column("sprint_ids", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("labels", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("component_ids", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("fix_version_ids", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("affected_version_ids", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("subtask_ids", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("security_level_id", sa.Text(), nullable=True),
        sa.Column("votes", sa.BigInteger(), nullable=True),
        sa.Column("has_voted", sa.Boolean(), nullable=True),
        sa.Column("watches", sa.BigInteger(), nullable=True),
        sa.Column("time_original_seconds", sa.BigInteger(), nullable=True),
        sa.Column("time_remaining_seconds", sa.BigInteger(), nullable=True),
        sa.Column("time_spent_seconds", sa.BigInteger(), nullable=True),
        sa.Column("progress", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("aggregate_progress", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("work_ratio", sa.BigInteger(), nullable=True),
        sa.Column("issue_restriction", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=True),
        sa.Column("changelog_total", sa.BigInteger(), nullable=True),
        sa.Column("comment_total", sa.BigInteger(), nullable=True),
        sa.Column("worklog_total", sa.BigInteger(), nullable=True),
        sa.Column("attachment_total", sa.BigInteger(), nullable=True),
        sa.Column("custom", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_issue")),
        comment="Jira's issue",
    )
    op.create_index("ix_jira_issue_project_id", "jira_issue", ["tenant_id", "project_id"], unique=False)
    op.create_index("ix_jira_issue_version", "jira_issue", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_issue_link",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column("type_id", sa.Text(), nullable=True),
        sa.Column("type_name", sa.Text(), nullable=True),
        sa.Column("inward", sa.Text(), nullable=True),
        sa.Column("outward", sa.Text(), nullable=True),
        sa.Column("source_issue_id", sa.Text(), nullable=True),
        sa.Column("destination_issue_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_issue_link")),
        comment="Jira's issue_link",
    )
    op.create_index("ix_jira_issue_link_issue_id", "jira_issue_link", ["tenant_id", "issue_id"], unique=False)
    op.create_index("ix_jira_issue_link_version", "jira_issue_link", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_issue_type",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("untranslated_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("is_subtask", sa.Boolean(), nullable=True),
        sa.Column("hierarchy_level", sa.BigInteger(), nullable=True),
        sa.Column("scope_project_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_issue_type")),
        comment="Jira's issue_type",
    )
    op.create_index("ix_jira_issue_type_version", "jira_issue_type", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_priority",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("color", sa.Text(), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_priority")),
        comment="Jira's priority",
    )
    op.create_index("ix_jira_priority_version", "jira_priority", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_project",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("lead_id", sa.Text(), nullable=True),
        sa.Column("project_type", sa.Text(), nullable=True),
        sa.Column("style", sa.Text(), nullable=True),
        sa.Column("is_simplified", sa.Boolean(), nullable=True),
        sa.Column("is_private", sa.Boolean(), nullable=True),
        sa.Column("is_archived", sa.Boolean(), nullable=True),
        sa.Column("is_deleted", sa.Boolean(), nullable=True),
        sa.Column("keys", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("category_id", sa.Text(), nullable=True),
        sa.Column("category_name", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("assignee_type", sa.Text(), nullable=True),
        sa.Column("issue_type_ids", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("roles", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_project")),
        comment="Jira's project",
    )
    op.create_index("ix_jira_project_version", "jira_project", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_remote_link",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column("global_id", sa.Text(), nullable=True),
        sa.Column("relationship", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("icon_title", sa.Text(), nullable=True),
        sa.Column("application_name", sa.Text(), nullable=True),
        sa.Column("application_type", sa.Text(), nullable=True),
        sa.Column("is_resolved", sa.Boolean(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_remote_link")),
        comment="Jira's remote_link",
    )
    op.create_index("ix_jira_remote_link_issue_id", "jira_remote_link", ["tenant_id", "issue_id"], unique=False)
    op.create_index("ix_jira_remote_link_version", "jira_remote_link", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_resolution",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_resolution")),
        comment="Jira's resolution",
    )
    op.create_index("ix_jira_resolution_version", "jira_resolution", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_sprint",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("goal", sa.Text(), nullable=True),
        sa.Column("start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("complete", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated", sa.DateTime(timezone=True), nullable=True),
        sa.Column("origin_board_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_sprint")),
        comment="Jira's sprint",
    )
    op.create_index("ix_jira_sprint_version", "jira_sprint", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_status",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("untranslated_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("category_id", sa.Text(), nullable=True),
        sa.Column("category_key", sa.Text(), nullable=True),
        sa.Column("category_name", sa.Text(), nullable=True),
        sa.Column("category_color", sa.Text(), nullable=True),
        sa.Column("scope_project_id", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_status")),
        comment="Jira's status",
    )
    op.create_index("ix_jira_status_version", "jira_status", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_user",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("account_type", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_user")),
        comment="Jira's user",
    )
    op.create_index("ix_jira_user_version", "jira_user", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_version",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("project_id", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("released", sa.Boolean(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=True),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("release_date", sa.Date(), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_version")),
        comment="Jira's version",
    )
    op.create_index("ix_jira_version_project_id", "jira_version", ["tenant_id", "project_id"], unique=False)
    op.create_index("ix_jira_version_version", "jira_version", ["tenant_id", "version"], unique=True)
    op.create_table(
        "jira_worklog",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False, comment="Jira's own id"),
        sa.Column("issue_id", sa.Text(), nullable=True),
        sa.Column("author_id", sa.Text(), nullable=True),
        sa.Column("update_author_id", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.BigInteger(), nullable=True),
        sa.Column("time_spent", sa.Text(), nullable=True),
        sa.Column("comment", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("comment_text", sa.Text(), nullable=True),
        sa.Column("comment_length", sa.BigInteger(), nullable=True),
        sa.Column("visibility", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column(
            "read_at", sa.DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"
        ),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with every change; the feed's order"),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True, comment="tombstone"),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_jira_worklog")),
        comment="Jira's worklog",
    )
    op.create_index("ix_jira_worklog_issue_id", "jira_worklog", ["tenant_id", "issue_id"], unique=False)
    op.create_index("ix_jira_worklog_version", "jira_worklog", ["tenant_id", "version"], unique=True)
    op.create_table(
        "spent_tokens",
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of a lifecycle token"),
        sa.Column("body_digest", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_spent_tokens")),
        comment="lifecycle tokens are good once: their body is not signed",
    )
    op.create_index("ix_spent_tokens_expires_at", "spent_tokens", ["expires_at"], unique=False)
    op.create_table(
        "tenants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column(
            "base_url",
            sa.Text(),
            nullable=False,
            comment="the only address that is called; changes when a site is renamed",
        ),
        sa.Column("display_url", sa.Text(), nullable=True, comment="for links only"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("purge_after", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('active', 'disabled', 'uninstalled')", name=op.f("ck_tenants_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        comment="one install record; never matched by address",
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column(
            "digest",
            sa.Text(),
            nullable=False,
            comment="SHA-256 of the key, hex; the key is random, so no salt is needed",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_index(op.f("ix_api_keys_account_id"), "api_keys", ["account_id"], unique=False)
    op.create_table(
        "chunks",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column(
            "scope_id",
            sa.Text(),
            nullable=False,
            comment="the project, board or issue it is repeated for; empty: the site",
        ),
        sa.Column(
            "lower", sa.BigInteger(), nullable=False, comment="of what was created from then on, epoch ms; 0: all"
        ),
        sa.Column("upper", sa.BigInteger(), nullable=False, comment="and before then; OPEN_END: whatever comes"),
        sa.Column("priority", sa.Integer(), nullable=False, comment="lower goes first"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("page_token", sa.Text(), nullable=True),
        sa.Column("page_offset", sa.Integer(), server_default="0", nullable=False),
        sa.Column("seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True, comment="why it waits or failed, in words for people"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "lease",
            sa.Uuid(),
            nullable=True,
            comment="drawn by the worker that holds the chunk; a page commits only under its own",
        ),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name=op.f("ck_chunks_state")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_chunks_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_chunks")),
        sa.UniqueConstraint(
            "tenant_id", "entity", "scope_id", "lower", name=op.f("uq_chunks_tenant_id_entity_scope_id_lower")
        ),
        comment="units of work and how far each is; committed with the rows they account for",
    )
    op.create_index(
        "ix_chunks_claim",
        "chunks",
        ["tenant_id", "priority", sa.text("upper DESC"), "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_chunks_leased",
        "chunks",
        ["tenant_id", "leased_until"],
        unique=False,
        postgresql_where=sa.text("leased_until IS NOT NULL"),
    )
    op.create_index(
        "ix_chunks_due_at", "chunks", ["due_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_table(
        "install_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_install_keys")),
        comment="Atlassian's public keys that have signed an install; a rotation brings a new kid",
    )
    op.create_table(
        "tallies",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_tallies_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "entity", name=op.f("pk_tallies")),
        comment="rows that are not tombstones, kept with the rows: counting millions for a progress bar would cost more than"
        " it tells. `verify` counts anew",
    )
    op.create_table(
        "completeness",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("scope_id", sa.Text(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.Column("expected", sa.BigInteger(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_completeness_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_completeness")),
        comment="what was found when, and how; kept as history",
    )
    op.create_index(
        "ix_completeness_latest", "completeness", ["tenant_id", "entity", "scope_id", "verified_at"], unique=False
    )
    op.create_table(
        "credentials",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("previous_sealed", sa.Text(), nullable=True, comment="still opens what was signed before a rotation"),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_credentials_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "purpose", name=op.f("pk_credentials")),
    )
    op.create_table(
        "inbox",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False, comment="X-Atlassian-Webhook-Identifier"),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column(
            "body",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="ids only, a hint: bodies are not signed",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_inbox_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "delivery_id", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_waiting",
        "inbox",
        ["tenant_id", "received_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "installations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=True, comment="Connect's tenant id"),
        sa.Column("installation_id", sa.Text(), nullable=True, comment="Forge's"),
        sa.Column(
            "lifecycle_at",
            sa.BigInteger(),
            nullable=False,
            comment="iat of the newest lifecycle token that was applied",
        ),
        sa.Column(
            "lifecycle_rank", sa.SmallInteger(), nullable=False, comment="breaks ties: uninstalled > disabled > enabled"
        ),
        sa.Column(
            "account_id", sa.Text(), nullable=True, comment="the Atlassian account behind the last lifecycle call"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_installations_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "protocol", name=op.f("pk_installations")),
        sa.UniqueConstraint("client_key", name=op.f("uq_installations_client_key")),
        sa.UniqueConstraint("installation_id", name=op.f("uq_installations_installation_id")),
        comment="how a tenant reached us; the protocol is a column",
    )
    op.create_table(
        "integrations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("paired_by", sa.Text(), nullable=True, comment="Atlassian account id"),
        sa.Column("paired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_ingested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'backfilling', 'healthy', 'delayed', 'needs attention', 'paused', 'disconnected', 'deleting')",
            name=op.f("ck_integrations_state"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_integrations_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_integrations_tenant_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integrations")),
        sa.UniqueConstraint("tenant_id", name=op.f("uq_integrations_tenant_id")),
    )
    op.create_index("ix_integrations_account_id_created_at", "integrations", ["account_id", "created_at"], unique=False)
    op.create_table(
        "poison",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="SHA-256 of the record"),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_poison_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_poison")),
        sa.UniqueConstraint("tenant_id", "entity", "digest", name=op.f("uq_poison_tenant_id_entity_digest")),
        comment="records that could not be read; the rest went on",
    )
    op.create_table(
        "redemptions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("otp_digest", sa.Text(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_redemptions_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "otp_digest", name=op.f("pk_redemptions")),
        sa.UniqueConstraint("otp_digest", name=op.f("uq_redemptions_otp_digest")),
        comment="a password is good once, whatever happens to Redis",
    )
    _isolate()


def _isolate() -> None:
    op.execute(isolation.MAKE_ROLE)
    for table in TENANT_TABLES:
        for statement in isolation.isolate(table, isolation.BY_TENANT):
            op.execute(statement)
    by_tenant_or_account = f"({isolation.BY_TENANT}) OR ({isolation.BY_ACCOUNT})"
    for statement in isolation.isolate("integrations", by_tenant_or_account):
        op.execute(statement)
    op.execute(isolation.GUARD_PAIRING)
    op.execute(isolation.GUARD_INTEGRATIONS)
    for statement in isolation.isolate("tenants", isolation.IS_TENANT, may="SELECT, UPDATE"):
        op.execute(statement)
    op.execute("GRANT USAGE ON SEQUENCE row_version TO sei_connect_app")


def downgrade() -> None:
    op.drop_table("redemptions")
    op.drop_table("poison")
    op.drop_index("ix_integrations_account_id_created_at", table_name="integrations")
    op.drop_table("integrations")
    op.drop_table("installations")
    op.drop_index("ix_inbox_waiting", table_name="inbox", postgresql_where=sa.text("done_at IS NULL"))
    op.drop_table("inbox")
    op.drop_table("credentials")
    op.drop_index("ix_completeness_latest", table_name="completeness")
    op.drop_table("completeness")
    op.drop_table("tallies")
    op.drop_table("install_keys")
    op.drop_index("ix_chunks_due_at", table_name="chunks", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_index("ix_chunks_leased", table_name="chunks")
    op.drop_index("ix_chunks_claim", table_name="chunks", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_table("chunks")
    op.drop_index(op.f("ix_api_keys_account_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("tenants")
    op.drop_index("ix_spent_tokens_expires_at", table_name="spent_tokens")
    op.drop_table("spent_tokens")
    op.drop_index("ix_jira_worklog_version", table_name="jira_worklog")
    op.drop_index("ix_jira_worklog_issue_id", table_name="jira_worklog")
    op.drop_table("jira_worklog")
    op.drop_index("ix_jira_version_version", table_name="jira_version")
    op.drop_index("ix_jira_version_project_id", table_name="jira_version")
    op.drop_table("jira_version")
    op.drop_index("ix_jira_user_version", table_name="jira_user")
    op.drop_table("jira_user")
    op.drop_index("ix_jira_status_version", table_name="jira_status")
    op.drop_table("jira_status")
    op.drop_index("ix_jira_sprint_version", table_name="jira_sprint")
    op.drop_table("jira_sprint")
    op.drop_index("ix_jira_resolution_version", table_name="jira_resolution")
    op.drop_table("jira_resolution")
    op.drop_index("ix_jira_remote_link_version", table_name="jira_remote_link")
    op.drop_index("ix_jira_remote_link_issue_id", table_name="jira_remote_link")
    op.drop_table("jira_remote_link")
    op.drop_index("ix_jira_project_version", table_name="jira_project")
    op.drop_table("jira_project")
    op.drop_index("ix_jira_priority_version", table_name="jira_priority")
    op.drop_table("jira_priority")
    op.drop_index("ix_jira_issue_type_version", table_name="jira_issue_type")
    op.drop_table("jira_issue_type")
    op.drop_index("ix_jira_issue_link_version", table_name="jira_issue_link")
    op.drop_index("ix_jira_issue_link_issue_id", table_name="jira_issue_link")
    op.drop_table("jira_issue_link")
    op.drop_index("ix_jira_issue_version", table_name="jira_issue")
    op.drop_index("ix_jira_issue_project_id", table_name="jira_issue")
    op.drop_table("jira_issue")
    op.drop_index("ix_jira_field_version", table_name="jira_field")
    op.drop_table("jira_field")
    op.drop_index("ix_jira_component_version", table_name="jira_component")
    op.drop_index("ix_jira_component_project_id", table_name="jira_component")
    op.drop_table("jira_component")
    op.drop_index("ix_jira_comment_version", table_name="jira_comment")
    op.drop_index("ix_jira_comment_issue_id", table_name="jira_comment")
    op.drop_table("jira_comment")
    op.drop_index("ix_jira_changelog_version", table_name="jira_changelog")
    op.drop_index("ix_jira_changelog_issue_id", table_name="jira_changelog")
    op.drop_table("jira_changelog")
    op.drop_index("ix_jira_board_issue_version", table_name="jira_board_issue")
    op.drop_index("ix_jira_board_issue_issue_id", table_name="jira_board_issue")
    op.drop_index("ix_jira_board_issue_board_id", table_name="jira_board_issue")
    op.drop_table("jira_board_issue")
    op.drop_index("ix_jira_board_version", table_name="jira_board")
    op.drop_index("ix_jira_board_project_id", table_name="jira_board")
    op.drop_table("jira_board")
    op.drop_index("ix_jira_attachment_version", table_name="jira_attachment")
    op.drop_index("ix_jira_attachment_issue_id", table_name="jira_attachment")
    op.drop_table("jira_attachment")
    op.drop_table("accounts")
    op.execute("DROP FUNCTION guard_pairing()")
    op.execute("DROP SEQUENCE row_version")
