"""Entries for single values beside those of whole records, each with the row that has the fault.

Entries of rows that were lost to one bad value get their row as well: they end when it is read.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_COLUMNS = (
    ("column", "the column without its value; null: a whole row is missing"),
    ("row_entity", "entity of the object that has the fault; null: unknown"),
    ("row_id", "id of that object: the entry ends when it is read without the fault, or deleted"),
)
_NAME_ROWS = """
    UPDATE poison SET row_entity = entity, row_id = reason::json ->> 'id'
    WHERE reason LIKE '{"code"%"bad_value"%' OR reason LIKE '{"code"%"row_refused"%'
"""
_WRITE_SENTENCES = """
    UPDATE poison SET reason = json_build_object(
        'code', 'other',
        'text', concat_ws(', ', entity, reason::json ->> 'id', reason::json ->> 'column', reason::json ->> 'error')
    )
    WHERE reason LIKE '{"code"%"bad_value"%'
"""
"""`bad_value` is no code any more."""


def upgrade() -> None:
    for name, comment in _COLUMNS:
        op.add_column("poison", sa.Column(name, sa.Text(), comment=comment))
    op.alter_column(
        "poison",
        "digest",
        existing_type=sa.Text(),
        existing_nullable=False,
        existing_comment="SHA-256 of the record",
        comment="SHA-256 of the record or value",
    )
    op.create_table_comment(
        "poison",
        "records and values that could not be read; the rest went on",
        existing_comment="records that could not be read; the rest went on",
    )
    op.execute(_NAME_ROWS)
    op.execute(_WRITE_SENTENCES)
    op.drop_constraint("uq_poison_tenant_id_entity_digest", "poison", type_="unique")
    op.create_index(
        "uq_poison_digest",
        "poison",
        ["tenant_id", "entity", "digest"],
        unique=True,
        postgresql_where=sa.text("row_id IS NULL"),
    )
    op.create_index("ix_poison_row", "poison", ["tenant_id", "row_entity", "row_id"])


def downgrade() -> None:
    op.execute(
        'DELETE FROM poison WHERE "column" IS NOT NULL OR id IN ('
        "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY tenant_id, entity, digest ORDER BY id) AS place"
        " FROM poison) AS numbered WHERE place > 1)"
    )
    op.drop_index("ix_poison_row", table_name="poison")
    op.drop_index("uq_poison_digest", table_name="poison")
    op.create_unique_constraint("uq_poison_tenant_id_entity_digest", "poison", ["tenant_id", "entity", "digest"])
    op.create_table_comment(
        "poison",
        "records that could not be read; the rest went on",
        existing_comment="records and values that could not be read; the rest went on",
    )
    op.alter_column(
        "poison",
        "digest",
        existing_type=sa.Text(),
        existing_nullable=False,
        existing_comment="SHA-256 of the record or value",
        comment="SHA-256 of the record",
    )
    for name, _ in reversed(_COLUMNS):
        op.drop_column("poison", name)
