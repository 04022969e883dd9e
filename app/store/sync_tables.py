"""The tables of ongoing synchronisation: schedules, cursors, absences, validities, activity, unreadable parts, epochs, tallies.

All belong to a tenant, with `tenant_id` first in their primary key (`schema` has the reason).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.conditions.column import ConditionJson
from app.store.schema import METADATA


def _moment(name: str, *, is_required: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not is_required)


def _tenant() -> Column[object]:
    return Column("tenant_id", Uuid, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True, nullable=False)


SCHEDULES = Table(
    "schedules",
    METADATA,
    _tenant(),
    Column("duty", Text, primary_key=True, comment="a name on the list of `ingest.rota`"),
    _moment("due_at", is_required=True),
    _moment("asked_at"),
    _moment("ran_at"),
    Index("ix_schedules_due_at", "due_at"),
    comment="when each tenant's periodic work is due; the clock asks for it, the job itself moves it on",
)

CURSORS = Table(
    "cursors",
    METADATA,
    _tenant(),
    Column("name", Text, primary_key=True, comment="which walk"),
    Column(
        "reached", BigInteger, nullable=False, server_default="0", comment="epoch ms of the site: all before is here"
    ),
    Column("scope_id", Text, nullable=False, server_default="", comment="the project that a sweep is in"),
    Column("began", BigInteger, comment="the site's time when the walk under way began, epoch ms"),
    Column("page_token", Text),
    Column("lease", Uuid),
    _moment("leased_until"),
    _moment("ended_at"),
    comment="how far polls and sweeps have come; moved with what they bring",
)

ABSENCES = Table(
    "absences",
    METADATA,
    _tenant(),
    Column("issue_id", Text, primary_key=True),
    Column("project_id", Text),
    Column("cause", Text, nullable=False),
    Column("evidence", ConditionJson, comment="a condition: the source that says so"),
    Column("sweeps", Integer, nullable=False, server_default="1", comment="how many in a row did not see it"),
    _moment("missed_at", is_required=True),
    _moment("last_missed_at", is_required=True),
    _moment("settled_at"),
    Index("ix_absences_open", "tenant_id", "last_missed_at", postgresql_where=text("settled_at IS NULL")),
    CheckConstraint(
        "cause IN ('unknown', 'deleted', 'moved', 'archived', 'hidden', 'permission lost', 'not indexed yet', 'out of scope')",
        name="cause",
    ),
    comment="issues that a sweep did not see, and why; two phases lie between an absence and a tombstone",
)

FROZEN_PROJECTS = Table(
    "frozen_projects",
    METADATA,
    _tenant(),
    Column("project_id", Text, primary_key=True),
    Column("reason", ConditionJson, nullable=False, comment="a condition (`app.conditions`)"),
    _moment("frozen_at", is_required=True),
    _moment("thawed_at"),
    comment="projects that the app may no longer browse: what is stored of them stays as it was",
)

VALIDITIES = Table(
    "validities",
    METADATA,
    _tenant(),
    Column("entity", Text, primary_key=True),
    Column("row_id", Text, primary_key=True),
    Column("valid_from", DateTime(timezone=True), primary_key=True),
    _moment("valid_to"),
    Column("body", JSONB, nullable=False),
    comment="what a status was called and in which category, from when to when; written by a trigger",
)

ACTIVITY = Table(
    "activity",
    METADATA,
    _tenant(),
    Column("id", Uuid, primary_key=True),
    Column("job", Text, nullable=False),
    _moment("started_at", is_required=True),
    _moment("finished_at"),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("result", Text, nullable=False),
    Column("detail", ConditionJson, comment="a condition: the result of the run"),
    Column("error", ConditionJson, comment="a condition: why it failed or was put off"),
    Index("ix_activity_started", "tenant_id", "started_at"),
    Index("ix_activity_job", "tenant_id", "job", "started_at"),
    CheckConstraint("result IN ('running', 'done', 'put off', 'failed', 'killed')", name="result"),
    comment="what the workers did for a tenant",
)

UNREADABLE = Table(
    "unreadable",
    METADATA,
    _tenant(),
    Column("entity", Text, primary_key=True, comment="the entity whose rows can't be had"),
    Column("is_object", Boolean, primary_key=True, comment="a single object, as against the list of a scope"),
    Column(
        "scope_id",
        Text,
        primary_key=True,
        comment="the object, or the project, board or issue of the list; empty: the site",
    ),
    Column("reason", ConditionJson, nullable=False, comment="a condition: the site's answer"),
    Column("tries", Integer, nullable=False, server_default="1"),
    _moment("since", is_required=True),
    _moment("retry_at", is_required=True),
    Index("ix_unreadable_retry_at", "tenant_id", "retry_at"),
    comment="parts of a site that can't be had while the rest can; a part that is read again leaves the table",
)

FEED_EPOCHS = Table(
    "feed_epochs",
    METADATA,
    _tenant(),
    Column("number", Integer, primary_key=True),
    Column("id", Uuid, nullable=False, comment="random; cursors carry it"),
    Column("integration_id", Uuid, nullable=False),
    _moment("paired_at"),
    Column("server", Text, nullable=False, comment="the running server, the database and this table"),
    Column("written_in", BigInteger, nullable=False, comment="the transaction that last wrote this row: its own xmin"),
    Column("handouts", BigInteger, nullable=False, server_default="0", comment="answers with rows"),
    Column("opened_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("ix_feed_epochs_id", "tenant_id", "id", unique=True),
    comment="spans in which the feed's cursors stand in one line (`app.handoff.epochs`)",
)

TALLIES = Table(
    "tallies",
    METADATA,
    _tenant(),
    Column("entity", Text, primary_key=True),
    Column("live", BigInteger, nullable=False),
    comment="rows that are not tombstones, kept with the rows: counting millions for a progress bar would cost more than"
    " it tells. `verify` counts anew",
)

TENANT_TABLES = (SCHEDULES, CURSORS, ABSENCES, FROZEN_PROJECTS, VALIDITIES, ACTIVITY, UNREADABLE, FEED_EPOCHS, TALLIES)
"""Tables isolated by `tenant_id`."""
