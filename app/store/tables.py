"""One table an entity, built from its declaration: its own columns, and the book-keeping of every row."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Table,
    Text,
    Uuid,
    false,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.catalog.language import Kind
from app.catalog.registry import all_entities, stub_entities
from app.store import people, sync_tables
from app.store.schema import METADATA, TENANT_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.types import TypeEngine

    from app.catalog.language import Entity

_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: Text(),
    Kind.TEXTS: ARRAY(Text),
    Kind.INTEGER: BigInteger(),
    Kind.NUMBER: Double(),
    Kind.BOOLEAN: Boolean(),
    Kind.MOMENT: DateTime(timezone=True),
    Kind.DATE: Date(),
    Kind.JSON: JSONB(none_as_null=True),
}
OUT_OF_SCOPE = "out of scope"
"""Reason of tombstones of rows that the settings leave out."""
_POINTERS = ("issue_id", "project_id", "board_id")
"""Indexed columns, for look-ups from a parent."""


def entity_tables() -> Mapping[str, Table]:
    """Every entity's table by the entity's name."""
    return _TABLES


def tenant_owned() -> tuple[Table, ...]:
    """All tables of tenants' own rows."""
    return (*TENANT_TABLES, *sync_tables.TENANT_TABLES, *entity_tables().values())


def account_owned() -> tuple[Table, ...]:
    """All tables of SEI accounts' own rows beside `integrations`."""
    return people.ACCOUNT_TABLES


def table_of(entity: Entity) -> Table:
    """The table of an entity."""
    return entity_tables()[entity.name]


def is_live(entity: Entity) -> ColumnElement[bool]:
    """Condition: the row is neither a tombstone nor a stub."""
    table = table_of(entity)
    is_there = table.c.deleted_at.is_(None)
    return is_there & ~table.c.is_stub if entity in stub_entities() else is_there


def _stepped_back_at() -> Column[Any]:
    comment = "when the request was sent that brought an older edit than the stored one: the site was restored"
    return Column("stepped_back_at", DateTime(timezone=True), comment=comment)


def _table(entity: Entity) -> Table:
    pointers = [column.name for column in entity.columns if column.name in _POINTERS]
    stub_mark = Column(
        "is_stub",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="only other objects have brought it; null columns are unknown",
    )
    return Table(
        f"jira_{entity.name}",
        METADATA,
        # No foreign key: it would cost a look-up a row; erasure empties these tables by `tenant_owned()`.
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Text, primary_key=True, comment="Jira's own id"),
        *(Column(column.name, _TYPES[column.kind]) for column in entity.columns),
        Column("read_at", DateTime(timezone=True), nullable=False, comment="when the request that brought it was sent"),
        Column("version", BigInteger, nullable=False, comment="grows with every change; the feed's order"),
        Column("deleted_at", DateTime(timezone=True), comment="tombstone"),
        Column("deleted_because", Text),
        *([stub_mark] if entity in stub_entities() else []),
        *([_stepped_back_at()] if entity.updated else []),
        Index(f"ix_jira_{entity.name}_version", "tenant_id", "version", unique=True),
        *(Index(f"ix_jira_{entity.name}_{pointer}", "tenant_id", pointer) for pointer in pointers),
        comment=f"Jira's {entity.name}",
    )


_TABLES: Mapping[str, Table] = MappingProxyType({name: _table(entity) for name, entity in all_entities().items()})
"""Made with the import, which only one thread runs: METADATA refuses a table's second definition."""
