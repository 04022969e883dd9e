"""The tables besides Jira's entities: installs, accounts, pairings, and the progress of work.

Tables of Jira's entities are built from the catalogue in `tables`. `TENANT_TABLES` carry `tenant_id` first in their
primary key and are isolated by row-level security; a test derives them from the metadata, so none can be forgotten.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.conditions.column import ConditionJson

APP_ROLE = "sei_connect_app"
"""The role of bound sessions: owns nothing, sees one tenant."""

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ROW_VERSION = Sequence("row_version", data_type=BigInteger, metadata=METADATA)
"""The order of a tenant's changes, equal to the order of commits: versions are allocated under the tenant's write lock."""


def _moment(name: str, *, is_required: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not is_required)


def _created_at() -> Column[object]:
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=text("now()"))


def _tenant(*, key: bool = True) -> Column[object]:
    return Column("tenant_id", Uuid, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=key, nullable=False)


ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _created_at(),
    comment="SEI accounts: whose integrations are whose",
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False, comment="SHA-256 of the key, hex; the key is random, so no salt is needed"),
    _created_at(),
    _moment("revoked_at"),
)

TENANTS = Table(
    "tenants",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("product", Text, nullable=False),
    Column("base_url", Text, nullable=False, comment="the only address that is called; changes when a site is renamed"),
    Column("display_url", Text, comment="for links only"),
    Column("state", Text, nullable=False),
    _created_at(),
    _moment("purge_after"),
    Column(
        "withheld", ARRAY(Text), nullable=False, server_default="{}", comment="excluded fields without text in rows"
    ),
    Column("applied_settings", JSONB, comment="the settings that the rows follow; null before the first backfill"),
    Column("clock_skew_ms", BigInteger, comment="the site's clock less ours, at the last poll"),
    Column(
        "method",
        Text,
        nullable=False,
        server_default="connect_app",
        comment="whose name requests to the site are sent in",
    ),
    CheckConstraint("state IN ('active', 'disabled', 'uninstalled')", name="state"),
    comment="one install record; never matched by address",
)

INSTALLATIONS = Table(
    "installations",
    METADATA,
    _tenant(),
    Column("protocol", Text, primary_key=True),
    Column("client_key", Text, unique=True, comment="Connect's tenant id"),
    Column("installation_id", Text, unique=True, comment="Forge's"),
    Column("lifecycle_at", BigInteger, nullable=False, comment="iat of the newest lifecycle token that was applied"),
    Column("lifecycle_rank", SmallInteger, nullable=False, comment="breaks ties: uninstalled > disabled > enabled"),
    Column(
        "installed_at",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="iat of the newest installed: an older uninstalled is of an install before it",
    ),
    Column("account_id", Text, comment="the Atlassian account behind the last lifecycle call"),
    _created_at(),
    comment="how a tenant reached us; the protocol is a column",
)

CREDENTIALS = Table(
    "credentials",
    METADATA,
    _tenant(),
    Column("purpose", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("previous_sealed", Text, comment="still opens what was signed before a rotation"),
    _moment("previous_until"),
    _moment("updated_at", is_required=True),
    Column("holder", Text, comment="the account of an API token, for people"),
    Column("kind", Text, comment="the kind of an API token"),
    _moment("expires_at"),
)

SPENT_TOKENS = Table(
    "spent_tokens",
    METADATA,
    Column("digest", Text, primary_key=True, comment="SHA-256 of a lifecycle token"),
    Column("body_digest", Text, nullable=False),
    _moment("expires_at", is_required=True),
    Index("ix_spent_tokens_expires_at", "expires_at"),
    comment="lifecycle tokens are good once: their body is not signed",
)

INTEGRATIONS = Table(
    "integrations",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("account_id", Uuid, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("tenant_id", Uuid, ForeignKey("tenants.id", ondelete="SET NULL")),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("product", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("settings", JSONB, nullable=False, server_default="{}"),
    Column("state", Text, nullable=False),
    Column("state_reason", ConditionJson, comment="a condition (`app.conditions`)"),
    Column("paired_by", Text, comment="Atlassian account id"),
    _moment("paired_at"),
    _moment("started_at"),
    _moment("last_ingested_at"),
    _moment("verified_at"),
    _moment("polled_at"),
    Column("state_before", Text, comment="what it was before the site disabled the app, and will be again"),
    _moment("parked_until"),
    Column("parked_because", Text, comment="credential or licence: nothing is asked but one probe an hour"),
    _created_at(),
    UniqueConstraint("tenant_id"),
    Index("ix_integrations_account_id_created_at", "account_id", "created_at"),
    CheckConstraint(
        "state IN ('pending', 'backfilling', 'healthy', 'delayed', 'needs attention', 'paused', 'disconnected',"
        " 'deleting')",
        name="state",
    ),
)

REDEMPTIONS = Table(
    "redemptions",
    METADATA,
    _tenant(),
    Column("otp_digest", Text, primary_key=True),
    Column("integration_id", Uuid, nullable=False),
    Column("redeemed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    UniqueConstraint("otp_digest"),
    comment="a password is good once, whatever happens to Redis",
)

CHUNKS = Table(
    "chunks",
    METADATA,
    _tenant(),
    Column("id", Uuid, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("scope_id", Text, nullable=False, comment="the project, board or issue it is repeated for; empty: the site"),
    Column("lower", BigInteger, nullable=False, comment="of what was created from then on, epoch ms; 0: all"),
    Column("upper", BigInteger, nullable=False, comment="and before then; OPEN_END: whatever comes"),
    Column("priority", Integer, nullable=False, comment="lower goes first"),
    Column("state", Text, nullable=False),
    Column("page_token", Text),
    Column("page_offset", Integer, nullable=False, server_default="0"),
    Column("seen", Integer, nullable=False, server_default="0"),
    Column("reached", Integer, nullable=False, server_default="0", comment="the most that any walk of it has seen"),
    Column("expected", Integer),
    Column("attempts", Integer, nullable=False, server_default="0", comment="since it last got further than ever"),
    Column("problem", ConditionJson, comment="a condition: why it waits or failed"),
    _moment("due_at", is_required=True),
    Column("lease", Uuid, comment="drawn by the worker that holds the chunk; a page commits only under its own"),
    _moment("leased_until"),
    _moment("started_at"),
    _moment("finished_at"),
    UniqueConstraint("tenant_id", "entity", "scope_id", "lower"),
    Index(
        "ix_chunks_claim",
        "tenant_id",
        "priority",
        text("upper DESC"),
        "due_at",
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("ix_chunks_leased", "tenant_id", "leased_until", postgresql_where=text("leased_until IS NOT NULL")),
    Index("ix_chunks_due_at", "due_at", postgresql_where=text("state = 'waiting'")),
    CheckConstraint("state IN ('waiting', 'done', 'failed')", name="state"),
    comment="units of work and how far each is; committed with the rows they account for",
)

INBOX = Table(
    "inbox",
    METADATA,
    _tenant(),
    Column("delivery_id", Text, primary_key=True, comment="X-Atlassian-Webhook-Identifier"),
    Column("event", Text, nullable=False),
    Column("body", JSONB, nullable=False, comment="ids only, a hint: bodies are not signed"),
    Column("origin", Text, nullable=False, server_default="webhook", comment="who says so: Jira, or one of our sweeps"),
    _moment("happened_at"),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("duplicates", Integer, nullable=False, server_default="0", comment="how often Jira sent it again"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("problem", ConditionJson, comment="a condition: why the last attempt failed"),
    _moment("done_at"),
    Column("outcome", Text),
    Index("ix_inbox_waiting", "tenant_id", "received_at", postgresql_where=text("done_at IS NULL")),
    Index("ix_inbox_received", "tenant_id", "received_at"),
)

POISON = Table(
    "poison",
    METADATA,
    _tenant(),
    Column("id", Uuid, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("reason", ConditionJson, nullable=False, comment="a condition (`app.conditions`)"),
    Column("digest", Text, nullable=False, comment="SHA-256 of the record or value"),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("column", Text, comment="the column without its value; null: a whole row is missing"),
    Column("row_entity", Text, comment="entity of the object that has the fault; null: unknown"),
    Column("row_id", Text, comment="id of that object: the entry ends when it is read without the fault, or deleted"),
    Index("uq_poison_digest", "tenant_id", "entity", "digest", unique=True, postgresql_where=text("row_id IS NULL")),
    Index("ix_poison_row", "tenant_id", "row_entity", "row_id"),
    comment="records and values that could not be read; the rest went on",
)

COMPLETENESS = Table(
    "completeness",
    METADATA,
    _tenant(),
    Column("id", Uuid, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("scope_id", Text, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("expected", BigInteger, nullable=False),
    Column("suspected", BigInteger, nullable=False, server_default="0", comment="rows that wait for a second look"),
    Column("unreadable", BigInteger, nullable=False, server_default="0", comment="missing rows that can't be had"),
    Column("is_complete", Boolean, nullable=False),
    Column("method", Text, nullable=False),
    Column("verified_at", DateTime(timezone=True), nullable=False),
    Index("ix_completeness_latest", "tenant_id", "entity", "scope_id", "verified_at"),
    Index("ix_completeness_last", "tenant_id", "verified_at"),
    comment="what was found when, and how; kept as history",
)

INSTALL_KEYS = Table(
    "install_keys",
    METADATA,
    Column("kid", Text, primary_key=True),
    Column("pem", Text, nullable=False),
    _created_at(),
    comment="Atlassian's public keys that have signed an install; a rotation brings a new kid",
)

TENANT_TABLES = (INSTALLATIONS, CREDENTIALS, REDEMPTIONS, CHUNKS, INBOX, POISON, COMPLETENESS)
"""Tables isolated by `tenant_id`. `tenants` is by its id, `integrations` by tenant or account; `tables` adds the entities'."""
